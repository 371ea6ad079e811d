"""A norm with parameters or statistics that no batch reached."""

from collections.abc import Iterator

import torch

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding

NEEDS = ("batches",)


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that hold something and were not called in inference mode."""
    passes = case.seen()
    called = {call.norm for call in passes.calls}
    idle = [
        norm
        for norm in case.norms
        if norm not in called
        and (norm.gamma is not None or norm.running is not None)
        # A model may hold a layer and give its weights to a function; what TorchScript runs, no hook sees.
        and not passes.functions[f"{norm.kind}_norm"]
        and not isinstance(norm.layer, torch.jit.ScriptModule)
    ]
    if idle:
        yield Finding(
            name="norm never called",
            layers=tuple(norm.name for norm in idle),
            measured={"norms that were not called": len(idle), "norms of the model": len(case.norms)},
            follows=(
                "The model holds these norms, but no batch reached them in inference mode, so nothing is "
                "normalized there. That is a fault unless they belong to a part that these batches do not "
                "need, such as a head for training alone or another kind of input."
            ),
            mend="# call the layer in forward, or delete it",
            certainty="possible",
            page="02-batchnorm-mechanics/10-placement",
        )
