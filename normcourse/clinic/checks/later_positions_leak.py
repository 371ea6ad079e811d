"""A later position reaches an earlier one's output in a model that must be causal."""

from collections.abc import Collection, Iterator, Sequence

from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.checks.layer_norm_without_channels import CHANNELS_SECOND, pooled_axes
from normcourse.clinic.leaks import Leak
from normcourse.clinic.lines import by_channels, replaced
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm
from normcourse.nn import BatchNorm1d, GroupNorm, InstanceNorm1d
from normcourse.nn.freezing import is_frozen

NEEDS = ("batches", "causal")
_CHANNELS_FIRST = [
    layer.forward
    for layer in (
        nn.BatchNorm1d,
        nn.SyncBatchNorm,
        nn.InstanceNorm1d,
        nn.GroupNorm,
        BatchNorm1d,
        InstanceNorm1d,
        GroupNorm,
    )
]


def find(case: Case) -> Iterator[Finding]:
    """Name the first layer that the leak reaches, or the model where none shows it."""
    leak = case.seen().later
    if leak is None:
        return
    own = next((norm for norm in case.norms if leak.norm and norm.name == leak.layer), None)
    pooling = [
        norm
        for norm in case.norms
        if leak.training and norm.tracks and not is_frozen(norm.layer) and case.calls(norm)
    ]
    concerned = pooling or ([own, *_alike(case, leak, own)] if own else [])
    yield Finding(
        name="later positions leak",
        layers=tuple(norm.name for norm in concerned) or (leak.layer or type(case.model).__name__,),
        measured={
            "axis of the positions": leak.axis,
            "change of the earlier positions' outputs, in standard deviations": leak.change,
        },
        follows=(
            "With another last position the earlier ones get other outputs"
            + (" in training mode" if leak.training else "")
            + ", so in training the model can read what it has to predict, and that is not there when it "
            "writes one position after another. "
            + _where(leak)
            + (
                ""
                if leak.sure
                else " This took axis 1 for the positions, and on axis 2 nothing leaks: if they are there, "
                "all is well."
            )
        ),
        mend=_line(case, leak, concerned),
        certainty=_certainty(leak),
        page="04-layernorm-for-transformers/03-sequences",
    )


def _alike(case: Case, leak: Leak, own: Norm) -> list[Norm]:
    """Other norms of the same class that pool the positions, where their inputs' shapes leave no doubt."""
    return [
        norm
        for norm in case.norms
        if norm is not own
        and type(norm.layer) is type(own.layer)
        and pooled_axes(norm) == pooled_axes(own)
        and (_channels(case, leak, norm) or 0) > 0
        and all(_positions_last(case, leak, norm, call.shape) for call in case.calls(norm))
    ]


def _positions_last(case: Case, leak: Leak, norm: Norm, shape: Sequence[int]) -> bool:
    """Whether the last axis, and no other, holds the positions."""
    made_by = type(case.source(norm)).__module__
    return shape[-1] == leak.positions and (shape[-1] not in shape[1:-1] or made_by in CHANNELS_SECOND)


def _channels(case: Case, leak: Leak, norm: Norm) -> int | None:
    """How many channels are on axis 1 of a norm's input; 0 if they are last, None if nothing says it."""
    shapes = {tuple(call.shape) for call in case.calls(norm)}
    axes = {len(shape) for shape in shapes}
    if not shapes or len({shape[1] for shape in shapes}) > 1:
        return 0 if _features_last(leak, norm, shapes) else None
    shape = min(shapes)
    if type(norm.layer).forward in _CHANNELS_FIRST:
        return shape[1] if min(axes) > 2 else 0
    pooled = pooled_axes(norm)
    if pooled == 1 and not leak.training:  # it leaks, so the axis that it pools is the positions'
        return shape[1] if min(axes) > 2 else None
    if pooled > 1 and type(case.source(norm)).__module__ in CHANNELS_SECOND:
        return shape[1] if pooled < min(axes) else None
    return 0 if _features_last(leak, norm, shapes) else None


def _features_last(leak: Leak, norm: Norm, shapes: Collection[Sequence[int]]) -> bool:
    """Whether the last axis holds the features, as many as there are gammas."""
    return bool(shapes) and all(shape[-1] == norm.features != leak.positions for shape in shapes)


def _line(case: Case, leak: Leak, concerned: Sequence[Norm]) -> str:
    channels = {norm: count for norm in concerned if (count := _channels(case, leak, norm)) is not None}
    if not concerned or len(channels) < len(concerned):
        return (
            "# normalize over the features of one position, and mask what comes after it; "
            "nn.LayerNorm normalizes the last axis, so the features must be there"
        )
    lines = {norm: f"nn.LayerNorm({norm.features})" for norm, count in channels.items() if not count}
    second = {norm: count for norm, count in channels.items() if count}
    return "\n".join(
        [by_channels("later positions leak", second)] * bool(second)
        + [replaced("later positions leak", lines, "of one position; then train")] * bool(lines)
    )


def _certainty(leak: Leak) -> str:
    if not leak.sure:
        return "possible"
    return "certain" if not leak.training and (leak.layer or leak.judged) else "likely"


def _where(leak: Leak) -> str:
    if leak.training:
        return (
            f"{leak.layer or 'The model'} is the first to show it: it takes one mean and variance of several "
            "positions, so each position is normalized by those after it. In inference mode the "
            "running statistics are constants, and nothing leaks."
        )
    if leak.norm:
        return f"{leak.layer} is the first norm to show it, so it pools over positions."
    if leak.layer:
        return (
            f"{leak.layer} is the first module whose output changes while what it is given does not, and it "
            "is no norm that was recognised: look there for a norm that is called as a function or written "
            "out, and for a mask."
        )
    if not leak.judged:
        return (
            "Which layer lets it through was not found, because some inside get tensors without an axis of "
            "that length, as after padding or in another order of the axes."
        )
    return (
        "No layer inside lets it through, so look at the model's own code: at norms called as functions, "
        "and at masks."
    )
