"""Why does a deep plain network not learn, and what does BatchNorm change in it?

Source:
    Glorot and Bengio 2010, AISTATS, for activations and gradients by layer at the start and in training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from normcourse import probes
from normcourse.data import Split, load_digits
from normcourse.experiments.engine.stacked import ACTIVATIONS, DTYPE

__all__ = ["Config", "Layers", "Result", "look", "network", "run"]


@dataclass(frozen=True)
class Config:
    """Settings of a network on the scanned digits, and of its training by plain SGD.

    Attributes:
        layers: Hidden layers.
        norm: ``"none"``, or ``"batch"`` for BatchNorm after each hidden layer's linear map.
        activation: ``"tanh"``, ``"relu"`` or ``"sigmoid"``.
        gain: None leaves the first weights as ``nn.Linear`` makes them; a number draws them by Glorot and
            Bengio's rule times that gain, and sets the biases to zero.
        width: Units of each hidden layer.
        learning_rate: Of all parameters.
        batch_size: Examples per step, drawn with replacement.
        steps: Training steps; with 0, start and end are the same.
        examples: How many training examples are looked at, as one batch.
    """

    layers: int = 8
    norm: str = "none"
    activation: str = "tanh"
    gain: float | None = None
    width: int = 64
    learning_rate: float = 0.1
    batch_size: int = 60
    steps: int = 300
    examples: int = 500


@dataclass(frozen=True)
class Layers:
    """What a network's hidden layers do with one batch; every array has an entry for each hidden layer.

    Attributes:
        outputs: What each unit hands on for each example, shape ``(layers, examples, units)``.
        spread: Standard deviation of a unit's outputs over the examples, mean over the units, shape
            ``(..., layers)``.
        returning: Length of the loss's gradient by the layer's outputs, shape ``(..., layers)``.
        weights: Length of the loss's gradient by the layer's weights, shape ``(..., layers)``.
    """

    outputs: NDArray[np.float64]
    spread: NDArray[np.float64]
    returning: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """One network for each seed.

    Attributes:
        config: The settings.
        start: The layers before the first step; ``outputs`` are the first seed's, all else has a leading axis
            of seeds.
        end: The same after the last step.
        loss: Cross-entropy of each step's batch, nats, shape ``(seeds, steps)``.
        accuracy: On the test split after the last step, in inference mode, a fraction, shape ``(seeds,)``.
    """

    config: Config
    start: Layers
    end: Layers
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    def first(self, *, trained: bool = False) -> Layers:
        """The first seed's layers alone, before the first step or after the last."""
        look = self.end if trained else self.start
        return Layers(look.outputs, look.spread[0], look.returning[0], look.weights[0])


def network(config: Config) -> nn.Sequential:
    """Build one network, with the next weights of torch's random generator.

    Raises:
        ValueError: An unknown norm or activation, or no hidden layer.

    Example:
        >>> list(map(type, network(Config(layers=1, norm="batch"))))  # doctest: +NORMALIZE_WHITESPACE
        [<class 'torch.nn.modules.linear.Linear'>, <class 'torch.nn.modules.batchnorm.BatchNorm1d'>,
         <class 'torch.nn.modules.activation.Tanh'>, <class 'torch.nn.modules.linear.Linear'>]
    """
    if config.norm not in ("none", "batch"):
        raise ValueError(f'norm must be "none" or "batch", but got {config.norm!r}')
    if config.activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, but got {config.activation!r}")
    if config.layers < 1:
        raise ValueError(f"the network needs at least one hidden layer, but got layers={config.layers}")
    parts: list[nn.Module] = []
    inputs = 64
    for _ in range(config.layers):
        norm = [nn.BatchNorm1d(config.width)] if config.norm == "batch" else []
        parts += [nn.Linear(inputs, config.width), *norm, ACTIVATIONS[config.activation]()]
        inputs = config.width
    model = nn.Sequential(*parts, nn.Linear(inputs, 10))
    if config.gain is not None:
        for part in model:
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight, config.gain)
                nn.init.zeros_(part.bias)
    # Drawn in single precision, as a reader's own network is, and trained in double.
    return model.to(DTYPE)


def look(model: nn.Sequential, x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> Layers:
    """Run one batch through a network in training mode, and see what passes each hidden layer both ways.

    The network stays as it was. A layer is hidden if an activation ends it.

    Args:
        model: A chain of linear maps, norms and activations: hidden layers of one width, then a linear map.
        x: Examples.
        y: Their classes.

    Raises:
        ValueError: The hidden layers differ in width, or an activation ends the chain.
    """
    widths = {part.out_features for part in list(model)[:-1] if isinstance(part, nn.Linear)}
    if len(widths) != 1 or not isinstance(model[-1], nn.Linear):
        raise ValueError(
            "look needs hidden layers of one width and a linear map at the end; got widths "
            f"{sorted(widths)} and {type(model[-1]).__name__}"
        )
    parameter = next(model.parameters())
    h, labels = torch.as_tensor(x).to(parameter), torch.as_tensor(y)
    outputs: list[Tensor] = []
    weights = [part.weight for part in model if isinstance(part, nn.Linear)][:-1]
    with probes.undisturbed(model), torch.enable_grad():
        model.train()
        for part in model:
            h = part(h)
            if isinstance(part, tuple(ACTIVATIONS.values())):
                outputs.append(h)
        gradients = torch.autograd.grad(cross_entropy(h, labels), [*outputs, *weights])
    lengths = torch.stack([gradient.norm() for gradient in gradients]).double().numpy()
    seen = torch.stack(outputs).detach().double().numpy()
    return Layers(seen, seen.std(axis=1).mean(axis=1), lengths[: len(outputs)], lengths[len(outputs) :])


def run(config: Config = Config(), *, seeds: Sequence[int] = range(3)) -> Result:
    """Train the network, and look at its layers before and after.

    A seed's first weights and batches are those that ``torch.manual_seed`` gives a loop that builds the
    network and then draws each batch by ``torch.randint``.

    Args:
        config: The settings.
        seeds: At least one.

    Returns:
        What was seen; a run of 300 steps takes about a second for each seed.

    Raises:
        ValueError: As `network`.
    """
    digits = load_digits()
    found = [_run_one(config, seed, digits.train, digits.test) for seed in seeds]
    starts, ends, losses, accuracies = zip(*found, strict=True)
    return Result(config, _together(starts), _together(ends), np.array(losses), np.array(accuracies))


def _run_one(
    config: Config, seed: int, train: Split, test: Split
) -> tuple[Layers, Layers, list[float], float]:
    x, y = torch.tensor(train.x, dtype=DTYPE), torch.tensor(train.y)
    fixed = x[: config.examples], y[: config.examples]
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network(config)
        start = look(model, *fixed)
        parameters = list(model.parameters())
        for _ in range(config.steps):
            pick = torch.randint(len(x), (config.batch_size,))
            loss = cross_entropy(model(x[pick]), y[pick])
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(gradient, alpha=config.learning_rate)
            losses.append(loss.item())
    with torch.no_grad():
        answers = model.eval()(torch.tensor(test.x, dtype=DTYPE)).argmax(dim=1).numpy()
    return start, look(model, *fixed), losses, float((answers == test.y).mean())


def _together(looks: Sequence[Layers]) -> Layers:
    """The first seed's outputs, and all seeds' numbers."""
    numbers = [(look.spread, look.returning, look.weights) for look in looks]
    return Layers(looks[0].outputs, *map(np.stack, zip(*numbers, strict=True)))
