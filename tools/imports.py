"""Which files of the package a piece of code rests on, found from its imports.

`from normcourse import plotting` alone would be every figure of the course, so the names that are used of a
package are followed through its `__init__` to the module that defines them, or through the stub beside it of
which a lazy package reads where its names are. What a package's `__init__` runs besides importing is taken to
change nothing.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "normcourse"


def files_behind(code: str, root: Path = ROOT) -> list[Path]:
    """Return the files of the package that the code uses, in order: modules, records and other data."""
    found: set[Path] = set()
    waiting = list(_targets(code, root))
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _targets_of_file(path, root)
    return sorted(found | {data for path in found for data in _data_of(path)})


@cache
def _targets_of_file(path: Path, root: Path) -> tuple[Path, ...]:
    return tuple(_targets(path.read_text(encoding="utf-8"), root))


def _data_of(path: Path) -> Iterator[Path]:
    """Yield what is no module: the record of an experiment, and the files beside a module."""
    record = path.parents[1] / "records" / f"{path.stem}.json"
    if record.exists():
        yield record
    yield from (p for p in path.parent.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc", ".pyi"))


def _targets(code: str, root: Path) -> Iterator[Path]:
    tree = ast.parse(code)
    packages: dict[str, str] = {}  # names bound to a package, whose attributes say what is used of it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:
                    yield from _whole(alias.name, root)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                if alias.name != "*" and _is_package(module, root):
                    packages[alias.asname or alias.name] = module
                else:
                    yield from _resolve(str(node.module), alias.name, root)
    yield from _of_packages(tree, packages, root)


def _of_packages(tree: ast.AST, packages: dict[str, str], root: Path) -> Iterator[Path]:
    """Yield what is used of packages by attribute; of one that is handed on as it is, everything."""
    used = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in packages:
            yield from _resolve(packages[node.value.id], node.attr, root)
        elif isinstance(node, ast.Name) and node.id in packages and id(node) not in used:
            yield from _whole(packages[node.id], root)


def _resolve(module: str, name: str, root: Path) -> Iterable[Path]:
    """Return the files that `from module import name` stands for."""
    if name == "*":
        return _whole(module, root)
    if (path := _path(f"{module}.{name}", root)) is not None:
        return _whole(f"{module}.{name}", root) if path.name == "__init__.py" else [path]
    path = _path(module, root)
    if path is None:
        return []
    if path.name == "__init__.py" and (origin := _reexports(path).get(name)):
        return _resolve(*origin, root)
    return [path]


@cache
def _reexports(path: Path) -> dict[str, tuple[str, str]]:
    stub = path.with_suffix(".pyi")
    tree = ast.parse((stub if stub.exists() else path).read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _whole(module: str, root: Path) -> list[Path]:
    """Return a module's file; of a package every module's."""
    path = _path(module, root)
    if path is None:
        return []
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def _is_package(module: str, root: Path) -> bool:
    return (root.joinpath(*module.split(".")) / "__init__.py").exists()


def _path(module: str, root: Path) -> Path | None:
    base = root.joinpath(*module.split("."))
    for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if path.exists():
            return path
    return None
