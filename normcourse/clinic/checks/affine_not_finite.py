"""A gamma or a beta that is NaN or infinite."""

from collections.abc import Iterator

from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms with such an affine."""
    # By class, since a layer of another library that gives NaN is not known as a norm by what it does.
    classes = {type(norm.layer) for norm in case.norms}
    layers = []
    counts = {"weight": 0, "bias": 0}
    for name, layer in case.layers.items():
        if type(layer) not in classes:
            continue
        broken = {what: _broken(getattr(layer, what, None)) for what in counts}
        if any(broken.values()):
            layers.append(name or type(layer).__name__)
            counts = {what: count + broken[what] for what, count in counts.items()}
    if not layers:
        return
    yield Finding(
        name="affine not finite",
        layers=tuple(layers),
        measured={
            "gammas that are NaN or infinite": counts["weight"],
            "betas that are NaN or infinite": counts["bias"],
        },
        follows=(
            "These channels give NaN or infinities in training and in inference mode, whatever comes in, and "
            "so do the gradients. No further step mends them, because a step adds to what is there."
        ),
        mend="model.load_state_dict(sound)  # of a checkpoint whose tensors are all finite",
        certainty="certain",
        page="03-inference-statistics/03-modes",
    )


def _broken(value: object) -> int:
    return int((~value.isfinite()).sum()) if isinstance(value, Tensor) and not value.is_meta else 0
