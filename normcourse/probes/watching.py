"""What goes into a layer and what comes out, and how to look without leaving a trace."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

__all__ = ["undisturbed", "watch"]

# Which layers of a model: a name, several names, a type of layer, or several types.
Layers = str | Sequence[str] | type[nn.Module] | tuple[type[nn.Module], ...]


@contextmanager
def watch(
    model: nn.Module, layers: Layers, *, what: str = "output"
) -> Iterator[dict[str, list[NDArray[Any]]]]:
    """Record what chosen layers receive or return, at every call, until the ``with`` block ends.

    The hooks are removed at the end, after an error too. Arrays are copies: a later in-place operation does
    not change them. The model runs as it is, so that batch norms in training mode move their running
    statistics; see `undisturbed`.

    Args:
        model: Any module.
        layers: Names as in ``model.named_modules()`` (the model's own is ``""``), or types of layers.
        what: ``"output"``, or ``"input"`` for the first positional argument.

    Yields:
        For each layer's name, in the model's order or that of the names given, a list of arrays that grows by
        one at each call of the layer.

    Raises:
        ValueError: The model has no such layer (the message lists those it has), or an unknown ``what``.
        TypeError: A layer is called with, or returns, something other than a tensor.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> with watch(model, nn.Linear, what="input") as seen:
        ...     _ = model(torch.ones(5, 2))
        >>> {name: [array.shape for array in arrays] for name, arrays in seen.items()}
        {'0': [(5, 2)], '2': [(5, 3)]}
    """
    if what not in ("input", "output"):
        raise ValueError(f'what must be "input" or "output", but got {what!r}')
    chosen = select(model, layers)
    seen: dict[str, list[NDArray[Any]]] = {name: [] for name in chosen}

    def keep(name: str, value: Any) -> None:
        seen[name].append(_array(value, f"the {what} of {name!r}"))

    def add_hook(name: str, layer: nn.Module) -> RemovableHandle:
        if what == "output":
            return layer.register_forward_hook(lambda _layer, _args, output: keep(name, output))
        # Taken before the layer runs, which may overwrite it.
        return layer.register_forward_pre_hook(lambda _layer, args: keep(name, args[0] if args else None))

    handles = [add_hook(name, layer) for name, layer in chosen.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Put back, when the ``with`` block ends or fails, what running a model changes.

    These are its buffers (running statistics, the count of batches), also those that were replaced by others,
    added or taken away; each layer's training mode; and the state of torch's random generators, which dropout
    draws from. Parameters and their ``.grad`` are not put back.

    Args:
        model: Any module.

    Example:
        >>> layer = nn.BatchNorm1d(1)
        >>> with undisturbed(layer):
        ...     _ = layer(torch.tensor([[1.0], [3.0]]))
        ...     inside = layer.running_mean.clone()
        >>> inside, layer.running_mean
        (tensor([0.2000]), tensor([0.]))
    """
    modes = {module: module.training for module in model.modules()}
    # Which tensor is the buffer, and what it holds: a layer may replace the one or overwrite the other.
    # (What TorchScript made has no dictionary of buffers, and can replace none.)
    registered = {module: dict(module._buffers) for module in modes if type(module._buffers) is dict}
    values = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    tensors = [*model.parameters(), *model.buffers()]
    devices = {tensor.device for tensor in tensors if tensor.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, old in values:
                    buffer.copy_(old)
            for module, buffers in registered.items():
                module._buffers.clear()
                module._buffers.update(buffers)
            for module, training in modes.items():
                module.training = training


def select(model: nn.Module, layers: Layers) -> dict[str, nn.Module]:
    """Return the chosen layers by name; the errors are those of `watch`."""
    existing = dict(model.named_modules(remove_duplicate=False))
    if isinstance(layers, type) or (isinstance(layers, tuple) and layers and isinstance(layers[0], type)):
        chosen = {name: layer for name, layer in model.named_modules() if isinstance(layer, layers)}
        if not chosen:
            kinds = sorted({type(layer).__name__ for layer in existing.values()})
            raise ValueError(f"the model has no layer of {layers}; it has {', '.join(kinds)}")
        return chosen
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise ValueError("no layer was chosen: give at least one name or type")
    if unknown := ", ".join(repr(name) for name in names if name not in existing):
        raise ValueError(f"the model has no layer {unknown}; it has {', '.join(map(repr, existing))}")
    return {name: existing[name] for name in names}


def _array(value: Any, whose: str) -> NDArray[Any]:
    if not isinstance(value, Tensor):
        raise TypeError(f"{whose} must be a tensor, but is {type(value).__name__}; watch a layer inside it")
    value = value.detach().cpu()
    array: NDArray[Any] = (value.float() if value.dtype == torch.bfloat16 else value).numpy().copy()
    return array
