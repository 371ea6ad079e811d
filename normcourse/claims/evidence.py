"""A run's interval, checked against the sentence that it is to support."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from html import escape
from typing import Any

from normcourse.claims.claim import Finding
from normcourse.claims.ledger import LEDGER
from normcourse.experiments.engine.environment import environment
from normcourse.experiments.engine.intervals import Interval

__all__ = ["MIME", "ClaimError", "Evidence", "check", "find"]

#: The type of the output in which a notebook keeps a record.
MIME = "application/vnd.normcourse.claim+json"


class ClaimError(Exception):
    """A sentence of the ledger and the run that is to support it disagree."""


@dataclass(frozen=True)
class Evidence:
    """The record of a run that supports a finding. A notebook shows it as a line and keeps it as data.

    Attributes:
        id: The finding's id.
        estimate: What was measured.
        low: Lower end of its 95% interval.
        high: Upper end.
        seeds: How many seeds were run, or how many were counted.
        setting: What was run, in a few words.
        environment: Versions and processor.
    """

    id: str
    estimate: float
    low: float
    high: float
    seeds: int
    setting: str
    environment: Mapping[str, str]

    @property
    def finding(self) -> Finding:
        """The ledger's finding that this supports."""
        return find(self.id)

    @property
    def result(self) -> str:
        """The estimate and its interval, formatted, with the unit; a count has no interval."""
        return self.finding.say(self.estimate, self.low, self.high)

    @property
    def extent(self) -> str:
        """What the number is over, in words."""
        return f"over {self.seeds} {self.finding.counted or 'seeds'}"

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Evidence":
        """Read a record that a notebook kept, and check it again.

        Raises:
            ClaimError: As `check`, or the record has other entries than evidence has now.
        """
        names = [field.name for field in fields(cls)]
        if sorted(record) != sorted(names):
            raise ClaimError(
                f"a record holds {', '.join(names)}; got {', '.join(record)}: execute its notebook again"
            )
        evidence = cls(**record)
        evidence.verify()
        return evidence

    def verify(self) -> None:
        """Raise unless the interval is a proper one and satisfies the finding's predicate.

        Raises:
            ClaimError: It does not, or a count has an interval; the message holds the sentence, what must
                hold, and what came.
        """
        interval = Interval(self.estimate, self.low, self.high)
        if not all(map(math.isfinite, interval)) or not self.low <= self.estimate <= self.high:
            raise ClaimError(
                f"{self.id} needs finite numbers, low <= estimate <= high; got estimate {self.estimate}, "
                f"low {self.low}, high {self.high}"
            )
        if self.seeds < 2:
            raise ClaimError(f"{self.id} needs an interval over at least 2 seeds; got {self.seeds}")
        finding = self.finding
        if finding.counted and self.low < self.high:
            raise ClaimError(
                f"{self.id} is a count of {finding.counted}, which has no interval; give the number three "
                f"times; got low {self.low} and high {self.high}"
            )
        if not finding.predicate.holds(interval):
            raise ClaimError(
                f'{self.id} says "{finding.sentence}", which stands while {finding.condition}; the run '
                f"({self.setting}; {self.extent}) gave {interval:.6g}. If the run is right, change in "
                "normcourse/claims/ledger the sentence, its predicate and the verdict that rests on it"
            )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        finding = self.finding
        return {
            "text/plain": f"{self.id}: {self.result}",
            "text/html": (
                f'<p class="claim" id="{finding.anchor}"><span class="claim-id">Ledger {self.id}</span> '
                f"{escape(finding.sentence.rstrip('.'))}: <strong>{escape(self.result)}</strong></p>"
            ),
            MIME: asdict(self),
        }


def find(id: str) -> Finding:
    """Return a finding of the ledger.

    Raises:
        ClaimError: There is none of that id.
    """
    findings = {finding.id: finding for claim in LEDGER for finding in claim.findings}
    if id not in findings:
        near = get_close_matches(id, findings, cutoff=0.3) or sorted(findings)
        raise ClaimError(f"the ledger has no finding {id!r}; near it are {', '.join(near)}")
    return findings[id]


def check(
    id: str, interval: Interval, *, seeds: int, setting: str, run_on: Mapping[str, str] | None = None
) -> Evidence:
    """Record a run as the evidence of a finding, or refuse if it does not support the sentence.

    Args:
        id: A finding of the ledger.
        interval: Estimate and 95% interval of three numbers.
        seeds: How many seeds the interval is over; of a finding that counts, how many were counted.
        setting: What was run, in a few words: network, data, optimiser.
        run_on: The environment of a loaded record; left out, this one.

    Returns:
        The record; as the last line of a notebook's cell it is shown, and the ledger's page finds it there.

    Raises:
        ClaimError: An unknown id, fewer than 2 seeds, not a finite and ordered interval, or one that does not
            satisfy the finding's predicate.

    Example:
        >>> check("C6.small-init", Interval(21.4, 19.0, 23.9), seeds=8, setting="3 x 100 sigmoid").result
        '21.4 [19.0, 23.9] times fewer steps'
    """
    find(id)
    estimate, low, high = (float(f"{value:.6g}") for value in interval)  # more would be noise
    measured_on = environment() if run_on is None else dict(run_on)
    evidence = Evidence(id, estimate, low, high, seeds, setting, measured_on)
    evidence.verify()
    return evidence
