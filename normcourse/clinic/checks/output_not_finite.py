"""A layer that makes NaN or infinity of a finite input."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from normcourse.clinic.batches import call_model
from normcourse.clinic.case import Case
from normcourse.clinic.quiet import untouched
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import is_leaf

NEEDS = ("batches",)


def find(case: Case) -> Iterator[Finding]:
    """Name the first layer that does, in the first batch whose output is not finite."""
    number = case.seen().not_finite
    if number is None:
        return
    first = _first(case, number)
    yield Finding(
        name="output not finite",
        layers=(first or type(case.model).__name__,),
        measured={"number of the first such batch": number},
        follows=(
            "In inference mode the model gives NaN or infinity. "
            + (
                f"{first} is the first layer that makes them of a finite input: a norm whose epsilon is "
                "missing or too small does so with a row of zeros, and any layer with a parameter or a "
                "statistic that is not finite."
                if first
                else "No layer makes them of a finite input: look at the inputs, and between the layers."
            )
        ),
        mend=f'model.get_submodule("{first}").state_dict()' if first else "# look at the batch",
        certainty="certain",
        page="04-layernorm-for-transformers/07-low-precision",
    )


def _first(case: Case, number: int) -> str | None:
    """The first leaf layer with finite inputs whose output is not finite."""
    found: list[str] = []

    def watch(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if not found and not _finite((output,)) and _finite(args):
                found.append(name)

        return hook

    with ExitStack() as hooks, untouched(case.model), torch.no_grad():
        case.model.eval()
        for name, layer in case.model.named_modules():
            if is_leaf(layer):
                hooks.callback(layer.register_forward_hook(watch(name or type(layer).__name__)).remove)
        call_model(case.model, case.batches[number])
    return found[0] if found else None


def _finite(values: tuple[Any, ...]) -> bool:
    floating = (x for x in values if isinstance(x, Tensor) and x.is_floating_point())
    return all(bool(x.isfinite().all()) for x in floating)
