"""An epsilon that becomes 0 in the 16 bits in which a layer computes."""

from collections.abc import Iterator

from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms in 16 bits that divide a row of zeros by zero."""
    found = [
        norm
        for norm in case.norms
        if norm.in_16_bits and norm.eps != 0 and (out := norm.answer(0.0)) is not None and not _finite(out)
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
        mend="wide = x.float()  # before the squares; and .to(x.dtype) after the division",
        certainty="likely",
        page="04-layernorm-for-transformers/07-low-precision",
    )


def _finite(x: Tensor) -> bool:
    return bool(x.isfinite().all())
