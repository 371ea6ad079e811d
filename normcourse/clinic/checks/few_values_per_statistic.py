"""Batch norms whose mean and variance are those of four values or fewer."""

from collections.abc import Iterator
from math import sqrt

from normcourse.clinic.case import Case
from normcourse.clinic.passes import Call
from normcourse.clinic.report import Finding

NEEDS = ("batches",)
_FEW = 4  # the page finds harm with 2 and 4 values, and none with 8


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms that would train on so few values."""
    few = [call for call in case.seen().calls if case.uses_batches(call.norm) and 0 < _values(call) <= _FEW]
    if not few:
        return
    found = {call.norm for call in few}
    least = min(map(_values, few))
    yield Finding(
        name="few values per statistic",
        layers=tuple(norm.name for norm in case.norms if norm in found),
        measured={
            "values per mean and variance, at least": least,
            "noise of such a mean, in standard deviations": 1 / sqrt(least),
            "batches with so few": len({call.batch for call in few}),
            "batches": case.seen().batches,
        },
        follows=(
            (
                "PyTorch refuses to train on one value per channel. "
                if least == 1
                else "Two values come out as -1 and 1, whatever they were. "
                if least == 2
                else "They are a poor sample, so an output depends much on its neighbours in the batch. "
            )
            + "If the model trains on such batches its statistics are noisy; if they are for inference only "
            "it is no fault. Accumulating gradients makes no batch larger for a norm; GroupNorm does without."
        ),
        mend="DataLoader(data, batch_size=32, shuffle=True, drop_last=True)",
        certainty="possible",
        page="02-batchnorm-mechanics/08-batch-size",
    )


def _values(call: Call) -> int:
    """How many values share a mean in training; a ghost batch norm cuts the batch."""
    size = getattr(call.norm.layer, "ghost_batch_size", None)
    return call.values // max(1, call.shape[0] // size) if isinstance(size, int) else call.values
