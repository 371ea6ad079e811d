"""What each choice of statistics gains or costs, gathered from the records of the chapter."""

from math import inf

import numpy as np
from numpy.typing import ArrayLike

from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.inference import (
    adaptation,
    adaptation_streams,
    fine_tuning,
    inference_modes,
    running_momenta,
    saved_statistics,
)

__all__ = ["choices"]


def choices() -> dict[str, dict[str, Interval]]:
    """Return how many points of accuracy one choice is ahead of another, from the records.

    Returns:
        By the two choices, then by the situation, an estimate and its 95% interval over the seeds. Above 0
        the first choice is ahead.

    Example:
        >>> found = choices()["running, not the batch's"]
        >>> bool(found["sorted by class, batches of 32"].low > 0)
        True
    """
    return {
        "running, not the batch's": _running(),
        "recalibrated, not running": _recalibrated(),
        "frozen, not the batch's": _frozen(),
        "synchronised, not each its own": _synchronised(),
    }


def _ahead(first: ArrayLike, second: ArrayLike) -> Interval:
    return bootstrap(np.mean, 100 * (np.asarray(first) - np.asarray(second)))


def _running() -> dict[str, Interval]:
    modes = inference_modes.SWEEP.load()
    shuffled, streams = adaptation.SWEEP.load(), adaptation_streams.SWEEP.load()
    running, own = (adaptation.WEIGHTS.index(weight) for weight in (inf, 0))

    def of_images(shift: str) -> Interval:
        found = shuffled.get("test", shift=shift, size=128)[: len(adaptation.REPORT)]
        return _ahead(found[:, running], found[:, own])

    def of_stream(kind: str, shift: str) -> Interval:
        found = streams.get("accuracy", kind=kind, shift=shift, size=128)
        return _ahead(found[:, running], found[:, own])

    return {
        "sorted by class, batches of 32": _ahead(
            modes.get("inference", order="shuffled", batch_size=32),
            modes.get("training", order="by class", batch_size=32),
        ),
        "half one class, batches of 128": of_stream("half one class", "clean"),
        "mixed, batches of 128": of_images("clean"),
        "inverted, mixed": of_images("inverted"),
        "brighter, two classes": of_stream("two classes", "brightness"),
        "brighter, mixed": of_images("brightness"),
    }


def _recalibrated() -> dict[str, Interval]:
    momenta, tuned = running_momenta.SWEEP.load(), fine_tuning.SWEEP.load()
    estimates = running_momenta.ESTIMATES
    default, again = (estimates.index(name) for name in ("0.1", "recalibrated"))

    def reading(setting: str, at: int) -> Interval:
        found = momenta.get("accuracy", setting=setting, steps=600)
        return _ahead(found[:, again, at], found[:, default, at])

    _, kept, renewed = fine_tuning.ARMS
    start, new = (
        fine_tuning.at_chosen_rate(tuned, "start", target=fine_tuning.TARGETS[0], arm=arm, batch_size=16)
        for arm in (kept, renewed)
    )
    return {
        "the inputs have changed": _ahead(new, start),
        "step 300, at a high rate": reading("high rate", 1),
        "step 600, rate fallen to 0": reading("high, to zero", 2),
    }


def _frozen() -> dict[str, Interval]:
    record = fine_tuning.SWEEP.load()
    batch, _, renewed = fine_tuning.ARMS
    found = {}
    for target, words in zip(fine_tuning.TARGETS, ("near data", "far data"), strict=True):
        for size in (2, 16):
            of = {
                arm: fine_tuning.at_chosen_rate(record, "test", target=target, arm=arm, batch_size=size)
                for arm in (batch, renewed)
            }
            found[f"{words}, batches of {size}"] = _ahead(of[renewed], of[batch])
    return found


def _synchronised() -> dict[str, Interval]:
    record = saved_statistics.SWEEP.load()

    def gap(held: str, share: int) -> Interval:
        of = [
            saved_statistics.at_chosen_rate(record, "saved", held=held, share=share, norm=norm)
            for norm in ("sync", "local")
        ]
        return _ahead(*of)

    random, by_class = saved_statistics.HELD
    return {
        "shuffled, 2 on each": gap(random, 2),
        "shuffled, 8 on each": gap(random, 8),
        "sorted by class, 32 on each": gap(by_class, 32),
    }
