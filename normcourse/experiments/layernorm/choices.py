"""What each norm and each place gains or costs, gathered from the records of the chapter."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.layernorm import (
    alpha_search,
    low_precision,
    norm_arena,
    norm_placement,
    norm_remedies,
)

__all__ = ["choices"]


def choices() -> dict[str, dict[str, Interval]]:
    """Return how much lower the test loss is with the usual choice than with another, from the records.

    Each has its own best learning rate, but where the question is the arithmetic.

    Returns:
        By question, then by the other choice, a difference in nats per character and its 95% interval over
        the seeds. Above 0 the usual choice is ahead: LayerNorm, pre-norm, or norms computed in float32.

    Example:
        >>> found = choices()["LayerNorm, not another norm"]
        >>> bool(found["no norm"].low > 0)
        True
    """
    return {
        "LayerNorm, not another norm": _norms(),
        "pre-norm, not another place": _places(),
        "float32, not 16 bits": _arithmetics(),
    }


def _norms() -> dict[str, Interval]:
    record = norm_arena.SWEEP.load()
    names = {
        "RMSNorm": "RMSNorm",
        "LayerNorm, QK-norm": "QK-norm as well",
        "BatchNorm": "BatchNorm",
        "DyT": "DyT",
        "none": "no norm",
    }

    def best(arm: str) -> NDArray[np.float64]:
        rate = norm_arena.chosen_rate(record, arm)
        found: NDArray[np.float64] = record.get("test", arm=arm, rate=rate, steps=300, seed=norm_arena.REPORT)
        return found

    usual = best("LayerNorm")
    found = {words: bootstrap(np.mean, best(arm) - usual) for arm, words in names.items()}
    derf = alpha_search.REPORTED.load().get("test", layer="derf", steps=300)
    return {**found, "Derf": bootstrap(np.mean, derf - usual)}


def _places() -> dict[str, Interval]:
    places, remedies = norm_placement.SWEEP.load(), norm_remedies.SWEEP.load()
    high = remedies.axes["rate"]

    def best(record: Record, **settings: Any) -> NDArray[np.float64]:
        validation = record.get("validation", steps=300, warm_up=0, **settings).mean(axis=1)
        test: NDArray[np.float64] = record.get("test", steps=300, warm_up=0, **settings)
        chosen: NDArray[np.float64] = test[np.nan_to_num(validation, nan=np.inf).argmin()]
        return chosen

    usual = best(places, placement="pre", rate=high)
    found = {
        "post-norm, high rates": best(places, placement="post", rate=high),
        "post-norm, best rate": best(places, placement="post"),
        "on the output": best(remedies, remedy="output"),
        "on both sides": best(remedies, remedy="both"),
        **{remedy: best(remedies, remedy=remedy) for remedy in ("scaled start", "LayerScale", "DeepNorm")},
    }
    return {words: bootstrap(np.mean, loss - usual) for words, loss in found.items()}


def _arithmetics() -> dict[str, Interval]:
    record = low_precision.SWEEP.load()
    usual, each, _, half = record.axes["arithmetic"]
    names = {each: "bfloat16, each step", half: "float16, each step"}
    return {
        words: bootstrap(
            np.mean,
            record.get("test", arithmetic=other, steps=300) - record.get("test", arithmetic=usual, steps=300),
        )
        for other, words in names.items()
    }
