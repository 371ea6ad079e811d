"""Layer and RMS norms that pool two or more axes: positions beside features."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.mends import each, first_names
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


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
        mend=_line(layers) if layers else "x = F.layer_norm(x, x.shape[-1:])  # of one position; then train",
        certainty="possible",
        page="04-layernorm-for-transformers/01-one-formula",
    )


def _line(layers: dict[Norm, tuple[int, ...]]) -> str:
    widths = {shape[-1] for shape in layers.values()}
    kind = "RMSNorm" if {norm.kind for norm in layers} == {"rms"} else "LayerNorm"
    size = f"{widths.pop()}" if len(widths) == 1 else "{layer}.normalized_shape[-1]"
    return each(
        "layer norm over several axes",
        first_names(layers),
        f"model.set_submodule({{name}}, nn.{kind}({size}))  # of one position; then train",
        every=True,
    )


def _several(shape: tuple[int, ...]) -> bool:
    return sum(size > 1 for size in shape) > 1


def _shape(norm: Norm) -> tuple[int, ...]:
    shape = getattr(norm.layer, "normalized_shape", ())
    return (shape,) if isinstance(shape, int) else tuple(shape)
