"""Why BatchNorm after a convolution pools space: statistics for each channel against each position.

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.2: all positions of a feature map are normalized
    alike, so that the layer keeps the property of the convolution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.data import Split, load_digits
from normcourse.experiments.engine.stacked import DTYPE, StackedLinear, StackedNorm
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import batch_order, scores, train_through

__all__ = [
    "NEIGHBOURS",
    "POOLS",
    "REPORT",
    "SEARCH",
    "SIDE",
    "SWEEP",
    "Config",
    "Noise",
    "Result",
    "StackedCNN",
    "measure",
    "noise",
    "run",
    "shifted",
]

#: Pixels of a side of the digits.
SIDE = 8

#: What one mean and one variance are taken over, the batch and all positions or the batch at one position.
POOLS = ("batch and space", "batch")

#: Seeds that choose the learning rate, and seeds to report on.
SEARCH, REPORT = (100, 101), tuple(range(8))


def _neighbours() -> Tensor:
    rows, columns = np.divmod(np.arange(SIDE**2), SIDE)
    around = [
        (rows + down) % SIDE * SIDE + (columns + right) % SIDE for down in (-1, 0, 1) for right in (-1, 0, 1)
    ]
    return torch.from_numpy(np.stack(around))


#: The nine positions around each position of an image whose edges are joined, shape ``(9, 64)``.
NEIGHBOURS = _neighbours()


class StackedCNN(nn.Module):
    """Two circular 3 x 3 convolutions with ReLU, a mean over space, and a linear head.

    Circular means that a filter that leaves the image on one side enters it on the other: then a shift of the
    image is an exact symmetry of the convolution. A convolution is written as what it is, a linear map of the
    nine neighbours, the same at every position: positions lie beside the batch, as further examples.

    Args:
        seeds: One integer per model. A seed starts from the same weights (He's) whatever the pool.
        pool: One of `POOLS`; the norm stands before each ReLU.
        channels: Of the two convolutions.
        classes: Their number.

    Raises:
        ValueError: An unknown pool.

    Example:
        >>> network = StackedCNN([0, 1], pool="batch")
        >>> tuple(network(torch.rand(2, 64, 30, dtype=torch.float64)).shape)
        (2, 10, 30)
    """

    def __init__(
        self, seeds: Sequence[int], *, pool: str, channels: tuple[int, int] = (8, 16), classes: int = 10
    ) -> None:
        super().__init__()
        if pool not in POOLS:
            raise ValueError(f"pool must be one of {', '.join(POOLS)}, but got {pool!r}")
        self.pool = pool
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

        def linear(inp: int, out: int, *, bias: bool = False) -> StackedLinear:
            normal = torch.stack([torch.randn(out, inp, generator=g, dtype=DTYPE) for g in generators])
            return StackedLinear(normal * (2 / inp) ** 0.5, bias=bias)

        first, second = channels
        self.filters = nn.ModuleList([linear(9, first), linear(9 * first, second)])
        features = SIDE**2 if pool == "batch" else 1
        self.norm = nn.ModuleList(
            StackedNorm(len(seeds), count * features, lambda m, f: nn.BatchNorm1d(m * f))
            for count in channels
        )
        self.head = linear(second, classes, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map images as ``(models, 64, batch)`` to logits of shape ``(models, classes, batch)``."""
        models, positions, batch = x.shape
        maps = x[:, None]
        for filters, norm in zip(self.filters, self.norm, strict=True):
            near = maps[:, :, NEIGHBOURS].reshape(models, -1, positions * batch)
            out = filters(near)
            if self.pool == "batch":  # positions are further features
                out = out.view(models, -1, batch)
            maps = torch.relu(norm(out)).view(models, -1, positions, batch)
        logits: Tensor = self.head(maps.mean(dim=2))
        return logits


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        pool: One of `POOLS`.
        batch_size: Examples per step.
        learning_rate: As it is at batches of 32. A batch of B gets the share B / 32.
        examples: How many examples a network sees in all, so that small batches make more steps.
    """

    pool: str = "batch and space"
    batch_size: int = 32
    learning_rate: float = 1.0
    examples: int = 9600


@dataclass(frozen=True)
class Result:
    """Accuracies in inference mode, fractions of shape ``(seeds,)``.

    Attributes:
        config: The settings.
        validation: On the validation split.
        test: On the test split.
        shifted: On the test images, each shifted around the edges.
    """

    config: Config
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    shifted: NDArray[np.float64]


def shifted(data: Split, *, seed: int = 0) -> Split:
    """Shift each image by a number of pixels of its own, 0 to 7 in each direction, around the edges."""
    rng = np.random.default_rng(seed)
    images = data.x.reshape(-1, SIDE, SIDE)
    steps = rng.integers(SIDE, size=(len(images), 2))
    moved = [np.roll(image, step, axis=(0, 1)) for image, step in zip(images, steps, strict=True)]
    return Split(np.stack(moved).reshape(data.x.shape), data.y)


def run(config: Config = Config(), *, seeds: Sequence[int] = REPORT, progress: bool = True) -> Result:
    """Train on the digits as they are; test on them as they are, and shifted.

    Args:
        config: The settings.
        seeds: One network each, all trained at once.
        progress: Whether to show a progress bar.
    """
    digits, network = load_digits(), StackedCNN(seeds, pool=config.pool)
    steps = config.examples // config.batch_size
    order = batch_order(len(digits.train.y), config.batch_size, steps, seeds)
    rate = config.learning_rate * config.batch_size / 32
    label = f"{config.pool}, batches of {config.batch_size}" if progress else None
    train_through(network, digits.train, order, rate, progress=label)
    validation, test, moved = (
        scores(network, split, models=len(seeds)).accuracy
        for split in (digits.validation, digits.test, shifted(digits.test))
    )
    return Result(config, validation, test, moved)


@dataclass(frozen=True)
class Noise:
    """Spread of a batch's mean over many batches.

    Attributes:
        batch_sizes: Shape ``(sizes,)``.
        position: Of the mean at one position, in standard deviations of the values there, root mean square
            over positions and filters, ``(sizes,)``.
        pooled: Of the mean over all positions, in standard deviations of all these values, root mean square
            over filters, ``(sizes,)``.
        times: How many times smaller the second is than the first if both are measured in the numbers of the
            maps, ``(sizes,)``.
    """

    batch_sizes: NDArray[np.int64]
    position: NDArray[np.float64]
    pooled: NDArray[np.float64]
    times: NDArray[np.float64]


@torch.no_grad()
def noise(
    batch_sizes: Sequence[int] = (2, 4, 8, 16, 32, 64),
    *,
    filters: int = 16,
    batches: int = 500,
    seed: int = 0,
) -> Noise:
    """Measure how noisy the batch means of random filters' maps of the digits are, over random batches.

    Args:
        batch_sizes: Each at least 1; examples are drawn with replacement.
        filters: How many 3 x 3 filters.
        batches: How many batches of each size.
        seed: Of the filters and the draws.
    """
    rng = np.random.default_rng(seed)
    near = torch.tensor(load_digits().train.x, dtype=DTYPE)[:, NEIGHBOURS]
    maps = torch.from_numpy(rng.normal(size=(filters, 9))) @ near
    positions, overall = maps.std(dim=0), maps.std(dim=(0, 2))
    spreads = []
    for size in batch_sizes:
        drawn = torch.from_numpy(rng.integers(len(maps), size=(batches, size)))
        means = torch.stack([maps[index].mean(dim=0) for index in drawn])
        # A position whose pixel never varies has no noise to speak of.
        alone, together = means.std(dim=0), means.mean(dim=2).std(dim=0)
        relative = ((alone / positions)[positions > 0], together / overall)
        squares = [found.square().mean() for found in (*relative, alone, together)]
        spreads.append([float(square.sqrt()) for square in squares])
    position, pooled, alone_in_maps, together_in_maps = np.array(spreads).T
    return Noise(np.array(batch_sizes), position, pooled, alone_in_maps / together_in_maps)


def measure(
    *, pool: str, batch_size: int, rate: float, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Run one combination, for `SWEEP`; the measurements are the arrays of `Result`."""
    result = run(Config(pool, batch_size, rate), seeds=seeds, progress=False)
    return {"validation": result.validation, "test": result.test, "shifted": result.shifted}


#: Two pools, two batch sizes, four rates. It takes three minutes.
SWEEP = Sweep(
    "convolution",
    {"pool": POOLS, "batch_size": (2, 32), "rate": (0.3, 1.0, 3.0, 10.0)},
    SEARCH + REPORT,
    measure,
    corner={"pool": "batch and space", "batch_size": 32, "rate": 0.3},
    tolerances={
        "validation": examples(4, of=300),
        "test": examples(4, of=300),
        "shifted": examples(4, of=300),
    },
)
