"""Take cells of code apart into their statements, and put together what defines one answer.

Code is parsed here, never run. A cell that does not parse costs the answers that stand in it, and no others.
"""

import ast
import re
import symtable
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from normcourse.grading.reading import CodeCell

__all__ = [
    "Broken",
    "Piece",
    "additions",
    "answering",
    "deeper",
    "definition",
    "imported",
    "is_cheap",
    "support",
    "take_apart",
    "used",
]

CODE, STATEMENTS = 1 << 18, 5000  # bytes and statements of a submission; more is data
SCOPES = 500  # functions directly inside of one, at most, for its names to be told apart


@dataclass(frozen=True, eq=False)
class Piece:
    """A statement of a cell's top level.

    Attributes:
        cell: Where it stands.
        node: What it is.
        line: Its first line in the cell.
        source: Its text.
    """

    cell: CodeCell
    node: ast.stmt
    line: int
    source: str

    @cached_property
    def defines(self) -> frozenset[str]:
        """The names that it gives a value."""
        return frozenset(_defined(self.node))

    @cached_property
    def edits(self) -> str | None:
        """The name of the dictionary that it adds to, as ``ANSWER["question"] = "option"`` does."""
        return _edited(self.node)

    @cached_property
    def uses(self) -> frozenset[str]:
        """The names that it takes from outside of its functions."""
        return frozenset(used(self.source))

    @cached_property
    def changes(self) -> frozenset[str]:
        """The names that it may give a value, or whose value it may change, in a block too."""
        return frozenset(_changed(self.node))


@dataclass(frozen=True)
class Broken:
    """A cell that does not parse, and why."""

    cell: CodeCell
    reason: str

    def mentions(self, name: str) -> bool:
        """Return whether a name stands in the cell."""
        return re.search(rf"\b{re.escape(name)}\b", self.cell.source[:CODE]) is not None


def take_apart(cells: Sequence[CodeCell]) -> tuple[list[Piece], list[Broken]]:
    """Return the statements of all cells in their order, and the cells that have none because of a fault."""
    pieces: list[Piece] = []
    broken: list[Broken] = []
    left = CODE
    count = 0
    for cell in cells:
        size = len(cell.source.encode("utf-8", "replace"))
        if size > left:
            broken.append(Broken(cell, f"{cell.where()} is left out: there is more code than {CODE} bytes"))
            continue
        left -= size
        found = _parsed(cell, STATEMENTS - count)
        if isinstance(found, Broken):
            broken.append(found)
        else:
            pieces += found
            count += sum(_weight(piece.node) for piece in found)
    return pieces, broken


def definition(pieces: Sequence[Piece], name: str) -> tuple[Piece, bool] | None:
    """Choose the definition of a name that counts, and say whether somebody worked on it.

    It is the last one, as in a notebook that ran from its first cell to its last; of those that are more than
    the empty one that was released, if there are such.
    """
    defining = [piece for piece in pieces if name in piece.defines]
    filled = [piece for piece in defining if not _is_stub(piece.node) or additions(pieces, piece, name)]
    chosen = next(reversed(filled or defining), None)
    return None if chosen is None else (chosen, bool(filled))


def deeper(pieces: Sequence[Piece], names: Set[str]) -> dict[str, str]:
    """Return which names have a definition inside of another statement, each with the place of the first."""
    found: dict[str, str] = {}
    for piece in pieces:
        for node in ast.walk(piece.node):
            if not isinstance(node, ast.stmt | ast.NamedExpr) or node is piece.node:
                continue
            defined = {node.target.id} if isinstance(node, ast.NamedExpr) else {*_defined(node)}
            for name in defined & names - found.keys():
                found[name] = piece.cell.where(node.lineno)
    return found


def additions(pieces: Sequence[Piece], chosen: Piece, name: str) -> list[Piece]:
    """Return the additions to a dictionary that follow its definition, up to the next one."""
    found: list[Piece] = []
    for piece in pieces[pieces.index(chosen) + 1 :]:
        if name in piece.defines:
            break
        if piece.edits == name:
            found.append(piece)
    return found


