"""What may follow the operations of a forward pass: compilers, tracers and transforms."""

import torch
from torch import Tensor, fx
from torch.autograd import forward_ad

__all__ = ["is_followed", "is_recomputed", "refuse_symbols"]


def is_followed(x: Tensor) -> bool:
    """Whether every operation on x is followed: it then must be one that PyTorch knows, and not in place."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or torch._C._are_functorch_transforms_active()  # torch.func
        or forward_ad._current_level >= 0
        or torch._C._functorch.is_legacy_batchedtensor(x)  # torch.autograd.grad(is_grads_batched=True)
    )


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
