"""A gamma or a beta that is NaN or infinite."""

from collections.abc import Iterator

from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms with such an affine."""
    gammas = {norm: _broken(norm.gamma) for norm in case.norms}
    betas = {norm: _broken(norm.beta) for norm in case.norms}
    layers = [norm.name for norm in case.norms if gammas[norm] or betas[norm]]
    if not layers:
        return
    yield Finding(
        name="affine not finite",
        layers=tuple(layers),
        measured={
            "gammas that are NaN or infinite": sum(gammas.values()),
            "betas that are NaN or infinite": sum(betas.values()),
        },
        follows=(
            "These channels give NaN or infinities in training and in inference mode, whatever comes in, and "
            "so do the gradients. No further step mends them, because a step adds to what is there."
        ),
        mend="model.load_state_dict(sound)  # of a checkpoint whose tensors are all finite",
        certainty="certain",
        page="03-inference-statistics/03-modes",
    )


def _broken(values: Tensor | None) -> int:
    return 0 if values is None else int((~values.isfinite()).sum())
