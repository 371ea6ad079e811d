"""Many small networks trained as one: the seeds (and learning rates) of an experiment side by side.

A loop over separate modules spends its time on the overhead of small operations. Here every tensor has
a leading axis of ``models``, and the batch comes last, so that BatchNorm can treat models and features
together as its channels: ``(models, features, batch) -> (1, models * features, batch)``.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse import functional
from normcourse.data import Split

__all__ = ["StackedMLP", "batch_order", "train"]

# Double precision: where training is smooth, rounding does not grow to a digit that the course prints, and
# most runs give the same numbers on every CPU (docs/adr/0002-double-precision-experiments.md).
DTYPE = torch.float64


class StackedMLP(nn.Module):
    """Fully connected sigmoid networks, one per entry of ``seeds``, with or without BatchNorm.

    Each layer but the last computes ``sigmoid(norm(W x) + beta)``; ``norm`` is BatchNorm before the
    sigmoid, or nothing. A model's weights depend on its seed and on the sizes only: with and without
    BatchNorm, and in whatever company, a seed starts from the same weights.

    Args:
        sizes: Features of the input, of each hidden layer, and the number of classes.
        seeds: One integer per model; equal seeds give equal models.
        batch_norm: Whether to normalize the input of every sigmoid.
        init_std: Standard deviation of the Gaussian that the weights are drawn from.

    Example:
        >>> model = StackedMLP((64, 100, 10), seeds=[0, 1], batch_norm=True, init_std=0.1)
        >>> logits, sigmoid_inputs = model(torch.rand(2, 64, 30, dtype=torch.float64))
        >>> tuple(logits.shape), [tuple(z.shape) for z in sigmoid_inputs]
        ((2, 10, 30), [(2, 100, 30)])
    """

    def __init__(
        self, sizes: Sequence[int], *, seeds: Sequence[int], batch_norm: bool, init_std: float
    ) -> None:
        super().__init__()
        self.models = models = len(seeds)
        hidden = sizes[1:-1]
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        self.weight = nn.ParameterList(
            init_std * torch.stack([torch.randn(out, inp, generator=g, dtype=DTYPE) for g in generators])
            for inp, out in pairwise(sizes)
        )
        self.beta = nn.ParameterList(torch.zeros(models, size, 1, dtype=DTYPE) for size in sizes[1:])
        self.gamma = nn.ParameterList(
            torch.ones(models, size, 1, dtype=DTYPE) for size in (hidden if batch_norm else ())
        )
        for layer, size in enumerate(hidden if batch_norm else ()):
            self.register_buffer(f"running_mean_{layer}", torch.zeros(models * size, dtype=DTYPE))
            self.register_buffer(f"running_var_{layer}", torch.ones(models * size, dtype=DTYPE))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map ``(models, features, batch)`` to the logits and the input of every sigmoid.

        Returns:
            Logits of shape ``(models, classes, batch)``, and a list with one tensor of shape
            ``(models, hidden, batch)`` per hidden layer.
        """
        sigmoid_inputs: list[Tensor] = []
        *hidden, last = range(len(self.weight))
        for layer in hidden:
            z = self.weight[layer] @ x
            z = self._batch_norm(layer, z) if len(self.gamma) else z + self.beta[layer]
            sigmoid_inputs.append(z)
            x = torch.sigmoid(z)
        return self.weight[last] @ x + self.beta[last], sigmoid_inputs

    def _batch_norm(self, layer: int, z: Tensor) -> Tensor:
        models, features, batch = z.shape
        normalized = functional.batch_norm(
            z.reshape(1, models * features, batch),
            getattr(self, f"running_mean_{layer}"),
            getattr(self, f"running_var_{layer}"),
            self.gamma[layer].flatten(),
            self.beta[layer].flatten(),
            training=self.training,
        )
        return normalized.view(models, features, batch)


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
    orders = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        shuffles = np.concatenate([rng.permutation(examples) for _ in range(epochs)])
        orders.append(shuffles[: steps * batch_size].reshape(steps, batch_size))
    return np.stack(orders, axis=1)


def train(
    model: StackedMLP,
    data: Split,
    order: NDArray[np.int64],
    learning_rates: Sequence[float],
    *,
    progress: str | None = None,
) -> Iterator[int]:
    """Train every model by plain SGD on its own batches at its own learning rate, in place.

    Args:
        model: The stacked networks.
        data: Training examples, ``x`` of shape ``(N, features)``.
        order: Batches as `batch_order` gives them, shape ``(steps, models, batch_size)``.
        learning_rates: One per model.
        progress: Label of a progress bar; ``None`` shows none.

    Yields:
        After each step, the number of steps done so far. To stop the training, leave the loop.
    """
    x, y = torch.from_numpy(data.x).to(DTYPE), torch.from_numpy(data.y)
    parameters = list(model.parameters())
    rates = torch.tensor(learning_rates, dtype=DTYPE)[:, None, None]
    batches = torch.from_numpy(order)
    for step, index in enumerate(tqdm(batches, desc=progress, disable=progress is None, leave=False), 1):
        model.train()
        logits, _ = model(x[index].transpose(1, 2))
        # A sum over models: no model's gradient sees another's loss.
        loss = nn.functional.cross_entropy(logits, y[index], reduction="sum") / index.shape[1]
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(rates * gradient)
        yield step
