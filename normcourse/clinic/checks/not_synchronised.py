"""Batch norms that take each process's part for the batch."""

from collections.abc import Iterator

import torch.distributed as dist
from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.nn import GhostBatchNorm, SyncBatchNorm

NEEDS = ()
_NOT_PLAIN = (nn.SyncBatchNorm, SyncBatchNorm, GhostBatchNorm)  # the last is small on purpose


def find(case: Case) -> Iterator[Finding]:
    """Name the plain batch norms of a model in one of several processes."""
    processes = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    norms = [norm for norm in case.norms if norm.kind == "batch" and not norm.fixed]
    plain = [n for n in norms if not isinstance(n.layer, _NOT_PLAIN) and case.follows_training(n.layer)]
    if processes < 2 or not plain:
        return
    measured: dict[str, float | str] = {
        "processes": processes,
        "batch norms that are not synchronised": len(plain),
        "batch norms": len(norms),
    }
    if calls := [call for norm in plain for call in case.calls(norm)]:
        measured["examples in a batch of this process, fewest"] = min(call.shape[0] for call in calls)
    yield Finding(
        name="not synchronised",
        layers=tuple(norm.name for norm in plain),
        measured=measured,
        follows=(
            "Each process normalizes by its own part of the batch, and only one process's running statistics "
            "are saved. With eight or more examples in a part, drawn at random, that hardly costs; with "
            "fewer, or with parts that differ in kind, it does. Where the processes do not train one model "
            "together it is no fault."
        ),
        mend="model = SyncBatchNorm.convert_sync_batchnorm(model)",
        certainty="possible",
        page="03-inference-statistics/08-several-processes",
    )
