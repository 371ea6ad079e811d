"""Batch norm called as a function, outside of any norm layer."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from normcourse.clinic.case import Case
from normcourse.clinic.passes import call_model
from normcourse.clinic.report import Finding
from normcourse.probes import undisturbed

NEEDS = ("batches",)


@dataclass
class _Use:
    places: dict[str, None] = field(default_factory=dict)
    calls: int = 0
    by_batch: int = 0
    unsaved: int = 0


def find(case: Case) -> Iterator[Finding]:
    """Name the modules that call it, and say with which statistics they do in inference mode."""
    if not case.seen().functions["batch_norm"]:
        return
    use = _watch(case)
    if not use.calls:
        return
    follows = "No layer holds this norm, so its mode and its statistics are what the code passes: "
    if use.by_batch:
        follows += "here the batch's statistics in inference mode, too, so an answer depends on its batch."
    elif use.unsaved:
        follows += "here running statistics that are no buffers, so they are neither saved nor moved."
    else:
        follows += (
            "as long as that is right all is well, but what looks for layers, to freeze, synchronise or "
            "recalibrate them, passes it by."
        )
    yield Finding(
        name="functional batch norm",
        layers=tuple(use.places),
        measured={
            "calls in one pass": use.calls,
            "of them by the batch's statistics in inference mode": use.by_batch,
            "of them with running statistics that are no buffers": use.unsaved,
        },
        follows=follows,
        mend="self.norm = nn.BatchNorm2d(channels)  # and self.norm(x) in forward",
        certainty="likely" if use.by_batch or use.unsaved else "possible",
        page="03-inference-statistics/03-modes",
    )


def _watch(case: Case) -> _Use:
    """Run the first batch in inference mode, and see who calls the function with what."""
    use, model = _Use(), case.model
    norms = {norm.layer for norm in case.norms}
    stack: list[nn.Module] = []
    names = {layer: name or type(layer).__name__ for name, layer in case.layers.items()}
    saved = {tensor.data_ptr() for tensor in model.state_dict().values()}
    weights = {parameter.data_ptr() for parameter in model.parameters()}

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is F.batch_norm and not norms & set(stack):
                note(*args, **(kwargs or {}))
            return func(*args, **(kwargs or {}))

    def note(
        x: Tensor,
        running_mean: Tensor | None = None,
        running_var: Tensor | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        *_: Any,
        **__: Any,
    ) -> None:
        if x.data_ptr() in weights:  # a convolution that standardises its weights
            return
        use.places[names[stack[-1]] if stack else type(model).__name__] = None
        use.calls += 1
        use.by_batch += training or running_mean is None
        use.unsaved += running_mean is not None and running_mean.data_ptr() not in saved

    with ExitStack() as hooks, undisturbed(model), torch.no_grad():
        model.eval()
        for layer in names:
            enter, leave = _hooks(stack)
            hooks.callback(layer.register_forward_pre_hook(enter).remove)
            hooks.callback(layer.register_forward_hook(leave, always_call=True).remove)
        with Watch():
            call_model(model, case.batches[0])
    return use


def _hooks(stack: list[nn.Module]) -> tuple[Callable[..., None], Callable[..., None]]:
    def enter(layer: nn.Module, *_: Any) -> None:
        stack.append(layer)

    def leave(*_: Any) -> None:
        stack.pop()

    return enter, leave
