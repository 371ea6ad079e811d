"""Which files of the package a page runs, and which modules it would need that no page has."""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from tools.imports import PACKAGE, ROOT, files_behind

# What can be imported in a page besides the package and the standard library.
PRESENT = {
    *("numpy", "matplotlib", "mpl_toolkits", "contourpy", "cycler", "dateutil", "kiwisolver", "packaging"),
    *("PIL", "pyparsing", "six"),
}


def files_of(code: str, root: Path = ROOT) -> list[Path]:
    """Return the files of the package that must be there for this code to run, in order.

    These are the modules that it uses, those that importing them runs as well, as a package's ``__init__``
    does, the stubs of lazy packages, and the data that a module in use names.
    """
    used = _used(code, root)
    loaded = _loaded(code, used, root)
    stubs = {stub for path in loaded if (stub := path.with_suffix(".pyi")).exists()}
    return sorted(loaded | stubs | {data for path in used for data in _named_data(path)})


def absent_behind(code: str, root: Path = ROOT) -> set[str]:
    """Return the modules that this code rests on and a page has not, such as ``torch``.

    Of a module that is in use every import counts, also one that a function of it makes: the function may be
    the one that is called. Not so one under ``if`` or ``try``, which is taken to know what to do without.
    """
    used = _used(code, root)
    found = set(_foreign(ast.parse(code), deep=True))
    for path in _loaded(code, used, root):
        found |= _foreign_of_file(path, path in used)
    return found - PRESENT


def _used(code: str, root: Path) -> set[Path]:
    return {path for path in files_behind(code, root) if path.suffix == ".py"}


def _loaded(code: str, used: set[Path], root: Path) -> set[Path]:
    """Return the files in use, and those that importing them or running the code loads besides."""
    found: set[Path] = set()
    waiting = [*_package_imports(ast.parse(code), root), *used]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            above = (folder / "__init__.py" for folder in path.relative_to(root).parents)
            waiting += [root / init for init in above if (root / init).exists()]
            waiting += _imports_of_file(path, root)
    return found


@cache
def _imports_of_file(path: Path, root: Path) -> tuple[Path, ...]:
    return tuple(_package_imports(_tree(path), root))


@cache
def _foreign_of_file(path: Path, deep: bool) -> frozenset[str]:
    return frozenset(_foreign(_tree(path), deep=deep))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _package_imports(tree: ast.Module, root: Path) -> Iterator[Path]:
    """Yield the files that the imports outside functions load, less the packages above them."""
    for node in _statements(tree, deep=False, guarded=True):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
            # A lazy package loads what is asked of it.
            names += [
                origin
                for alias in node.names
                if (origin := _stubbed(str(node.module), root).get(alias.name)) is not None
            ]
        else:
            continue
        for name in names:
            base = root.joinpath(*name.split("."))
            if name.split(".")[0] == PACKAGE:
                yield from (
                    p for p in (base.with_name(f"{base.name}.py"), base / "__init__.py") if p.exists()
                )


def _stubbed(module: str, root: Path) -> dict[str, str]:
    """Return which module each name of a lazy package comes from."""
    stub = root.joinpath(*module.split("."), "__init__.pyi")
    if not stub.exists():
        return {}
    imports = [node for node in _tree(stub).body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


def _foreign(tree: ast.Module, *, deep: bool) -> Iterator[str]:
    """Yield the first part of the name of what is imported and is neither the package's nor Python's."""
    for node in _statements(tree, deep=deep, guarded=False):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            first = name.split(".")[0]
            if first != PACKAGE and first not in sys.stdlib_module_names:
                yield first


def _statements(node: ast.AST, *, deep: bool, guarded: bool) -> Iterator[ast.AST]:
    """Yield the nodes below, into functions if ``deep``, into ``if`` and ``try`` if ``guarded``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not deep:
            continue
        if isinstance(child, (ast.If, ast.Try)) and not guarded:
            continue
        yield child
        yield from _statements(child, deep=deep, guarded=guarded)


def _named_data(path: Path) -> Iterable[Path]:
    """Return the files beside a module, other than modules, that it names in its code."""
    texts = {node.value for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant)}
    files = (file for file in path.parent.iterdir() if file.suffix not in (".py", ".pyi", ".pyc"))
    return [file for file in files if file.is_file() and file.name in texts]
