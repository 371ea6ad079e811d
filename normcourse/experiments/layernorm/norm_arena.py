"""One small transformer with different norms before its branches, over learning rates.

Source:
    Zhang and Sennrich 2019, arXiv 1910.07467 (RMSNorm); Dehghani et al. 2023, arXiv 2302.05442 (norms on
    queries and keys, there LayerNorm, here RMSNorm); Zhu et al. 2025, arXiv 2503.10622 (dynamic tanh).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.engine.search import recorded_rate
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import nats, relative
from normcourse.models import CausalTransformer
from normcourse.probes import watch

__all__ = ["ARMS", "REPORT", "SEARCH", "SWEEP", "attention_logit", "chosen_rate", "measure"]

#: Seeds that choose the learning rate, and seeds to report on.
SEARCH, REPORT = (100, 101), tuple(range(5))

#: The competitors, as settings of `language.Config`. All stand before the branches.
ARMS: Mapping[str, Mapping[str, Any]] = {
    "LayerNorm": {"norm": "layer"},
    "RMSNorm": {"norm": "rms"},
    "LayerNorm, QK-norm": {"norm": "layer", "qk_norm": True},
    "BatchNorm": {"norm": "batch"},
    "DyT": {"norm": "dyt"},
    "none": {"norm": "none"},
}


@torch.no_grad()
def attention_logit(model: CausalTransformer, texts: Tensor) -> float:
    """Return the largest size of an attention logit that any head computes; infinite if one is no number.

    Args:
        model: In the mode that it is in.
        texts: Tokens ``(B, T)``.
    """
    names = [name for name, _ in model.named_modules() if name.endswith(("query_norm", "key_norm"))]
    with watch(model, names) as seen:
        model(texts)
    outputs = [torch.from_numpy(array) for [array] in seen.values()]
    sizes = [
        (query @ key.mT / key.shape[-1] ** 0.5).tril().abs().max()
        for query, key in zip(outputs[::2], outputs[1::2], strict=True)
    ]
    return float(torch.stack(sizes).nan_to_num(torch.inf).max())


def measure(*, arm: str, rate: float, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Train one competitor at one rate, for `SWEEP`.

    Returns:
        ``test`` and ``validation``, losses in nats per character, and ``attention``, the largest attention
        logit on some test texts after the training; shape ``(seeds,)`` each.
    """
    config = language.Config(**ARMS[arm], learning_rate=rate, steps=steps, width=32)
    result = language.run(config, seeds=seeds, progress=False)
    texts = language.some_texts(load_text().test, config.length, 32)[:, :-1]
    attention = np.array([attention_logit(model, texts) for model in result.models])
    return {"test": result.test, "validation": result.validation, "attention": attention}


#: Every competitor at five rates. It takes a quarter of an hour; runs of ten steps are there for the test.
SWEEP = Sweep(
    "norm_arena",
    {"arm": tuple(ARMS), "rate": (0.001, 0.003, 0.01, 0.03, 0.1), "steps": (10, 300)},
    SEARCH + REPORT,
    measure,
    corner={"arm": "LayerNorm", "rate": 0.001, "steps": 10},
    tolerances={
        "test": nats(0.03),
        "validation": nats(0.03),
        "attention": relative(0.03),
    },
)


def chosen_rate(record: Record, arm: str, *, steps: int = 300) -> float:
    """Return the rate at which the search seeds have the lowest mean validation loss.

    Args:
        record: Of `SWEEP`.
        arm: A name of `ARMS`.
        steps: Of the trainings.
    """
    return recorded_rate(record, SEARCH, lowest=True, arm=arm, steps=steps)
