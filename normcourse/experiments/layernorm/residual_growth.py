"""How does a residual stream grow with depth, with LayerNorm before each branch, after it, or not at all?

Source:
    Xiong et al., On Layer Normalization in the Transformer Architecture, 2020, arXiv 2002.04745, section 3;
    at initialisation, with a two-layer ReLU branch in the place of attention and feed-forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse import functional

__all__ = ["PLACES", "Config", "Result", "run"]

#: The places of the norm, which are before the branch, after the sum, and none.
PLACES = ("pre-norm", "post-norm", "no norm")


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        gain: Factor on the branch's initial weights: at 1 a branch hands on the size of its input.
        layers: Residual branches in a row.
        width: Features of the stream.
        examples: Inputs that sizes are measured over.
    """

    gain: float = 1.0
    layers: int = 48
    width: int = 64
    examples: int = 32


@dataclass(frozen=True)
class Result:
    """Root mean squares over examples and features, for each place of the norm.

    Attributes:
        config: The settings.
        stream: Size of the stream at the input and after each layer, shape ``(places, seeds, layers + 1)``.
        branch: Size of what each layer adds, relative to the stream that it adds to, shape
            ``(places, seeds, layers)``.
    """

    config: Config
    stream: NDArray[np.float64]
    branch: NDArray[np.float64]


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8)) -> Result:
    """Send random inputs through random branches, all seeds at once and the same for each place."""
    rng = [np.random.default_rng(seed) for seed in seeds]

    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(np.stack([generator.normal(size=shape) for generator in rng]))

    start = normal(config.examples, config.width)
    weights = [normal(2, config.width, config.width) / config.width**0.5 for _ in range(config.layers)]
    walks = [_walk(config, place, start, weights) for place in PLACES]
    return Result(config, np.array([sizes for sizes, _ in walks]), np.array([added for _, added in walks]))


def _walk(
    config: Config, place: str, stream: torch.Tensor, weights: Sequence[torch.Tensor]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the stream's sizes, ``(seeds, layers + 1)``, and what each layer adds, ``(seeds, layers)``."""
    sizes, added = [_size(stream)], []
    for first, second in (pair.unbind(dim=1) for pair in weights):
        inside = functional.layer_norm(stream, (config.width,)) if place == "pre-norm" else stream
        # A ReLU halves the mean square: the root of 2 gives it back.
        branch = config.gain * 2**0.5 * torch.relu(inside @ first) @ second
        added.append(_size(branch) / _size(stream))
        stream = stream + branch
        if place == "post-norm":
            stream = functional.layer_norm(stream, (config.width,))
        sizes.append(_size(stream))
    return np.stack(sizes, axis=1), np.stack(added, axis=1)


def _size(values: torch.Tensor) -> NDArray[np.float64]:
    return values.square().mean(dim=(1, 2)).sqrt().numpy()
