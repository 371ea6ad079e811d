"""What may follow the operations of a forward pass: compilers, tracers and transforms."""

import torch
from torch import Tensor, fx
from torch.autograd import forward_ad

__all__ = ["is_followed", "is_recomputed", "refuse_symbols"]


def is_followed(*tensors: Tensor | None) -> bool:
    """Whether operations on these are followed: they then must be PyTorch's own, and none in place."""
    given = [x for x in tensors if x is not None]
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or torch._C._are_functorch_transforms_active()  # torch.func
        or torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None  # make_fx
        # torch.autograd.grad(is_grads_batched=True)
        or any(x.is_meta or torch._C._functorch.is_legacy_batchedtensor(x) for x in given)
        or (forward_ad._current_level >= 0 and any(_has_tangent(x) for x in given))
    )


def _has_tangent(x: Tensor) -> bool:
    return forward_ad.unpack_dual(x).tangent is not None  # type: ignore[no-untyped-call]


def is_recomputed() -> bool:
    """Whether this forward pass runs within a backward pass, as ``torch.utils.checkpoint`` runs it again."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


def refuse_symbols(name: str, x: object) -> None:
    """Raise a TypeError if x is what ``torch.fx.symbolic_trace`` puts in the place of a tensor."""
    if isinstance(x, fx.Proxy):
        raise TypeError(
            f"{name} cannot be traced by torch.fx.symbolic_trace, because a symbol has no shape to check: "
            "use torch.export.export, or a torch.fx.Tracer whose is_leaf_module keeps our layers whole"
        )
