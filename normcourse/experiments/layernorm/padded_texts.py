"""What does padding do to a BatchNorm in a language model, and does it help to leave it out of the pool?"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import nats
from normcourse.experiments.layernorm.sequences import PADDING, Config, in_batches, run, shortened

__all__ = ["LENGTHS", "PADS", "SWEEP", "beside_padding", "measure"]

#: The shortest and the longest text, in characters. Padded to 33, three quarters of what a model reads is
#: padding.
LENGTHS = (2, 14)
#: How many padding tokens `beside_padding` puts beside each text.
PADS = (0, 8, 24)


def beside_padding(model: nn.Module, texts: Tensor) -> NDArray[np.float64]:
    """Return losses in training mode, in batches of 8 texts, with each of `PADS` beside every text.

    Args:
        model: As `sequences.Config.model` gives it.
        texts: Tokens ``(B, T)`` with T at most 8.

    Returns:
        Nats per character, ``(pads,)``.
    """
    # One more than asked for, since the last token of a row is only to be predicted.
    padded = (nn.functional.pad(texts, (0, pads + 1), value=PADDING) for pads in PADS)
    return np.array([in_batches(model, some, 8) for some in padded])


def measure(*, norm: str, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Train on texts of `LENGTHS` that are padded to 33 characters, for `SWEEP`.

    Args:
        norm: As in `sequences.Config`.
        steps: Of the training.
        seeds: Of the training. The texts that the models are asked about are the same for all.

    Returns:
        Losses in nats per character, a row for each seed. ``training``: mean over the last tenth of the
        training. ``test``: in inference mode, on texts of the test part with lengths drawn as in training.
        ``padding``: of `beside_padding` on texts of 8 characters, ``(pads,)``.
    """
    config = Config(norm, *LENGTHS, steps)
    result = run(config, seeds=seeds, progress=False)
    text = load_text()
    test = shortened(language.some_texts(text.test, 32), config, np.random.default_rng(0))
    eight = next(language.random_texts(text.train, 7, 64, seed=1000))
    with torch.no_grad():
        return {
            "training": result.training[:, -max(1, steps // 10) :].mean(axis=1),
            "test": np.array([language.loss(model, test).item() for model in result.models]),
            "padding": np.stack([beside_padding(model, eight) for model in result.models]),
        }


#: Three norms after a few steps and after 300, which take four minutes.
SWEEP = Sweep(
    "padded_texts",
    {"norm": ("layer", "batch", "real"), "steps": (10, 300)},
    tuple(range(6)),
    measure,
    corner={"norm": "batch", "steps": 10},
    tolerances={
        "training": nats(0.03),
        "test": nats(0.1),
        "padding": nats(0.03),
    },
)
