"""A claim: a sentence that is often said, what we found, and the verdict."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from normcourse.claims.predicates import Predicate, Within
from normcourse.experiments.engine.intervals import written

__all__ = ["Claim", "Finding", "Scale", "Speaks", "Verdict", "write"]


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


# A finding's name in a phrase, and perhaps a format of its own: ``{six-relu:.0f}``.
_NAMED = re.compile(r"\{([a-z0-9-]+)(?::([^{}]+))?\}")


def write(number: float, spec: str) -> str:
    """Format a number with a true minus sign, and never as a negative zero; with ``p`` a share as points.

    Example:
        >>> write(-0.04, ".1f"), write(-0.06, "+.1f"), write(0.0911, "+.1p")
        ('0.0', '−0.1', '+9.1')
    """
    if spec.endswith("p"):
        number, spec = 100 * number, f"{spec[:-1]}f"
    return written(number, spec).replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Finding:
    """One thing that a run showed.

    Attributes:
        id: The claim's id, a dot, and a name of lower-case words joined by hyphens.
        sentence: What was found, with its conditions.
        speaks: Whether it speaks for the claim, limits it, or speaks against it.
        predicate: What the run's interval must satisfy for the sentence to stand.
        spec: Format of its numbers, as in ``".1f"`` or ``".0%"``, or ``".1p"`` for shares told as points.
        unit: Of its numbers, as in ``"times fewer steps"``; empty where ``spec`` says it.
        counted: What an exact count is over, as in ``"models"``; empty for a measurement over seeds.
        rounding: Whether it is a rounding error, of which nothing but the bound is worth saying.

    Raises:
        ValueError: A rounding error whose predicate has no upper bound.
    """

    id: str
    sentence: str
    speaks: Speaks
    predicate: Predicate
    spec: str = ".1f"
    unit: str = ""
    counted: str = ""
    rounding: bool = False

    def __post_init__(self) -> None:
        if self.rounding and not isinstance(self.predicate, Within):
            raise ValueError(f"{self.id} is a rounding error, and so Within two bounds; got {self.predicate}")

    @property
    def name(self) -> str:
        """Its id without the claim's."""
        return self.id.partition(".")[2]

    @property
    def anchor(self) -> str:
        """The id of the place on a page where the finding is recorded."""
        return "claim-" + self.id.lower().replace(".", "-")

    @property
    def condition(self) -> str:
        """What its predicate asks for, in words."""
        words = self.predicate.words({"%": "%", "p": "points"}.get(self.spec[-1:], ""))
        words = re.sub(r"(?<!\w)-(?=\d)", "\N{MINUS SIGN}", words)
        return words.replace("the whole interval", "the count") if self.counted else words

    def say(self, estimate: float, low: float, high: float) -> str:
        """Say a result in its format and unit, and with its interval where the last digit shows one."""
        if self.rounding and isinstance(self.predicate, Within):
            return f"below {self.predicate.high:g} {self.unit}".rstrip()
        shown, *ends = (write(number, self.spec) for number in (estimate, low, high))
        if {*ends} != {shown}:
            shown += f" [{', '.join(ends)}]"
        every = "" if low < high or self.counted else ", at every seed"
        return f"{shown} {self.unit}".rstrip() + every


@dataclass(frozen=True)
class Scale:
    """The axis on which the ledger's picture draws findings of one claim that have one unit.

    Attributes:
        findings: Their names, which are their ids without the claim's.
        origin: The number from which their size is seen: that of no effect, or the claimed one.
        says: What the origin means, in two or three words.
        log: Whether they are ratios, and the axis is logarithmic.
        claimed: The range that the claim's sentence names, if it does.
    """

    findings: tuple[str, ...]
    origin: float
    says: str
    log: bool = False
    claimed: tuple[float, float] | None = None


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
        stands: The verdict in a few words that say for what, or for what not.
        phrase: What was found, in a phrase with its size. Its numbers are findings, named in braces, so that
            they come from the runs: ``"{tanh} times with tanh"``, or in another format, ``"{tanh:.0f}"``.
            What is no finding is said in words.
        scale: The axis on which the findings are drawn; None where they have none in common.
        attribution: Who says how much of it, in Markdown, where the sources alone would mislead.

    Raises:
        ValueError: The verdict does not follow from the findings, an id is doubled or not the claim's, or the
            phrase has a number that is no finding, or a rounding error, or none.

    Example:
        >>> found = Finding("C0.depth", "Twice as fast.", Speaks.FOR, Within(1, 3))
        >>> claim = Claim(
        ...     "C0", "Fast.", ("who",), Verdict.HOLDS, "", (found,), "holds", "{depth:.0f} times as fast"
        ... )
        >>> claim.say({"C0.depth": 2.1})
        '2 times as fast'
    """

    id: str
    sentence: str
    sources: tuple[str, ...]
    verdict: Verdict
    summary: str
    findings: tuple[Finding, ...] = ()
    stands: str = ""
    phrase: str = ""
    scale: Scale | None = None
    attribution: str = ""

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
        self._check_words()

    def _check_words(self) -> None:
        names = {finding.name for finding in self.findings}
        named = [name for name, _ in _NAMED.findall(self.phrase)]  # perhaps unknown
        drawn = self.scale.findings if self.scale else ()
        if unknown := [name for name in (*named, *drawn) if name not in names]:
            raise ValueError(
                f"{self.id} has no finding {', '.join(unknown)}; it has {', '.join(sorted(names))}"
            )
        if typed := re.search(r"[0-9{}]", _NAMED.sub("", self.phrase) + self.stands):
            raise ValueError(
                f'"{typed[0]}" in the phrase or the verdict of {self.id} comes from no run: name a finding '
                "in braces, and say a setting in words"
            )
        if names and not named:
            raise ValueError(f"the phrase of {self.id} has no number: name one of its findings in braces")
        if noise := [f.name for f in self.findings if f.rounding and f.name in named]:
            raise ValueError(
                f"the phrase of {self.id} gives the digits of a rounding error, {', '.join(noise)}: they "
                "differ from machine to machine; say it in words"
            )

    @property
    def named(self) -> dict[str, str]:
        """The findings whose numbers the phrase gives, in its order, each with its format there."""
        specs = {finding.name: finding.spec for finding in self.findings}
        return {name: spec or specs[name] for name, spec in _NAMED.findall(self.phrase)}

    def say(self, estimates: Mapping[str, float]) -> str:
        """Return the phrase with the numbers of these runs, by the findings' ids."""
        specs = self.named

        def number(match: re.Match[str]) -> str:
            return write(estimates[f"{self.id}.{match[1]}"], specs[match[1]])

        phrase = _NAMED.sub(number, self.phrase)
        first = phrase[:1]
        return (first.upper() if first.isascii() else first) + phrase[1:]  # a σ is no Σ
