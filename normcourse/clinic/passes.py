"""What a model's norms see and give on batches, in both modes, with the model left as it was."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from normcourse.clinic.batches import call_model, first_tensor, given_tensors
from normcourse.clinic.calls import Call, pooled, watched
from normcourse.clinic.leaks import Leak, change_of, examples_leak, few_examples, later_leak
from normcourse.clinic.quiet import untouched
from normcourse.clinic.subject import Norm
from normcourse.nn.freezing import is_frozen

__all__ = ["TRAINING_BATCHES", "Call", "Passes", "pooled", "reason", "run_passes"]

#: As many batches are run in training mode too.
TRAINING_BATCHES = 3


@dataclass
class Passes:
    """What the passes over the batches showed.

    Args:
        batches: How many there were.
        calls: The norms' calls in inference mode, in their order.
        training: The same over the first batches with the batch norms, and only they, in training mode.
        functions: Norms called as functions, outside of any norm layer, in one pass.
        not_finite: The number of the first batch whose output in inference mode is not finite, if any.
        disagreement: How far the model's outputs lie apart in the two modes, in standard deviations.
        examples: The first layer through which, in inference mode, one example reaches another's output.
        later: The first layer through which a later position reaches an earlier one's. Asked of causal models
            in inference mode, and where that shows none with the norms that track in training mode.
        failed: What could not be run, and why.
    """

    batches: int = 0
    calls: list[Call] = field(default_factory=list)
    training: list[Call] = field(default_factory=list)
    functions: Counter[str] = field(default_factory=Counter)
    not_finite: int | None = None
    disagreement: float | None = None
    examples: Leak | None = None
    later: Leak | None = None
    failed: dict[str, str] = field(default_factory=dict)

    def of(self, norm: Norm, *, training: bool = False) -> list[Call]:
        """The calls of one norm."""
        return [call for call in (self.training if training else self.calls) if call.norm is norm]


def run_passes(
    model: nn.Module,
    norms: Sequence[Norm],
    batches: Sequence[Any],
    *,
    causal: bool = False,
    progress: Callable[[str], object] = lambda stage: None,
) -> Passes:
    """Run a model on batches in both modes, and see what its norms see.

    Args:
        model: Comes back as it was.
        norms: Those of the model that are watched.
        batches: As `call_model` takes them.
        causal: Whether an output at a position must not depend on later positions.
        progress: Is told each stage's name as it begins, once for each batch.

    Raises:
        ValueError: The model has layers that wait for their size, which a pass would give them; or a batch
            holds no example.
    """
    if any(is_lazy(tensor) for tensor in chain(model.parameters(), model.buffers())):
        raise ValueError("it has lazy layers, which a pass would give their size: run it once first")
    for number, batch in enumerate(batches):
        if any(x.dim() and not len(x) for x in given_tensors(model, batch)[:1]):
            raise ValueError(f"batch {number} holds no example")
    passes = Passes(batches=len(batches))
    # What was compiled runs as it was written: else the hooks would be compiled, too.
    with untouched(model), torch.no_grad(), torch.compiler.set_stance("force_eager"):
        model.eval()
        outputs = _inference(model, norms, batches, passes, progress)
        progress("leaks")
        some = few_examples(model, batches[0])
        with _told(passes, "examples leak"):
            passes.examples = examples_leak(model, norms, some)
        if causal:
            with _told(passes, "later positions leak"):
                passes.later = later_leak(model, norms, some)
        moving = [norm for norm in norms if norm.tracks and not is_frozen(norm.layer)]
        pooling = [norm for norm in moving if norm.kind == "batch"]
        if pooling:
            with _told(passes, "training mode"), _in_training(pooling):
                passes.disagreement = _training(model, norms, batches, outputs, passes, progress)
        if moving and causal and passes.later is None and "later positions leak" not in passes.failed:
            # Instance norms with running statistics among them.
            with _told(passes, "later positions leak"), _in_training(moving):
                found = later_leak(model, norms, some)
                passes.later = found and replace(found, training=True)
    return passes


def _inference(
    model: nn.Module,
    norms: Sequence[Norm],
    batches: Sequence[Any],
    passes: Passes,
    progress: Callable[[str], object],
) -> list[Tensor]:
    """Run all batches; the outputs of the first are given back."""
    outputs: list[Tensor] = []
    for number, batch in enumerate(batches):
        progress("inference mode")
        functions: Counter[str] = Counter()
        with watched(model, norms, number, passes.calls, functions):
            output = first_tensor(call_model(model, batch))
        passes.functions = passes.functions or functions
        if passes.not_finite is None and not bool(output.isfinite().all()):
            passes.not_finite = number
        if number < TRAINING_BATCHES:
            outputs.append(output)
    return outputs


def _training(
    model: nn.Module,
    norms: Sequence[Norm],
    batches: Sequence[Any],
    inference: Sequence[Tensor],
    passes: Passes,
    progress: Callable[[str], object],
) -> float:
    """Run the first batches as the modes now are; how far the outputs lie apart is given back."""
    apart = []
    for number, (batch, before) in enumerate(zip(batches, inference, strict=False)):
        progress("training mode")
        with watched(model, norms, number, passes.training, Counter()):
            after = first_tensor(call_model(model, batch)).detach()
        apart.append(change_of(before, after))
    return sum(apart) / len(apart)


@contextmanager
def _in_training(norms: Sequence[Norm]) -> Iterator[None]:
    """Put norms into training mode, for good; gradients are on meanwhile if one takes that for training."""
    for norm in norms:
        norm.layer.training = True
    by_gradients = any(norm.own is not None and norm.own.by_gradients for norm in norms)
    with torch.set_grad_enabled(by_gradients):
        yield


@contextmanager
def _told(passes: Passes, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a model of any kind; what fails is said, and the rest goes on
        passes.failed[what] = reason(error)


def reason(error: Exception) -> str:
    """One line that says what went wrong."""
    return f"{type(error).__name__}: {error}".split("\n")[0]
