"""What a page's prose rests on: shown with its numbers, and an error where a number says otherwise."""

import math
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from normcourse.claims.evidence import ClaimError
from normcourse.claims.predicates import Predicate
from normcourse.experiments.engine.intervals import Interval, written

__all__ = ["STATEMENTS", "Statement", "Statements", "ensure"]

#: The type of the output in which a notebook keeps what it ensured.
STATEMENTS = "application/vnd.normcourse.statements+json"


@dataclass(frozen=True)
class Statement:
    """One quantity, and what must hold of it for the prose to stand.

    Attributes:
        what: The quantity, in words.
        values: The smallest and the largest value seen, with an estimate between them.
        predicate: What both must satisfy.
        spec: Format of the numbers, as in ``".1f"`` or ``".0%"``.
        shown: What was measured, formatted.
    """

    what: str
    values: Interval
    predicate: Predicate
    spec: str
    shown: str

    @property
    def condition(self) -> str:
        """What must hold, in words."""
        return self.predicate.bounds("%" if self.spec.endswith("%") else "")

    def record(self) -> dict[str, Any]:
        """Return the numbers, for a comparison of several machines; the slack is None where it has none."""
        slack = self.predicate.slack(self.values)
        return {
            "what": self.what,
            "low": float(self.values.low),
            "high": float(self.values.high),
            "slack": float(slack) if math.isfinite(slack) else None,
        }


class Statements:
    """What `ensure` found to hold; a notebook shows it as a table."""

    def __init__(self, statements: list[Statement]) -> None:
        self.statements = statements

    def __repr__(self) -> str:
        widths = [max(len(s.what) for s in self.statements), max(len(s.shown) for s in self.statements)]
        return "\n".join(
            f"{s.what:{widths[0]}s}  {s.shown:>{widths[1]}s}  ({s.condition})" for s in self.statements
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        rows = "".join(
            f'<tr><th scope="row">{escape(s.what)}</th><td>{escape(s.shown)}</td>'
            f"<td>{escape(s.condition)}</td></tr>"
            for s in self.statements
        )
        head = '<tr><td></td><th scope="col">here</th><th scope="col">must be</th></tr>'
        return {
            "text/plain": repr(self),
            "text/html": f'<table class="statements"><thead>{head}</thead><tbody>{rows}</tbody></table>',
            STATEMENTS: [s.record() for s in self.statements],
        }


def ensure(
    *rows: tuple[str, ArrayLike | Interval, Predicate] | tuple[str, ArrayLike | Interval, Predicate, str],
) -> Statements:
    """Show quantities that a page's prose rests on, or refuse to if one is not as the prose says.

    The bounds belong where the sentence breaks, not at the edge of what was seen, so that another processor
    may give other digits.

    Args:
        rows: Each a quantity in words; its value, which is a number, an array (all entries must satisfy the
            predicate) or an interval (both ends must); the predicate; and perhaps a format, ``".3g"`` if left
            out.

    Returns:
        The statements; as the last line of a notebook's cell they are shown as a table.

    Raises:
        ClaimError: A value does not satisfy its predicate, is not a number, or there is none. The message
            has a line for each.

    Example:
        >>> from normcourse.claims import Above, Below
        >>> ensure(
        ...     ("accuracy without a norm", [0.12, 0.17], Below(0.3), ".0%"),
        ...     ("accuracy with BatchNorm", 0.48, Above(0.4), ".0%"),
        ... )
        accuracy without a norm  12% to 17%  (below 30%)
        accuracy with BatchNorm         48%  (above 40%)
    """
    statements = [_statement(*row) for row in rows]
    if not statements:
        raise ClaimError("ensure needs at least one row: (what, value, predicate)")
    if faults := [_fault(s) for s in statements if not s.predicate.holds(s.values)]:
        raise ClaimError("\n".join(faults))
    return Statements(statements)


def _statement(what: str, value: ArrayLike | Interval, predicate: Predicate, spec: str = ".3g") -> Statement:
    if isinstance(value, Interval):
        values, shown = value, f"{value:{spec}}"
    else:
        entries = np.asarray(value, dtype=float)
        if entries.size == 0:
            raise ClaimError(f'"{what}" needs a value; got an empty array')
        values = Interval(float(entries.mean()), float(entries.min()), float(entries.max()))
        ends = dict.fromkeys(written(end, spec) for end in values[1:])
        shown = " to ".join(ends)
    if any(math.isnan(entry) for entry in values):
        raise ClaimError(f'"{what}" must be {predicate.bounds()}; got a value that is not a number')
    return Statement(what, values, predicate, spec, shown)


def _fault(statement: Statement) -> str:
    low, high = statement.values[1:]
    return (
        f'the page rests on "{statement.what}" being {statement.condition}; this run gave {statement.shown} '
        f"({low:.6g} to {high:.6g}). If the run is right, change the sentences that rest on it"
    )
