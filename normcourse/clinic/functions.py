"""Norms that a model calls as functions: which, where, and with what."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from normcourse.clinic.batches import call_model
from normcourse.clinic.quiet import untouched
from normcourse.clinic.subject import Norm

__all__ = ["NORM_FUNCTIONS", "FunctionCall", "NormFunctions", "function_calls"]

#: The functions of torch that normalize, and their names.
NORM_FUNCTIONS: Mapping[Any, str] = {
    getattr(module, name): name
    for module in (torch, F)
    for name in ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")
    if hasattr(module, name)
}
_TAKES: Mapping[Any, tuple[str, ...]] = {
    F.batch_norm: ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    torch.batch_norm: (
        "input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps",
    ),
    **dict.fromkeys((F.layer_norm, torch.layer_norm), ("input", "normalized_shape", "weight", "bias", "eps")),
    **dict.fromkeys((F.rms_norm, torch.rms_norm), ("input", "normalized_shape", "weight", "eps")),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class FunctionCall:
    """One call of a norm's function, outside of any norm layer.

    Args:
        function: Its name, such as ``"layer_norm"``.
        place: The innermost module that was running, by name; the class's name for the model.
        arguments: By their names, as far as they were given.
    """

    function: str
    place: str
    arguments: Mapping[str, Any]

    @property
    def input(self) -> Tensor:
        """What it normalizes."""
        x: Tensor = self.arguments["input"]
        return x


class NormFunctions(TorchFunctionMode):
    """Tells of each call of a norm's function, but of none that another one makes.

    Weights that are standardised by such a function, as those of some convolutions are, do not count.

    Args:
        model: Whose weights these are.
        tell: Gets the function's name and its arguments by their names, as far as they were given.
    """

    def __init__(self, model: nn.Module, tell: Callable[[str, Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._weights = {parameter.data_ptr() for parameter in model.parameters()}
        self._tell, self._inside = tell, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._inside or func not in NORM_FUNCTIONS:
            return func(*args, **kwargs)
        given = dict(zip(_TAKES.get(func, ("input",)), args, strict=False)) | kwargs
        if given["input"].data_ptr() not in self._weights:
            self._tell(NORM_FUNCTIONS[func], given)
        self._inside = True  # F.layer_norm calls torch.layer_norm
        try:
            return func(*args, **kwargs)
        finally:
            self._inside = False


def function_calls(model: nn.Module, norms: Sequence[Norm], batch: Any) -> list[FunctionCall]:
    """Run a batch in inference mode, and see which norms are called as functions, and where.

    Those that a known norm layer calls do not count; what a layer of an unknown class calls does.
    """
    found: list[FunctionCall] = []
    known = {norm.layer for norm in norms if norm.own is None}
    names = {layer: name or type(layer).__name__ for name, layer in model.named_modules()}

    def tell(function: str, arguments: Mapping[str, Any]) -> None:
        if not known & set(running):
            place = names[running[-1]] if running else type(model).__name__
            found.append(FunctionCall(function, place, arguments))

    with untouched(model), torch.no_grad(), torch.compiler.set_stance("force_eager"):
        model.eval()
        with _running(names) as running, NormFunctions(model, tell):
            call_model(model, batch)
    return found


@contextmanager
def _running(layers: Mapping[nn.Module, str]) -> Iterator[list[nn.Module]]:
    """The layers whose forward pass is under way, from the outermost in."""
    stack: list[nn.Module] = []
    with ExitStack() as hooks:
        for layer in layers:
            enter, leave = _hooks(stack)
            hooks.callback(layer.register_forward_pre_hook(enter).remove)
            hooks.callback(layer.register_forward_hook(leave, always_call=True).remove)
        yield stack


def _hooks(stack: list[nn.Module]) -> tuple[Callable[..., None], Callable[..., None]]:
    def enter(layer: nn.Module, *_: Any) -> None:
        stack.append(layer)

    def leave(*_: Any) -> None:
        stack.pop()

    return enter, leave
