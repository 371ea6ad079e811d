"""What a model's norms see and give on batches, in both modes, with the model left as it was."""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.overrides import TorchFunctionMode

from normcourse.clinic.batches import call_model, first_tensor
from normcourse.clinic.functions import NORM_FUNCTIONS
from normcourse.clinic.leaks import Leak, change_of, examples_leak, few_examples, later_leak
from normcourse.clinic.quiet import untouched
from normcourse.clinic.subject import Norm, is_leaf
from normcourse.nn.freezing import is_frozen

__all__ = ["TRAINING_BATCHES", "Call", "Passes", "pooled", "reason", "run_passes"]

#: As many batches are run in training mode too.
TRAINING_BATCHES = 3


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one norm in one pass.

    Args:
        norm: Which.
        batch: The number of the batch, from 0.
        shape: Of the input.
        mean: Of each channel or feature, over all else.
        var: The biased variance of the same values.
        largest: The largest magnitude of the input.
        square: The smallest variance of a row, or mean square for an RMS norm; infinity for other norms.
        producer: The layer whose output the input is; None if it comes from elsewhere.
        repeated: The largest share of a sequence's positions that hold the same values; else 0.
    """

    norm: Norm
    batch: int
    shape: tuple[int, ...]
    mean: Tensor
    var: Tensor
    largest: float
    square: float
    producer: str | None
    repeated: float

    @property
    def values(self) -> int:
        """How many values share one mean and variance of a batch norm: N S."""
        return torch.Size(self.shape).numel() // max(len(self.mean), 1)


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
    """
    passes = Passes(batches=len(batches))
    # What was compiled runs as it was written: else the hooks would be compiled, too.
    with untouched(model), torch.no_grad(), torch.compiler.set_stance("force_eager"):
        model.eval()
        outputs: list[Tensor] = []
        for number, batch in enumerate(batches):
            progress("inference mode")
            functions: Counter[str] = Counter()
            with _watched(model, norms, number, passes.calls, functions):
                output = call_model(model, batch)
            passes.functions = passes.functions or functions
            first = first_tensor(output)
            if passes.not_finite is None and not bool(first.isfinite().all()):
                passes.not_finite = number
            if number < TRAINING_BATCHES:
                outputs.append(first)
        progress("leaks")
        some = few_examples(model, batches[0])
        with _told(passes, "examples leak"):
            passes.examples = examples_leak(model, norms, some)
        if causal:
            with _told(passes, "later positions leak"):
                passes.later = later_leak(model, norms, some)
        tracking = [
            norm for norm in norms if norm.kind == "batch" and norm.tracks and not is_frozen(norm.layer)
        ]
        if tracking:
            for norm in tracking:
                norm.layer.training = True
            # A batch norm of a class of its own may take the batch wherever gradients are on.
            by_gradients = any(norm.own is not None and norm.own.by_gradients for norm in tracking)
            with _told(passes, "training mode"), torch.set_grad_enabled(by_gradients):
                _training(model, norms, batches, outputs, passes, progress)
        moving = [norm for norm in norms if norm.tracks and not is_frozen(norm.layer)]
        if moving and causal and passes.later is None and "later positions leak" not in passes.failed:
            for norm in moving:  # instance norms with running statistics among them
                norm.layer.training = True
            by_gradients = any(norm.own is not None and norm.own.by_gradients for norm in moving)
            with _told(passes, "later positions leak"), torch.set_grad_enabled(by_gradients):
                found = later_leak(model, norms, some)
                passes.later = found and replace(found, training=True)
    return passes


