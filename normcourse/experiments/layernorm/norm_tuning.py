"""Fine-tuning a small language model for another kind of text: all of it, its head, its norms, or one bias.

Source:
    Frankle et al. 2021, arXiv 2003.00152, who train only the norms of networks of random weights.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from normcourse.data import Text, library_modules, load_text
from normcourse.experiments.engine.language import loss, random_texts, some_texts, train
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import nats
from normcourse.models import CausalTransformer

__all__ = ["PARTS", "SWEEP", "Config", "Result", "choose", "measure", "pretrained", "run", "target_text"]

#: What is trained while the rest stays as it was, and about the learning rate that suits it. The bias is the
#: head's: one number for each character, which can learn how frequent it is and nothing else.
PARTS = {"bias": 0.03, "norms": 0.03, "head": 0.003, "all": 0.001}


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        part: One of `PARTS`.
        learning_rate: Of Adam, in fine-tuning.
        pretraining: Steps on Python's help before; 0 fine-tunes a network of random weights.
        steps: Of fine-tuning, on the source code of three Python modules.
        layers: Of the transformer, which has LayerNorm before each branch.
    """

    part: str = "norms"
    learning_rate: float = 0.03
    pretraining: int = 600
    steps: int = 100
    layers: int = 2


@dataclass(frozen=True)
class Result:
    """What fine-tuning did: losses in nats per character, in inference mode.

    Attributes:
        config: The settings.
        trained: Number of the parameters that were trained.
        before: On the new text's test part before fine-tuning, shape ``(seeds,)``.
        validation: Minus the loss on its validation part after it, shape ``(seeds,)``.
        test: On its test part after it, shape ``(seeds,)``.
        old: On the old text's test part after it, shape ``(seeds,)``.
        old_before: On the old text's test part before fine-tuning, shape ``(seeds,)``.
    """

    config: Config
    trained: int
    before: NDArray[np.float64]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    old: NDArray[np.float64]
    old_before: NDArray[np.float64]


@cache
def target_text() -> Text:
    """Return the new text: the source code of `library_modules`, in the old text's alphabet.

    Characters that the old text does not have are left out. The parts are 80%, 10% and 10% of it in order.

    Example:
        >>> text = target_text()
        >>> "import" in "".join(text.alphabet[i] for i in text.train[:20_000])
        True
    """
    modules = library_modules()
    whole = "\n".join(modules[name] for name in sorted(modules))
    return Text.split(whole, load_text().alphabet)


@cache
def pretrained(seed: int, *, steps: int, layers: int) -> CausalTransformer:
    """Return a model that was trained on Python's help; copy it before you train it further.

    Args:
        seed: Of its weights and its texts.
        steps: Of training, at a learning rate of 0.003.
        layers: Of the transformer.
    """
    text = load_text()
    model = CausalTransformer(len(text.alphabet), context=32, layers=layers, seed=seed)
    for _ in train(model, _batches(text, seed, steps), learning_rate=0.003, warm_up=20):
        pass
    return model.eval()


def choose(model: nn.Module, part: str) -> list[nn.Parameter]:
    """Mark the parameters of one part as to be trained, all others as not, and return them.

    Args:
        model: A `CausalTransformer`.
        part: One of `PARTS`.

    Raises:
        ValueError: Another part.

    Example:
        >>> model = CausalTransformer(100, width=64, layers=2)
        >>> sum(parameter.numel() for parameter in choose(model, "norms"))  # of five norms
        640
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, but got {part!r}")
    kinds = {
        "bias": ("head.bias",),
        "norms": ("norm.", "on_input.", "on_output.", "on_sum."),
        "head": ("head.",),
        "all": ("",),
    }[part]
    chosen = []
    for name, parameter in model.named_parameters():
        inside = any(name.startswith(kind) or f".{kind}" in name for kind in kinds)
        parameter.requires_grad_(inside)
        if inside:
            chosen.append(parameter)
    return chosen


def run(config: Config = Config(), *, seeds: Sequence[int] = range(6)) -> Result:
    """Fine-tune a copy of each seed's pretrained model.

    Args:
        config: The settings.
        seeds: Of the weights and of the texts.
    """
    old, new = load_text(), target_text()
    parts = {
        "validation": some_texts(new.validation, 32),
        "test": some_texts(new.test, 32),
        "old": some_texts(old.test, 32),
    }
    before, after = [], []
    for seed in seeds:
        model = copy.deepcopy(pretrained(seed, steps=config.pretraining, layers=config.layers))
        before.append([_loss(model, parts[name]) for name in ("test", "old")])
        chosen = choose(model, config.part)
        for _ in train(model, _batches(new, seed, config.steps), learning_rate=config.learning_rate):
            pass
        after.append([_loss(model.eval(), texts) for texts in parts.values()])
    trained = sum(parameter.numel() for parameter in chosen)
    validation, test, still = np.array(after).T
    first, known = np.array(before).T
    return Result(config, trained, first, -validation, test, still, known)


def measure(
    *, pretraining: int, part: str, rate: float, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Run one setting for `SWEEP`; return the losses of `Result`, each of shape ``(seeds,)``.

    Args:
        pretraining: As in `Config`.
        part: As in `Config`.
        rate: Learning rate, as a multiple of the one in `PARTS`.
        seeds: As in `run`.
    """
    result = run(Config(part, rate * PARTS[part], pretraining), seeds=seeds)
    names = ("before", "validation", "test", "old", "old_before")
    return {name: getattr(result, name) for name in names}


def _batches(text: Text, seed: int, steps: int) -> Iterator[torch.Tensor]:
    return islice(random_texts(text.train, 32, 8, seed=seed), steps)


@torch.no_grad()
def _loss(model: nn.Module, texts: torch.Tensor) -> float:
    return loss(model, texts).item()


#: Both kinds of start, four parts and four rates, in ten minutes. The last two seeds choose the rate.
SWEEP = Sweep(
    "norm_tuning",
    {"pretraining": (0, 600), "part": tuple(PARTS), "rate": (0.3, 1.0, 3.0, 10.0)},
    (*range(6), 100, 101),
    measure,
    corner={"pretraining": 0, "part": "head", "rate": 1.0},
    tolerances={
        "before": nats(0.01),
        "validation": nats(0.01),
        "test": nats(0.01),
        "old": nats(0.01),
        "old_before": nats(0.01),
    },
)
