"""What mends a model in place, and the lines of code that do: they name the layers."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from torch import nn

from normcourse.clinic.batches import OnBatches, takes_first_alone
from normcourse.clinic.case import Case
from normcourse.clinic.subject import Norm
from normcourse.nn import recalibrate
from normcourse.nn._population import AnyBatchNorm

__all__ = [
    "at",
    "each",
    "first_names",
    "plain_batch_norm",
    "recalibrate_on",
    "recalibrated",
    "recalibrating",
    "recalibration",
    "spread",
]


_BATCHES = 4  # enough to see what it gains
_NAMED = 4  # so many layers are named in a line
_OWN = (
    "# recalibrate() knows nn.BatchNorm1d to 3d: put one in the layer's place, with its gamma and beta, "
    "then recalibrate(model, batches)"
)


def spread(batches: Sequence[Any], count: int) -> Sequence[Any]:
    """As many of the batches, at even distances."""
    return [batches[len(batches) * i // count] for i in range(count)] if len(batches) > count else batches


def recalibrate_on(model: nn.Module, batches: Iterable[Any]) -> None:
    """Recompute the running statistics as `normcourse.nn.recalibrate` does, from batches of any kind.

    Args:
        model: Holds batch norms of torch or of this package.
        batches: As `examine` takes them, mappings and several inputs among them.

    Raises:
        ValueError: As `normcourse.nn.recalibrate`, where names begin with ``model.``.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.BatchNorm1d(1))
        >>> recalibrate_on(model, [{"input": torch.tensor([[0.0], [2.0]]), "labels": torch.ones(2)}])
        >>> model[0].running_mean
        tensor([1.])
    """
    recalibrate(OnBatches(model), ((batch,) for batch in batches))


def recalibrated(model: nn.Module, batches: Sequence[Any]) -> None:
    """Compute the running statistics anew from some of the batches, of any kind that `examine` takes."""
    recalibrate_on(model, spread(batches, _BATCHES))


def recalibration(case: Case, norms: Iterable[Norm]) -> tuple[str, Callable[[nn.Module], object] | None]:
    """The line that computes these norms' statistics anew from the batches, and what does it on a copy."""
    if not all(isinstance(norm.layer, AnyBatchNorm) for norm in norms):
        return _OWN, None
    return recalibrating(case), partial(recalibrated, batches=case.batches) if case.batches else None


def recalibrating(case: Case) -> str:
    """The line that recalibrates from batches of the kind that was given."""
    if all(takes_first_alone(case.model, batch) for batch in case.batches):
        return "from normcourse.nn import recalibrate; recalibrate(model, batches)"
    return "from normcourse.clinic import recalibrate_on; recalibrate_on(model, batches)"


def at(name: str) -> str:
    """The code for a layer of ``model``, by its name there."""
    if not name:
        return "model"
    parts = name.split(".")
    return f"model.{name}" if all(map(str.isidentifier, parts)) else f'model.get_submodule("{name}")'


def each(check: str, names: Sequence[str], do: str, *, every: bool = False) -> str:
    """The code that does something to each layer: ``do`` has ``{layer}``, and perhaps ``{name}``.

    Many layers are those that the report names, ``report["the check"].layers``, unless every one is asked for
    by name.
    """
    if len(names) == 1:
        return do.format(layer=at(names[0]), name=f'"{names[0]}"')
    listed = ", ".join(f'"{name}"' for name in names)
    source = f"({listed})" if every or len(names) <= _NAMED else f'report["{check}"].layers'
    return f"for name in {source}: " + do.format(layer="model.get_submodule(name)", name="name")


def plain_batch_norm(norms: Sequence[Norm], check: str, case: Case) -> str:
    """The lines that give batch norms running statistics, those of the batches."""
    kind = f"BatchNorm{_axes(norms[0], case)}d"
    names = [norm.names[0] for norm in norms]
    if names == [""]:
        return f"model = nn.{kind}({norms[0].features})  # with running statistics\n" + recalibrating(case)
    size = f"{norms[0].features}" if len({norm.features for norm in norms}) == 1 else "old.num_features"
    do = (
        f"old = {{layer}}; model.set_submodule({{name}}, nn.{kind}({size})); "
        "{layer}.load_state_dict(old.state_dict(), strict=False)"
    )
    return each(check, names, do) + "\n" + recalibrating(case)


def _axes(norm: Norm, case: Case) -> int:
    """How many axes a batch norm pools beside the examples, as its class's name has it."""
    named = re.search(r"BatchNorm(\d)d$", type(norm.layer).__name__)
    calls = case.calls(norm)
    return int(named[1]) if named else max(len(calls[0].shape) - 2, 1) if calls else 2


def first_names(norms: Iterable[Norm]) -> list[str]:
    """The norms' names in the model, where that of the model itself is empty."""
    return [norm.names[0] for norm in norms]
