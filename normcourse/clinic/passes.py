"""What a model's norms see and give on batches, in both modes, with the model left as it was."""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized
from torch.overrides import TorchFunctionMode

from normcourse.clinic.subject import Norm, is_leaf
from normcourse.nn.freezing import is_frozen
from normcourse.probes import undisturbed

__all__ = [
    "TRAINING_BATCHES",
    "Call",
    "OnBatches",
    "Passes",
    "call_model",
    "first_tensor",
    "given_tensors",
    "pooled",
    "reason",
    "run_passes",
    "target_of",
    "tensors_in",
]

_FUNCTIONS = {
    getattr(module, name): name
    for module in (torch, F)
    for name in ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")
    if hasattr(module, name)
}
#: As many batches are run in training mode too.
TRAINING_BATCHES = 3
_LEAK_EXAMPLES = 4  # as many of the first batch are asked about leaks


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


@dataclass(frozen=True)
class Leak:
    """A norm through which one part of the input reaches the output of another."""

    layer: str
    change: float  # of the output that must not change, in its standard deviations


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
        examples: The first norm through which, in inference mode, one example reaches another's output.
        later: The first norm through which a later position reaches an earlier one's; asked of causal models.
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


def call_model(model: nn.Module, batch: Any) -> Any:
    """Run a model on a batch: a tensor, a tuple or list that starts with the input, or keyword arguments."""
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(batch if isinstance(batch, Tensor) else batch[0])


