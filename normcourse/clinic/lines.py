"""The lines of code that a report prints: they name the layers, and run."""

import re
from collections.abc import Iterable, Mapping, Sequence
from keyword import iskeyword

from normcourse.clinic.batches import takes_first_alone
from normcourse.clinic.case import Case
from normcourse.clinic.subject import Norm

__all__ = [
    "at",
    "by_channels",
    "each",
    "first_names",
    "for_each_kind",
    "plain_batch_norm",
    "recalibrating",
    "replaced",
    "with_imports",
]

_NAMED = 4  # so many layers are named in a line
#: What a printed line may use, and the import that it needs.
_IMPORTS = {
    r"(?<![\w.])copy\.": "import copy",
    r"(?<![\w.])torch\.": "import torch",
    r"(?<![\w.])nn\.": "from torch import nn",
    r"(?<![\w.])F\.": "from torch.nn import functional as F",
    r"(?<![\w.])DataLoader\(": "from torch.utils.data import DataLoader",
    r"(?<![\w.])freeze_batch_norm\(": "from normcourse.nn import freeze_batch_norm",
    r"(?<![\w.])SyncBatchNorm\.": "from normcourse.nn import SyncBatchNorm",
}


def at(name: str) -> str:
    """The code for a layer of ``model``, by its name there."""
    if not name:
        return "model"
    plain = all(part.isidentifier() and not iskeyword(part) for part in name.split("."))
    return f"model.{name}" if plain else f'model.get_submodule("{name}")'


def each(check: str, names: Sequence[str], do: str, *, every: bool = False) -> str:
    """The code that does something to each layer: ``do`` has ``{layer}``, and perhaps ``{name}``.

    Many layers are those that the report names, ``report["the check"].layers``, unless every one is asked for
    by name.
    """
    if len(names) == 1:
        return do.format(layer=at(names[0]), name=f'"{names[0]}"')
    if do.startswith("#"):
        return do.format(layer=", ".join(names[:_NAMED]), name="")
    listed = ", ".join(f'"{name}"' for name in names)
    source = f"({listed})" if every or len(names) <= _NAMED else f'report["{check}"].layers'
    return f"for name in {source}: " + do.format(layer="model.get_submodule(name)", name="name")


def for_each_kind(check: str, lines: Mapping[Norm, str], *, every: bool = False) -> str:
    """As `each` where not all layers need the same done: by layer, one line for those that do."""
    alike: dict[str, list[Norm]] = {}
    for norm, do in lines.items():
        alike.setdefault(do, []).append(norm)
    return "\n".join(
        each(check, first_names(norms), do, every=every or len(alike) > 1) for do, norms in alike.items()
    )


def replaced(check: str, layers: Mapping[Norm, str], why: str) -> str:
    """The code that puts other layers in the norms' places: by norm, the code that makes it."""
    if [norm.names[0] for norm in layers] == [""]:
        (make,) = layers.values()
        return f"model = {make}  # {why}"
    lines = {norm: f"model.set_submodule({{name}}, {make})  # {why}" for norm, make in layers.items()}
    return for_each_kind(check, lines, every=True)


def by_channels(check: str, layers: Mapping[Norm, int]) -> str:
    """The code that normalizes each position over its channels, which are on axis 1: by norm, how many."""
    kinds = {norm: "RMSNorm" if norm.kind == "rms" else "LayerNorm" for norm in layers}
    classes = "".join(
        f"class Channel{kind}(nn.{kind}):\n"
        "    def forward(self, x): return super().forward(x.movedim(1, -1)).movedim(-1, 1)\n\n"
        for kind in dict.fromkeys(kinds.values())
    )
    made = {norm: f"Channel{kinds[norm]}({count})" for norm, count in layers.items()}
    return classes + replaced(check, made, "over the channels of one position; then train")


def with_imports(code: str) -> str:
    """The lines of a mend, after the imports that they need."""
    without_comments = re.sub(r"#.*", "", code)
    needed = [line for use, line in _IMPORTS.items() if re.search(use, without_comments)]
    return "\n".join([*(line for line in needed if line not in code), code])


def recalibrating(case: Case) -> str:
    """The line that recalibrates from batches of the kind that was given."""
    if all(takes_first_alone(case.model, batch) for batch in case.batches):
        return "from normcourse.nn import recalibrate; recalibrate(model, batches)"
    return "from normcourse.clinic import recalibrate_on; recalibrate_on(model, batches)"


def plain_batch_norm(norms: Sequence[Norm], check: str, case: Case) -> str:
    """The lines that give batch norms running statistics, those of the batches."""
    kind = f"BatchNorm{_axes(norms[0], case)}d"
    names = first_names(norms)
    if names == [""]:
        layer = norms[0].layer
        affine = bool(norms[0].own.gamma) if norms[0].own else getattr(layer, "affine", True)
        made = f"nn.{kind}({norms[0].features}, eps={norms[0].eps or 1e-5:g}, affine={affine})"
        return f"model = {made}  # with running statistics\n" + recalibrating(case)
    lines = {norm: _tracking(norm, kind) for norm in norms}
    return for_each_kind(check, lines) + "\n" + recalibrating(case)


def _tracking(norm: Norm, kind: str) -> str:
    """The line that puts a batch norm with running statistics in a layer's place, with what that has."""
    settings = "old.num_features, eps=old.eps, momentum=old.momentum, affine=old.affine"
    copies = "new.load_state_dict(old.state_dict(), strict=False)"
    if norm.own is not None:  # whose names and shapes may be others
        held = {"weight": norm.own.gamma, "bias": norm.own.beta}
        offset = f" + {norm.own.offset:g}" if norm.own.offset else ""
        values = [
            f"new.{ours}.data.copy_(old.{theirs}.detach().flatten(){offset if ours == 'weight' else ''})"
            for ours, theirs in held.items()
            if theirs
        ]
        settings = f"{norm.features}, eps={norm.eps or 1e-5:g}, affine={bool(norm.own.gamma)}"
        copies = "; ".join(values) or "pass"
    return (
        f"old = {{layer}}; new = nn.{kind}({settings}); "
        "new.to(next(iter([*old.parameters(), *model.parameters(), torch.ones(())]))); "
        f"{copies}; model.set_submodule({{name}}, new.train(old.training))"
    )


def _axes(norm: Norm, case: Case) -> int:
    """How many axes a batch norm pools beside the examples, as its class's name has it."""
    named = re.search(r"BatchNorm(\d)d$", type(norm.layer).__name__)
    calls = case.calls(norm)
    return int(named[1]) if named else max(len(calls[0].shape) - 2, 1) if calls else 2


def first_names(norms: Iterable[Norm]) -> list[str]:
    """The norms' names in the model, where that of the model itself is empty."""
    return [norm.names[0] for norm in norms]
