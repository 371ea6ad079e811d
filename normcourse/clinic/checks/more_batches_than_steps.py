"""Batch norms that have counted more batches than the optimizer has made steps."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("optimizer",)
_MORE = 1.02  # a pass to try the model out is none of training


def find(case: Case) -> Iterator[Finding]:
    """Compare their counters with the steps that Adam and others count; SGD counts none."""
    assert case.optimizer is not None
    steps = max((_steps(case.optimizer, parameter) for parameter in case.model.parameters()), default=0)
    counts = {norm: norm.batches or 0 for norm in case.norms if norm.tracks}
    found = {norm: count for norm, count in counts.items() if steps and count > _MORE * steps}
    if not found:
        return
    most = max(found.values())
    yield Finding(
        name="more batches than steps",
        layers=tuple(norm.name for norm in found),
        measured={
            "batches counted, at most": most,
            "steps of the optimizer": steps,
            "batches for each step": most / steps,
            "other batch norms that counted fewer": len(counts) - len(found),
        },
        follows=_why(found, most, steps),
        mend="model.eval()  # before each validation, and model.train() after it",
        certainty="possible",
        page="03-inference-statistics/03-modes",
    )


def _why(found: dict[Norm, int], most: int, steps: int) -> str:
    rest = most % steps
    return (
        "Passes without a step have moved the running statistics of these layers. "
        + (
            f"They are {most // steps} for each step, so every step calls them several times: by gradient "
            "accumulation, by a second call, or by checkpointing, which runs a part again. "
            if rest == 0
            else "They may be a validation in training mode, which no_grad does not stop, a second call in a "
            "step, checkpointing, or another task. "
        )
        + "If the inputs are those of training it is no fault; if they are others the statistics follow "
        "them. An optimizer made anew for a trained model counts from 0, and then this says nothing."
    )


def _steps(optimizer: Optimizer, parameter: Any) -> int:
    """How many steps the optimizer has counted for a parameter; 0 if it counts none."""
    step = optimizer.state.get(parameter, {}).get("step", 0)
    return int(step) if isinstance(step, int | float | Tensor) else 0
