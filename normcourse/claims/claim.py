"""A claim: a sentence that is often said, what we found, and the verdict."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from normcourse.claims.predicates import Predicate

__all__ = ["Claim", "Finding", "Speaks", "Verdict"]


class Verdict(StrEnum):
    """What our runs say about a claim."""

    HOLDS = "holds"
    LIMITED = "holds with limits"
    CONTESTED = "contested"
    NOT_REPRODUCED = "not reproduced"
    OPEN = "not tested yet"


class Speaks(StrEnum):
    """What a finding does to its claim."""

    FOR = "for"
    LIMITS = "limits"
    AGAINST = "against"


# What the findings of a claim must and must not say for its verdict to stand.
_NEEDS = {
    Verdict.HOLDS: ({Speaks.FOR}, {Speaks.LIMITS, Speaks.AGAINST}),
    Verdict.LIMITED: ({Speaks.FOR, Speaks.LIMITS}, {Speaks.AGAINST}),
    Verdict.CONTESTED: ({Speaks.FOR, Speaks.AGAINST}, set()),
    Verdict.NOT_REPRODUCED: ({Speaks.AGAINST}, {Speaks.FOR}),
    Verdict.OPEN: (set(), set(Speaks)),
}


@dataclass(frozen=True)
class Finding:
    """One thing that a run showed.

    Attributes:
        id: The claim's id, a dot, and a name of lower-case words joined by hyphens.
        sentence: What was found, with its conditions.
        speaks: Whether it speaks for the claim, limits it, or speaks against it.
        predicate: What the run's interval must satisfy for the sentence to stand.
        spec: Format of its numbers, as in ``".1f"`` or ``".0%"``.
        unit: Of its numbers, as in ``"times fewer steps"``; empty where ``spec`` says it.
        counted: What an exact count is over, as in ``"models"``; empty for a measurement over seeds.
    """

    id: str
    sentence: str
    speaks: Speaks
    predicate: Predicate
    spec: str = ".1f"
    unit: str = ""
    counted: str = ""

    @property
    def anchor(self) -> str:
        """The id of the place on a page where the finding is recorded."""
        return "claim-" + self.id.lower().replace(".", "-")

    @property
    def condition(self) -> str:
        """What its predicate asks for, in words."""
        words = self.predicate.words("%" if self.spec.endswith("%") else "")
        return words.replace("the whole interval", "the count") if self.counted else words


@dataclass(frozen=True)
class Claim:
    """A sentence that is often said, and what became of it.

    Attributes:
        id: ``"C1"`` and so on.
        sentence: As it is commonly said.
        sources: Keys of the bibliography: who says it, or disputes it.
        verdict: What our runs say.
        summary: The verdict in a sentence or two of Markdown, with its conditions.
        findings: What it rests on.

    Raises:
        ValueError: The verdict does not follow from the findings, or an id is doubled or not the claim's.
    """

    id: str
    sentence: str
    sources: tuple[str, ...]
    verdict: Verdict
    summary: str
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        ids = Counter(finding.id for finding in self.findings)
        if wrong := [name for name, count in ids.items() if count > 1 or not name.startswith(f"{self.id}.")]:
            raise ValueError(f"each finding of {self.id} needs an id of its own, {self.id}.name; got {wrong}")
        says = {finding.speaks for finding in self.findings}
        needed, forbidden = _NEEDS[self.verdict]
        if missing := sorted(needed - says):
            raise ValueError(
                f'{self.id} cannot be "{self.verdict}": no finding speaks {" or ".join(missing)}; '
                "add the finding or change the verdict"
            )
        if extra := [finding.id for finding in self.findings if finding.speaks in forbidden]:
            raise ValueError(
                f'{self.id} cannot be "{self.verdict}" beside {", ".join(extra)}: change the verdict'
            )
