"""What people ship against the troubles of a deep transformer, in the race of `norm_placement`.

Each remedy is one or two settings of `language.Config`; the fields of `Remedy` that it leaves alone are those
of a transformer with pre-norm.

Source:
    Norms on both sides: Ding et al., CogView, 2021, arXiv 2105.13290 (sandwich norm); Kim et al., Peri-LN,
    2025, arXiv 2502.02732. On the output alone: OLMo 2, 2024, arXiv 2501.00656. DeepNorm: Wang et al.,
    DeepNet, 2022, arXiv 2203.00555, with its constants for decoders. LayerScale: Touvron et al., Going Deeper
    with Image Transformers, 2021, arXiv 2103.17239, with its start of 0.1 up to 18 layers. Scaled start:
    Radford et al., GPT-2, 2019, section 2.3.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import nats
from normcourse.experiments.layernorm import norm_placement

__all__ = ["REMEDIES", "SWEEP", "measure", "sensitivity"]

#: By name, the settings of `language.Config` for a depth. DeepNorm's and the start's depend on it.
REMEDIES: Mapping[str, Callable[[int], Mapping[str, Any]]] = {
    "both": lambda layers: {"placement": "both"},
    "output": lambda layers: {"placement": "output"},
    "DeepNorm": lambda layers: {
        "placement": "post",
        "stream_scale": (2 * layers) ** (1 / 4),
        "branch_gain": (8 * layers) ** (-1 / 4),
    },
    "LayerScale": lambda layers: {"placement": "pre", "layer_scale": 0.1},
    "scaled start": lambda layers: {"placement": "pre", "write_gain": (2 * layers) ** (-1 / 2)},
}


def sensitivity(
    remedy: str, *, layers: Sequence[int] = (6, 24), seeds: Sequence[int] = range(8)
) -> NDArray[np.float64]:
    """Return `norm_placement.answer` of new models with a remedy, shape ``(depths, seeds)``.

    Args:
        remedy: A name of `REMEDIES`.
        layers: The depths.
        seeds: Of the weights, the moves and the batch.
    """
    configs = [language.Config(layers=depth, **REMEDIES[remedy](depth)) for depth in layers]
    return np.array([[norm_placement.answer(config, seed) for seed in seeds] for config in configs])


def measure(
    *, remedy: str, warm_up: int, rate: float, steps: int, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Train at one combination, for `SWEEP`; ``test`` and ``validation`` are losses in nats per character."""
    config = language.Config(
        **REMEDIES[remedy](language.Config.layers), warm_up=warm_up, learning_rate=rate, steps=steps
    )
    result = language.run(config, seeds=seeds, progress=False)
    return {"test": result.test, "validation": result.validation}


#: Every remedy in the settings of `norm_placement.SWEEP`, which has post-norm and pre-norm, at three of its
#: five rates. It takes half an hour. The runs of ten steps are there for the test.
SWEEP = Sweep(
    "norm_remedies",
    {
        "remedy": tuple(REMEDIES),
        "warm_up": (0, 100),
        "rate": (0.002, 0.004, 0.008),
        "steps": (10, 300),
    },
    tuple(range(5)),
    measure,
    corner={"remedy": "DeepNorm", "warm_up": 0, "rate": 0.002, "steps": 10},
    tolerances={"test": nats(0.03), "validation": nats(0.03)},
)
