"""Layer norms that pool places of a feature map, and not its channels: width alone, or height and width."""

from collections.abc import Iterator

from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.lines import by_channels, replaced
from normcourse.clinic.passes import Call
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm
from normcourse.nn import LayerNorm, RMSNorm

NEEDS = ("batches",)
#: The modules of torch whose layers give feature maps with the channels second.
CHANNELS_SECOND = tuple(
    f"torch.nn.modules.{name}" for name in ("conv", "pooling", "batchnorm", "instancenorm", "upsampling")
)

_OVER_THE_LAST = [layer.forward for layer in (nn.LayerNorm, nn.RMSNorm, LayerNorm, RMSNorm)]


def find(case: Case) -> Iterator[Finding]:
    """Name those that take what a convolution made and leave its channels out of the pool."""
    some: dict[Norm, Call] = {}
    whole: dict[Norm, Call] = {}
    for norm in case.norms:
        calls = case.calls(norm)
        if norm.kind not in ("layer", "rms") or not calls:
            continue
        places = len(calls[0].shape) - 2
        made_by = type(case.source(norm)).__module__
        if made_by in CHANNELS_SECOND and 0 < (pooled := pooled_axes(norm)) <= places:
            (whole if pooled == places else some)[norm] = calls[0]
    if some:
        yield _finding(
            case,
            some,
            "Its input has the channels second, as a convolution gives it, and the norm pools the last axis: "
            "each row of each channel gets mean 0 and size 1 by itself, so what tells one row from another "
            "is lost, and each place in a row has a gamma of its own. In a picture that is seldom meant; "
            "some networks for speech mean it, where the last axis holds frequencies and a row is a moment.",
            "likely" if all(call.shape[-1] == call.shape[-2] for call in some.values()) else "possible",
        )
    if whole:
        yield _finding(
            case,
            whole,
            "Its input has the channels second, as a convolution gives it, and the norm pools all places of "
            "one channel. That is instance norm, with a gamma of its own for each place: how strong a "
            "channel is does not get past it, and the input must keep this size. A layer norm over the "
            "channels was perhaps meant.",
            "possible",
        )


def _finding(case: Case, found: dict[Norm, Call], follows: str, certainty: str) -> Finding:
    norm, call = next(iter(found.items()))
    return Finding(
        name="layer norm without channels",
        layers=tuple(norm.name for norm in found),
        measured={
            "shape of the first one's input": " x ".join(map(str, call.shape)),
            "its normalized shape": " x ".join(map(str, call.shape[-pooled_axes(norm) :])),
            "values that share one mean": norm.features,
        },
        follows=follows,
        mend=_lines(case, found),
        certainty=certainty,
        page="04-layernorm-for-transformers/01-one-formula",
    )


def _lines(case: Case, found: dict[Norm, Call]) -> str:
    """For each number of channels, the line that pools them: with the places, or in a causal model alone."""
    if case.causal:
        return by_channels(
            "layer norm without channels", {norm: call.shape[1] for norm, call in found.items()}
        )
    lines = {norm: f"nn.GroupNorm(1, {call.shape[1]})" for norm, call in found.items()}
    return replaced("layer norm without channels", lines, "channels and places; then train")


def pooled_axes(norm: Norm) -> int:
    """How many of the last axes it pools; 0 for a class that may bring others last first, as ConvNeXt's."""
    if type(norm.layer).forward not in _OVER_THE_LAST:
        return 0
    shape = getattr(norm.layer, "normalized_shape", ())
    return 1 if isinstance(shape, int) else len(shape)
