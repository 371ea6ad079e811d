"""What does BatchNorm do to a causal language model, in training and in use?

Padding is marked as cross-entropy marks what it leaves out, so that one array of texts says both what a model
sees and what it is to predict.

Source:
    Ba, Kiros and Hinton 2016, arXiv 1607.06450, for the doubt that BatchNorm fits sequences of changing
    length.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import Tolerance, nats
from normcourse.models import CausalTransformer
from normcourse.nn import BatchNorm1d, InstanceNorm1d

__all__ = [
    "LENGTHS",
    "PADDING",
    "PREFIXES",
    "SIZES",
    "SWEEP",
    "Config",
    "Result",
    "alone",
    "batches",
    "cut",
    "in_batches",
    "leak",
    "measure",
    "run",
    "shortened",
]

#: Stands in a text where it has no character, and is what ``torch.nn.functional.cross_entropy`` leaves out.
PADDING = -100
#: Batch sizes at which `measure` asks a model in training mode.
SIZES = (1, 8, 128)
#: The numbers of characters so far at which `measure` asks for the next one.
PREFIXES = (2, 4, 8, 16, 32)
#: The lengths of text that `measure` uses a model at, with 256 characters in every batch.
LENGTHS = (4, 8, 16, 32)


class _TextNorm(InstanceNorm1d):
    """Batch norm of ``(B, T, F)`` that takes each text for a batch of its own."""

    def __init__(self, features: int) -> None:
        super().__init__(features, affine=True, track_running_stats=True)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


class _RealNorm(BatchNorm1d):
    """Batch norm of ``(B, T, F)`` that pools only the tokens named by the mask ``real``, ``(B, T)``."""

    real: Tensor

    def forward(self, input: Tensor) -> Tensor:
        out = torch.zeros_like(input)
        out[self.real] = super().forward(input[self.real])
        return out


class _Padded(nn.Module):
    """A transformer that shows its last token where a text has padding, and tells the norms that ask."""

    def __init__(self, inner: CausalTransformer) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, tokens: Tensor) -> Tensor:
        real = tokens != PADDING
        for module in self.inner.modules():
            if isinstance(module, _RealNorm):
                module.real = real
        logits: Tensor = self.inner(tokens.where(real, self.inner.token.num_embeddings - 1))
        return logits


@dataclass(frozen=True)
class Config:
    """Settings; all else is as in `language.Config`.

    Attributes:
        norm: ``"layer"``, ``"batch"``, or a BatchNorm that pools less: ``"text"`` takes the statistics of
            each text by itself, as in batches of one, and ``"real"`` leaves padding out.
        shortest: Characters of the shortest text. Each text's length is drawn evenly.
        longest: Of the longest, at most 33. A text of n characters has n - 1 to predict.
        steps: Training steps of 8 texts, each padded to 33 characters.
        learning_rate: Of Adam.

    Raises:
        ValueError: The norm has another name, or the lengths are not in order from 2 to 33.
    """

    norm: str = "batch"
    shortest: int = 33
    longest: int = 33
    steps: int = 300
    learning_rate: float = 0.003

    def __post_init__(self) -> None:
        if self.norm not in _NORMS:
            raise ValueError(f"norm must be one of {', '.join(_NORMS)}, but got {self.norm!r}")
        if not 2 <= self.shortest <= self.longest <= 33:
            raise ValueError(
                f"texts need 2 <= shortest <= longest <= 33 characters, but got {self.shortest} and "
                f"{self.longest}"
            )

    def model(self, seed: int) -> nn.Module:
        """Return a new model, which takes tokens ``(B, T)`` that may be `PADDING`."""
        name, pools = _NORMS[self.norm]
        alphabet = len(load_text().alphabet)
        return pools(_Padded(CausalTransformer(alphabet + 1, context=32, norm=name, seed=seed)))


@dataclass(frozen=True)
class Result:
    """What was trained.

    Attributes:
        config: The settings.
        training: Loss of each step's batch before the step, in nats per character, ``(seeds, steps)``.
        models: The trained models, in inference mode.
    """

    config: Config
    training: NDArray[np.float64]
    models: list[nn.Module] = field(repr=False)


def _replaced(model: nn.Module, make: Callable[[int], nn.Module]) -> nn.Module:
    """Return a copy in which each batch norm is another layer with the same state."""
    copy = deepcopy(model)
    for parent in list(copy.modules()):
        for name, norm in list(parent.named_children()):
            if isinstance(norm, BatchNorm1d):
                other = make(norm.num_features).to(next(norm.buffers()).dtype)
                other.load_state_dict(norm.state_dict())
                setattr(parent, name, other.train(norm.training))
    return copy


def alone(model: nn.Module) -> nn.Module:
    """Return a copy that treats every text of a batch as a batch of one, in training mode too.

    For a BatchNorm over all tokens this gives at once what a loop over the texts would give, one by one.
    Models without BatchNorm stay as they are.
    """
    return _replaced(model, _TextNorm)


#: The transformer's norm behind each name of `Config.norm`, and what becomes of the model then.
_NORMS: Mapping[str, tuple[str, Callable[[nn.Module], nn.Module]]] = {
    "layer": ("layer", lambda model: model),
    "batch": ("batch", lambda model: model),
    "text": ("batch", alone),
    "real": ("batch", lambda model: _replaced(model, _RealNorm)),
}


def cut(texts: Tensor, lengths: Tensor) -> Tensor:
    """Replace what follows the first so many characters of each text by `PADDING`.

    Args:
        texts: Tokens ``(B, T)``.
        lengths: How many to keep of each, ``(B,)``.

    Example:
        >>> cut(torch.tensor([[7, 8, 9], [4, 5, 6]]), torch.tensor([2, 3]))
        tensor([[   7,    8, -100],
                [   4,    5,    6]])
    """
    return texts.masked_fill(torch.arange(texts.shape[1]) >= lengths[:, None], PADDING)


def run(config: Config = Config(), *, seeds: Sequence[int] = range(6), progress: bool = True) -> Result:
    """Train a model for each seed.

    Args:
        config: The settings.
        seeds: Of the weights, the texts and their lengths.
        progress: Whether to show a progress bar.
    """
    training = np.zeros((len(seeds), config.steps))
    models = []
    bar = tqdm(total=training.size, desc=config.norm, disable=not progress, leave=False)
    for row, seed in enumerate(seeds):
        model = config.model(seed)
        texts = islice(batches(config, seed=seed), config.steps)
        for step, now in enumerate(language.train(model, texts, learning_rate=config.learning_rate)):
            training[row, step] = now
            bar.update()
        models.append(model.eval())
    bar.close()
    return Result(config, training, models)


def batches(config: Config, *, seed: int) -> Iterator[Tensor]:
    """Draw batches of 8 texts from random places of the training part, for ever.

    Args:
        config: With the lengths.
        seed: Of the places and the lengths.

    Yields:
        Tokens ``(8, 33)``, with `PADDING` after the end of a text.
    """
    rng = np.random.default_rng((seed, 1))
    for texts in language.random_texts(load_text().train, 32, 8, seed=seed):
        yield shortened(texts, config, rng)


def shortened(texts: Tensor, config: Config, rng: np.random.Generator) -> Tensor:
    """Cut each text of ``(B, 33)`` to a length drawn evenly between those of the settings."""
    return cut(texts, torch.from_numpy(rng.integers(config.shortest, config.longest + 1, len(texts))))


@torch.no_grad()
def in_batches(model: nn.Module, texts: Tensor, size: int) -> float:
    """Return the loss in training mode on batches of so many texts, in nats per character.

    Args:
        model: It is copied, so that its running statistics stay as they are.
        texts: Tokens ``(B, T + 1)``, in the order in which they are to come.
        size: Texts in a batch.
    """
    asked = (alone(model) if size == 1 else deepcopy(model)).train()
    cuts = [texts] if size == 1 else torch.split(texts, size)
    return float(np.mean([language.loss(asked, batch).item() for batch in cuts]))


@torch.no_grad()
def leak(model: nn.Module, tokens: Tensor, last: int) -> NDArray[np.float64]:
    """Replace the last token of a batch's first text, and return how far that text's logits move.

    Args:
        model: Asked in the mode that it is in; it is copied, so that running statistics stay as they are.
        tokens: A batch, ``(B, T)``.
        last: The token that takes its place.

    Returns:
        The largest change of a logit at each position but the last, ``(T - 1,)``. Zeros, if the model is
        causal.
    """
    asked, others = deepcopy(model), tokens.clone()
    others[0, -1] = last
    moved: NDArray[np.float64] = (asked(others) - asked(tokens))[0, :-1].abs().amax(dim=-1).double().numpy()
    return moved


def measure(*, norm: str, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Train on texts of 33 characters, and ask in training mode and in inference mode, for `SWEEP`.

    Args:
        norm: As in `Config`.
        steps: Of the training.
        seeds: Of the training. The texts that the models are asked about are the same for all.

    Returns:
        A row for each seed; all but ``leak`` are losses in nats per character.

        - ``training``: mean over the last tenth of the training.
        - ``inference``: in inference mode, on texts like those of the training, from new places of the
          training part and from the test part, ``(2,)``.
        - ``batches``: the same in training mode in batches of `SIZES`, ``(2, sizes)``.
        - ``leak``: the largest of 8 runs of `leak` at each position, for training mode in batches of 8,
          training mode alone, and inference mode, ``(3, 31)``.
        - ``prefixes``: of the character after each of `PREFIXES` in a text alone, training mode first, then
          inference mode, ``(2, prefixes)``.
        - ``lengths``: on texts of each of `LENGTHS`, for both modes, ``(2, lengths)``.
    """
    result = run(Config(norm, steps=steps), seeds=seeds, progress=False)
    rows = [_asked(model) for model in result.models]
    last = result.training[:, -max(1, steps // 10) :].mean(axis=1)
    return {"training": last} | {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@torch.no_grad()
def _asked(model: nn.Module) -> dict[str, NDArray[np.float64]]:
    text = load_text()
    new = next(language.random_texts(text.train, 32, 128, seed=1000))
    shuffled = torch.from_numpy(np.random.default_rng(0).permutation(128))
    parts = (new, language.some_texts(text.test, 32, 128)[shuffled])
    eights = torch.split(new[:64, :-1], 8)
    lasts = [int(batch[0, -1] + 1 + place) % len(text.alphabet) for place, batch in enumerate(eights)]

    def largest(asked: nn.Module) -> NDArray[np.float64]:
        moved = [leak(asked, batch, last) for batch, last in zip(eights, lasts, strict=True)]
        top: NDArray[np.float64] = np.max(moved, axis=0)
        return top

    in_training, by_itself = deepcopy(model).train(), alone(model).train()
    cuts = [new[:, : length + 1] for length in LENGTHS]
    return {
        "inference": np.array([language.loss(model, part).item() for part in parts]),
        "batches": np.array([[in_batches(model, part, size) for size in SIZES] for part in parts]),
        "leak": np.array([largest(asked) for asked in (in_training, by_itself, model)]),
        "prefixes": np.array(
            [[_next(asked, new[:, : count + 1]) for count in PREFIXES] for asked in (by_itself, model)]
        ),
        "lengths": np.array(
            [
                [in_batches(model, cut, 256 // length) for length, cut in zip(LENGTHS, cuts, strict=True)],
                [language.loss(model, cut).item() for cut in cuts],
            ]
        ),
    }


def _next(model: nn.Module, texts: Tensor) -> float:
    return nn.functional.cross_entropy(model(texts[:, :-1])[:, -1], texts[:, -1]).item()


#: Three norms after a few steps and after 300, which take five minutes.
SWEEP = Sweep(
    "sequences",
    {"norm": ("layer", "batch", "text"), "steps": (10, 300)},
    tuple(range(6)),
    measure,
    corner={"norm": "batch", "steps": 10},
    tolerances={
        "training": nats(0.03),
        "inference": nats(0.1),
        "batches": nats(0.03),
        "leak": Tolerance(0.02, "of a logit"),
        "prefixes": nats(0.2),
        "lengths": nats(0.2),
    },
)
