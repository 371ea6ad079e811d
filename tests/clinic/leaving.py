"""What must come back when somebody has looked at a model."""

from typing import Any

import torch
from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_hooks_with_kwargs")


def state(model: nn.Module) -> dict[str, Any]:
    """All of a model, and of the process, that an examination could change."""
    return {
        "modes": [module.training for module in model.modules()],
        "hooks": [[list(getattr(module, name)) for name in _HOOKS] for module in model.modules()],
        "values": {name: value.clone() for name, value in model.state_dict().items()},
        "buffers": {name: id(value) for name, value in model.named_buffers()},
        "parameters": {name: id(value) for name, value in model.named_parameters()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "trained": [p.requires_grad for p in model.parameters()],
        "random": torch.get_rng_state(),
        "grad mode": torch.is_grad_enabled(),
    }


def same(one: Any, two: Any) -> bool:
    """Whether two states are the same to the last bit; NaN is NaN."""
    if isinstance(one, Tensor):
        return torch.equal(one.nan_to_num(), two.nan_to_num()) and torch.equal(one.isnan(), two.isnan())
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(value, two[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two)
