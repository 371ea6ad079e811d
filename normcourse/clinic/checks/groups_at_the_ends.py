"""Group norms with one group, or with as many as channels: another norm by its formula."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.lines import replaced
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_PAGE = "04-layernorm-for-transformers/01-one-formula"


def find(case: Case) -> Iterator[Finding]:
    """Name those of one group, and those of one channel a group."""
    groups = {norm: _groups(norm) for norm in case.norms if norm.kind == "group" and norm.features > 1}
    if one := [norm for norm, count in groups.items() if count == 1]:
        yield Finding(
            name="groups at the ends",
            layers=tuple(norm.name for norm in one),
            measured={"groups": 1, "channels, at most": max(norm.features for norm in one)},
            follows=(
                "With one group all channels and positions of an example share one mean and one variance, so "
                "this is layer norm over both, and a loud channel makes the others quiet. If a layer norm of "
                "each position was meant, this is not it; some released networks mean it (PoolFormer)."
            ),
            mend=_line(one),
            certainty="possible",
            page=_PAGE,
        )
    if all_apart := [norm for norm, count in groups.items() if count == norm.features]:
        yield Finding(
            name="groups at the ends",
            layers=tuple(norm.name for norm in all_apart),
            measured={
                "channels of a group": 1,
                "channels, at most": max(norm.features for norm in all_apart),
            },
            follows=(
                "With a group for each channel this is instance norm: it takes out each channel's mean and "
                "size in every example, so how strong a channel is does not get past it, and over a single "
                "position nothing does. Some released networks mean it (wav2vec 2.0)."
            ),
            mend=_line(all_apart),
            certainty="possible",
            page=_PAGE,
        )


def _line(norms: list[Norm]) -> str:
    lines = {norm: f"nn.GroupNorm({_between(norm.features)}, {norm.features})" for norm in norms}
    odd = sorted({norm.features for norm in norms if _between(norm.features) is None})
    if odd:
        return f"# {odd[0]} channels have no number of groups between the ends: change that of the channels"
    return replaced("groups at the ends", lines, "if groups were meant; then train")


def _between(channels: int) -> int | None:
    """The largest number of groups up to 32 that is neither 1 nor all; None if there is none."""
    return max((n for n in range(2, min(32, channels // 2) + 1) if channels % n == 0), default=None)


def _groups(norm: Norm) -> int:
    return int(getattr(norm.layer, "num_groups", 0))
