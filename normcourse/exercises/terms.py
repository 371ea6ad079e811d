"""A formula as a graph of terms: what is written once can be computed, shown, and spoilt on purpose.

A term has dimensions, named by letters: ``given("x", "NC")`` is an array of examples and features, and
``x.mean("N")`` has only C. Arrays are computed with all the letters of a :class:`Space` as axes, of length 1
where a term lacks one, so that broadcasting needs no care; an axis in front of them all holds computations
side by side.

Equal terms are one object. So a formula that differs from another in one place shares all the rest with it,
and computing both costs little more than one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Form", "Space", "Term", "constant", "count", "given", "nodes", "ordered", "replaced"]

Array = NDArray[np.float64]

ORDER = "BMNTOUCFIHWL"  # of dimensions, where they stand together: batches first, positions last

FUNCTIONS: dict[str, Callable[..., Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "exp": np.exp,
    "maximum": np.maximum,
    "arccos": np.arccos,
    "arctan": np.arctan,
}


@dataclass(frozen=True, eq=False)  # equal terms are one object, see _term
class Term:
    """A node of a formula.

    Attributes:
        kind: ``given``, ``constant``, ``count``, ``power``, ``sort``, ``reread``, or a key of ``FUNCTIONS``
            or ``REDUCTIONS``.
        args: What it is computed from.
        dims: The letters of its dimensions, in a fixed order.
        detail: The name of what is given, a number, an exponent, or the letters that are reduced.
        name: What a learner may call it; without one its formula is shown.
        role: Reductions of one role belong together: whoever mistakes the axis of one may mistake all.
    """

    kind: str
    args: tuple["Term", ...]
    dims: str
    detail: Any
    name: str = ""
    role: str = ""

    def named(self, name: str) -> "Term":
        """Return the same with a name."""
        return _term(self.kind, self.args, self.dims, self.detail, name, self.role)

    def of(self, *args: "Term") -> "Term":
        """Return the same of other arguments, with the dimensions that follow from them."""
        dims = set().union(*(arg.dims for arg in args))
        if self.kind in REDUCTIONS:
            dims -= set(self.detail)
        return _term(self.kind, args, ordered(dims), self.detail, self.name, self.role)

    def __add__(self, other: "Term | float") -> "Term":
        return apply("+", self, other)

    def __sub__(self, other: "Term | float") -> "Term":
        return apply("-", self, other)

    def __mul__(self, other: "Term | float") -> "Term":
        return apply("*", self, other)

    def __truediv__(self, other: "Term | float") -> "Term":
        return apply("/", self, other)

    def __radd__(self, other: float) -> "Term":
        return apply("+", constant(other), self)

    def __rmul__(self, other: float) -> "Term":
        return apply("*", constant(other), self)

    def __rsub__(self, other: float) -> "Term":
        return apply("-", constant(other), self)

    def __rtruediv__(self, other: float) -> "Term":
        return apply("/", constant(other), self)

    def __pow__(self, exponent: float) -> "Term":
        return _term("power", (self,), self.dims, exponent)

    def sqrt(self) -> "Term":
        """Return the square root."""
        return apply("sqrt", self)

    def reduced(self, kind: str, dims: str, role: str = "") -> "Term":
        """Return the term reduced over some dimensions."""
        left = "".join(letter for letter in self.dims if letter not in dims)
        return _term(kind, (self,), left, ordered(dims), role=role)

    def sum(self, dims: str, role: str = "") -> "Term":
        """Return the sum over some dimensions."""
        return self.reduced("sum", dims, role)

    def mean(self, dims: str, role: str = "") -> "Term":
        """Return the mean over some dimensions."""
        return self.reduced("mean", dims, role)

    def var(self, dims: str, role: str = "") -> "Term":
        """Return the biased variance over some dimensions."""
        return self.reduced("var", dims, role)

    def reread(self, written: str, read: str) -> "Term":
        """Return what a reshape without a transpose gives: values written in one order, read in another."""
        return _term("reread", (self,), ordered(read), (written, read))

    def sort(self, dim: str) -> "Term":
        """Return the values sorted along a dimension."""
        return _term("sort", (self,), self.dims, dim)


def ordered(letters: Iterable[str]) -> str:
    """Return letters of dimensions in the order in which they are held."""
    return "".join(sorted(letters, key=ORDER.index))


@cache
def _one(kind: str, args: tuple[Term, ...], dims: str, detail: Any, name: str, role: str) -> Term:
    return Term(kind, args, dims, detail, name, role)


def _term(
    kind: str, args: tuple[Term, ...], dims: str, detail: Any = None, name: str = "", role: str = ""
) -> Term:
    """Return the one term of this content."""
    return _one(kind, args, dims, detail, name, role)


def given(name: str, dims: str = "") -> Term:
    """Return an argument of the answer, whose axes have these letters, in their order."""
    return _term("given", (), ordered(dims), (name, dims), name)


def constant(value: float) -> Term:
    """Return a number that stands in the formula."""
    return _term("constant", (), "", float(value))


def count(dims: str) -> Term:
    """Return how many values some dimensions hold together."""
    return _term("count", (), "", ordered(dims))


def apply(kind: str, *args: Term | float) -> Term:
    """Return a function of terms, element by element: a key of ``FUNCTIONS``."""
    terms = tuple(arg if isinstance(arg, Term) else constant(arg) for arg in args)
    return _term(kind, terms, ordered(set().union(*(term.dims for term in terms))))


def nodes(*roots: Term) -> list[Term]:
    """Return all terms of formulas, each after what it is computed from."""
    found: dict[Term, None] = {}

    def visit(term: Term) -> None:
        if term not in found:
            for arg in term.args:
                visit(arg)
            found[term] = None

    for root in roots:
        visit(root)
    return list(found)


def replaced(root: Term, changes: Mapping[Term, Term]) -> Term:
    """Return a formula in which some terms are others.

    A change may hold what it replaces, which stays as it was, and terms that another change replaces.
    """
    memo: dict[tuple[Term, frozenset[Term]], Term] = {}

    def visit(term: Term, inside: frozenset[Term] = frozenset()) -> Term:
        key = (term, inside)  # inside of which changes
        if key not in memo:
            if term in changes and term not in inside:
                memo[key] = visit(changes[term], inside | {term})
            else:
                args = tuple(visit(arg, inside) for arg in term.args)
                memo[key] = term if args == term.args else term.of(*args)
        return memo[key]

    return visit(root)


def _corrected(values: Array, axes: tuple[int, ...]) -> np.float64:
    """Return n / (n - 1) for what is pooled over some axes; infinite for a single value."""
    number = np.float64(np.prod([values.shape[axis] for axis in axes]))
    return number / (number - 1)


REDUCTIONS: dict[str, Callable[[Array, tuple[int, ...]], Array]] = {
    "sum": lambda v, axes: v.sum(axis=axes, keepdims=True),
    "mean": lambda v, axes: v.mean(axis=axes, keepdims=True),
    "var": lambda v, axes: v.var(axis=axes, keepdims=True),
    "mean of n - 1": lambda v, axes: v.mean(axis=axes, keepdims=True) * _corrected(v, axes),
    "var of n - 1": lambda v, axes: v.var(axis=axes, keepdims=True) * _corrected(v, axes),
    "max": lambda v, axes: v.max(axis=axes, keepdims=True),
}


@dataclass(frozen=True)
class Space:
    """The dimensions of a task, in the order of its largest array, and what each counts."""

    words: tuple[tuple[str, str], ...]
    axes: bool = True  # whether the letters are the axes of one array, so that a learner counts them

    @cached_property
    def letters(self) -> str:
        """Return the letters in order."""
        return "".join(letter for letter, _ in self.words)

    def say(self, dims: str) -> str:
        """Return what some dimensions count together: ``"images and positions"``."""
        said = list(dict.fromkeys(word for letter, word in self.words if letter in dims))
        return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


class Values:
    """The arrays of terms for some inputs of an answer; each is computed once.

    Every array has an axis in front of the space's, which holds computations side by side: of length 1 where
    they agree.
    """

    def __init__(self, space: Space, terms: Sequence[Term], inputs: Mapping[str, Any]) -> None:
        self.space = space
        self.inputs = inputs
        self.sizes = dict.fromkeys(space.letters, 1)
        self.known: dict[Term, Array] = {}
        for term in terms:
            if term.kind == "given":
                name, dims = term.detail
                self.sizes |= dict(zip(dims, np.shape(inputs[name]), strict=True))

    def _given(self, name: str, dims: str) -> Array:
        """Return an input with an axis for each letter of the space."""
        array = np.asarray(self.inputs[name], dtype=np.float64)
        order = sorted(range(len(dims)), key=lambda axis: self.space.letters.index(dims[axis]))
        lengths = dict(zip(dims, array.shape, strict=True))
        return array.transpose(order).reshape(1, *(lengths.get(letter, 1) for letter in self.space.letters))

    def of(self, term: Term) -> Array:
        """Return the array of a term."""
        if term not in self.known:
            self.known[term] = self.computed(term, [self.of(arg) for arg in term.args])
        return self.known[term]

    def computed(self, term: Term, args: list[Array]) -> Array:
        """Return the array of a term whose arguments have these."""
        if term.kind == "given":
            return self._given(*term.detail)
        if term.kind in FUNCTIONS:
            return FUNCTIONS[term.kind](*args)
        if term.kind == "power":
            return args[0] * args[0] if term.detail == 2 else args[0] ** term.detail
        if term.kind in REDUCTIONS:
            return REDUCTIONS[term.kind](args[0], self._axes(term.detail))
        if term.kind == "sort":
            return np.sort(args[0], axis=self._axes(term.detail)[0])
        if term.kind == "reread":
            return self._reread(args[0], *term.detail)
        number = (
            term.detail
            if term.kind == "constant"
            else np.prod([self.sizes[letter] for letter in term.detail])
        )
        return np.full((1,) * (1 + len(self.space.letters)), float(number))

    def _reread(self, array: Array, written: str, read: str) -> Array:
        """Lay values out in one order of the dimensions and read them in another, as reshape does."""
        whole = np.broadcast_to(array, (len(array), *(self.sizes[letter] for letter in self.space.letters)))
        flat = whole.transpose(0, *self._axes(written)).reshape(len(array), -1)
        again = flat.reshape(len(array), *(self.sizes[letter] for letter in read))
        return again.transpose(0, *(1 + read.index(letter) for letter in self.space.letters))

    def _axes(self, dims: str) -> tuple[int, ...]:
        return tuple(1 + self.space.letters.index(letter) for letter in dims)

    def output(self, term: Term, due: str) -> Array:
        """Return a term as an answer does: only the dimensions that it has, in the order that is due."""
        array = self.of(term)
        extra = [letter for letter in self.space.letters if letter in term.dims and letter not in due]
        if extra:  # a reduction is missing: the axes stay in the order of the largest array
            kept = [letter for letter in self.space.letters if letter in term.dims]
        else:
            kept = [letter for letter in due if letter in term.dims]
        order = [1 + self.space.letters.index(letter) for letter in kept]
        # Along the other axes the values are equal: they are longer than 1 for what is computed beside them.
        gone = [axis for axis in range(1, array.ndim) if axis not in order]
        first: Array = array.transpose(*gone, 0, *order)[(0,) * len(gone)]
        return first


@dataclass(frozen=True, eq=False)
class Form:
    """One way to write a task's truth.

    Attributes:
        space: Its dimensions.
        outputs: What the answer returns, in order: each a term and the letters of its axes.
        pairs: Whether mistakes are made in pairs too. Of ways that pairs would not tell apart, one is enough.
    """

    space: Space
    outputs: tuple[tuple[Term, str], ...]
    pairs: bool = True

    @cached_property
    def roots(self) -> tuple[Term, ...]:
        """The terms that are returned."""
        return tuple(term for term, _ in self.outputs)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """All terms, each after what it is computed from."""
        return tuple(nodes(*self.roots))

    def computed(self, inputs: Mapping[str, Any]) -> tuple[Array, ...]:
        """Return what an answer of this form returns for some inputs."""
        values = Values(self.space, self.terms, inputs)
        return tuple(values.output(term, due)[0] for term, due in self.outputs)
