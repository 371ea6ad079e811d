"""Where should the alpha of dynamic tanh and dynamic erf start? Searched as the arena searches its rate.

Source:
    Zhu et al. 2025, arXiv 2503.10622 (dynamic tanh); Chen et al. 2025, arXiv 2512.10938 (dynamic erf).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import nats
from normcourse.experiments.layernorm.norm_arena import REPORT, SEARCH
from normcourse.models import CausalTransformer
from normcourse.nn import DyT

__all__ = ["CHOSEN", "REPORTED", "SWEEP", "Config", "Start", "best_start", "measure", "measure_chosen"]

#: A start of alpha, and a learning rate.
Start = tuple[float, float]

#: The start and rate with the lowest mean validation loss in the record of `SWEEP`, by layer.
CHOSEN: Mapping[str, Start] = {"dyt": (0.5, 0.003), "derf": (0.5, 0.01)}


@dataclass(frozen=True)
class Config(language.Config):
    """Settings of `language.Config`, and where alpha starts.

    Attributes:
        alpha: Start of the learned alpha of every `nn.DyT` and `nn.Derf`.
    """

    alpha: float = 0.5

    def model(self, seed: int) -> CausalTransformer:
        """Return a new model."""
        model = super().model(seed)
        for layer in model.modules():
            if isinstance(layer, DyT):
                layer.alpha_init = self.alpha
                nn.init.constant_(layer.alpha, self.alpha)
        return model


def measure(
    *, layer: str, alpha: float, rate: float, steps: int, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Train one layer from one start at one rate, for `SWEEP`, in the arena's settings.

    Returns:
        ``test`` and ``validation``, losses in nats per character, shape ``(seeds,)`` each.
    """
    config = Config(norm=layer, alpha=alpha, learning_rate=rate, steps=steps, width=32)
    result = language.run(config, seeds=seeds, progress=False)
    return {"test": result.test, "validation": result.validation}


def measure_chosen(*, layer: str, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Measure one layer at what `CHOSEN` says, for `REPORTED`."""
    alpha, rate = CHOSEN[layer]
    return measure(layer=layer, alpha=alpha, rate=rate, steps=steps, seeds=seeds)


_TOLERANCES = {"test": nats(0.03), "validation": nats(0.03)}

#: Both layers from three starts at the arena's three lower rates, with its search seeds, in five minutes. In
#: the record, the runs of dynamic tanh from 0.5 are those of `norm_arena.SWEEP`.
SWEEP = Sweep(
    "alpha_search",
    {
        "layer": ("dyt", "derf"),
        "alpha": (0.15, 0.5, 1.5),
        "rate": (0.001, 0.003, 0.01),
        "steps": (10, 300),
    },
    SEARCH,
    measure,
    corner={"layer": "derf", "alpha": 0.5, "rate": 0.001, "steps": 10},
    tolerances=_TOLERANCES,
)

#: What was chosen, with the seeds that the arena reports; of dynamic tanh, the arena's own runs.
REPORTED = Sweep(
    "alpha_reported",
    {"layer": ("dyt", "derf"), "steps": (10, 300)},
    REPORT,
    measure_chosen,
    corner={"layer": "derf", "steps": 10},
    tolerances=_TOLERANCES,
)


def best_start(record: Record, layer: str, *, steps: int = 300) -> Start:
    """Return the start and rate at which the search seeds have the lowest mean validation loss.

    Args:
        record: Of `SWEEP`.
        layer: ``"dyt"`` or ``"derf"``.
        steps: Of the trainings.
    """
    merit = np.nan_to_num(record.get("validation", layer=layer, steps=steps).mean(axis=-1), nan=np.inf)
    row, column = np.unravel_index(merit.argmin(), merit.shape)
    return record.axes["alpha"][row], record.axes["rate"][column]
