"""Compute a formula with each of many slips, or pairs, side by side: a cheap look before a sure one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.slips import Slip, slips
from normcourse.exercises.terms import REDUCTIONS, Form, Term, Values, nodes, ordered

__all__ = ["Rows", "outputs_of", "reshaping", "rows"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """What is computed side by side: for each row the slips that it makes.

    Attributes:
        of: The slips, of which rows make one or two.
        made: For each row the numbers of its slips, twice the same where it is one.
        at: For each term, the slips that replace it and the rows that make them.
    """

    of: tuple[Slip, ...]
    made: NDArray[np.intp]
    at: Mapping[Term, tuple[tuple[Slip, NDArray[np.intp]], ...]]

    def slips(self, row: np.intp) -> tuple[Slip, ...]:
        """Return the slips of a row."""
        one, other = self.made[row]
        return (self.of[one],) if one == other else (self.of[one], self.of[other])


@cache
def rows(form: Form, pairs: bool) -> Rows:
    """Return the slips of a form, singly, or in pairs of likely ones that touch an output in common."""
    of = tuple(slip for slip in slips(form) if not slip.order and _keeps_dims(form, slip))
    if pairs:
        of = tuple(slip for slip in of if slip.likely)
        made = _pairs(form, of)
    else:
        made = np.repeat(np.arange(len(of))[:, None], 2, axis=1)
    members = np.concatenate([made[:, 0], made[made[:, 0] != made[:, 1], 1]])
    of_row = np.concatenate([np.arange(len(made)), np.flatnonzero(made[:, 0] != made[:, 1])])
    order = np.argsort(members, kind="stable")
    bounds = np.searchsorted(members[order], np.arange(len(of) + 1))
    at: dict[Term, list[tuple[Slip, NDArray[np.intp]]]] = {}
    for slip, first, last in zip(of, bounds, bounds[1:], strict=False):
        for term in slip.changes if last > first else ():
            at.setdefault(term, []).append((slip, of_row[order[first:last]]))
    return Rows(of, made, {term: tuple(entries) for term, entries in at.items()})


def _pairs(form: Form, of: tuple[Slip, ...]) -> NDArray[np.intp]:
    """Return the pairs of slips of different places that touch an output in common, by number."""
    touched = np.array([_touched(form, slip) for slip in of])
    apart = np.ones((len(of), len(of)), dtype=bool)
    places: dict[Term, list[int]] = {}
    for number, slip in enumerate(of):
        for term in slip.changes:
            places.setdefault(term, []).append(number)
    for numbers in places.values():
        apart[np.ix_(numbers, numbers)] = False
    one, other = np.nonzero(np.triu(apart & (touched[:, None] & touched != 0), 1))
    return np.column_stack([one, other])


@cache
def reshaping(form: Form) -> tuple[Slip, ...]:
    """Return the slips that do not fit side by side: they change the outputs' dimensions or order."""
    return tuple(slip for slip in slips(form) if slip.order or not _keeps_dims(form, slip))


@cache
def _keeps_dims(form: Form, slip: Slip) -> bool:
    """Return whether the outputs keep their dimensions: else they do not fit beside the others."""
    changed = {term: change.dims for term, change in slip.changes.items() if change.dims != term.dims}
    if not changed:
        return True
    for term in form.terms:
        if term not in changed and any(arg in changed for arg in term.args):
            dims = set().union(*(changed.get(arg, arg.dims) for arg in term.args))
            dims -= set(term.detail) if term.kind in REDUCTIONS else set()
            if dims != set(term.dims):
                changed[term] = ordered(dims)
    return changed.keys().isdisjoint(form.roots)


def _touched(form: Form, slip: Slip) -> int:
    """Return which outputs a slip changes, as bits."""
    return sum(
        1 << number
        for number, root in enumerate(form.roots)
        if not slip.changes.keys().isdisjoint(_below(root))
    )


@cache
def _below(root: Term) -> frozenset[Term]:
    return frozenset(nodes(root))


def outputs_of(form: Form, inputs: Mapping[str, Any], pairs: bool) -> tuple[Array, ...]:
    """Return each output with the slips of each row made: arrays with one more axis in front."""
    work = rows(form, pairs)
    values = Values(form.space, form.terms, inputs)
    with np.errstate(all="ignore"):
        for term in form.terms:
            plain = values.of(term)
            if term in work.at:
                values.known[term] = _with_slips(values, term, plain, work)
        return tuple(
            np.broadcast_to(made, (len(work.made), *made.shape[1:]))
            for made in (values.output(term, due) for term, due in form.outputs)
        )


def _with_slips(values: Values, term: Term, plain: Array, work: Rows) -> Array:
    """Return a term's array with the rows replaced in which a slip is of this term."""
    changed = [(where, _at_rows(values, slip.changes[term], term, where)) for slip, where in work.at[term]]
    shape = np.broadcast_shapes(plain.shape[1:], *(array.shape[1:] for _, array in changed))
    held = np.empty((len(work.made), *shape))
    held[:] = plain
    for where, array in changed:
        held[where] = array
    return held


def _at_rows(values: Values, change: Term, origin: Term, where: NDArray[np.intp]) -> Array:
    """Return what replaces a term, in some rows: from what stands there in these rows."""
    known: dict[Term, Array] = {}

    def of(term: Term) -> Array:
        if term not in known:
            held = values.known.get(term)
            if held is None:
                known[term] = values.computed(term, [of(arg) for arg in term.args])
            else:
                known[term] = held[where] if len(held) > 1 else held
        return known[term]

    return of(change)
