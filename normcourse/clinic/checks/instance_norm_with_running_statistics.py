"""Instance norms that normalize by each image in training and by a running average in use."""

from collections.abc import Iterator

from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import find_norms

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the instance norms that track running statistics."""
    tracking = [norm for norm in case.norms if norm.kind == "instance" and norm.tracks]
    if tracking:
        yield Finding(
            name="instance norm with running statistics",
            layers=tuple(norm.name for norm in tracking),
            measured={
                "layers that track": len(tracking),
                "instance norms": sum(norm.kind == "instance" for norm in case.norms),
            },
            follows=(
                "In training each example is normalized by its own mean and variance, and in inference mode "
                "by an average over the examples seen, so the two modes compute different functions, and an "
                "image's contrast and brightness come through only in use."
            ),
            mend=each(
                "instance norm with running statistics",
                first_names(tracking),
                "layer = {layer}; layer.track_running_stats = False; "
                "layer.running_mean = layer.running_var = None",
            ),
            certainty="likely",
            page="04-layernorm-for-transformers/01-one-formula",
            mending=_untrack,
        )


def _untrack(model: nn.Module) -> None:
    for norm in find_norms(model):
        if norm.kind == "instance" and norm.tracks:
            norm.layer.__dict__["track_running_stats"] = False
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                norm.layer.register_buffer(name, None)
