"""Layer and RMS norms that pool two or more axes: positions beside features."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name those whose normalized shape has more than one axis with more than one place."""
    found = {
        norm: _shape(norm)
        for norm in case.norms
        if norm.kind in ("layer", "rms") and sum(size > 1 for size in _shape(norm)) > 1
    }
    if found:
        widest = max(found.values(), key=len)
        yield Finding(
            name="layer norm over several axes",
            layers=tuple(norm.name for norm in found),
            measured={
                "axes that share one mean or mean square": len(widest),
                "their sizes": " x ".join(str(size) for size in widest),
            },
            follows=(
                "The positions share one mean or mean square with the features, so each output depends on "
                "all positions, and the input must keep this size. For images this may be intended. In a "
                "sequence it mixes tokens, and in a causal model later tokens reach earlier ones."
            ),
            mend="layer = nn.LayerNorm(features)  # of one position; then train",
            certainty="possible",
            page="04-layernorm-for-transformers/01-one-formula",
        )


def _shape(norm: Norm) -> tuple[int, ...]:
    shape = getattr(norm.layer, "normalized_shape", ())
    return (shape,) if isinstance(shape, int) else tuple(shape)
