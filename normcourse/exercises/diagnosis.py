"""Find what explains an answer: known mistakes, slips made from the formula, then output by output."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.probes import Arrays, arguments, distance, drawn, expected, given_on
from normcourse.exercises.running import Outcome
from normcourse.exercises.screening import outputs_of, reshaping, rows
from normcourse.exercises.slips import Slip, described, slips, spoilt
from normcourse.exercises.task import CodeTask, Mistake, Mistakes
from normcourse.exercises.terms import Form, Values

__all__ = ["Diagnosis", "diagnose", "explain", "known"]

EXPLAINS = 0.01  # of the distance to the truth: so near a listed mistake explains an output
CONSTANT = 1e-6  # values that differ by no more tell nothing
ROUNDED = 1e-3  # and so near by itself: what float16 and three decimals leave


@dataclass(frozen=True)
class Diagnosis:
    """What explains an answer.

    Attributes:
        whole: The fewest mistakes that explain every output on every probe; empty if nothing known does.
        parts: Where nothing explains all: what explains some outputs alone, with their names. A task may name
            probes in place of outputs, see :attr:`~normcourse.exercises.task.CodeTask.apart`.
        left: The names of what is wrong and not explained.
    """

    whole: tuple[Mistake, ...] = ()
    parts: tuple[tuple[tuple[str, ...], tuple[Mistake, ...]], ...] = ()
    left: tuple[str, ...] = ()


def diagnose(task: CodeTask, outcomes: Sequence[Outcome], seed: int = 0) -> Diagnosis:
    """Find what explains a wrong answer.

    Fewer mistakes are tried before more, and those of the task's own list before those that are made from the
    formula. What is made has to agree within the tolerance; for how near a listed mistake has to be, see
    :func:`explain`. Where nothing explains all, the parts are explained one by one, several by the same
    mistakes where that is possible.
    """
    case = _Case(task, outcomes, seed)
    for slack in (0.0, EXPLAINS):
        for pairs in (False, True):
            for found, _ in case.candidates(case.everything, pairs, slack, whole=True):
                return Diagnosis(found)
    wrong = [number for number in range(len(case.parts)) if case.wrong(number)]
    left, parts = set(wrong), []
    for pairs in (False, True):
        explained = list(case.candidates(sum(1 << number for number in left), pairs))
        for wanted in range(len(left), 0, -1):
            for found, mask in explained:
                some = {number for number in left if mask >> number & 1}
                if some and len(some) >= wanted:
                    parts.append((tuple(case.parts[number] for number in sorted(some)), found))
                    left -= some
    return Diagnosis((), tuple(parts), tuple(case.parts[number] for number in sorted(left)))


def explain(task: CodeTask, outcomes: Sequence[Outcome], seed: int = 0) -> Mistakes:
    """Return the fewest mistakes of a task's own list that explain every outcome, or none.

    They explain an output that lies within the tolerance of what they give; if no mistakes do so, then one
    that is a hundred times nearer to it than to the truth, and near by itself, as of a learner who rounds.
    They explain an exception if they end in one too.
    """
    case = _Case(task, outcomes, seed)
    for slack in (0.0, EXPLAINS):
        for some in task.suspects():
            if case.listed(some, case.everything, slack, whole=True):
                return some
    return frozenset()


def known(task: CodeTask) -> int:
    """Return how many mistakes are known, single ones: listed by hand and made from the formulas."""
    return len(task.mistakes) + len({slip.says for form in task.forms for slip in slips(form)})


class _Case:
    """An answer to a task, and how its parts are explained: each part is a bit of a mask."""

    def __init__(self, task: CodeTask, outcomes: Sequence[Outcome], seed: int) -> None:
        self.task = task
        self.outcomes = outcomes
        self.seed = seed
        self.truth = expected(task, seed)
        probes, outputs = range(len(task.probes)), range(len(task.outputs))
        if task.apart == "outputs":
            self.evidence = [[(probe, output) for probe in probes] for output in outputs]
            self.parts = task.outputs
        else:
            self.evidence = [[(probe, output) for output in outputs] for probe in probes]
            self.parts = tuple(f'"{probe.name}"' for probe in task.probes)
        if task.apart == "nothing":
            self.evidence = [[(probe, output) for probe in probes for output in outputs]]
            self.parts = ("all",)
        self.everything = (1 << len(self.parts)) - 1

    @cached_property
    def smallest(self) -> int:
        """The number of the probe with the fewest values: what is tried on all is screened there."""
        sizes = [sum(map(np.size, inputs.values())) for inputs in arguments(self.task, self.seed)]
        return sizes.index(min(sizes))

    def wrong(self, part: int) -> bool:
        """Return whether a part came back and is not right."""
        return all(self.outcomes[probe].kind == "returned" for probe, _ in self.evidence[part]) and any(
            distance(self.outcomes[probe].arrays[output], self.truth[probe][output]) > self.task.tolerance
            for probe, output in self.evidence[part]
        )

    def candidates(
        self, wanted: int, pairs: bool, slack: float = 0.0, whole: bool = False
    ) -> Iterator[tuple[tuple[Mistake, ...], int]]:
        """Yield mistakes that explain some of the wanted parts, or the whole of them, and which."""
        for some in self.task.suspects():
            if (len(some) > 1) == pairs:
                mask = self.listed(some, wanted, slack, whole)
                if mask:
                    yield tuple(m for m in self.task.mistakes if m.name in some), mask
        if not slack:
            yield from self.made(wanted, pairs, whole)

    def _mask(self, wanted: int, whole: bool, holds: Callable[[int, int], bool]) -> int:
        """Return the wanted parts whose evidence, by probe and output, all holds; where `whole`, all or 0."""
        mask = 0
        for part, evidence in enumerate(self.evidence):
            if wanted >> part & 1:
                if all(holds(probe, output) for probe, output in evidence):
                    mask |= 1 << part
                elif whole:
                    return 0
        return mask

    def listed(self, suspects: Mistakes, wanted: int, slack: float, whole: bool) -> int:
        """Return which of the wanted parts some of the task's own mistakes explain."""
        return self._mask(wanted, whole, lambda probe, output: self._explains(suspects, probe, output, slack))

    def _explains(self, suspects: Mistakes, probe: int, output: int, slack: float) -> bool:
        outcome, wrong = self.outcomes[probe], given_on(self.task, self.seed, suspects, probe)
        if outcome.kind != "returned" or wrong is None:
            return outcome.kind == "raised" and wrong is None
        array, one = outcome.arrays[output], wrong[output]
        away = distance(array, self.truth[probe][output]) if slack else 0.0
        allowed = max(self.task.tolerance, min(slack * away, ROUNDED) if isfinite(away) else 0.0)
        gap = distance(array, one)
        # What is infinite or NaN in the same places is explained too.
        return gap <= allowed or (not isfinite(gap) and _same(array, one))

    def _tells(self, part: int) -> bool:
        """Return whether a part tells one mistake from another: zeros everywhere come of many."""
        values = np.concatenate(
            [self.outcomes[probe].arrays[output].ravel() for probe, output in self.evidence[part]]
        )
        return bool(values.size) and not np.ptp(values) <= CONSTANT  # NaN tells something

    def made(self, wanted: int, pairs: bool, whole: bool) -> Iterator[tuple[tuple[Mistake, ...], int]]:
        """Yield slips, single or in pairs, that explain some of the wanted parts, and which."""
        if any(outcome.kind != "returned" for outcome in self.outcomes):
            return
        told = sum(1 << part for part in range(len(self.parts)) if self._tells(part))
        if whole and wanted & ~told:
            return
        wanted &= told
        shapes = all(
            array.shape == right.shape
            for outcome, truth in zip(self.outcomes, self.truth, strict=True)
            for array, right in zip(outcome.arrays, truth, strict=True)
        )
        for form in self.task.forms:
            if pairs and not form.pairs:
                continue
            found: Iterable[tuple[Slip, ...]] = self._screened(form, wanted, pairs, whole)
            if not pairs:
                found = chain(found, ((slip,) for slip in reshaping(form) if slip.order or not shapes))
            for some in found:
                mask = self._confirmed(form, some, wanted, whole)
                if some[0].order and mask.bit_count() < 2:
                    continue  # one output that is another says nothing about their order
                if mask:
                    yield tuple(described(form, slip) for slip in some), mask

    def _screened(self, form: Form, wanted: int, pairs: bool, whole: bool) -> Iterator[tuple[Slip, ...]]:
        """Yield what gives some of the wanted parts on the smallest probe."""
        smallest = self.smallest
        computed = _side_by_side(self.task, self.seed, form, smallest, pairs)
        near = np.full(len(computed[0]), whole)
        combine = np.logical_and if whole else np.logical_or
        for part, evidence in enumerate(self.evidence):
            outputs = [output for probe, output in evidence if probe == smallest]
            if wanted >> part & 1 and outputs:
                given = np.all([self._near(smallest, output, computed[output]) for output in outputs], axis=0)
                near = combine(near, given)
        work = rows(form, pairs)
        return (work.slips(row) for row in np.flatnonzero(near))

    def _near(self, probe: int, output: int, computed: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which rows give an output, to twice the tolerance: side by side, rounding differs."""
        array = self.outcomes[probe].arrays[output]
        if array.shape != computed.shape[1:]:
            return np.zeros(len(computed), dtype=bool)
        axes = tuple(range(1, computed.ndim))
        with np.errstate(all="ignore"):
            gaps = np.abs(computed - array).max(axis=axes) / np.maximum(1, np.abs(computed).max(axis=axes))
        near: NDArray[np.bool_] = gaps <= 2 * self.task.tolerance
        return near

    def _confirmed(self, form: Form, some: tuple[Slip, ...], wanted: int, whole: bool) -> int:
        """Return which of the wanted parts slips explain, on every probe."""
        wrong = spoilt(form, some)

        def holds(probe: int, output: int) -> bool:
            given = self._computed(form, wrong, probe, output)
            return distance(self.outcomes[probe].arrays[output], given) <= self.task.tolerance

        return self._mask(wanted, whole, holds)

    def _computed(self, form: Form, wrong: Form, probe: int, output: int) -> NDArray[np.float64]:
        values = _values(self.task, self.seed, form, probe)
        with np.errstate(all="ignore"):
            array: NDArray[np.float64] = values.output(*wrong.outputs[output])[0]
        return array


@lru_cache(maxsize=256)
def _values(task: CodeTask, seed: int, form: Form, number: int) -> Values:
    return Values(form.space, form.terms, drawn(task, seed, number))


@lru_cache(maxsize=64)
def _side_by_side(task: CodeTask, seed: int, form: Form, number: int, pairs: bool) -> Arrays:
    return outputs_of(form, drawn(task, seed, number), pairs)


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)
