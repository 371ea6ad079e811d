"""Norms at the same place of a model's blocks whose epsilons differ tenfold."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from normcourse.clinic.case import Case
from normcourse.clinic.mends import each, first_names
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_FACTOR = 9.99  # 1e-5 / 1e-6 is a little less than 10


def find(case: Case) -> Iterator[Finding]:
    """Name those of the rarer epsilons."""
    odd: dict[Norm, float] = {}
    among: Counter[float] = Counter()
    for siblings in _siblings(case.norms):
        counts = Counter(siblings.values())
        if max(counts) >= _FACTOR * min(counts):
            among += counts
            usual = counts.most_common(1)[0][0]
            odd |= {norm: usual for norm, eps in siblings.items() if eps != usual}
    if not odd:
        return
    yield Finding(
        name="eps differs",
        layers=tuple(norm.name for norm in case.norms if norm in odd),
        measured={f"layers with epsilon {eps:g}": count for eps, count in sorted(among.items())},
        follows=(
            "Blocks that are meant to be alike treat a small input differently, because a feature whose "
            "variance is not far above epsilon comes out narrower the larger epsilon is. One of the values "
            "was forgotten, or comes from another framework or checkpoint."
        ),
        mend=_lines(odd),
        certainty="likely",
        page="02-batchnorm-mechanics/01-forward",
    )


def _lines(odd: Mapping[Norm, float]) -> str:
    """For each epsilon that is due, the line that sets it."""
    alike: dict[str, list[Norm]] = {}
    for norm, due in odd.items():
        alike.setdefault(f"{{layer}}.{norm.eps_name} = {due:g}", []).append(norm)
    return "\n".join(
        each("eps differs", first_names(norms), do, every=len(alike) > 1) for do, norms in alike.items()
    )


def _siblings(norms: Sequence[Norm]) -> list[dict[Norm, float]]:
    """Epsilons of the norms of one class whose names differ in numbers alone, as those of blocks do.

    Released models give different epsilons to different places: queries, towers, the last norm.
    """
    groups: dict[tuple[type, str], dict[Norm, float]] = {}
    for norm in norms:
        if norm.eps:
            place = re.sub(r"\d+", "#", norm.name)
            groups.setdefault((type(norm.layer), place), {})[norm] = norm.eps
    return list(groups.values())
