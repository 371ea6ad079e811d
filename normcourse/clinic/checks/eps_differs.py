"""Norms at the same place of a model's blocks whose epsilons differ tenfold."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from normcourse.clinic.case import Case
from normcourse.clinic.lines import for_each_kind
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_FACTOR = 9.99  # 1e-5 / 1e-6 is a little less than 10


def find(case: Case) -> Iterator[Finding]:
    """Name those of the rarer epsilons, or all where none is rarer."""
    odd: dict[Norm, float] = {}
    among: Counter[float] = Counter()
    ties = []
    for siblings in _siblings(case):
        counts = Counter(siblings.values())
        if max(counts) >= _FACTOR * min(counts):
            among += counts
            (usual, most), *others = counts.most_common()
            tie = others[0][1] == most
            ties.append(tie)
            odd |= {norm: usual for norm, eps in siblings.items() if tie or eps != usual}
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
            + (
                " As many have the one as the other, so they may also be parts that were never alike, such "
                "as a body and a head; and which is right is not said here."
                if all(ties)
                else ""
            )
        ),
        mend=_lines(odd),
        certainty="possible" if all(ties) else "likely",
        page="02-batchnorm-mechanics/01-forward",
    )


def _lines(odd: Mapping[Norm, float]) -> str:
    """For each epsilon that is due, the line that sets it."""
    return for_each_kind(
        "eps differs",
        {norm: f"{{layer}}.{norm.eps_name} = {due:g}" for norm, due in odd.items() if norm.eps != due},
    )


def _siblings(case: Case) -> list[dict[Norm, float]]:
    """Epsilons of the norms of one class whose names differ in numbers alone, in parts of the same classes.

    Released models give different epsilons to different places: queries, towers, the last norm.
    """
    groups: dict[tuple[str, tuple[type, ...]], dict[Norm, float]] = {}
    for norm in case.norms:
        if norm.eps:
            place = re.sub(r"\d+", "#", norm.name)
            groups.setdefault((place, _classes(case, norm)), {})[norm] = norm.eps
    return list(groups.values())


def _classes(case: Case, norm: Norm) -> tuple[type, ...]:
    """Of the norm, and of each part around it."""
    name, found = norm.names[0], [type(norm.layer)]
    while name:
        name = name.rpartition(".")[0]
        found.append(type(case.layers[name]))
    return tuple(found)
