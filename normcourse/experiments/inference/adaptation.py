"""May a trained network's batch norms follow images under another light, and how far?

Source:
    Schneider et al. 2020, arXiv 2006.16971, for the mixed statistics; Nado et al. 2020, arXiv 2006.10963, for
    the batch's alone. Both test photographs with the corruptions of Hendrycks and Dietterich 2019,
    arXiv 1903.12261.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import inf
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from normcourse.data import Split, corruptions, load_drawn_digits
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.inference import drawn_cnn
from normcourse.nn import adapt_batch_norm
from normcourse.probes import watch

__all__ = [
    "REPORT",
    "SEARCH",
    "SHIFTS",
    "SIZES",
    "SWEEP",
    "WEIGHTS",
    "Channel",
    "accuracy",
    "channel",
    "chosen_weight",
    "measure",
    "source_network",
    "unlabelled",
]

Images = NDArray[np.float32]

#: What is done to the images, by name. Training saw the first alone.
SHIFTS: Mapping[str, Callable[[Images], Images]] = {
    "clean": lambda x: x,
    "brightness": lambda x: corruptions.brightness(x, 0.3),
    "contrast": lambda x: corruptions.contrast(x, 0.3),
    "noise": lambda x: corruptions.noise(x, 0.3),
    "blur": lambda x: corruptions.blur(x, 1.0),
    "inverted": corruptions.invert,
}

#: Examples in a batch at inference.
SIZES = (1, 4, 8, 32, 128, 512)

#: Source weights N, from 0, the batch's statistics alone, to infinity, the running ones.
WEIGHTS = (0.0, 1.0, 4.0, 16.0, 64.0, inf)

#: Seeds that choose a source weight, and seeds to report on.
SEARCH, REPORT = (100, 101), tuple(range(6))


@cache
def source_network(seed: int) -> nn.Sequential:
    """Return a network trained on the clean drawn digits, in inference mode: do not change it.

    It takes some three seconds, once for each seed and process.
    """
    [model] = drawn_cnn.trained(seeds=[seed], progress=False)
    return model


def unlabelled(split: Split, shift: str, count: int) -> Split:
    """Draw some examples of a split and change their light; the labels serve to count right answers.

    Args:
        split: Clean drawn digits.
        shift: A name of `SHIFTS`.
        count: How many, drawn without replacement; equal counts draw the same ones.

    Raises:
        ValueError: No such shift.
    """
    if shift not in SHIFTS:
        raise ValueError(f"shift must be one of {', '.join(SHIFTS)}, but got {shift!r}")
    chosen = np.random.default_rng(0).permutation(len(split.y))[:count]
    return Split(SHIFTS[shift](split.x)[chosen], split.y[chosen])


@torch.no_grad()
def accuracy(model: nn.Module, data: Split, *, size: int, weight: float) -> float:
    """Return the share of right answers of a network whose batch norms adapt to each batch.

    Args:
        model: From images ``(N, 256)`` to logits, in inference mode.
        data: Examples in the order in which they arrive.
        size: Of the batches; it must divide the number of examples.
        weight: The source weight N.

    Raises:
        ValueError: The size leaves a rest.
    """
    if len(data.y) % size:
        raise ValueError(f"every batch must be full, but {len(data.y)} examples are no multiple of {size}")
    x, y = drawn_cnn.tensors(data)
    with adapt_batch_norm(model, weight):
        # With the running statistics alone no batch plays a part.
        answers = [model(batch).argmax(dim=1) for batch in torch.split(x, size if weight < inf else len(x))]
    return float((torch.cat(answers) == y).double().mean())


def measure(*, shift: str, size: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Adapt to one shift in batches of one size, for `SWEEP`.

    Returns:
        Accuracy on 512 ``validation`` and on 1024 ``test`` examples, shape ``(seeds, weights)``.
    """
    digits = load_drawn_digits()
    splits = {"validation": (digits.validation, 512), "test": (digits.test, 1024)}
    found = {}
    for name, (split, count) in splits.items():
        data = unlabelled(split, shift, count)
        rows = [[accuracy(source_network(s), data, size=size, weight=w) for w in WEIGHTS] for s in seeds]
        found[name] = np.array(rows)
    return found


#: Six shifts, six batch sizes, six source weights. It takes ten minutes.
SWEEP = Sweep(
    "adaptation",
    {"shift": tuple(SHIFTS), "size": SIZES},
    REPORT + SEARCH,
    measure,
    corner={"shift": "clean", "size": 512},
    tolerances={
        "validation": examples(5, of=1000),
        "test": examples(5, of=1000),
    },
)


def chosen_weight(record: Record, *, size: int, shifts: Sequence[str]) -> float:
    """Return the source weight of the best mean validation accuracy over some shifts, by the search seeds.

    Args:
        record: Of `SWEEP`.
        size: Of the batches.
        shifts: What may be seen when choosing, ``"clean"`` included if it matters. Each counts alike.

    Raises:
        ValueError: No shifts.

    Example:
        >>> [chosen_weight(SWEEP.load(), size=8, shifts=[shift]) for shift in ("clean", "brightness")]
        [inf, 0.0]
    """
    if not shifts:
        raise ValueError("a choice needs at least one shift to look at, such as 'clean'")
    seen = [record.get("validation", shift=shift, size=size, seed=SEARCH) for shift in shifts]
    return WEIGHTS[int(np.mean(seen, axis=(0, 1)).argmax())]


class Channel(NamedTuple):
    """What one channel of the first batch norm gives, each of shape ``(examples, side, side)``.

    ``clean`` for clean images by the running statistics, ``adapted`` for changed ones by the mixed ones, and
    ``inputs``, the changed images themselves.
    """

    clean: NDArray[np.float64]
    adapted: NDArray[np.float64]
    inputs: NDArray[np.float64]


def channel(
    model: nn.Sequential, shift: str, weight: float, *, size: int = 32, which: int = 0, batches: int = 8
) -> Channel:
    """Watch one channel behind the first batch norm, on test images.

    Args:
        model: As `source_network` gives it.
        shift: A name of `SHIFTS`.
        weight: The source weight N.
        size: Of the batches.
        which: The channel.
        batches: How many batches to look at.
    """
    test = load_drawn_digits().test

    def maps(shift: str, weight: float) -> NDArray[np.float64]:
        x, _ = drawn_cnn.tensors(unlabelled(test, shift, size * batches))
        with torch.no_grad(), watch(model, "2") as seen, adapt_batch_norm(model, weight):
            for batch in torch.split(x, size):
                model(batch)
        every: NDArray[np.float64] = np.concatenate([out[:, which] for out in seen["2"]])
        return every

    inputs = unlabelled(test, shift, size * batches).x.reshape(-1, drawn_cnn.SIDE, drawn_cnn.SIDE)
    return Channel(maps("clean", inf), maps(shift, weight), inputs.astype(np.float64))
