"""What a torch layer would have to hold to return what is due: tried on copies of it, with its own input."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from normcourse.porting.looks import distance
from normcourse.porting.recording import Array, as_array

__all__ = ["observations", "returned", "tried"]

Forward = Callable[[Tensor], Any]
Change = Callable[[Any], Any]
Trial = tuple[str, Change]

# Of Keras and TensorFlow, PyTorch, Flax, Caffe and MXNet, and what published models have.
EPSILONS = (1e-3, 1e-4, 2e-5, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12)
SLOPES = (0.01, 0.1, 0.2, 0.3)  # of leaky ReLUs: PyTorch's and Flax's, YOLO's, TensorFlow's, Keras's


def tried(
    layer: nn.Module,
    given: tuple[Tensor | None, ...],
    due: Array,
    tolerance: float,
    like: nn.Module | None = None,
) -> str | None:
    """Return the change to the layer that makes it return what is due, or None where none of ours does.

    Args:
        layer: A layer in the state in which it ran. It is not changed.
        given: What it was given.
        due: What it should have returned.
        tolerance: As a share of the largest value that is due.
        like: The layer of the other side, where it is a module: its epsilon is tried first.
    """
    best: tuple[float, str] | None = None
    for words, change in _trials(layer, like):
        try:
            apart = _apart(layer, change, given, due)
        except Exception:  # a change that this layer cannot bear, which is an answer too
            continue
        # Strictly: of two that do as well, the one that comes first is the likelier.
        if apart <= tolerance and (best is None or apart < best[0] / 2):
            best = (apart, words)
    return best[1] if best else None


def returned(layer: nn.Module, given: tuple[Tensor | None, ...], change: Change | None = None) -> Array:
    """Return what a copy of the layer returns in inference mode, perhaps after a change.

    A change works in place, or returns what is called instead.
    """
    copy = deepcopy(layer).eval()
    with torch.no_grad():
        replaced = change(copy) if change else None
        output = replaced(*given) if callable(replaced) else copy(*given)
    return as_array(output[0] if isinstance(output, tuple) else output)


def observations(layer: nn.Module) -> Iterator[str]:
    """Yield what can be seen of a layer without running it."""
    mean, variance = getattr(layer, "running_mean", None), getattr(layer, "running_var", None)
    if isinstance(mean, Tensor) and isinstance(variance, Tensor):
        if not mean.any() and bool((variance == 1).all()):
            yield "its running statistics are still 0 and 1: they were not loaded"
        elif bool((variance < 0).any()):
            yield "its running variance is negative in places: is it the mean?"


def _apart(layer: nn.Module, change: Change, given: tuple[Tensor | None, ...], due: Array) -> float:
    found = returned(layer, given, change)
    return distance(due, found)[1] if np.isfinite(found).all() else np.inf


def _trials(layer: nn.Module, like: nn.Module | None) -> Iterator[Trial]:
    if isinstance(getattr(layer, "running_var", None), Tensor):
        yield from _of_statistics()
    for name in ("eps", "epsilon", "variance_epsilon"):
        if hasattr(layer, name):
            yield from _of_epsilon(name, getattr(layer, name), getattr(like, name, None))
    if isinstance(getattr(layer, "weight", None), Tensor):
        yield from _of_weights(layer)
    if isinstance(layer, (nn.LayerNorm, nn.RMSNorm)):
        yield from _of_centring(layer)
    yield from _of_activation(layer)


def _of_centring(layer: nn.LayerNorm | nn.RMSNorm) -> Iterator[Trial]:
    shape, weight, eps = list(layer.normalized_shape), layer.weight, layer.eps
    if isinstance(layer, nn.RMSNorm):
        eps = torch.finfo(torch.float32).eps if eps is None else eps
        yield (
            "with the mean subtracted",
            lambda _: lambda x: functional.layer_norm(x, shape, weight, None, eps),
        )
    else:
        yield "with no mean subtracted", lambda _: lambda x: functional.rms_norm(x, shape, weight, eps)


def _of_statistics() -> Iterator[Trial]:
    def swap(layer: Any) -> None:
        layer.running_mean, layer.running_var = layer.running_var, layer.running_mean

    def batch(layer: Any) -> Forward:
        layer.running_mean = layer.running_var = None
        return lambda x: functional.batch_norm(x, None, None, layer.weight, layer.bias, True, 0.0, layer.eps)

    yield "with its running mean and variance in each other's place", swap
    yield "with its running variance squared: it holds deviations", lambda layer: layer.running_var.square_()
    yield "with the root of its running variance", lambda layer: layer.running_var.sqrt_()
    yield "normalized by the batch's own statistics, as in training mode", batch


def _attribute(name: str, value: object) -> Change:
    return lambda layer: setattr(layer, name, value)


def _of_epsilon(name: str, old: float | None, other: float | None) -> Iterator[Trial]:
    for eps in (other, *EPSILONS):
        if eps not in (old, None):
            yield f"with {name}={eps:g} in place of {old}", _attribute(name, eps)


def _of_weights(layer: nn.Module) -> Iterator[Trial]:
    def swap(layer: Any) -> None:
        layer.weight.data, layer.bias.data = layer.bias.data, layer.weight.data

    if isinstance(layer, nn.Linear):
        yield "with its weight transposed", _reshaped(lambda weight: weight.T)
    elif isinstance(layer, nn.modules.conv._ConvNd):
        yield from _of_convolution(layer)
    else:
        yield "with gamma and beta in each other's place", swap
        yield "with 1 + its weight: one stores gamma less 1", lambda layer: layer.weight.add_(1)
        yield "with its weight less 1: it stores gamma less 1", lambda layer: layer.weight.sub_(1)
        yield "without its weight: one has no gamma", lambda layer: layer.weight.fill_(1)
    if isinstance(getattr(layer, "bias", None), Tensor):
        yield "without its bias", lambda layer: layer.bias.zero_()


def _reshaped(change: Callable[[Tensor], Tensor]) -> Change:
    def apply(layer: Any) -> None:
        layer.weight.data = change(layer.weight.data).contiguous()

    return apply


def _of_convolution(layer: nn.modules.conv._ConvNd) -> Iterator[Trial]:
    places = tuple(range(2, layer.weight.ndim))

    def behind(layer: Any) -> Forward:
        layer.padding, layer.padding_mode = (0,) * len(places), "zeros"
        return lambda x: layer(functional.pad(x, _same(layer, x.shape[2:])))

    if len(places) > 1:
        yield (
            "with height and width of its kernel exchanged",
            _reshaped(lambda weight: weight.transpose(-1, -2)),
        )
    yield (
        "with its kernel turned round, as a true convolution has it",
        _reshaped(lambda weight: weight.flip(places)),
    )
    yield (
        "with channels in and out of its kernel exchanged",
        _reshaped(lambda weight: weight.transpose(0, 1)),
    )
    if any(stride > 1 for stride in layer.stride):
        yield "padded as TensorFlow pads 'same' at a stride, with the odd zero behind", behind


def _same(layer: Any, sizes: Sequence[int]) -> list[int]:
    """Return TensorFlow's padding, last axis first, as `functional.pad` takes it."""
    pads: list[int] = []
    for size, kernel, stride, spread in zip(
        sizes, layer.kernel_size, layer.stride, layer.dilation, strict=True
    ):
        missing = max((-(-size // stride) - 1) * stride + spread * (kernel - 1) + 1 - size, 0)
        pads = [missing // 2, missing - missing // 2, *pads]
    return pads


def _of_activation(layer: nn.Module) -> Iterator[Trial]:
    if isinstance(layer, nn.GELU):
        other = "none" if layer.approximate == "tanh" else "tanh"
        yield f'with approximate="{other}"', _attribute("approximate", other)
    if isinstance(layer, nn.LeakyReLU):
        for slope in SLOPES:
            yield (
                f"with negative_slope={slope:g} in place of {layer.negative_slope:g}",
                _attribute("negative_slope", slope),
            )
