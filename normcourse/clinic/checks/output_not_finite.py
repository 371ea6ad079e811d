"""A layer that makes NaN or infinity of a finite input."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from normcourse.clinic.batches import call_model, first_tensor, tensors_in
from normcourse.clinic.case import Case
from normcourse.clinic.lines import at
from normcourse.clinic.quiet import untouched
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import is_leaf

NEEDS = ("batches",)


def find(case: Case) -> Iterator[Finding]:
    """Name the first layer that does, in the first batch whose output is not finite."""
    number = case.seen().not_finite
    if number is None:
        return
    first, masked = _first(case, number)
    yield Finding(
        name="output not finite",
        layers=(first or type(case.model).__name__,),
        measured={"number of the first such batch": number},
        follows="In inference mode the model gives NaN or infinity. " + _why(case, first, masked),
        mend=f"{at(first)}.state_dict()" if first else "# look at the batch, and at the model's forward",
        certainty="possible" if masked else "certain",
        page="04-layernorm-for-transformers/07-low-precision",
    )


def _why(case: Case, first: str | None, masked: bool) -> str:
    if masked:
        return (
            "It gives -inf alone, as masked logits do, whose probability is then 0. If they were masked it "
            "is meant so; a loss that takes one of them for the target is infinite."
        )
    if first is None:
        return "No layer makes them of a finite input: look at the inputs."
    if not is_leaf(case.model.get_submodule(first)):
        return (
            f"{first or 'The model'} makes them of a finite input, and no layer inside of it does: look in "
            "its forward for a logarithm, a root, a division, and a row that is masked as a whole."
        )
    return (
        f"{first or 'The model'} is the first layer that makes them of a finite input: a norm whose epsilon "
        "is missing or too small does so with a row of zeros, and any layer with a parameter or a statistic "
        "that is not finite."
    )


def _first(case: Case, number: int) -> tuple[str | None, bool]:
    """The first module with finite inputs whose output is not; and whether the model gives -inf alone."""
    found: list[str] = []

    def watch(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            if not found and not all(map(_finite, _floating(output))) and _sound([args, kwargs]):
                found.append(name)

        return hook

    with ExitStack() as hooks, untouched(case.model), torch.no_grad():
        case.model.eval()
        for name, layer in case.model.named_modules():  # those inside of one end before it
            hooks.callback(layer.register_forward_hook(watch(name), with_kwargs=True).remove)
        last = first_tensor(call_model(case.model, case.batches[number]))
    return found[0] if found else None, not bool(last.isnan().any() or (last == torch.inf).any())


def _sound(inputs: Any) -> bool:
    """Whether the first is finite, and others, which may be masks, hold no NaN and no +inf."""
    first, *others = _floating(inputs) or [torch.zeros(())]
    return _finite(first) and not any(bool(x.isnan().any() or (x == torch.inf).any()) for x in others)


def _floating(values: Any) -> list[Tensor]:
    return [x for x in tensors_in(values) if x.is_floating_point()]


def _finite(x: Tensor) -> bool:
    return bool(x.isfinite().all())
