"""How well does the small transformer predict after so many steps, and how well does counting?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.data.text import Text
from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import nats

__all__ = ["SWEEP", "counting_loss", "measure"]


def counting_loss(text: Text, before: int, *, prior: float = 0.1) -> float:
    """Return the test loss of a table that counts what followed the last few characters.

    Args:
        text: Counts are taken on ``train``, the loss on ``test``.
        before: How many characters the table looks at, from 0 (mere frequency) to 3.
        prior: Added to every count, so that nothing is impossible.

    Returns:
        Nats per character.

    Example:
        >>> letters = np.array([0, 1] * 50)
        >>> bool(counting_loss(Text("ab", letters, letters, letters), 1) < 0.01)
        True
    """

    def codes(part: NDArray[np.int64], length: int) -> NDArray[np.int64]:
        """Write the ``length`` characters from each place on as one number."""
        total = np.zeros(len(part) - before, dtype=np.int64)
        for shift in range(length):
            total = total * letters + part[shift : len(part) - before + shift]
        return total

    letters = len(text.alphabet)
    seen, possible = (_count(codes(text.train, n), codes(text.test, n)) for n in (before + 1, before))
    shares = (seen + prior) / (possible + prior * letters)
    return float(-np.log(shares).mean())


def _count(among: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each of the asked numbers occurs among others."""
    values, counts = np.unique(among, return_counts=True)
    place = np.minimum(np.searchsorted(values, asked), len(values) - 1)
    return np.where(values[place] == asked, counts[place], 0)


def measure(*, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[Any]]:
    """Train for so many steps, for `SWEEP`; ``test`` and ``validation`` are losses in nats per character."""
    result = language.run(language.Config(steps=steps), seeds=seeds, progress=False)
    return {"test": result.test, "validation": result.validation}


#: Five budgets of steps at a rate of 0.003. It takes ten minutes.
SWEEP = Sweep(
    "language_budget",
    {"steps": (10, 100, 300, 1000, 3000)},
    tuple(range(5)),
    measure,
    corner={"steps": 10},
    tolerances={
        "test": nats(0.03),
        "validation": nats(0.03),
    },
)
