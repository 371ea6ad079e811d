"""What must come back when somebody has looked at a model."""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_OF_EVERY_MODULE = vars(nn.Module()).keys()
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_hooks_with_kwargs")


def state(model: nn.Module) -> dict[str, Any]:
    """All of a model, and of the process, that an examination could change."""
    return {
        "modes": [module.training for module in model.modules()],
        "hooks": [[list(getattr(module, name)) for name in _HOOKS] for module in model.modules()],
        "values": {name: _noted(value) for name, value in model.state_dict().items()},
        "buffers": {name: id(value) for name, value in model.named_buffers()},
        "parameters": {name: id(value) for name, value in model.named_parameters()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "trained": [p.requires_grad for p in model.parameters()],
        "shares": {name: value.data_ptr() for name, value in model.named_parameters() if not is_lazy(value)},
        "plain": [_noted(_plain(module)) for module in model.modules()],
        "modules": {name: id(module) for name, module in model.named_modules()},
        "random": torch.get_rng_state(),
        "random of others": [random.getstate(), np.random.get_state(legacy=False)],  # noqa: NPY002
        "grad mode": torch.is_grad_enabled(),
    }


def _plain(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if name not in _OF_EVERY_MODULE}


def _noted(value: Any) -> Any:
    """A value that stays when the original changes in place."""
    if isinstance(value, Tensor):
        return value if is_lazy(value) else value.detach().clone()
    if type(value) is dict:
        return {key: _noted(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return [_noted(item) for item in value]
    return value


def same(one: Any, two: Any) -> bool:
    """Whether two states are the same to the last bit; NaN is NaN."""
    if isinstance(one, Tensor) and isinstance(two, Tensor):
        return torch.equal(one.nan_to_num(), two.nan_to_num()) and torch.equal(one.isnan(), two.isnan())
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(value, two[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, two)
    return one is two or bool(one == two)
