"""Norm after the sum or before the branch: which learning rates train a transformer, and does a warm-up help?

Source:
    Xiong et al., On Layer Normalization in the Transformer Architecture, 2020, arXiv 2002.04745, which trains
    translation models; here small causal language models. For `answer`: Liu et al., Understanding the
    Difficulty of Training Transformers, 2020, arXiv 2004.08249, section 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import nats

__all__ = ["SUCCESS", "SWEEP", "Gradients", "answer", "gradients", "measure", "sensitivity"]

#: A training has succeeded if its test loss ends below this, in nats per character. A table of how often each
#: character occurs reaches 3.24, one that looks at the character before 2.33; this lies halfway.
SUCCESS = 2.79


@dataclass(frozen=True)
class Gradients:
    """Sizes of gradients of the loss in new models, by layer.

    Attributes:
        layers: The depths.
        feed_forward: For each depth the Frobenius norm of the gradient of each layer's second feed-forward
            matrix, first layer first, shape ``(seeds, layers)``.
    """

    layers: tuple[int, ...]
    feed_forward: tuple[NDArray[np.float64], ...]

    @property
    def last(self) -> NDArray[np.float64]:
        """Of the last layer, shape ``(depths, seeds)``."""
        return np.stack([sizes[:, -1] for sizes in self.feed_forward])


def gradients(
    placement: str,
    *,
    norm: str = "layer",
    layers: Sequence[int] = (3, 6, 12, 24),
    seeds: Sequence[int] = range(8),
    texts: int = 8,
) -> Gradients:
    """Measure gradients of new models of several depths on one batch of the text, in double precision.

    Args:
        placement: A name of `models.PLACEMENTS`.
        norm: A name of `models.NORMS`.
        layers: The depths.
        seeds: Of the weights and of the batch.
        texts: In the batch.
    """
    tokens, found = load_text().train, []
    for depth in layers:
        sizes = []
        for seed in seeds:
            config = language.Config(placement=placement, norm=norm, layers=depth)
            model = config.model(seed).double()
            batch = next(language.random_texts(tokens, config.length, texts, seed=seed))
            feed_forward = [layer for layer in model.modules() if isinstance(layer, nn.Sequential)]
            second = [cast(nn.Linear, layer[-1]).weight for layer in feed_forward]
            changes = torch.autograd.grad(language.loss(model, batch), second)
            sizes.append([change.norm().item() for change in changes])
        found.append(np.array(sizes))
    return Gradients(tuple(layers), tuple(found))


@torch.no_grad()
def answer(config: language.Config, seed: int, *, texts: int = 8, step: float = 1e-3) -> float:
    """Measure how much the logits of a new model change when every parameter moves a little at random.

    Adam moves each parameter by about the learning rate, whatever the size of its gradient. Here the moves
    have that size and no direction.

    Args:
        config: Of the model.
        seed: Of the weights, the moves and the batch.
        texts: In the batch.
        step: Standard deviation of the moves, small enough that the change is in proportion to it.

    Returns:
        Root mean square of the change over ``step``, in double precision.
    """
    model = config.model(seed).double()
    batch = next(language.random_texts(load_text().train, config.length, texts, seed=seed))[:, :-1]
    before = model(batch)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        move = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        parameter.add_(step * move)
    return cast(float, (model(batch) - before).square().mean().sqrt().item() / step)


def sensitivity(
    placement: str,
    *,
    layers: Sequence[int] = (3, 6, 12, 24),
    seeds: Sequence[int] = range(8),
    texts: int = 8,
    step: float = 1e-3,
) -> NDArray[np.float64]:
    """Return `answer` of new models of several depths, shape ``(depths, seeds)``.

    Args:
        placement: A name of `models.PLACEMENTS`.
        layers: The depths.
        seeds: As in `answer`.
        texts: As in `answer`.
        step: As in `answer`.
    """
    configs = [language.Config(placement=placement, layers=depth) for depth in layers]
    return np.array([[answer(config, seed, texts=texts, step=step) for seed in seeds] for config in configs])


def measure(
    *, placement: str, warm_up: int, rate: float, steps: int, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Train at one combination, for `SWEEP`; ``test`` and ``validation`` are losses in nats per character."""
    config = language.Config(placement=placement, warm_up=warm_up, learning_rate=rate, steps=steps)
    result = language.run(config, seeds=seeds, progress=False)
    return {"test": result.test, "validation": result.validation}


#: Both places at five rates, with a warm-up of a third of the steps and without. It takes ten minutes.
#: The runs of ten steps are there for the test.
SWEEP = Sweep(
    "norm_placement",
    {
        "placement": ("post", "pre"),
        "warm_up": (0, 100),
        "rate": (0.0005, 0.001, 0.002, 0.004, 0.008),
        "steps": (10, 300),
    },
    tuple(range(5)),
    measure,
    corner={"placement": "pre", "warm_up": 0, "rate": 0.001, "steps": 10},
    tolerances={
        "test": nats(0.03),
        "validation": nats(0.03),
    },
)
