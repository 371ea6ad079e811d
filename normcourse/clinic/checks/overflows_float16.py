"""An input that is too large for float16, or whose squares are."""

from collections.abc import Iterator

import torch

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_LARGEST = torch.finfo(torch.float16).max


def find(case: Case) -> Iterator[Finding]:
    """Name the norms whose input, or its square, leaves the range of float16."""
    largest = {norm: max((call.largest for call in case.seen().of(norm)), default=0.0) for norm in case.norms}
    half = any(parameter.dtype == torch.float16 for parameter in case.model.parameters())
    squares = [norm for norm, size in largest.items() if size**2 > _LARGEST and _squares_overflow(norm)]
    limit = _LARGEST / 2 if half else _LARGEST
    values = [norm for norm, size in largest.items() if size > limit and norm not in squares]
    if squares:
        yield _finding(
            squares,
            largest,
            "likely",
            "The layer squares its input in float16, which ends at 65,504, so the square of 256 is infinity. "
            "One such feature makes its whole row 0 or NaN, and no error says so.",
            "wide = x.float()  # before the squares; and .to(x.dtype) after the division",
        )
    if values:
        yield _finding(
            values,
            largest,
            "likely" if half else "possible",
            "The model computes in float16, which ends at 65,504, and twice this input would be infinity "
            "there, and NaN after the next norm."
            if half
            else "Float16 ends at 65,504, so if the model is run in float16 this input is infinity there, "
            "and NaN after the norm.",
            "model.bfloat16()",
        )


def _squares_overflow(norm: Norm) -> bool:
    """Whether the layer, in float16, loses a row whose squares are infinite there, such as one of 300."""
    if norm.gamma is None or norm.gamma.dtype != torch.float16:
        return False
    out, due = norm.answer(300.0), norm.answer(100.0)
    return out is not None and due is not None and not torch.allclose(out.float(), due.float(), atol=0.1)


def _finding(
    norms: list[Norm], largest: dict[Norm, float], certainty: str, follows: str, mend: str
) -> Finding:
    return Finding(
        name="overflows float16",
        layers=tuple(norm.name for norm in norms),
        measured={
            "largest magnitude of an input": max(largest[norm] for norm in norms),
            "largest number of float16": _LARGEST,
        },
        follows=follows,
        mend=mend,
        certainty=certainty,
        page="04-layernorm-for-transformers/07-low-precision",
    )