def pooled(calls: Sequence[Call]) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance of all values of some calls, by channel."""
    means = torch.stack([call.mean for call in calls]).double()
    variances = torch.stack([call.var for call in calls]).double()
    values = torch.tensor([[float(call.values)] for call in calls], dtype=means.dtype, device=means.device)
    share = values / values.sum()
    mean = (share * means).sum(0)
    return mean, (share * (variances + (means - mean).square())).sum(0)


def _training(
    model: nn.Module,
    norms: Sequence[Norm],
    batches: Sequence[Any],
    inference: Sequence[Tensor],
    passes: Passes,
    progress: Callable[[str], object],
) -> None:
    apart = []
    for number, (batch, before) in enumerate(zip(batches, inference, strict=False)):
        progress("training mode")
        with _watched(model, norms, number, passes.training, Counter()):
            after = first_tensor(call_model(model, batch)).detach()
        apart.append(change_of(before, after))
    passes.disagreement = sum(apart) / len(apart)


@contextmanager
def _told(passes: Passes, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a model of any kind; what fails is said, and the rest goes on
        passes.failed[what] = reason(error)


def reason(error: Exception) -> str:
    """One line that says what went wrong."""
    return f"{type(error).__name__}: {error}".split("\n")[0]


@contextmanager
def _watched(
    model: nn.Module, norms: Sequence[Norm], batch: int, calls: list[Call], functions: Counter[str]
) -> Iterator[None]:
    """Note the norms' calls, whose output each takes, and norms called as functions."""
    producers: dict[int, tuple[weakref.ref[Tensor], int, str]] = {}
    inside = [0]

    def made(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.is_inference():
                producers[id(output)] = (weakref.ref(output), output._version, name)

        return hook

    def enter(norm: Norm) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            inside[0] += norm.own is None
            x = _input(args, kwargs)
            if x is not None and x.is_floating_point() and x.numel() and x.dim():
                known, version, producer = producers.get(id(x), (None, 0, None))
                # Not if it was changed in place since, as by a ReLU that is called as a function.
                untouched = known is not None and known() is x and version == x._version
                calls.append(_seen(norm, batch, x.detach(), producer if untouched else None))

        return hook

    def leave(norm: Norm) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            inside[0] -= norm.own is None

        return hook

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if not inside[0] and func in NORM_FUNCTIONS:
                functions[NORM_FUNCTIONS[func]] += 1
                inside[0] += 1  # F.layer_norm calls torch.layer_norm
                try:
                    return func(*args, **(kwargs or {}))
                finally:
                    inside[0] -= 1
            return func(*args, **(kwargs or {}))

    with ExitStack() as stack:
        for name, layer in model.named_modules():
            whole = is_parametrized(layer) or is_leaf(layer)
            if whole and not isinstance(layer, nn.Identity):  # which hands on what another layer made
                stack.callback(layer.register_forward_hook(made(name)).remove)
        for norm in norms:
            pre = norm.layer.register_forward_pre_hook(enter(norm), with_kwargs=True, prepend=True)
            stack.callback(pre.remove)
            stack.callback(norm.layer.register_forward_hook(leave(norm), always_call=True).remove)
        stack.enter_context(Functions())
        yield


def _input(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    return next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)


def _seen(norm: Norm, batch: int, x: Tensor, producer: str | None) -> Call:
    x = x.float()
    channels = _channels(norm, x)
    others = [axis for axis in range(x.dim()) if axis != channels]
    mean = x.mean(others, keepdim=True) if others else x
    squares = (x - mean).square_()
    var = squares.mean(others) if others else squares
    largest = float(torch.stack(x.aminmax()).abs().max())
    square = float("inf")
    if norm.kind in ("layer", "rms") and x.shape[channels] > 1:
        axes = len(getattr(norm.layer, "normalized_shape", (0,)))
        rows = x.movedim(channels, -1) if axes == 1 else x.flatten(-axes)
        square = float((rows.square().mean(-1) if norm.kind == "rms" else rows.var(-1, correction=0)).min())
    repeated = 0.0
    if batch == 0 and x.dim() == 3 and norm.kind == "batch":
        random = torch.Generator().manual_seed(0)
        weights = torch.randn(x.shape[channels], generator=random).double().to(x.device)
        marks = x.movedim(channels, -1).double() @ weights
        repeated = float(torch.unique(marks, return_counts=True)[1].max()) / marks.numel()
    return Call(norm, batch, tuple(x.shape), mean.flatten(), var, largest, square, producer, repeated)


def _channels(norm: Norm, x: Tensor) -> int:
    """The axis of channels or features: the second or the last, whichever is of the norm's size."""
    last = x.dim() < 2 or norm.kind in ("layer", "rms")
    sizes = x.shape[-1], x.shape[1] if x.dim() > 1 else 0
    if norm.features in sizes and norm.features != sizes[0 if last else 1]:
        last = not last
    return x.dim() - 1 if last else 1
