"""Training of stacked networks: each model sees its own batches at its own learning rate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse.data import Dataset, Split, load_digits, load_mnist1d
from normcourse.experiments.engine.stacked import DTYPE, StackedLinear

__all__ = [
    "DATA",
    "OPTIMISERS",
    "Direction",
    "Scores",
    "adam",
    "batch_order",
    "every_pair",
    "momentum",
    "score",
    "scores",
    "sgd",
    "train",
    "train_through",
]

_Model = TypeVar("_Model", bound=nn.Module)

#: The data sets by name.
DATA: Mapping[str, Callable[[], Dataset]] = {"digits": load_digits, "mnist1d": load_mnist1d}

#: Turns the gradients of a step into what, times each model's learning rate, is subtracted. It has a state.
Direction = Callable[[list[Tensor]], list[Tensor]]


def sgd() -> Direction:
    """Plain stochastic gradient descent: the direction is the gradient."""
    return lambda gradients: gradients


def momentum(mu: float = 0.9) -> Direction:
    """SGD with momentum, as ``torch.optim.SGD(momentum=mu)``: a decaying sum of the gradients."""
    sums: list[Tensor] = []

    def direction(gradients: list[Tensor]) -> list[Tensor]:
        if not sums:
            sums.extend(gradient.clone() for gradient in gradients)
        else:
            for total, gradient in zip(sums, gradients, strict=True):
                total.mul_(mu).add_(gradient)
        return sums

    return direction


def adam(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Direction:
    """Return Adam, as ``torch.optim.Adam``: the mean gradient over the root of the mean squared gradient.

    Source:
        Kingma and Ba 2014, arXiv 1412.6980, algorithm 1.
    """
    means: list[Tensor] = []
    squares: list[Tensor] = []
    step = 0

    def direction(gradients: list[Tensor]) -> list[Tensor]:
        nonlocal step
        step += 1
        if not means:
            means.extend(torch.zeros_like(gradient) for gradient in gradients)
            squares.extend(torch.zeros_like(gradient) for gradient in gradients)
        steps = []
        for mean, square, gradient in zip(means, squares, gradients, strict=True):
            mean.lerp_(gradient, 1 - beta1)
            square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            root = (square / (1 - beta2**step)).sqrt_().add_(eps)
            steps.append(mean / (1 - beta1**step) / root)
        return steps

    return direction


#: The optimisers by name. PyTorch's own give all models one learning rate; the tests compare with them.
OPTIMISERS: Mapping[str, Callable[[], Direction]] = {"sgd": sgd, "momentum": momentum, "adam": adam}


def batch_order(examples: int, batch_size: int, steps: int, seeds: Sequence[int]) -> NDArray[np.int64]:
    """Which examples each step sees: a fresh shuffle per epoch, one independent order per seed.

    Returns:
        Indices of shape ``(steps, len(seeds), batch_size)``; equal seeds see equal batches.

    Example:
        >>> order = batch_order(100, 20, steps=5, seeds=[0, 1])
        >>> order.shape, sorted(order[:, 0].ravel()) == list(range(100))
        ((5, 2, 20), True)
    """
    epochs = -(-steps * batch_size // examples)
    orders: dict[int, NDArray[np.int64]] = {}
    for seed in dict.fromkeys(seeds):
        rng = np.random.default_rng(seed)
        shuffles = np.concatenate([rng.permutation(examples) for _ in range(epochs)])
        orders[seed] = shuffles[: steps * batch_size].reshape(steps, batch_size)
    return np.stack([orders[seed] for seed in seeds], axis=1)


def every_pair(first: Sequence[float], seeds: Sequence[int]) -> tuple[list[float], list[int]]:
    """Pair each value (a learning rate, a scale) with each seed: two lists, one entry per model.

    The results of the models, reshaped to ``(len(first), len(seeds))``, have the values as rows.

    Example:
        >>> every_pair([0.1, 1.0], [7, 8])
        ([0.1, 0.1, 1.0, 1.0], [7, 8, 7, 8])
    """
    return [value for value in first for _ in seeds], [seed for _ in first for seed in seeds]


def train(
    model: nn.Module,
    data: Split,
    order: NDArray[np.int64],
    learning_rates: Sequence[float],
    *,
    optimiser: str | Callable[[], Direction] = "sgd",
    progress: str | None = None,
) -> Iterator[int]:
    """Train every model on its own batches at its own learning rate, in place, with cross-entropy.

    Args:
        model: The stacked networks: from ``(models, features, batch)`` to ``(models, classes, batch)``.
            The entries of each parameter lie model by model, as `stacked` has them.
        data: Training examples, ``x`` of shape ``(N, features)``.
        order: Batches as `batch_order` gives them, shape ``(steps, models, batch_size)``.
        learning_rates: One per model.
        optimiser: A name of `OPTIMISERS`, or a function that makes such a one.
        progress: Label of a progress bar; ``None`` shows none.

    Yields:
        After each step, the number of steps done so far. To stop the training, leave the loop.

    Raises:
        ValueError: An unknown optimiser, or another number of learning rates, or of orders of examples, than
            of models.
    """
    if isinstance(optimiser, str):
        if optimiser not in OPTIMISERS:
            raise ValueError(f"optimiser must be one of {', '.join(OPTIMISERS)}, but got {optimiser!r}")
        optimiser = OPTIMISERS[optimiser]
    if len(learning_rates) != order.shape[1]:
        raise ValueError(f"each model needs a learning rate: got {len(learning_rates)} for {order.shape[1]}")
    # A stack of one would be broadcast to all the orders, without an error.
    stacks = {len(layer.weight) for layer in model.modules() if isinstance(layer, StackedLinear)}
    if wrong := stacks - {order.shape[1]}:
        raise ValueError(
            f"each model needs its own order of examples: got order for {order.shape[1]} models, of shape "
            f"{order.shape}, and a stack of {', '.join(map(str, wrong))}"
        )
    x, y = torch.tensor(data.x, dtype=DTYPE), torch.tensor(data.y)
    parameters = list(model.parameters())
    direction = optimiser()
    rates = torch.tensor(learning_rates, dtype=DTYPE)[:, None]
    batches = torch.from_numpy(order)
    for step, index in enumerate(tqdm(batches, desc=progress, disable=progress is None, leave=False), 1):
        model.train()
        # A sum over models: no model's gradient sees another's loss.
        loss = nn.functional.cross_entropy(model(x[index].transpose(1, 2)), y[index], reduction="sum")
        gradients = list(torch.autograd.grad(loss / index.shape[1], parameters))
        with torch.no_grad():
            for parameter, change in zip(parameters, direction(gradients), strict=True):
                by_model = (len(rates), -1)
                parameter.view(by_model).sub_(rates * change.view(by_model))
        yield step


def train_through(
    model: _Model,
    data: Split,
    order: NDArray[np.int64],
    learning_rates: float | Sequence[float],
    *,
    progress: str | None = None,
) -> _Model:
    """Train every model by plain SGD for all its steps, in place, and leave it in inference mode.

    Args:
        model: As `train` takes it.
        data: As `train` takes it.
        order: As `train` takes it.
        learning_rates: One per model, or one for all.
        progress: As `train` takes it.

    Returns:
        The model.
    """
    if isinstance(learning_rates, int | float):
        learning_rates = [learning_rates] * order.shape[1]
    for _ in train(model, data, order, learning_rates, progress=progress):
        pass
    return model.eval()


class Scores(NamedTuple):
    """How well each model does: ``accuracy`` (a fraction) and ``loss`` (nats), both ``(models,)``."""

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]


@torch.no_grad()
def score(logits: Tensor, y: Tensor) -> Scores:
    """Evaluate every model from its logits.

    Args:
        logits: Shape ``(models, classes, N)``.
        y: The right answers, ``(models, N)``, or ``(N,)`` for all models alike.

    Example:
        >>> score(torch.eye(3)[None], torch.tensor([0, 1, 1])).accuracy.round(3)
        array([0.667])
    """
    y = y.expand(len(logits), -1)
    accuracy = (logits.argmax(dim=1) == y).to(DTYPE).mean(dim=1)
    loss = nn.functional.cross_entropy(logits, y, reduction="none").mean(dim=1)
    return Scores(accuracy.numpy(), loss.numpy())


@torch.no_grad()
def scores(model: nn.Module, data: Split, *, models: int) -> Scores:
    """Evaluate every model on the same examples, in the mode (training or inference) that the network is in.

    In training mode the whole of ``data`` is one batch, and the running statistics move.

    Args:
        model: The stacked networks.
        data: Examples, ``x`` of shape ``(N, features)``.
        models: Their number.
    """
    x = torch.tensor(data.x, dtype=DTYPE)
    return score(model(x.T.expand(models, -1, -1)), torch.tensor(data.y))
