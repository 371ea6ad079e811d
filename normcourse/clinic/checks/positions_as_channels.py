"""Batch norms over axis 1 of an input whose features stand last: each position has a gamma of its own."""

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.conv import _ConvNd

from normcourse.clinic.batches import given_tensors
from normcourse.clinic.case import Case
from normcourse.clinic.passes import Call
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_PAGE = "04-layernorm-for-transformers/03-sequences"


def find(case: Case) -> Iterator[Finding]:
    """Name those that do so for tokens, and those that take what a layer with its features last made."""
    tokens: dict[Norm, Call] = {}
    features_last: dict[Norm, Call] = {}
    positions = _positions(case)
    for norm in case.norms:
        calls = case.calls(norm)
        if norm.kind != "batch" or not calls or not _is_over_axis_1(calls[0]):
            continue
        made_by = case.source(norm)
        of_tokens = positions == calls[0].shape[1]
        if of_tokens and not _is_convolution(made_by):
            tokens[norm] = calls[0]
        elif _has_features_last(made_by, norm, calls[0]):
            features_last[norm] = calls[0]
    if tokens:
        convolves = any(isinstance(layer, _ConvNd) for layer in case.model.modules())
        yield _finding(
            tokens,
            "The batches are tokens, and the layer has as many channels as they have positions. ",
            "possible" if convolves else "likely",
        )
    if features_last:
        yield _finding(
            features_last,
            "The layer before it has its features on the last axis, and this norm counts the axis before "
            "that as channels. If that axis holds channels, because the layer before it mixes positions, "
            "it is no fault. ",
            "possible",
        )


def _finding(found: dict[Norm, Call], why: str, certainty: str) -> Finding:
    norm, call = next(iter(found.items()))
    return Finding(
        name="positions as channels",
        layers=tuple(norm.name for norm in found),
        measured={
            "shape of the first one's input": " x ".join(map(str, call.shape)),
            "its channels, on axis 1": norm.features,
            "features on the last axis": call.shape[-1],
        },
        follows=why
        + "So each position has a mean, a variance, a gamma and a beta of its own, and the features are "
        "pooled: they keep whatever sizes they have, and a sequence of another length does not fit. "
        "BatchNorm wants the features second.",
        mend=f"norm = nn.BatchNorm1d({call.shape[-1]})  # called as norm(x.mT).mT in the model; then train",
        certainty=certainty,
        page=_PAGE,
    )


def _positions(case: Case) -> int:
    """How many positions the batches' tokens have; 0 where they are no tokens, or of several lengths."""
    given = [x for batch in case.batches for x in given_tensors(case.model, batch)]
    if any(x.is_floating_point() and x.dim() > 1 for x in given):
        return 0
    lengths = {x.shape[1] for x in given if x.dim() == 2}
    return lengths.pop() if len(lengths) == 1 else 0


def _is_over_axis_1(call: Call) -> bool:
    """Whether it is called on three axes or more, of which the second has its size and the last another."""
    shape = call.shape
    return len(shape) > 2 and shape[1] == len(call.mean) and shape[-1] not in (1, shape[1])


def _is_convolution(layer: nn.Module | None) -> bool:
    return type(layer).__module__ in ("torch.nn.modules.conv", "torch.nn.modules.pooling")


def _has_features_last(layer: nn.Module | None, norm: Norm, call: Call) -> bool:
    if isinstance(layer, nn.Linear):
        return layer.out_features == call.shape[-1]
    return isinstance(layer, nn.Embedding) or (
        isinstance(layer, nn.LayerNorm) and len(layer.normalized_shape) == 1
    )
