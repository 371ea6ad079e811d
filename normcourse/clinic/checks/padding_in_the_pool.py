"""One vector at a fifth of a sequence's positions, where a batch norm pools them all."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.passes import Call
from normcourse.clinic.report import Finding

NEEDS = ("batches",)
_SHARE = 0.2
_POSITIONS, _CHANNELS = 20, 4  # with fewer the same may stand in two places by chance


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms over sequences in which much is repeated."""
    shares = {
        call.norm: call.repeated
        for call in case.seen().calls
        if case.uses_batches(call.norm) and _is_padded(call)
    }
    if not shares:
        return
    yield Finding(
        name="padding in the pool",
        layers=tuple(norm.name for norm in case.norms if norm in shares),
        measured={
            "largest share of the positions of the first batch that hold one vector": max(shares.values()),
            "layers": len(shares),
        },
        follows=(
            "If these positions are padding, it is part of the mean and the variance, so in training mode "
            "what becomes of a token depends on how much padding stands beside it, and the running "
            "statistics are those of a pool with padding. If they are part of the sequences, as silence or a "
            "frequent letter is, it is no fault."
        ),
        mend="x[mask] = layer(x[mask])  # x of shape (N, L, C), mask of the real positions",
        certainty="possible",
        page="04-layernorm-for-transformers/14-padding-and-length",
    )


def _is_padded(call: Call) -> bool:
    return (
        _SHARE <= call.repeated < 1  # 1: nothing varies, which is another fault
        and call.values >= _POSITIONS
        and call.shape[-1] > 1
        and len(call.mean) >= _CHANNELS
    )
