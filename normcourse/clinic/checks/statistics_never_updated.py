"""Running statistics that still are what they start as: mean 0 and variance 1."""

from collections.abc import Iterator, Sequence

from normcourse.clinic.case import Case
from normcourse.clinic.mends import recalibration
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that track and have tracked nothing."""
    idle = [norm for norm in case.norms if norm.running is not None and not norm.updated]
    if not idle:
        return
    counts = [norm.batches for norm in idle if norm.batches is not None]
    learnt = [norm for norm in idle if _learnt(norm)]
    mend, mending = recalibration(case, idle)
    yield Finding(
        name="statistics never updated",
        layers=tuple(norm.name for norm in idle),
        measured={
            "layers with mean 0 and variance 1": len(idle),
            "of them with a gamma or beta that has moved": len(learnt),
            "layers with running statistics": sum(norm.running is not None for norm in case.norms),
            "batches that they counted": max(counts, default="not counted"),
        },
        follows="In inference mode these layers normalize by mean 0 and variance 1, so not at all. "
        + _cause(case, idle, counts, bool(learnt)),
        mend=mend,
        certainty="certain",
        page="03-inference-statistics/01-running-statistics",
        mending=mending,
    )


def _learnt(norm: Norm) -> bool:
    """Whether gamma or beta is another than 1 or 0, with which both start."""
    gamma, beta = norm.gamma, norm.beta
    return (gamma is not None and bool((gamma != 1).any() and (gamma != 0).any())) or (
        beta is not None and bool((beta != 0).any())
    )


def _cause(case: Case, idle: Sequence[Norm], counts: Sequence[int], learnt: bool) -> str:
    """What brought it about, as far as the count of batches, gamma and beta tell."""
    if counts and max(counts) > 0:
        return (
            "They have counted batches, so they did see some, and their statistics were set back afterwards, "
            "or their momentum is 0."
        )
    if not learnt:
        return (
            "Gamma and beta are as they start, too: a model that was never trained has such layers, and one "
            "into which nothing was loaded."
        )
    if counts:
        return (
            "Gamma and beta have moved and no batch was counted. So the model was trained in inference mode "
            "throughout, because model.train() was forgotten; or it was trained in training mode, and its "
            "buffers were lost in loading or in averaging the weights. In the first case the weights fit "
            "these statistics, and the loss in inference mode, not in training mode, is the good one."
        )
    return (
        "Gamma and beta have moved, so the model was trained, and the statistics were lost in loading or in "
        "averaging the weights, or training never ran in training mode."
    )
