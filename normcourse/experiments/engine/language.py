"""Training of small language models on the course's text, one seed after the other.

Seeds are not stacked here as in `stacked`: five transformers of this size side by side, by ``torch.vmap``,
take nine tenths of the time of a loop. They train in single precision, which takes half the time of double;
what they give is kept as a record, or compared as an inequality (docs/adr/0009-chapters-3-and-4.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse.data import load_text
from normcourse.models import CausalTransformer

__all__ = ["Config", "Result", "loss", "random_texts", "run", "some_texts", "train"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        norm: A name of `models.NORMS`.
        placement: A name of `models.PLACEMENTS`.
        qk_norm: Whether norms stand on queries and keys.
        stream_scale: Multiplies the stream in each sum; this and the next three as `models.CausalTransformer`
            takes them.
        layer_scale: Where the learned factors of a branch's output start, if it has them.
        branch_gain: Multiplies the initial matrices of values, attention outputs and feed-forward networks.
        write_gain: Multiplies the initial matrices that write to the stream.
        layers: Of the transformer.
        width: Features of its stream.
        heads: Of each attention.
        length: Characters of each text that a model sees.
        batch_size: Texts per step.
        steps: Training steps.
        learning_rate: Of Adam, after the warm-up.
        warm_up: Steps over which the rate rises evenly from 0.
    """

    norm: str = "layer"
    placement: str = "pre"
    qk_norm: bool = False
    stream_scale: float = 1.0
    layer_scale: float | None = None
    branch_gain: float = 1.0
    write_gain: float = 1.0
    layers: int = 6
    width: int = 64
    heads: int = 4
    length: int = 32
    batch_size: int = 8
    steps: int = 300
    learning_rate: float = 0.003
    warm_up: int = 0

    def model(self, seed: int) -> CausalTransformer:
        """Return a new model."""
        return CausalTransformer(
            len(load_text().alphabet),
            context=self.length,
            width=self.width,
            heads=self.heads,
            layers=self.layers,
            norm=self.norm,
            placement=self.placement,
            qk_norm=self.qk_norm,
            stream_scale=self.stream_scale,
            layer_scale=self.layer_scale,
            branch_gain=self.branch_gain,
            write_gain=self.write_gain,
            seed=seed,
        )


@dataclass(frozen=True)
class Result:
    """Losses in nats per character; not a number, or infinite, where a training broke down.

    Attributes:
        config: The settings.
        training: Loss of each step's batch before the step, shape ``(seeds, steps)``.
        validation: Loss on texts of the validation part, in inference mode, shape ``(seeds,)``.
        test: The same on the test part.
        models: The trained models, in inference mode.
    """

    config: Config
    training: NDArray[np.float64]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    models: list[CausalTransformer] = field(repr=False)


def random_texts(tokens: NDArray[np.int64], length: int, batch_size: int, *, seed: int) -> Iterator[Tensor]:
    """Draw batches of texts of ``length + 1`` characters from random places, for ever.

    Args:
        tokens: A part of `normcourse.data.load_text`.
        length: Characters that a model sees; the last one of a text is only to be predicted.
        batch_size: Texts in a batch.
        seed: Of the places.

    Yields:
        Tokens ``(batch_size, length + 1)``, int64.
    """
    rng = np.random.default_rng(seed)
    while True:
        starts = rng.integers(len(tokens) - length, size=(batch_size, 1))
        yield torch.from_numpy(tokens[starts + np.arange(length + 1)])


def some_texts(tokens: NDArray[np.int64], length: int, count: int = 256) -> Tensor:
    """Return texts of ``length + 1`` characters from evenly spaced places, ``(count, length + 1)``.

    Example:
        >>> some_texts(np.arange(100), length=3, count=2)
        tensor([[ 0,  1,  2,  3],
                [96, 97, 98, 99]])
    """
    starts = np.linspace(0, len(tokens) - length - 1, count).astype(int)[:, None]
    return torch.from_numpy(tokens[starts + np.arange(length + 1)])


def loss(model: nn.Module, texts: Tensor) -> Tensor:
    """Return the mean cross-entropy of each character after the first, given those before it, in nats.

    Args:
        model: From tokens ``(B, T)`` to logits ``(B, T, vocabulary)``, in the mode that it is in.
        texts: Tokens ``(B, T + 1)``.
    """
    logits = model(texts[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten())


def train(
    model: nn.Module, batches: Iterable[Tensor], *, learning_rate: float, warm_up: int = 0
) -> Iterator[float]:
    """Train a language model in place by Adam with betas .9 and .98, as Vaswani et al. 2017 do.

    Args:
        model: As `loss` takes it; left in training mode.
        batches: Tokens ``(B, T + 1)`` for each step. The training lasts as long as they do.
        learning_rate: After the warm-up.
        warm_up: Steps over which the rate rises evenly from 0.

    Yields:
        After each step, the loss of its batch before it. To stop the training, leave the loop.
    """
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, betas=(0.9, 0.98))
    for step, texts in enumerate(batches, 1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * min(1.0, step / (warm_up + 1))
        optimiser.zero_grad()
        now = loss(model, texts)
        now.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield now.item()


def run(config: Config = Config(), *, seeds: Sequence[int] = range(5), progress: bool = True) -> Result:
    """Train a model for each seed on the text, and evaluate it on parts that it has not seen.

    A training that breaks down (a loss that is not finite) is stopped: what follows is not a number.

    Args:
        config: The settings.
        seeds: Of the weights and of the texts.
        progress: Whether to show a progress bar.
    """
    text = load_text()
    parts = [some_texts(part, config.length) for part in (text.validation, text.test)]
    training = np.full((len(seeds), config.steps), np.nan)
    models, after = [], []
    bar = tqdm(total=training.size, desc=_label(config), disable=not progress, leave=False)
    for row, seed in enumerate(seeds):
        model = config.model(seed)
        texts = random_texts(text.train, config.length, config.batch_size, seed=seed)
        batches = islice(texts, config.steps)
        steps = train(model, batches, learning_rate=config.learning_rate, warm_up=config.warm_up)
        for step, now in enumerate(steps):
            bar.update()
            if not np.isfinite(now):
                break
            training[row, step] = now
        model.eval()
        with torch.no_grad():
            after.append([loss(model, part).item() for part in parts])
        models.append(model)
    bar.close()
    validation, test = np.array(after).T
    return Result(config, training, validation, test, models)


def _label(config: Config) -> str:
    return f"{config.norm}, {config.placement}, rate {config.learning_rate:g}"
