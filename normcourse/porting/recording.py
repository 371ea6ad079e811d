"""What the layers of a model return, in the order of their calls."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from normcourse.probes import undisturbed

__all__ = ["Array", "Call", "Model", "Recorded", "record"]

Array = NDArray[np.float64]
Recorded = Mapping[str, ArrayLike] | Sequence[tuple[str, ArrayLike]]
Model = nn.Module | Recorded


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a layer: its name, what it returned and, of a torch module, what it was given.

    Args:
        name: As in ``model.named_modules()``, with the number of the call behind it from the second on.
        output: What it returned.
        layer: The module; None of what another framework recorded.
        given: Its positional arguments, if each is a tensor or None; else None.
    """

    name: str
    output: Array
    layer: nn.Module | None = None
    given: tuple[Tensor | None, ...] | None = None


def record(model: Model, batch: Any, names: Sequence[str] | None) -> tuple[list[Call], Array | None]:
    """Return the calls of a model's innermost layers, or of named ones, and its output.

    A module runs on the batch in inference mode, without gradients, and is left as it was. The output is None
    where it is no tensor, and of what was recorded elsewhere.
    """
    if isinstance(model, nn.Module):
        return _run(model, batch, names)
    items = list(model.items() if isinstance(model, Mapping) else model)
    if names is not None:
        known = dict(items)
        if unknown := [name for name in names if name not in known]:
            raise ValueError(_unknown(unknown, known))
        items = [(name, known[name]) for name in names]
    return [Call(name, as_array(value)) for name, value in items], None


def as_array(value: ArrayLike | Tensor) -> Array:
    """Return a copy in double precision, of a tensor on any device or of what NumPy understands."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().double().numpy()
    return np.array(value, dtype=np.float64)


def _run(model: nn.Module, batch: Any, names: Sequence[str] | None) -> tuple[list[Call], Array | None]:
    if batch is None:
        raise ValueError("a module needs a batch to run on: pass the input that both sides were given")
    modules = dict(model.named_modules(remove_duplicate=False))
    if names is not None and (unknown := [name for name in names if name not in modules]):
        raise ValueError(_unknown(unknown, modules))
    watch = _Watch(modules, None if names is None else set(names))
    # Hooks go before the modes come back, so that nothing of ours is left after an error either.
    with undisturbed(model), torch.no_grad(), ExitStack() as hooks:
        model.eval()
        for module in dict.fromkeys(modules.values()):
            hooks.callback(module.register_forward_pre_hook(watch.enter).remove)
            hooks.callback(module.register_forward_hook(watch.leave).remove)
        output = model(**batch) if isinstance(batch, Mapping) else model(batch)
    calls = watch.calls
    if names is not None:  # in the order that was asked for, and of each the first call
        first = {call.name: call for call in reversed(calls)}
        if missing := [name for name in names if name not in first]:
            raise ValueError(f"no call of {', '.join(map(repr, missing))}: the batch does not reach it")
        calls = [first[name] for name in names]
    return calls, as_array(output) if isinstance(output, Tensor) else None


class _Watch:
    """Hooks that keep the calls in which no other module was called, or those of chosen modules."""

    def __init__(self, modules: Mapping[str, nn.Module], chosen: set[str] | None) -> None:
        self.names: dict[nn.Module, str] = {}
        for name, module in modules.items():
            if module not in self.names or (chosen is not None and name in chosen):
                self.names[module] = name
        self.chosen = chosen
        self.calls: list[Call] = []
        self._open: list[tuple[bool, tuple[Tensor | None, ...] | None]] = []
        self._counts: Counter[str] = Counter()

    def enter(self, _module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if self._open:
            self._open[-1] = (False, self._open[-1][1])
        plain = all(argument is None or isinstance(argument, Tensor) for argument in arguments)
        # Copies: an in-place layer overwrites what it is given.
        given = tuple(None if a is None else a.detach().clone() for a in arguments) if plain else None
        self._open.append((True, given))

    def leave(self, module: nn.Module, _arguments: tuple[Any, ...], output: Any) -> None:
        innermost, given = self._open.pop()
        name = self.names[module]
        returned = _first_tensor(output)
        # In inference mode these hand on what they are given, and another framework may not have them.
        idle = isinstance(module, (nn.Identity, _DropoutNd))
        wanted = name in self.chosen if self.chosen is not None else innermost and not idle
        if wanted and returned is not None:
            self._counts[name] += 1
            count = self._counts[name]
            shown = name if count == 1 else f"{name} (call {count})"
            self.calls.append(Call(shown, as_array(returned), module, given))


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    return _first_tensor(output[0]) if isinstance(output, (tuple, list)) and output else None


def _unknown(unknown: Iterable[str], known: Iterable[str]) -> str:
    asked = ", ".join(map(repr, unknown))
    return f"no layer is called {asked}; there are {', '.join(repr(name) for name in known if name)}"