def answering(
    pieces: Sequence[Piece],
    chosen: Piece,
    name: str,
    others: Set[str] = frozenset(),
    changing: Mapping[Piece, Set[str]] = MappingProxyType({}),
) -> str:
    """Return the code of an answer: helpers in its cell, its definition, and later additions to it.

    The helpers go along because another answer may have some of the same names. Lines keep their numbers.

    Args:
        pieces: All.
        chosen: The answer's definition.
        name: What it defines.
        others: Names of other answers, which do not go along.
        changing: The pieces that the answer needs, with the names that they change. They go along where a
            helper, given again, would undo what they did.
    """
    before = True
    given: set[str] = set()
    lines: list[str] = []
    for piece in pieces if chosen.cell.number else [chosen]:
        helps = _is_helper(piece.node) or bool(given & changing.get(piece, frozenset()))
        if piece is chosen:
            before = False
        elif piece.cell is not chosen.cell or piece.defines & others or piece.edits == name or not helps:
            continue
        elif name in piece.defines and not before:
            continue  # the empty one, perhaps
        given |= piece.defines
        lines += [""] * (piece.line - 1 - len(lines))
        lines += piece.source.split("\n")
    return "\n".join([*lines, *(piece.source for piece in additions(pieces, chosen, name))])


def imported(piece: Piece) -> dict[str, str]:
    """Return the names that an import gives, each with the library that it comes from."""
    node = piece.node
    if isinstance(node, ast.ImportFrom):
        library = (node.module or "").partition(".")[0]
        return {alias.asname or alias.name: library for alias in node.names}
    if isinstance(node, ast.Import):
        first = {alias: alias.name.partition(".")[0] for alias in node.names}
        return {alias.asname or library: library for alias, library in first.items()}
    return {}


def support(piece: Piece) -> tuple[str, ...]:
    """Return the code of a piece that may go along with any answer: what defines, not what does.

    Imports come one by one, so that a library that is not there costs no other.
    """
    node = piece.node
    if isinstance(node, ast.ImportFrom):
        return () if (node.module or "").split(".")[0] == "normcourse" else (piece.source,)
    if isinstance(node, ast.Import):
        kept = [alias for alias in node.names if alias.name.split(".")[0] != "normcourse"]
        return tuple(ast.unparse(ast.Import(names=[alias])) for alias in kept)
    if _is_helper(node):
        return (piece.source,)
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return (piece.source,) if is_cheap(node.value, ast.Name, ast.Attribute) else ()
    return ()


