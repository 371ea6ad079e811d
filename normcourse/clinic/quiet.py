"""Look at a model without leaving a trace."""

import random
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

__all__ = ["copied", "random_kept", "untouched"]

_TABLES = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))  # the tables, hooks and the mode
_MAPPINGS: tuple[type, ...] = (dict, OrderedDict, defaultdict, Counter)
_CONTAINERS: tuple[type, ...] = (*_MAPPINGS, list, set, deque, tuple)


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Put back, when the ``with`` block ends or fails, what running a model or setting its mode changes.

    These are its modes, parameters (values, gradients and whether they take one), buffers, submodules, and
    plain attributes with the tensors, numbers and random generators in them, in lists and dictionaries too.
    So the model also comes back where ``eval()`` merges weights, and where ``forward`` counts or remembers.
    The state of the random generators of torch, Python and numpy is put back as well. Other objects that a
    layer holds are not looked into. A copy of all tensors is held meanwhile: the model's memory once more.

    Args:
        model: Any module.

    Example:
        >>> layer = nn.BatchNorm1d(1)
        >>> with untouched(layer):
        ...     _ = layer(torch.tensor([[1.0], [3.0]]))
        ...     layer.seen = 1
        >>> layer.running_mean, hasattr(layer, "seen")
        (tensor([0.]), False)
    """
    with ExitStack() as stack:  # which puts back each part, whatever another raises
        stack.enter_context(random_kept(model))
        held: dict[int, Any] = {}
        for part in (*model.modules(), *model.parameters(), *model.buffers()):
            _keep(part, stack, held)
        yield


@contextmanager
def random_kept(model: nn.Module | None = None) -> Iterator[None]:
    """Put back the state of the global random generators: of torch, Python and numpy."""
    tensors = () if model is None else (*model.parameters(), *model.buffers())
    devices = {tensor.device for tensor in tensors if tensor.device.type == "cuda"}
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=list(devices)))
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002 - the caller's own
        yield


class _AsWritten(nn.Module):
    """Stands for a compiled module, and runs it as it was written."""

    def __init__(self, written: nn.Module) -> None:
        super().__init__()
        self._orig_mod = written

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._orig_mod(*args, **kwargs)


def copied(model: nn.Module) -> nn.Module:
    """Copy a model, also one that was compiled or that holds results with their graph."""
    memo: dict[int, Any] = {}
    modules = list(model.modules())
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:  # which deepcopy refuses
                memo[id(value)] = value.detach().clone()
    for module in reversed(modules):
        if isinstance(written := module._modules.get("_orig_mod"), nn.Module):
            memo[id(module)] = _AsWritten(deepcopy(written, memo)).train(module.training)
    return deepcopy(model, memo)


def _keep(value: Any, stack: ExitStack, held: dict[int, Any]) -> None:
    """Have the stack put back a value that may change in place, and what it holds."""
    if value is None or isinstance(value, str | int | float) or id(value) in held:
        return
    held[id(value)] = value  # so that no other gets its number
    if isinstance(value, Tensor):
        _keep_tensor(value, stack)
    elif isinstance(value, nn.Module):
        plain = {name: item for name, item in vars(value).items() if name not in _OF_EVERY_MODULE}
        stack.callback(_put_attributes, value, plain)
        stack.callback(setattr, value, "training", value.training)
        for item in (*plain.values(), *(vars(value).get(name) for name in _TABLES)):
            _keep(item, stack, held)
    elif type(value) in _CONTAINERS:
        items = list(value.items() if type(value) in _MAPPINGS else value)
        if type(value) is not tuple:
            stack.callback(_fill, value, items)
        for item in items:
            _keep(item, stack, held)
    else:
        _keep_generator(value, stack)


def _keep_tensor(tensor: Tensor, stack: ExitStack) -> None:
    if isinstance(tensor, nn.Parameter):
        stack.callback(_put_gradient, tensor, tensor.requires_grad, tensor.grad)
        if tensor.grad is not None:
            tensor.grad = None  # what a forward pass adds, it adds to another
    if not tensor.is_meta and not is_lazy(tensor):
        # Written through .data, a graph that waits for its backward pass does not take it for a change.
        memory = tensor.detach() if tensor.is_inference() else tensor.data
        stack.callback(_put_values, tensor, memory, memory.clone())


def _keep_generator(value: Any, stack: ExitStack) -> None:
    if isinstance(value, torch.Generator):
        stack.callback(value.set_state, value.get_state())
    elif isinstance(value, random.Random):
        stack.callback(value.setstate, value.getstate())
    elif isinstance(value, np.random.RandomState):
        stack.callback(value.set_state, value.get_state())
    elif isinstance(value, np.random.Generator):
        stack.callback(setattr, value.bit_generator, "state", value.bit_generator.state)
    elif isinstance(value, np.ndarray) and value.flags.writeable:
        stack.callback(np.copyto, value, value.copy())


def _put_values(tensor: Tensor, memory: Tensor, old: Tensor) -> None:
    """Write the old values into a tensor's old memory, if they changed."""
    inference = tensor.is_inference()  # which is written in no other mode
    plain = tensor.layout == torch.strided
    with torch.inference_mode(inference), torch.no_grad():
        if plain and not inference and tensor.data_ptr() != memory.data_ptr():
            tensor.data = memory
        if not plain or not torch.equal(memory, old):
            memory.copy_(old)


def _put_gradient(parameter: nn.Parameter, wanted: bool, gradient: Tensor | None) -> None:
    if parameter.requires_grad != wanted:
        parameter.requires_grad_(wanted)
    if parameter.grad is not gradient:
        parameter.grad = gradient


def _put_attributes(module: nn.Module, plain: dict[str, Any]) -> None:
    now = vars(module)
    for name in [name for name in now if name not in plain and name not in _OF_EVERY_MODULE]:
        del now[name]
    now.update(plain)


def _fill(container: Any, items: list[Any]) -> None:
    container.clear()
    if isinstance(container, dict):
        for key, value in items:  # a Counter's update would count
            container[key] = value
    else:
        container.update(items) if isinstance(container, set) else container.extend(items)