class OnBatches(nn.Module):
    """Calls a model on whole batches, each as one argument."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any) -> Any:
        """Call the model on it."""
        return call_model(self.model, batch)


def target_of(batch: Any) -> Any:
    """What a loss compares the output with: the second item of a tuple or list, else the batch itself."""
    return batch[1] if isinstance(batch, tuple | list) and len(batch) > 1 else batch


def first_tensor(output: Any) -> Tensor:
    """Return the first floating tensor of an output, whatever holds it."""
    if isinstance(output, Tensor):
        return output
    floating = (tensor for tensor in tensors_in(output) if tensor.is_floating_point())
    found = sorted(floating, key=lambda tensor: not tensor.dim())  # a loss may come before the rest
    if not found:
        raise TypeError(f"the model's output holds no tensor, but is {type(output).__name__}")
    return found[0]


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
    with undisturbed(model), torch.no_grad(), torch.compiler.set_stance("force_eager"):
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
        some = _mapped(batches[0], _few(_examples(batches[0])))
        _try(passes, "examples leak", lambda: _examples_leak(model, norms, some, passes))
        if causal:
            _try(passes, "later positions leak", lambda: _later_leak(model, norms, some, passes))
        tracking = [
            norm for norm in norms if norm.kind == "batch" and norm.tracks and not is_frozen(norm.layer)
        ]
        if tracking:
            for norm in tracking:
                norm.layer.training = True
            _try(passes, "training mode", lambda: _training(model, norms, batches, outputs, passes, progress))
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
            after = first_tensor(call_model(model, batch))
        apart.append(_change(before, after))
    passes.disagreement = sum(apart) / len(apart)


def _try(passes: Passes, what: str, run: Callable[[], None]) -> None:
    try:
        run()
    except Exception as error:  # a model of any kind; what fails is said, and the rest goes on
        passes.failed[what] = reason(error)


def reason(error: Exception) -> str:
    """One line that says what went wrong."""
    return f"{type(error).__name__}: {error}".split("\n")[0]


def _change(before: Tensor, after: Tensor) -> float:
    """How far two outputs lie apart, as a root mean square in standard deviations of the wider."""
    before, after = before.double(), after.double()
    spread = torch.maximum(before.std(correction=0), after.std(correction=0)).clamp(min=1e-12)
    return float((after - before).square().mean().sqrt() / spread)


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
            inside[0] += 1
            x = _input(args, kwargs)
            if x is not None and x.is_floating_point() and x.numel() and x.dim():
                known, version, producer = producers.get(id(x), (None, 0, None))
                # Not if it was changed in place since, as by a ReLU that is called as a function.
                untouched = known is not None and known() is x and version == x._version
                calls.append(_seen(norm, batch, x.detach(), producer if untouched else None))

        return hook

    def leave(*_: Any) -> None:
        inside[0] -= 1

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if not inside[0] and func in _FUNCTIONS:
                functions[_FUNCTIONS[func]] += 1
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
            stack.callback(norm.layer.register_forward_hook(leave, always_call=True).remove)
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


def _examples_leak(model: nn.Module, norms: Sequence[Norm], batch: Any, passes: Passes) -> None:
    """Put the second example in the place of the first, and look at all from the third on."""
    count = _examples(batch)
    if count < 3:
        raise ValueError(f"needs 3 examples in a batch, but got {count}")

    def swap(x: Tensor) -> Tensor:
        return torch.cat([x[1:2], x[1:]]) if x.dim() and len(x) == count else x

    passes.examples = _leak(model, norms, batch, _mapped(batch, swap), lambda y: y[2:], count)


def _later_leak(model: nn.Module, norms: Sequence[Norm], batch: Any, passes: Passes) -> None:
    """Put the first position in the place of the last, and look at all others."""
    count = _examples(batch)
    long = next((x.shape[1] for x in given_tensors(batch) if x.dim() > 1), 0)
    if long < 2:
        raise ValueError("needs an input of two positions or more on axis 1")

    def swap(x: Tensor) -> Tensor:
        if x.dim() < 2 or x.shape[:2] != (count, long):
            return x
        return torch.cat([x[:, :-1], x[:, :1]], 1)

    def earlier(y: Tensor) -> Tensor:
        if y.dim() < 2 or y.shape[1] != long:
            raise ValueError(f"the output of shape {tuple(y.shape)} has no axis 1 of {long} positions")
        return y[:, :-1]

    passes.later = _leak(model, norms, batch, _mapped(batch, swap), earlier, count)


def _leak(
    model: nn.Module,
    norms: Sequence[Norm],
    batch: Any,
    changed: Any,
    part: Callable[[Tensor], Tensor],
    count: int,
) -> Leak | None:
    """Whether this part of the output changes with another part of the input, and at which norm first."""

    def run(batch: Any) -> tuple[Tensor, list[tuple[str, Tensor | None, Tensor | None]]]:
        marks: list[tuple[str, Tensor | None, Tensor | None]] = []

        def keep(norm: Norm) -> Callable[..., None]:
            def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
                marks.append((norm.name, mark(_input(args, kwargs)), mark(output)))

            return hook

        with ExitStack() as stack:
            for norm in norms:
                stack.callback(norm.layer.register_forward_hook(keep(norm), with_kwargs=True).remove)
            return first_tensor(call_model(model, batch)), marks

    def mark(x: Any) -> Tensor | None:
        try:
            own = part(x).double() if isinstance(x, Tensor) and x.dim() > 1 and len(x) == count else None
        except ValueError:  # an inner tensor without the axis
            return None
        return None if own is None else torch.stack([own.mean(), own.square().mean()])

    def moved(one: Tensor | None, two: Tensor | None) -> bool:
        return one is not None and two is not None and not torch.allclose(one, two, rtol=1e-6, atol=1e-9)

    (before, marks), (after, others) = run(batch), run(changed)
    if before.dim() < 1 or len(before) != count or before.shape != after.shape:
        raise ValueError(f"the output of shape {tuple(before.shape)} has no axis of {count} examples")
    change = _change(part(before), part(after))
    if not isfinite(change):
        raise ValueError("the output is not finite")
    if not change > 1e-4:
        return None
    for (name, x, y), (_, other_x, other_y) in zip(marks, others, strict=False):
        if moved(x, other_x):  # what leaks stands before this norm
            break
        if moved(y, other_y):
            return Leak(name, change)
    return Leak("", change)


def _few(count: int) -> Callable[[Tensor], Tensor]:
    """Takes the first examples of every tensor that has as many as the batch."""
    return lambda x: x[:_LEAK_EXAMPLES] if x.dim() and len(x) == count else x


def _examples(batch: Any) -> int:
    return next((len(x) for x in given_tensors(batch) if x.dim()), 0)


def given_tensors(batch: Any) -> list[Tensor]:
    """Return the tensors of a batch that the model is given."""
    if isinstance(batch, Tensor):
        return [batch]
    items = batch.values() if isinstance(batch, Mapping) else batch[:1]
    return [item for item in items if isinstance(item, Tensor)]


def _mapped(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {key: change(v) if isinstance(v, Tensor) else v for key, v in batch.items()}
    return [change(batch[0]), *batch[1:]]


def tensors_in(output: Any) -> Iterator[Tensor]:
    """Yield the tensors of an output, whatever holds them."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping | tuple | list):
        for item in output.values() if isinstance(output, Mapping) else output:
            yield from tensors_in(item)
