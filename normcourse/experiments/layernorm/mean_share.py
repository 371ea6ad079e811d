"""How much of an activation is its mean: what LayerNorm takes out, and RMSNorm leaves in.

Source:
    Zhang and Sennrich 2019, arXiv 1910.07467, who drop the mean; Jiang et al. 2023, arXiv 2305.14858, who
    move it into the weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse import functional
from normcourse.data import load_digits, load_text
from normcourse.experiments.engine import language
from normcourse.experiments.engine.stacked import StackedMLP, StackedNorm
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import nats, relative
from normcourse.experiments.engine.training import batch_order, scores, train_through
from normcourse.models import CausalTransformer
from normcourse.nn import LayerNorm, RMSNorm
from normcourse.probes import watch

__all__ = ["SWEEP", "Config", "Result", "mean_share", "measure", "other_norm", "run"]


def mean_share(x: Tensor, dim: int = -1) -> Tensor:
    r"""Return the share of a vector's squared length that lies along the vector of ones.

    .. math:: \frac{\mu^2}{\mu^2 + \sigma^2}

    It is the squared cosine between the two. A vector that points anywhere has 1/F on average.

    Args:
        x: Vectors along one axis.
        dim: That axis, of F features.

    Example:
        >>> mean_share(torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, 0.0, 0.0]]))
        tensor([1.0000, 0.0000, 0.3333])
    """
    return x.mean(dim).square() / x.square().mean(dim)


@dataclass(frozen=True)
class Config:
    """Settings of a small network with LayerNorm.

    Attributes:
        activation: A name of `stacked.ACTIVATIONS`.
        placement: Whether the norm stands ``"before"`` or ``"after"`` the activation.
        hidden: Units of each hidden layer.
        gain: Standard deviation of the initial weights times the root of a layer's inputs.
        learning_rate: Of plain SGD.
        batch_size: Digits per step.
        steps: Of training.
    """

    activation: str = "relu"
    placement: str = "after"
    hidden: tuple[int, ...] = (100, 100, 100)
    gain: float = 2**0.5
    learning_rate: float = 0.1
    batch_size: int = 32
    steps: int = 600


@dataclass(frozen=True)
class Result:
    """Mean over the test digits of `mean_share` of what each norm gets, shape ``(seeds, norms)``.

    ``start`` is that of new networks, ``end`` of trained ones. ``accuracy`` is that of the trained ones on
    the test digits, a fraction, shape ``(seeds,)``.
    """

    config: Config
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Train networks with LayerNorm on the digits, and measure what their norms get.

    Args:
        config: The settings.
        seeds: Of the weights and of the batches.
        progress: Whether to show a progress bar.
    """
    data = load_digits()
    network = StackedMLP(
        (data.train.x.shape[1], *config.hidden, 10),
        seeds=seeds,
        norm="layer",
        activation=config.activation,
        gain=config.gain,
        placement=config.placement,
    )

    def look() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        with watch(network, StackedNorm, what="input") as seen:
            accuracy = scores(network.eval(), data.test, models=len(seeds)).accuracy
        # Each of shape (models, features, batch).
        shares = [mean_share(x, dim=1).mean(dim=1).numpy() for x in _tensors(seen)]
        return np.stack(shares, axis=1), accuracy

    start, _ = look()
    order = batch_order(len(data.train.y), config.batch_size, config.steps, seeds)
    label = f"{config.activation}, norm {config.placement}" if progress else None
    train_through(network, data.train, order, config.learning_rate, progress=label)
    end, accuracy = look()
    return Result(config, start, end, accuracy)


def _tensors(seen: Mapping[str, list[NDArray[Any]]]) -> list[Tensor]:
    """What each norm got in the one call that `watch` saw."""
    return [torch.from_numpy(array) for [array] in seen.values()]


@torch.no_grad()
def other_norm(model: CausalTransformer, texts: Tensor) -> float:
    """Return a model's loss when its layer norms do not subtract the mean, or its RMS norms do, in nats.

    Nothing is trained again: gamma, beta and all other weights stay.

    Args:
        model: With LayerNorm or RMSNorm, in inference mode; left as it was.
        texts: Tokens ``(B, T + 1)``.
    """

    def swap(norm: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> Tensor:
        assert isinstance(norm, LayerNorm | RMSNorm)
        if isinstance(norm, RMSNorm):
            return functional.layer_norm(args[0], norm.normalized_shape, norm.weight, None, norm.eps or 0.0)
        uncentred = functional.rms_norm(args[0], norm.normalized_shape, norm.weight, norm.eps)
        return uncentred if norm.bias is None else uncentred + norm.bias

    norms = [module for module in model.modules() if isinstance(module, LayerNorm | RMSNorm)]
    hooks = [norm.register_forward_hook(swap) for norm in norms]
    try:
        return language.loss(model, texts).item()
    finally:
        for hook in hooks:
            hook.remove()


def measure(*, norm: str, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Train pre-norm transformers and measure what their norms get on test texts, for `SWEEP`.

    Returns:
        Shape ``(seeds, norms)``, in the order of the stream: ``share``, the mean over characters of
        `mean_share`, and ``size``, the root mean square. Shape ``(seeds,)``: the ``test`` loss, and
        ``swapped``, that of `other_norm`.
    """
    result = language.run(language.Config(norm=norm, steps=steps), seeds=seeds, progress=False)
    texts = language.some_texts(load_text().test, result.config.length)
    shares, sizes, swapped = [], [], []
    for model in result.models:
        with torch.no_grad(), watch(model, (LayerNorm, RMSNorm), what="input") as seen:
            model(texts[:, :-1])
        inputs = _tensors(seen)
        shares.append([mean_share(x).mean().item() for x in inputs])
        sizes.append([x.square().mean().sqrt().item() for x in inputs])
        swapped.append(other_norm(model, texts))
    return {
        "share": np.array(shares),
        "size": np.array(sizes),
        "test": result.test,
        "swapped": np.array(swapped),
    }


#: Both norms, new and trained for two lengths of time, at the learning rate .003. It takes five minutes.
SWEEP = Sweep(
    "mean_share",
    {"norm": ("layer", "rms"), "steps": (0, 100, 600)},
    tuple(range(5)),
    measure,
    corner={"norm": "rms", "steps": 0},
    tolerances={
        "share": relative(1e-3),
        "size": relative(1e-3),
        "test": nats(0.01),
        "swapped": nats(0.01),
    },
)
