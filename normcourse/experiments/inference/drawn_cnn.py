"""A small convolutional network with BatchNorm that reads drawn digits: what chapter 3 takes apart.

Seeds train one after the other: as groups of one convolution they take longer
(docs/adr/0009-chapters-3-and-4.md).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse.data import Split, load_drawn_digits
from normcourse.experiments.engine.stacked import DTYPE
from normcourse.experiments.engine.training import batch_order

__all__ = ["SIDE", "Config", "accuracy", "network", "tensors", "train", "trained"]

#: Pixels of a side of the drawn digits.
SIDE = 16


def network(seed: int, *, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> nn.Sequential:
    """Return three 3 x 3 convolutions, each followed by a norm and ReLU, a mean over space and a linear head.

    They have 8, 16 and 32 channels; the second and the third halve each side. In double precision.

    Args:
        seed: Of the weights (He's), which are the same for every norm.
        norm: Makes the norm of so many channels, for ``(N, C, H, W)``.

    Returns:
        A network from images ``(N, 256)`` to logits ``(N, 10)``, in training mode.

    Source:
        He et al. 2015, arXiv 1502.01852, for the initial weights.

    Example:
        >>> tuple(network(0)(torch.rand(30, 256, dtype=torch.float64)).shape)
        (30, 10)
    """
    layers: list[nn.Module] = [nn.Unflatten(1, (1, SIDE, SIDE))]
    for inp, out, stride in ((1, 8, 1), (8, 16, 2), (16, 32, 2)):
        layers += [nn.Conv2d(inp, out, 3, stride, padding=1, bias=False), norm(out), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)).to(DTYPE)
    generator = torch.Generator().manual_seed(seed)
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model


@dataclass(frozen=True)
class Config:
    """Settings of a training by SGD with momentum 0.9.

    Attributes:
        learning_rate: Of the first step.
        batch_size: Examples per step.
        steps: Training steps.
        decay: Whether the rate falls evenly towards 0; else it stays.
    """

    learning_rate: float = 0.1
    batch_size: int = 32
    steps: int = 600
    decay: bool = True


def tensors(data: Split) -> tuple[Tensor, Tensor]:
    """Return a split's inputs ``(N, 256)`` in double precision and its labels ``(N,)``."""
    return torch.tensor(data.x, dtype=DTYPE), torch.tensor(data.y)


def train(
    model: nn.Module, data: Split, config: Config = Config(), *, seed: int = 0, progress: str | None = None
) -> Iterator[int]:
    """Train a network in place with cross-entropy, in the mode that it is in.

    Parameters that need no gradient stay as they are.

    Args:
        model: From images ``(N, 256)`` to logits.
        data: Training examples.
        config: The settings.
        seed: Of the order of the examples.
        progress: Label of a progress bar; ``None`` shows none.

    Yields:
        After each step, the number of steps done so far. To stop the training, leave the loop.
    """
    x, y = tensors(data)
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(free, lr=config.learning_rate, momentum=0.9)
    order = torch.from_numpy(batch_order(len(y), config.batch_size, config.steps, [seed])[:, 0])
    for step, index in enumerate(tqdm(order, desc=progress, disable=progress is None, leave=False), 1):
        if config.decay:
            optimiser.param_groups[0]["lr"] = config.learning_rate * (1 - (step - 1) / config.steps)
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[index]), y[index]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield step


def trained(
    config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True
) -> list[nn.Sequential]:
    """Train a new network on the drawn digits for each seed.

    Args:
        config: The settings.
        seeds: Of the weights and of the order of the examples.
        progress: Whether to show a progress bar.

    Returns:
        The networks, in inference mode.
    """
    data, models = load_drawn_digits().train, []
    for seed in tqdm(seeds, desc="networks", disable=not progress, leave=False):
        model = network(seed)
        for _ in train(model, data, config, seed=seed):
            pass
        models.append(model.eval())
    return models


@torch.no_grad()
def accuracy(model: nn.Module, data: Split) -> float:
    """Return the share of right answers to all examples at once, in the mode that the network is in."""
    x, y = tensors(data)
    return float((model(x).argmax(dim=1) == y).double().mean())
