"""What is said of an answer that no mistakes explain as a whole: what is right, and what to test next."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.diagnosis import Diagnosis, known
from normcourse.exercises.precision import lost_digits
from normcourse.exercises.probes import arguments, distance, expected
from normcourse.exercises.running import Outcome
from normcourse.exercises.task import CodeTask, Mistake

__all__ = ["advice", "definitions"]

Array = NDArray[np.float64]

HOLDS = 1e-3  # so little lacks a property that holds, where eps makes no difference
SHAPES = (
    "The shapes do not fit. Keep the axes that you pool, with keepdims=True, or give an array of shape (C,) "
    "more axes, as in gamma[:, None]."
)


def definitions(mistakes: Iterable[Mistake]) -> Iterator[str]:
    """Yield what names stand for, each once."""
    yield from dict.fromkeys(text for mistake in mistakes for text in mistake.defines)


def advice(task: CodeTask, outcomes: Sequence[Outcome], seed: int, found: Diagnosis) -> str:
    """Say what is known of an answer that no mistakes explain as a whole, in some lines."""
    raised = next((outcome.message for outcome in outcomes if outcome.kind != "returned"), "")
    if raised:
        return f"{raised} {SHAPES}" if "broadcast" in raised else raised
    says = [_fits(names, some, found) for names, some in found.parts]
    rest: list[str] = []
    unnamed = list(found.left)
    for output in found.left:
        said = _never_began(task, outcomes, seed, output) or _only_the_shape(task, outcomes, seed, output)
        if said:
            rest.append(said)
            unnamed.remove(output)
    if unnamed:
        rest.append(f"None of the {known(task)} mistakes that we know explains {_listed(unnamed)}.")
    if found.left:
        rest += _intact(task, outcomes, seed)
    if unnamed:
        rest += _digits(task, outcomes, seed, unnamed)
        rest += _factors(task, outcomes, seed, unnamed)
        rest += _tested(task, outcomes, seed, unnamed)
    lines = [*says, " ".join(rest), " ".join(definitions(m for _, some in found.parts for m in some))]
    return "\n".join(line for line in lines if line)


def _fits(names: Sequence[str], some: Sequence[Mistake], found: Diagnosis) -> str:
    says = " ".join(mistake.says for mistake in some)
    return f"This would explain {_listed(names)}: {says}" if found.left else f"{_listed(names)}: {says}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _never_began(task: CodeTask, outcomes: Sequence[Outcome], seed: int, output: str) -> str:
    """Say that an output is None or empty everywhere; empty if it is not."""
    pairs = _of(task, outcomes, seed, output)
    return f"{output} is not written yet." if pairs and not any(a.size for a, _ in pairs) else ""


def _of(task: CodeTask, outcomes: Sequence[Outcome], seed: int, output: str) -> list[tuple[Array, Array]]:
    """Return what came and what is due of an output, probe by probe; nothing for a part that is no output."""
    if output not in task.outputs:
        return []
    number = task.outputs.index(output)
    return [
        (outcome.arrays[number], truth[number])
        for outcome, truth in zip(outcomes, expected(task, seed), strict=True)
    ]


def _only_the_shape(task: CodeTask, outcomes: Sequence[Outcome], seed: int, output: str) -> str:
    """Say that the values of an output are right and its shape is not; empty if that is not so."""
    pairs = _of(task, outcomes, seed, output)
    if not pairs or any(array.shape == right.shape or array.size != right.size for array, right in pairs):
        return ""
    array, right = pairs[0]
    due = (
        f"The values of {output} are right, its shape is not: it is {array.shape} where {right.shape} is due."
    )
    if all(distance(array.reshape(right.shape), right) <= task.tolerance for array, right in pairs):
        return f"{due} Reshape it, or leave out a keepdims."
    for order in permutations(range(array.ndim)) if array.ndim == right.ndim else ():
        if all(distance(array.transpose(order), right) <= task.tolerance for array, right in pairs):
            return f"{due} Transpose it: its axes stand in another order."
    return ""


def _intact(task: CodeTask, outcomes: Sequence[Outcome], seed: int) -> Iterator[str]:
    """Say which outputs are right, and on which inputs all are."""
    off = {
        (probe.name, output)
        for probe, outcome, truth in zip(task.probes, outcomes, expected(task, seed), strict=True)
        for output, array, right in zip(task.outputs, outcome.arrays, truth, strict=True)
        if distance(array, right) > task.tolerance
    }
    outputs = [output for output in task.outputs if output not in {output for _, output in off}]
    if outputs:
        yield f"{_listed(outputs)} {'is' if len(outputs) == 1 else 'are'} right."
    probes = [probe.name for probe in task.probes if probe.name not in {probe for probe, _ in off}]
    if probes:
        wrong = [f'"{probe.name}"' for probe in task.probes if probe.name not in probes]
        right_ones = [f'"{probe}"' for probe in probes]
        yield f"All is right on {_listed(right_ones)}; what differs on {_listed(wrong)} is where to look."


def _digits(task: CodeTask, outcomes: Sequence[Outcome], seed: int, left: Sequence[str]) -> Iterator[str]:
    """Say how outputs that are nearly right lost digits."""
    pairs = [pair for output in left for pair in _of(task, outcomes, seed, output)]
    said = lost_digits([array for array, _ in pairs], [right for _, right in pairs]) if pairs else ""
    if said:
        yield said


def _factors(task: CodeTask, outcomes: Sequence[Outcome], seed: int, left: Sequence[str]) -> Iterator[str]:
    """Say where a wrong output is the right one, times a number."""
    for output in left:
        pairs = _of(task, outcomes, seed, output)
        if not pairs or not all(_comparable(array, right) and np.any(right) for array, right in pairs):
            continue
        factors = [float(np.vdot(array, right) / np.vdot(right, right)) for array, right in pairs]
        alike = all(
            distance(array, factor * right) <= task.tolerance
            for (array, right), factor in zip(pairs, factors, strict=True)
        )
        low, high = min(factors), max(factors)
        if alike and high - low <= 1e-3 * abs(high) and abs(high - 1) > 1e-3:
            yield f"{output} is {high:.4g} times what is due, on every probe."


def _tested(task: CodeTask, outcomes: Sequence[Outcome], seed: int, left: Sequence[str]) -> Iterator[str]:
    """Say what to test next: a property of right answers that this one lacks, or those that it has."""
    held = []
    for one in task.properties:
        if one.output not in left:
            continue
        pairs = _of(task, outcomes, seed, one.output)
        seen = [
            (inputs, array, right)
            for probe, inputs, (array, right) in zip(task.probes, arguments(task, seed), pairs, strict=True)
            if not one.probes or probe.name in one.probes
        ]
        if not all(_comparable(array, right) for _, array, right in seen):
            continue
        worst = max(one.gap(inputs, array) for inputs, array, _ in seen)
        if not worst <= HOLDS:  # NaN does not hold
            yield f"A thing to test: {one.says}. In your answer it is off by up to {worst:.2g}."
            return
        # Of what is right there, or zero everywhere, it tells nothing that it holds.
        off = any(distance(array, right) > task.tolerance for _, array, right in seen)
        if one.telling and off and any(np.any(array) for _, array, _ in seen):
            held.append(one.says)
    if held:
        yield f"In your answer, as it should be, {_listed(held)}: what is off lies elsewhere."


def _comparable(array: Array, right: Array) -> bool:
    return array.shape == right.shape and bool(np.isfinite(array).all())
