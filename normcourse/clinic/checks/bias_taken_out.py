"""Biases before a norm that subtracts each channel's mean over the batch or over the positions."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy

from normcourse.clinic.batches import OnBatches, tensors_in
from normcourse.clinic.case import Case
from normcourse.clinic.lines import at
from normcourse.clinic.quiet import untouched
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_NAMED = 4  # lines of the mend
_ROUNDING = 2e-2  # how far an output may move, in its standard deviations, if nothing moves it


def find(case: Case) -> Iterator[Finding]:
    """Name the layers whose bias the norm after them takes out."""
    behind = {name: norm for norm in case.norms if (name := case.before.get(norm)) and _subtracts(case, norm)}
    biases = {name: bias for name, norm in behind.items() if (bias := _bias(case, name, norm)) is not None}
    if biases and case.passes is not None:
        biases = _without_effect(case, biases)
    if not biases:
        return
    yield Finding(
        name="bias taken out",
        layers=tuple(biases),
        measured={
            "biases without effect, layers": len(biases),
            "parameters in them": sum(bias.numel() for bias in biases.values()),
        },
        follows=(
            "The norm subtracts each channel's mean, and the bias with it, so in training mode the bias "
            "changes nothing, gets no gradient but rounding, and beta does its work. It costs memory and "
            "does no harm; it is a fault only if it was meant to do something."
        ),
        mend="\n".join(_line(name, behind[name]) for name in list(biases)[:_NAMED])
        + ("\n# and so on, for each of them" if len(biases) > _NAMED else ""),
        certainty="possible",
        page="02-batchnorm-mechanics/01-forward",
    )


def _line(name: str, norm: Norm) -> str:
    """What takes a bias away, and out of the running mean that holds it."""
    layer = at(name)
    if not norm.tracks:
        return f"{layer}.bias = None"
    mean = "running_mean" if norm.own is None or norm.own.statistics is None else norm.own.statistics[0]
    bias = f"{layer}.bias.detach()" + (f".view_as({at(norm.names[0])}.{mean})" if norm.own else "")
    return f"{at(norm.names[0])}.{mean} -= {bias}; {layer}.bias = None"


def _subtracts(case: Case, norm: Norm) -> bool:
    """Whether it normalizes by means of its own input while the model trains."""
    return norm.kind in ("batch", "instance") and not norm.fixed and case.follows_training(norm.layer)


def _bias(case: Case, name: str, norm: Norm) -> Tensor | None:
    """The bias of a layer, if it has one for each of the norm's channels."""
    layer = case.model.get_submodule(name)
    if not isinstance(layer, nn.Linear | _ConvNd) or layer.bias is None or is_lazy(layer.bias):
        return None
    size = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    return layer.bias.detach() if size == norm.features else None


def _without_effect(case: Case, biases: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those that, moved at random, leave all outputs as they were; the others reach one around the norm."""
    try:
        before = _outputs(case, {})
        if _same(before, _outputs(case, biases)):
            return dict(biases)
        return {n: bias for n, bias in biases.items() if _same(before, _outputs(case, {n: bias}))}
    except Exception:  # a model that does not run in training mode, where nothing can be shown
        return {}


def _outputs(case: Case, moved: Mapping[str, Tensor]) -> list[Tensor]:
    """What the first batch gives with its norms in training mode and some biases moved."""
    random = torch.Generator().manual_seed(0)
    biases = {f"model.{n}.bias": b + torch.randn(b.shape, generator=random).to(b) for n, b in moved.items()}
    with untouched(case.model), torch.no_grad():
        case.model.eval()
        for norm in case.norms:
            norm.layer.training = norm.tracks and case.follows_training(norm.layer)
        output = functional_call(OnBatches(case.model), biases, (case.batches[0],))
        return [tensor.double() for tensor in tensors_in(output)]


def _same(before: Sequence[Tensor], after: Sequence[Tensor]) -> bool:
    return bool(before) and all(_close(*pair) for pair in zip(before, after, strict=True))


def _close(before: Tensor, after: Tensor) -> bool:
    size = before.std(correction=0) if before.numel() > 1 else before.abs()
    return bool((after - before).square().mean().sqrt() <= _ROUNDING * size)
