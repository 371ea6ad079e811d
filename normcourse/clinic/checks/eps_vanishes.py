"""An epsilon that becomes 0 in the 16 bits in which a layer computes."""

from collections.abc import Iterator

import torch
from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms in 16 bits that divide a row of zeros by zero."""
    found = [
        norm
        for norm in case.norms
        if in_16_bits(norm) and norm.eps != 0 and (out := answer(norm, 0.0)) is not None and not _finite(out)
    ]
    if not found:
        return
    dtypes = {str(norm.gamma.dtype).removeprefix("torch.") for norm in found if norm.gamma is not None}
    known = [norm.eps for norm in found if norm.eps is not None]
    yield Finding(
        name="eps vanishes",
        layers=tuple(norm.name for norm in found),
        measured={
            "epsilon": min(known, default="not known"),
            "least positive number of float16": 2.0**-24,
            "dtype of the layer": ", ".join(sorted(dtypes)),
        },
        follows=(
            "The layer adds epsilon in 16 bits, where it is rounded to 0. So a row of zeros, such as "
            "padding, is divided by 0 and becomes NaN, and one whose squares are rounded to 0 is infinite."
        ),
        mend="x.float() before the squares, .to(x.dtype) behind the division",
        certainty="likely",
        page="04-layernorm-for-transformers/07-low-precision",
    )


def in_16_bits(norm: Norm) -> bool:
    """Whether the layer's weight is stored in float16 or bfloat16."""
    return norm.gamma is not None and norm.gamma.dtype in (torch.float16, torch.bfloat16)


def answer(norm: Norm, value: float) -> Tensor | None:
    """What a norm over the last axis gives for a row in its own dtype: value, -value, and so on."""
    gamma = norm.gamma
    if norm.kind not in ("layer", "rms") or gamma is None or gamma.is_meta:
        return None
    row = torch.full_like(gamma, value)
    row[..., 1::2] *= -1
    try:
        with torch.no_grad():
            out = norm.layer.forward(row[None])  # not layer(row), which would run hooks
    except Exception:  # a layer of any kind
        return None
    return out.detach() if isinstance(out, Tensor) else None


def _finite(x: Tensor) -> bool:
    return bool(x.isfinite().all())
