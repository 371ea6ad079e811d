"""Advice, and the findings that each piece of it rests on.

A finding may change its mind: a run gives another number, and the ledger gets another sentence and another
predicate, which agree. Advice that rests on the old one must not outlive it. So a `Decision` says what it
needs of each finding. That the finding's own predicate implies the need is checked when the decision is
made, so that a run which `normcourse.claims.check` records cannot lack it; that the recorded number
satisfies it, when the book is built.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import inf

from normcourse.claims.claim import Finding
from normcourse.claims.evidence import ClaimError, Evidence, find
from normcourse.claims.predicates import Above, Below, Exactly, Predicate, Within
from normcourse.experiments.engine.intervals import Interval

__all__ = ["Because", "Decision", "Decisions", "faults"]


@dataclass(frozen=True)
class Because:
    """A finding that a decision rests on, and what the decision needs of it.

    Attributes:
        id: Of a finding of the ledger.
        needs: What its number must satisfy for the advice to be right, whatever the finding itself says.
        says: What was compared, in a few words that stand before the number.

    Raises:
        ClaimError: The ledger has no such finding, or its predicate allows numbers that speak against the
            advice.

    Example:
        >>> Because("C11.lag", Above(0), "by the running statistics at step 300").finding.unit
        'points of test accuracy lost'
    """

    id: str
    needs: Predicate
    says: str

    def __post_init__(self) -> None:
        if not _implies(self.finding.predicate, self.needs):
            raise ClaimError(
                f'a decision needs {self.id} {self.needs.bounds()}, "{self.says}", but that finding stands '
                f"while {self.finding.condition}: change the advice in normcourse/claims/decisions.py"
            )

    @property
    def finding(self) -> Finding:
        """The ledger's finding."""
        return find(self.id)


@dataclass(frozen=True)
class Decision:
    """A situation, and what to do in it.

    Attributes:
        situation: As the reader would put it, after "You are".
        advice: What to do, with names of the code in backticks.
        because: What it rests on.

    Raises:
        ValueError: It rests on nothing.
    """

    situation: str
    advice: str
    because: tuple[Because, ...]

    def __post_init__(self) -> None:
        if not self.because:
            raise ValueError(f"a decision rests on a finding at least; {self.situation!r} has none")


class Decisions:
    """Rows of advice, which a notebook shows as a table.

    Each finding stands there by its id; in the book the id becomes the number, and a link to its run.
    """

    def __init__(self, rows: Sequence[Decision]) -> None:
        self.rows = tuple(rows)

    def __repr__(self) -> str:
        lines = []
        for row in self.rows:
            lines += [f"{row.situation}:", f"    {row.advice}"]
            lines += [f"    - {why.says}: {why.id}" for why in row.because]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{_situation(row)}{_advice(row)}</tr>" for row in self.rows)
        head = '<tr><th scope="col">You are</th><th scope="col">Do this, because</th></tr>'
        return f'<table class="statements decisions"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _situation(row: Decision) -> str:
    return f'<th scope="row">{_code(row.situation)}</th>'


def _advice(row: Decision) -> str:
    whys = "".join(
        f'<li>{_code(why.says)}: <span class="decision-finding">{why.id}</span></li>' for why in row.because
    )
    return f"<td><strong>{_code(row.advice)}</strong><ul>{whys}</ul></td>"


def _code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def faults(decisions: Sequence[Decision], evidence: Mapping[str, Evidence]) -> list[str]:
    """Say of every decision what the recorded evidence does not give it.

    Args:
        decisions: Rows of advice.
        evidence: What the notebooks recorded, by the findings' ids.
    """
    found = []
    for row in decisions:
        for why in row.because:
            if why.id not in evidence:
                found.append(f'"{row.situation}" rests on {why.id}, of which there is no record')
            elif not why.needs.holds(_interval(evidence[why.id])):
                found.append(
                    f'"{row.situation}" needs {why.id} {why.needs.bounds()}; recorded is '
                    f"{evidence[why.id].result}"
                )
    return found


def _implies(known: Predicate, needed: Predicate) -> bool:
    """Whether every interval that satisfies one predicate satisfies another."""
    if known == needed or not isinstance(needed, Above | Below | Within | Exactly):
        return known == needed
    (low, high), (least, most) = _ends(known), _ends(needed)
    strict, asked = isinstance(known, Above | Below), isinstance(needed, Above | Below)
    return _reaches(low, least, strict or not asked) and _reaches(-high, -most, strict or not asked)


def _reaches(low: float, least: float, may_touch: bool) -> bool:
    """Whether what lies above ``low`` lies above ``least``."""
    return low > least or (low == least and (may_touch or least == -inf))


def _interval(evidence: Evidence) -> Interval:
    return Interval(evidence.estimate, evidence.low, evidence.high)


def _ends(predicate: Predicate) -> tuple[float, float]:
    match predicate:
        case Above(bound):
            return bound, inf
        case Below(bound):
            return -inf, bound
        case Within(low, high):
            return low, high
        case Exactly(value):
            return value, value
        case _:  # that an interval covers a value bounds neither end
            return -inf, inf
