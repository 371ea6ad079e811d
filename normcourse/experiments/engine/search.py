"""The choice of a learning rate: on the validation split, with seeds that are not reported on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.engine.training import every_pair

__all__ = ["Search", "fresh", "recorded_rate", "search_rate"]


class Search(NamedTuple):
    """What a search chose, and on what grounds.

    ``rate`` is the chosen learning rate, ``accuracy`` the validation accuracy (a fraction) of every run,
    shape ``(rates, seeds)``.
    """

    rate: float
    accuracy: NDArray[np.float64]


def search_rate(
    validate: Callable[[list[float], list[int]], NDArray[np.float64]],
    rates: Sequence[float],
    seeds: Sequence[int],
) -> Search:
    """Train a network at every rate with every seed; choose the rate of the best mean validation accuracy.

    Args:
        validate: Trains one network per pair of a learning rate and a seed, and returns their accuracies on
            the validation split.
        rates: The grid. Of equals the first is chosen.
        seeds: Of the search; report on others.

    Example:
        >>> search_rate(lambda rates, seeds: 1 - np.abs(np.array(rates) - 0.3), (0.1, 0.3, 1.0), (0, 1)).rate
        0.3
    """
    accuracy = validate(*every_pair(rates, seeds)).reshape(len(rates), len(seeds))
    return Search(rates[int(accuracy.mean(axis=1).argmax())], accuracy)


def fresh(seeds: Sequence[int], search_seeds: Sequence[int]) -> list[int]:
    """Return the seeds to report on, if none of them was searched with.

    Raises:
        ValueError: Some were.
    """
    if shared := sorted(set(seeds) & set(search_seeds)):
        raise ValueError(f"seeds to report on must differ from the search seeds; both hold {shared}")
    return list(seeds)


def recorded_rate(
    record: Record, seeds: Sequence[int], *, by: str = "validation", lowest: bool = False, **settings: Any
) -> float:
    """Return the rate that `search_rate` would choose, from a record of all rates.

    Args:
        record: With an axis ``"rate"``.
        seeds: Of the search, among the record's.
        by: A measurement on the validation split: one number a run, or a curve, of which the end counts.
            Of a training that broke down it is not a number, which counts as the worst.
        lowest: Whether low is good, as for a loss.
        settings: A value for each other axis.

    Raises:
        ValueError: An axis has no value, or the record has no axis ``"rate"``.

    Example:
        >>> measured = {"validation": np.array([[0.2, 0.3, 0.9], [0.4, 0.5, 0.1]])}
        >>> record = Record({"rate": (0.1, 1.0), "seed": (7, 8, 9)}, measured, {})
        >>> recorded_rate(record, (7, 8))
        1.0
    """
    free = [axis for axis in record.axes if axis not in settings]
    if free != ["rate", "seed"]:
        raise ValueError(
            "a rate is chosen over the axes rate and seed, and every other axis needs a value; left free are "
            f"{', '.join(free)}"
        )
    measured = record.get(by, **settings, seed=tuple(seeds))
    end = measured if measured.ndim == 2 else measured[..., -1]
    merit = -end if lowest else end
    rates: tuple[float, ...] = record.axes["rate"]
    return rates[int(np.where(np.isnan(merit), -np.inf, merit).mean(axis=1).argmax())]
