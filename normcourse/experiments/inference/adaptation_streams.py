"""What does adaptation to a batch do when the batch's classes are not those of the training?

Source:
    Gong et al. 2022, arXiv 2208.05117, on adaptation to streams whose neighbours are alike.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from normcourse.data import Split, load_drawn_digits
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.inference.adaptation import SHIFTS, WEIGHTS, accuracy, source_network

__all__ = ["SEGMENT", "SHARES", "STREAMS", "SWEEP", "measure", "stream"]

#: Examples of a segment of a stream. There is a segment for each class, in which that class is the favourite.
SEGMENT = 128

#: Of each stream in segments, the share of the favourite in its segment and that of the class after it; the
#: other classes share the rest.
SHARES: Mapping[str, tuple[float, float]] = {
    "mixed": (0.1, 0.1),
    "half one class": (0.55, 0.05),
    "two classes": (0.5, 0.5),
    "one class": (1.0, 0.0),
}

#: The streams by name. In ``"sticky"`` a class stays for ten examples on average, then another follows.
STREAMS = ("mixed", "sticky", *list(SHARES)[1:])


def stream(split: Split, kind: str, *, seed: int = 0) -> Split:
    """Arrange examples of a split as a stream, in which every class is about equally frequent overall.

    Only the company that an example meets differs from kind to kind. Examples of a class come in a random
    order, and again when all have been seen.

    Args:
        split: Clean or changed examples of ten classes.
        kind: One of `STREAMS`.
        seed: Of all that is random.

    Returns:
        ``10 * SEGMENT`` examples.

    Raises:
        ValueError: No such stream.
    """
    if kind not in STREAMS:
        raise ValueError(f"kind must be one of {', '.join(STREAMS)}, but got {kind!r}")
    rng = np.random.default_rng(seed)
    classes = _sticky(rng) if kind == "sticky" else _segments(rng, *SHARES[kind])
    index = np.empty_like(classes)
    for label in range(10):
        own = rng.permutation(np.flatnonzero(split.y == label))
        places = np.flatnonzero(classes == label)
        index[places] = np.resize(own, len(places))
    return Split(split.x[index], split.y[index])


def _segments(rng: np.random.Generator, favourite: float, second: float) -> NDArray[np.int64]:
    """Classes of each segment, shuffled within it."""
    shares = np.full(10, (1 - favourite - second) / 8)
    shares[:2] = favourite, second
    return np.concatenate([rng.choice(10, SEGMENT, p=np.roll(shares, label)) for label in range(10)])


def _sticky(rng: np.random.Generator) -> NDArray[np.int64]:
    """Runs of random lengths, with a mean of ten; the classes of the runs come in turn, in a random order."""
    turns = np.concatenate([rng.permutation(10) for _ in range(10 * SEGMENT)])
    return np.repeat(turns, rng.geometric(0.1, size=len(turns)))[: 10 * SEGMENT]


def measure(*, kind: str, shift: str, size: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Adapt to one stream of test images, for `SWEEP`.

    Returns:
        The ``accuracy``, a fraction, shape ``(seeds, weights)``.
    """
    test = load_drawn_digits().test
    data = stream(Split(SHIFTS[shift](test.x), test.y), kind)
    rows = [[accuracy(source_network(s), data, size=size, weight=w) for w in WEIGHTS] for s in seeds]
    return {"accuracy": np.array(rows)}


#: Five streams, clean and brighter, three batch sizes. It takes two minutes.
SWEEP = Sweep(
    "adaptation_streams",
    {"kind": STREAMS, "shift": ("clean", "brightness"), "size": (8, 32, 128)},
    tuple(range(6)),
    measure,
    corner={"kind": "one class", "shift": "clean", "size": 128},
    tolerances={
        "accuracy": examples(5, of=1000),
    },
)
