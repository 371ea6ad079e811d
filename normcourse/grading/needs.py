"""Which statements of a submission an answer needs: those that give or change a name that it uses.

A call that stands alone, as ``setup(0)`` or ``AXES.append(0)``, gives no name, and may still be what an
answer rests on. So a learner's functions are searched for what they change outside of themselves.
"""

import ast
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from normcourse.grading.pieces import Piece, imported, is_cheap

__all__ = ["Needs"]

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# What shows something, and changes nothing; unless the learner has a function of that name.
SHOWING = {
    *("print", "display", "help", "repr", "str", "len", "type", "dir", "id", "isinstance", "callable"),
    *("min", "max", "sum", "sorted", "any", "all", "abs", "round"),
    *("check", "hint", "solution", "progress", "commit"),
}


@dataclass(frozen=True)
class _Direct:
    """What a function does by itself.

    Attributes:
        names: Those outside of it that it gives or changes.
        calls: The functions that it calls, and the names that it hands them.
        arguments: Whether it changes what it is given.
    """

    names: frozenset[str]
    calls: tuple[tuple[str, frozenset[str]], ...]
    arguments: bool


class Needs:
    """Finds what answers need among a submission's statements.

    Args:
        pieces: All statements, in their order.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._at = {piece: number for number, piece in enumerate(pieces)}
        self._libraries = {name for piece in pieces for name in imported(piece)}
        self._functions: dict[str, list[ast.AST]] = {}  # methods with a dot before their names
        for piece in pieces:
            self._note_functions(piece.node)
        classes = {piece.node.name for piece in pieces if isinstance(piece.node, ast.ClassDef)}
        self._fixed = self._libraries | (self._functions.keys() - classes)  # what nobody changes by a call
        self._direct: dict[int, _Direct] = {}
        self._outer: dict[str, tuple[frozenset[str], bool]] = {}
        self._calling = {piece: frozenset(self._by_calls(piece.node)) for piece in pieces}
        # By name, the places of the statements that give or edit it, and of those that change it by a call.
        self._giving, self._changing = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        for number, piece in enumerate(pieces):
            for name in piece.changes:
                self._giving[name].append(number)
            for name in self._calling[piece]:
                self._changing[name].append(number)

    def changes(self, piece: Piece) -> frozenset[str]:
        """Return the names that a statement may give a value, or whose value it may change."""
        return piece.changes | self._calling[piece]

    def of(self, answer: Sequence[Piece]) -> tuple[set[Piece], set[str]]:
        """Return the pieces that give or change a name that an answer uses, or such a piece; and those names.

        Of a name those before the answer count, as in a notebook that is run from top to bottom, and what its
        cell defines and calls after it; if there are none, those after it.

        Args:
            answer: Its definition, and later additions to it.
        """
        at = until = self._at[answer[0]]
        while until < len(self._pieces) and self._pieces[until].cell is answer[0].cell:
            until += 1
        found: set[Piece] = set()
        seen: set[str] = set()
        left = [name for piece in answer for name in piece.uses]
        while left:
            name = left.pop()
            if name in seen:
                continue
            seen.add(name)
            for number in self._counting(name, at, until):
                piece = self._pieces[number]
                if piece not in found:
                    found.add(piece)
                    left += piece.uses
        return found, seen

    def _counting(self, name: str, at: int, until: int) -> list[int]:
        """Return the places of the statements that count for a name, for an answer at a place of a cell."""
        giving, changing = self._giving.get(name, []), self._changing.get(name, [])
        first, last = bisect_left(giving, at), bisect_left(giving, until)
        called = changing[: bisect_left(changing, until)]
        if first:
            own = [n for n in giving[first:last] if isinstance(self._pieces[n].node, DEFINITIONS)]
            return giving[:first] + own + called
        return giving + (changing if last < len(giving) else called or changing)

    def left_out(self, asked: Set[Piece], names: Set[str]) -> list[Piece]:
        """Return the calls that stand alone, are not asked for, and are handed a value that answers use."""
        return [
            piece
            for piece in self._pieces
            if piece not in asked and isinstance(piece.node, ast.Expr) and self._handed(piece.node) & names
        ]

    def _handed(self, node: ast.Expr) -> frozenset[str]:
        call = node.value
        if not isinstance(call, ast.Call) or self._shows(call):
            return frozenset()
        return self._arguments(call)

    # From a statement to what its calls change

    def _note_functions(self, node: ast.stmt) -> None:
        if isinstance(node, DEFINITIONS):
            self._functions.setdefault(node.name, []).append(node)
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._functions.setdefault(f".{inner.name}", []).append(inner)
        elif isinstance(node, ast.Assign) and self._is_function(node.value):
            for target in node.targets:  # another name of a function
                if isinstance(target, ast.Name):
                    self._functions.setdefault(target.id, []).append(node.value)

    def _is_function(self, value: ast.expr) -> bool:
        return isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in self._functions)

    def _by_calls(self, node: ast.stmt) -> Iterator[str]:
        """Yield the names that calls in a statement change, but for those inside of functions and classes."""
        left: list[ast.AST] = [node]
        while left:
            one = left.pop()
            if isinstance(one, DEFINITIONS | ast.Lambda):
                continue
            if isinstance(one, ast.Expr):
                yield from self._by_bare_call(one.value, alone=one is node)
            elif isinstance(one, ast.Call):
                yield from self._outside(_called(one))[0]
            left += ast.iter_child_nodes(one)

    def _by_bare_call(self, value: ast.expr, *, alone: bool) -> Iterator[str]:
        """Yield what a call changes whose value nobody takes: it is there for what it does."""
        for call in _calls(value):
            base = _base(call.func)
            names, arguments = self._outside(_called(call))
            yield from names
            if self._shows(call):
                continue
            if isinstance(call.func, ast.Name) and call.func.id in self._functions:
                if arguments:
                    yield from self._arguments(call)
            elif base in self._libraries:
                yield from self._arguments(call)
                if alone and self._sets_a_library(call):
                    yield base
            elif base is not None:
                yield base
                if arguments or isinstance(call.func, ast.Name):
                    yield from self._arguments(call)

    def _shows(self, call: ast.Call) -> bool:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        return name in SHOWING and name not in self._functions

    def _sets_a_library(self, call: ast.Call) -> bool:
        """Return whether a call can only change its library, as ``torch.manual_seed(0)``: no other would."""
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        names = {node.id for value in given for node in ast.walk(value) if isinstance(node, ast.Name)}
        return names <= self._libraries and all(is_cheap(value, ast.Name, ast.Attribute) for value in given)

    def _arguments(self, call: ast.Call) -> frozenset[str]:
        """Return the names of the values that a call is handed: functions and libraries are none."""
        found: set[str] = set()
        left: list[ast.AST] = [*call.args, *call.keywords]
        while left:
            one = left.pop()
            if isinstance(one, ast.Name):
                found.add(one.id)
            if not isinstance(one, ast.Lambda | ast.Call):  # an inner call is looked at by itself
                left += ast.iter_child_nodes(one)
        return frozenset(found - self._fixed)

    # From a function to what it changes

    def _outside(self, name: str) -> tuple[frozenset[str], bool]:
        """Return what a function or method changes outside of itself, and whether its arguments too."""
        if name not in self._outer:
            names: set[str] = set()
            handed: set[str] = set()
            arguments = False
            seen, left = {name}, [name]
            while left:
                for node in self._functions.get(left.pop(), ()):
                    if id(node) not in self._direct:
                        self._direct[id(node)] = self._searched(node)
                    direct = self._direct[id(node)]
                    names |= direct.names
                    arguments = arguments or direct.arguments
                    for called, given in direct.calls:
                        handed |= given
                        if called not in seen:
                            seen.add(called)
                            left.append(called)
            self._outer[name] = frozenset(names | handed if arguments else names), arguments
        return self._outer[name]

    def _searched(self, node: ast.AST) -> _Direct:
        if isinstance(node, ast.Name):
            return _Direct(frozenset(), ((node.id, frozenset()),), arguments=False)
        parameters, own, declared = set[str](), set[str](), set[str]()
        names: set[str] = set()
        calls: list[tuple[str, frozenset[str]]] = []
        for one in ast.walk(node):
            if isinstance(one, ast.arg):
                parameters.add(one.arg)
            elif isinstance(one, ast.Global):
                declared |= {*one.names}
            elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                own.add(one.id)
            elif isinstance(one, ast.Subscript | ast.Attribute) and not isinstance(one.ctx, ast.Load):
                names |= {base for base in [_base(one)] if base}
            elif isinstance(one, ast.Expr):
                names |= {base for call in _calls(one.value) for base in [self._object(call)] if base}
            elif isinstance(one, ast.Call):
                calls.append((_called(one), self._arguments(one)))
        if isinstance(node, ast.Lambda):
            names |= {base for call in _calls(node.body) for base in [self._object(call)] if base}
        local = (own | parameters) - declared
        return _Direct(
            frozenset((names - local) | (own & declared)),
            tuple((name, given - local) for name, given in calls),
            arguments=bool(names & parameters - {"self", "cls"}),
        )

    def _object(self, call: ast.Call) -> str | None:
        """Return the name of the object whose method is called, and which that may change."""
        base = _base(call.func) if isinstance(call.func, ast.Attribute) else None
        return None if base in self._libraries else base


def _calls(value: ast.expr) -> Iterator[ast.Call]:
    """Yield the calls in an expression, but for those inside of functions."""
    left: list[ast.AST] = [value]
    while left:
        one = left.pop()
        if isinstance(one, ast.Call):
            yield one
        if not isinstance(one, ast.Lambda):
            left += ast.iter_child_nodes(one)


def _called(call: ast.Call) -> str:
    """Return the name of the called function, or that of the method after a dot; empty if it has none."""
    if isinstance(call.func, ast.Attribute):
        return f".{call.func.attr}"
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _base(node: ast.expr) -> str | None:
    """Return the name of the object at the beginning of ``a.b[0].c``."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