def used(source: str) -> set[str]:
    """Return the names that code takes from outside of its functions; all of them where it has too many."""
    found: set[str] = set()
    try:
        left = [symtable.symtable(source, "cell", "exec")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    while left:
        table = left.pop()
        top, children = table.get_type() == "module", table.get_children()
        left += children
        if len(children) > SCOPES:  # each symbol is looked for in all of them
            found |= {*table.get_identifiers()}
            continue
        found |= {s.get_name() for s in table.get_symbols() if s.is_global() or (top and s.is_referenced())}
    return found


def is_cheap(value: ast.expr, *also: type[ast.AST]) -> bool:
    """Return whether an expression is made of constants and functions: what costs no time to evaluate."""
    harmless = (
        ast.Constant,
        ast.Tuple,
        ast.List,
        ast.Set,
        ast.Dict,
        ast.UnaryOp,
        ast.unaryop,
        ast.BinOp,
        ast.operator,
        ast.expr_context,
        *also,
    )
    left: list[ast.AST] = [value]
    while left:
        node = left.pop()
        if isinstance(node, ast.Lambda):
            continue
        if not isinstance(node, harmless):
            return False
        left += ast.iter_child_nodes(node)
    return True


# From a cell to its statements


def _parsed(cell: CodeCell, most: int) -> list[Piece] | Broken:
    lines = re.split("\r\n|\r|\n", cell.source)  # as Python has it: other separators may stand in a string
    try:
        tree = _parse("\n".join(lines))
    except SyntaxError:
        lines = _without_magics(lines)
        try:
            tree = _parse("\n".join(lines))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return _why(cell, error, lines)
    except (ValueError, RecursionError, MemoryError) as error:
        return _why(cell, error, lines)
    if sum(map(_weight, tree.body)) > most:
        return Broken(cell, f"{cell.where()} is left out: there are more than {STATEMENTS} statements")
    return [Piece(cell, node, _first_line(node), _text(node, lines)) for node in tree.body]


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a string is no fault
        return ast.parse(source)


def _why(cell: CodeCell, error: Exception, lines: Sequence[str]) -> Broken:
    number = getattr(error, "lineno", None)
    costly = "too costly to read" if isinstance(error, MemoryError) else ""
    what = costly or getattr(error, "msg", None) or str(error) or type(error).__name__
    reason = f"{cell.where(number)} does not parse: {what[:200]}"
    text = lines[number - 1].strip()[:80] if number and number <= len(lines) else ""
    return Broken(cell, f"{reason}: {text}" if text else reason)


def _weight(node: ast.stmt) -> int:
    """Return how many statements a statement counts for: an import is taken apart into its names."""
    return len(node.names) if isinstance(node, ast.Import | ast.ImportFrom) else 1


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _text(node: ast.stmt, lines: Sequence[str]) -> str:
    """Return a statement's text; another may stand on the same line, before or after a semicolon."""
    first, last = _first_line(node), node.end_lineno or node.lineno
    chosen = list(lines[first - 1 : last])
    chosen[-1] = chosen[-1].encode()[: node.end_col_offset].decode()
    if first == node.lineno:
        chosen[0] = chosen[0].encode()[node.col_offset :].decode()
    return "\n".join(chosen)


def _without_magics(lines: Sequence[str]) -> list[str]:
    """Empty the lines that are IPython's own: magics, shell commands and help."""
    if lines[0].lstrip().startswith("%%"):
        kept = lines[0].split()[0] in ("%%time", "%%capture", "%%prun")  # whose cell is Python
        lines = ["", *lines[1:]] if kept else []
    return [_without_magic(line) for line in lines]


def _without_magic(line: str) -> str:
    own = line.lstrip()
    assigned = re.match(r"[\w, ]+=\s*[%!]", own)
    if own.startswith(("%", "!", "?")) or assigned or re.fullmatch(r"[\w.*]+\?\??\s*", own):
        return line[: len(line) - len(own)] + "pass" if own != line else ""
    return line


# From statements to answers


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for inner in (inner for target in targets for inner in ast.walk(target)):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _changed(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds or edits, but for those inside of functions and classes."""
    left: list[ast.AST] = [node]  # a chain of a thousand sums is deeper than Python's stack
    while left:
        one = left.pop()
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield one.name
            continue
        if isinstance(one, ast.Lambda):
            continue
        if isinstance(one, ast.alias):
            yield one.asname or one.name.partition(".")[0]
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
        elif isinstance(one, ast.Subscript | ast.Attribute) and isinstance(one.ctx, ast.Store):
            base: ast.expr = one
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                yield base.id
        left += ast.iter_child_nodes(one)


def _edited(node: ast.stmt) -> str | None:
    edited: ast.expr | None = None
    if isinstance(node, ast.For | ast.While | ast.If | ast.With):
        return next(filter(None, map(_edited, node.body)), None)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
        edited = node.targets[0].value
    elif isinstance(node, ast.AugAssign):
        edited = node.target
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = node.value.func
        edited = called.value if isinstance(called, ast.Attribute) and called.attr == "update" else None
    return edited.id if isinstance(edited, ast.Name) else None


def _is_stub(node: ast.stmt) -> bool:
    """Return whether this is as it was released: NotImplementedError at once, or nothing but None."""
    if isinstance(node, ast.FunctionDef):
        body = [inner for inner in node.body if not isinstance(inner, ast.Expr | ast.Pass)]
        return not body or _raises_not_implemented(body[0])
    value = getattr(node, "value", None)
    if isinstance(value, ast.Dict):
        return all(isinstance(entry, ast.Constant) and entry.value in (None, ...) for entry in value.values)
    return False


def _raises_not_implemented(node: ast.stmt) -> bool:
    raised = node.exc if isinstance(node, ast.Raise) else None
    if isinstance(raised, ast.Call):
        raised = raised.func
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


def _is_helper(node: ast.stmt) -> bool:
    """Return whether a statement defines a function, a class or a constant."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return is_cheap(node.value)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
