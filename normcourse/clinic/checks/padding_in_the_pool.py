"""One vector or token at a fifth of a sequence's positions, where a batch norm pools them all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from normcourse.clinic.batches import call_model, given_tensors
from normcourse.clinic.case import Case
from normcourse.clinic.passes import Call
from normcourse.clinic.quiet import untouched
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_SHARE = 0.2
_SAME_WAY = 0.9999  # cosine: without the padding it would be another mean
_POSITIONS, _CHANNELS = 20, 4  # with fewer the same may stand in two places by chance


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms over sequences in which much is repeated."""
    calls = [call for call in case.seen().calls if call.batch == 0 and case.uses_batches(call.norm)]
    shares = {call.norm: call.repeated for call in calls if _is_padded(call)}
    tokens, padding = _padded_tokens(case)
    over_tokens = [call.norm for call in calls if padding >= _SHARE and call.values == tokens]
    pooled = _pooling_all(case, over_tokens) if over_tokens else []
    if not shares and not pooled:
        return
    measured: dict[str, float | str] = {"layers": len({*shares, *pooled})}
    if shares:
        most = max(shares.values())
        measured["largest share of the positions of the first batch that hold one vector"] = most
    if pooled:
        measured["share of the first batch's tokens that repeat one token at the end of a text"] = padding
    yield Finding(
        name="padding in the pool",
        layers=tuple(norm.name for norm in case.norms if norm in shares or norm in pooled),
        measured=measured,
        follows=(
            "If these positions are padding, it is part of the mean and the variance, so in training mode "
            "what becomes of a token depends on how much padding stands beside it, and the running "
            "statistics are those of a pool with padding. If they are part of the sequences, as silence or a "
            "frequent letter is, it is no fault."
        ),
        mend="x[mask] = layer(x[mask])  # x of shape (N, L, C), mask of the real positions",
        certainty="possible",
        page="04-layernorm-for-transformers/14-padding-and-length",
    )


def _padded_tokens(case: Case) -> tuple[int, float]:
    """How many tokens the first batch has, and the share of them that repeat one token at the texts' ends."""
    for x in given_tensors(case.model, case.batches[0]):
        if x.dim() == 2 and not x.is_floating_point() and len(set(x.flatten().tolist())) > 2:  # two: a mask
            pad = x[:, -1].mode().values
            run = (x == pad).flip(1).cumprod(1).sum(1)
            return x.numel(), float(run[run > 1].sum()) / x.numel()
    return 0, 0.0


def _pooling_all(case: Case, norms: Sequence[Norm]) -> list[Norm]:
    """Those whose running mean moves by that of their whole input; some classes leave padding out."""
    found: dict[Norm, bool] = {}

    def enter(norm: Norm) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            axis = next(axis for axis in (1, args[0].dim() - 1) if args[0].shape[axis] == norm.features)
            means[norm] = args[0].detach().movedim(axis, 0).flatten(1).mean(1)
            before[norm] = _mean(norm).clone()

        return hook

    def leave(norm: Norm) -> Callable[..., None]:
        def hook(*_: object) -> None:
            # Whatever its momentum: towards that mean in all channels alike.
            way, due = _mean(norm) - before[norm], means[norm].to(before[norm]) - before[norm]
            found[norm] = bool(torch.cosine_similarity(way, due, 0) > _SAME_WAY)

        return hook

    means: dict[Norm, Tensor] = {}
    before: dict[Norm, Tensor] = {}
    with untouched(case.model), torch.no_grad(), ExitStack() as hooks:
        case.model.eval()
        for norm in (tracking := [norm for norm in norms if norm.tracks]):
            norm.layer.training = True
            hooks.callback(norm.layer.register_forward_pre_hook(enter(norm)).remove)
            hooks.callback(norm.layer.register_forward_hook(leave(norm)).remove)
        call_model(case.model, case.batches[0])
    return [norm for norm in norms if norm not in tracking or found.get(norm, True)]


def _mean(norm: Norm) -> Tensor:
    assert norm.running is not None
    return norm.running[0]


def _is_padded(call: Call) -> bool:
    return (
        _SHARE <= call.repeated < 1  # 1: nothing varies, which is another fault
        and call.values >= _POSITIONS
        and call.shape[-1] > 1
        and len(call.mean) >= _CHANNELS
    )
