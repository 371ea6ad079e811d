"""Layer and RMS norms that pool two or more axes: positions beside features."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.checks.layer_norm_without_channels import CHANNELS_SECOND
from normcourse.clinic.lines import by_channels, replaced
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_ONE = "of one position; then train"


def find(case: Case) -> Iterator[Finding]:
    """Name those whose normalized shape has more than one axis with more than one place, functions too."""
    layers = {
        norm: shape
        for norm in case.norms
        if norm.kind in ("layer", "rms") and _several(shape := _shape(norm))
    }
    functions = {
        call.place: shape
        for call in case.functions
        if call.function in ("layer_norm", "rms_norm")
        and _several(shape := tuple(call.arguments.get("normalized_shape", ())))
    }
    if not layers and not functions:
        return
    widest = max([*layers.values(), *functions.values()], key=len)
    measured: dict[str, float | str] = {
        "axes that share one mean or mean square": len(widest),
        "their sizes": " x ".join(str(size) for size in widest),
    }
    if functions:
        measured["places that call it as a function"] = len(functions)
    yield Finding(
        name="layer norm over several axes",
        layers=(*(norm.name for norm in layers), *functions),
        measured=measured,
        follows=(
            "The positions share one mean or mean square with the features, so each output depends on "
            "all positions, and the input must keep this size. For images this may be intended. In a "
            "sequence it mixes tokens, and in a causal model later tokens reach earlier ones."
        ),
        mend=_line(case, layers) if layers else f"x = F.layer_norm(x, x.shape[-1:])  # {_ONE}",
        certainty="possible",
        page="04-layernorm-for-transformers/01-one-formula",
    )


def _line(case: Case, layers: dict[Norm, tuple[int, ...]]) -> str:
    channels_first = {norm: shape[0] for norm, shape in layers.items() if _channels_first(case, norm, shape)}
    if case.causal and len(channels_first) == len(layers):  # group norm pools positions too
        return by_channels("layer norm over several axes", channels_first)
    lines = {}
    for norm, shape in layers.items():
        kind = "RMSNorm" if norm.kind == "rms" else "LayerNorm"
        first = norm in channels_first
        lines[norm] = f"nn.GroupNorm(1, {shape[0]})" if first else f"nn.{kind}({shape[-1]})"
    if any("GroupNorm" in make for make in lines.values()):
        why = "the same pool with a gamma for each channel, so for any size; then train"
    else:
        why = _ONE
    return replaced("layer norm over several axes", lines, why)


def _channels_first(case: Case, norm: Norm, shape: tuple[int, ...]) -> bool:
    """Whether the pool is a feature map with its channels first, where the last axis is a place."""
    made_by = type(case.source(norm)).__module__
    calls = case.calls(norm)
    whole = not calls or len(calls[0].shape) == len(shape) + 1
    return whole and made_by in CHANNELS_SECOND


def _several(shape: tuple[int, ...]) -> bool:
    return sum(size > 1 for size in shape) > 1


def _shape(norm: Norm) -> tuple[int, ...]:
    shape = getattr(norm.layer, "normalized_shape", ())
    return (shape,) if isinstance(shape, int) else tuple(shape)
