"""A training of a transformer, opened while it runs: what its stream carries forward, and what comes back.

Source:
    The product of the sums' sizes: Xiong et al., On Layer Normalization in the Transformer Architecture,
    2020, arXiv 2002.04745, section 3. Leaving out layers: Sun et al., The Curse of Depth in Large Language
    Models, 2025, arXiv 2502.05795, section 2.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.models import CausalTransformer
from normcourse.models.transformer import Branch

__all__ = ["READINGS", "Opened", "Reading", "follow", "read", "without_layers"]

#: After how many steps the model is opened.
READINGS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 200)


@dataclass(frozen=True)
class Reading:
    """A model on some texts, in double precision. A place is the input of a branch; the last is the end.

    Attributes:
        sums: Size of each sum of stream and branch, the standard deviation over features by which a
            LayerNorm would divide it, mean over tokens; shape ``(branches,)``.
        sizes: Root mean square of the stream at each place, shape ``(branches + 1,)``.
        spread: How far tokens lie from their common mean, as a share of the stream's size, at each place:
            roots of mean squares over texts, tokens and features.
        common: Share of the mean square of what a branch writes that is the same vector for every token,
            shape ``(branches,)``.
        gradient: Frobenius norm of the loss's gradient with respect to the stream at each place.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.float64]
    spread: NDArray[np.float64]
    common: NDArray[np.float64]
    gradient: NDArray[np.float64]


@dataclass(frozen=True)
class Opened:
    """A training and what was read on its way.

    Attributes:
        config: The settings.
        steps: After how many steps each reading was taken.
        training: Loss of each step's batch before the step, shape ``(steps,)``.
        readings: One for each entry of ``steps``.
        model: The trained model, in inference mode.
    """

    config: language.Config
    steps: tuple[int, ...]
    training: NDArray[np.float64]
    readings: tuple[Reading, ...]
    model: CausalTransformer

    @property
    def kept(self) -> NDArray[np.float64]:
        """What is left of the embedding at the end, of its size at the start, shape ``(readings,)``.

        With post-norm each sum is divided by its size. With pre-norm the norm before the head divides once.
        """
        sums = np.stack([reading.sums for reading in self.readings])
        return 1 / (sums.prod(axis=1) if self.config.placement == "post" else sums[:, -1])


def read(model: CausalTransformer, texts: Tensor) -> Reading:
    """Open a model on tokens ``(B, T + 1)``; it is copied first, to double precision."""
    model = deepcopy(model).double().eval()
    stream: list[Tensor] = []
    sums: list[Tensor] = []
    written: list[Tensor] = []
    for branch in map(_branch, model.branches):
        branch.register_forward_pre_hook(lambda _layer, args: stream.append(args[0]))
        branch.on_output.register_forward_hook(lambda _layer, _args, out: written.append(out.detach()))
        branch.on_sum.register_forward_pre_hook(lambda _layer, args: sums.append(args[0].detach()))
    model.norm.register_forward_pre_hook(lambda _layer, args: stream.append(args[0]))
    gradients = torch.autograd.grad(language.loss(model, texts), stream)
    return Reading(
        sums=np.array([each.std(dim=-1, correction=0).mean().item() for each in sums]),
        sizes=np.array([each.square().mean().sqrt().item() for each in stream]),
        spread=np.array([_apart(each.detach()) ** 0.5 for each in stream]),
        common=np.array([1 - _apart(each) for each in written]),
        gradient=np.array([each.norm().item() for each in gradients]),
    )


def _branch(layer: nn.Module) -> Branch:
    return cast(Branch, layer)


def _apart(vectors: Tensor) -> float:
    """Return the share of a mean square in which the tokens of ``(B, T, F)`` differ."""
    deviations = vectors - vectors.mean(dim=(0, 1))
    return (deviations.square().mean() / vectors.square().mean()).item()


def follow(
    config: language.Config, *, seed: int = 0, readings: Sequence[int] = READINGS, texts: int = 16
) -> Opened:
    """Train a model as `language.run` does and open it on its way, on texts of the validation part.

    Args:
        config: The settings; ``steps`` is not used.
        seed: Of the weights and of the texts.
        readings: After how many steps the model is opened, in order; training ends at the last.
        texts: On which it is opened.
    """
    text = load_text()
    shown = language.some_texts(text.validation, config.length, texts)
    model = config.model(seed)
    batches = islice(
        language.random_texts(text.train, config.length, config.batch_size, seed=seed), readings[-1]
    )
    training, found = [], []
    if readings[0] == 0:
        found.append(read(model, shown))
    steps = language.train(model, batches, learning_rate=config.learning_rate, warm_up=config.warm_up)
    for step, loss in enumerate(steps, 1):
        training.append(loss)
        if step in readings:
            found.append(read(model, shown))
    return Opened(config, tuple(readings), np.array(training), tuple(found), model.eval())


@torch.no_grad()
def without_layers(model: CausalTransformer, texts: Tensor) -> NDArray[np.float64]:
    """Return by how much the loss rises when one layer, attention and feed-forward, is left out.

    Args:
        model: In inference mode; left as it was.
        texts: Tokens ``(B, T + 1)``.

    Returns:
        Nats for each layer, shape ``(layers,)``.
    """
    whole, found = language.loss(model, texts).item(), []
    for layer in range(0, len(model.branches), 2):
        less = deepcopy(model)
        less.branches = nn.ModuleList([*less.branches[:layer], *less.branches[layer + 2 :]])
        found.append(language.loss(less, texts).item() - whole)
    return np.array(found)
