"""Whether a layer computes what its class does: only then can its parameters be moved into another."""

from functools import partial

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

__all__ = ["altered", "check_unaltered"]

_OWN = ("torch.nn.modules.", "normcourse.nn.")
_METHODS = ("__call__", "_call_impl", "forward", "_conv_forward")
_HOOKS = {
    BasePruningMethod: "is pruned: make that permanent with torch.nn.utils.prune.remove",
    SpectralNorm: "has spectral norm: make it permanent with torch.nn.utils.remove_spectral_norm",
    WeightNorm: "has weight norm: make it permanent with torch.nn.utils.remove_weight_norm",
}


def altered(layer: nn.Module) -> str | None:
    """Say why a layer computes something else than its class, and how to mend that; None if it does not."""
    if parametrize.is_parametrized(layer):
        names = ", ".join(dict(layer.parametrizations.named_children()))  # type: ignore[union-attr]
        return (
            f"computes its {names} anew at each call: make that permanent with "
            "torch.nn.utils.parametrize.remove_parametrizations"
        )
    if isinstance(layer, LazyModuleMixin):
        return "has no size yet: call the model once"
    for hook in (*layer._forward_pre_hooks.values(), *layer._forward_hooks.values()):
        known = [reason for kind, reason in _HOOKS.items() if isinstance(hook, kind)]
        return known[0] if known else "has a forward hook: remove it first"
    for method in filter(partial(hasattr, type(layer)), _METHODS):
        # Where its code was written: a wrapper may say that it comes from elsewhere.
        written = getattr(getattr(type(layer), method), "__globals__", {}).get("__name__", "")
        if method in layer.__dict__ or not written.startswith(_OWN):
            return f"has a {method} of its own, and may compute anything: put a plain layer in its place"
    return None


def check_unaltered(function: str, **layers: nn.Module) -> None:
    """Raise a ValueError unless each of these layers computes what its class does."""
    for name, layer in layers.items():
        if reason := altered(layer):
            raise ValueError(f"{function} cannot use {name}, a {type(layer).__name__}: it {reason}")
