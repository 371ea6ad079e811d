"""What an interval must satisfy for a sentence to stand."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf

from normcourse.experiments.engine.intervals import Interval

__all__ = ["Above", "Below", "Covers", "Exactly", "Predicate", "Within"]


class Predicate(ABC):
    """A condition on an interval, which says itself in words."""

    @abstractmethod
    def holds(self, interval: Interval) -> bool:
        """Whether the interval satisfies the condition."""

    @abstractmethod
    def bounds(self, unit: str = "") -> str:
        """Say what a number must be, as in "above 2"; ``unit`` "%" or "points" says shares in hundredths."""

    @abstractmethod
    def slack(self, interval: Interval) -> float:
        """How far the interval is from breaking the condition: negative where it does."""

    def words(self, unit: str = "") -> str:
        """Say the condition on an interval."""
        return f"the whole interval lies {self.bounds(unit)}"


def _say(number: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * number:g}%"
    return f"{100 * number if unit == 'points' else number:g}"


@dataclass(frozen=True)
class Above(Predicate):
    """The whole interval lies above a bound.

    Example:
        >>> Above(1.0).holds(Interval(1.3, 1.1, 1.6)), Above(1.0).holds(Interval(1.3, 0.9, 1.6))
        (True, False)
    """

    bound: float

    def holds(self, interval: Interval) -> bool:
        """Whether its lower end lies above the bound."""
        return bool(interval.low > self.bound)

    def bounds(self, unit: str = "") -> str:
        """Say what a number must be."""
        return f"above {_say(self.bound, unit)}"

    def slack(self, interval: Interval) -> float:
        """How far the interval is from breaking the condition."""
        return float(interval.low - self.bound)


@dataclass(frozen=True)
class Below(Predicate):
    """The whole interval lies below a bound.

    Example:
        >>> Below(1.0).holds(Interval(0.7, 0.5, 0.9))
        True
    """

    bound: float

    def holds(self, interval: Interval) -> bool:
        """Whether its upper end lies below the bound."""
        return bool(interval.high < self.bound)

    def bounds(self, unit: str = "") -> str:
        """Say what a number must be."""
        return f"below {_say(self.bound, unit)}"

    def slack(self, interval: Interval) -> float:
        """How far the interval is from breaking the condition."""
        return float(self.bound - interval.high)


@dataclass(frozen=True)
class Within(Predicate):
    """The whole interval lies between two bounds.

    Raises:
        ValueError: The bounds are not in order.

    Example:
        >>> Within(2, 5).holds(Interval(3.0, 2.2, 4.1))
        True
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Within needs low < high; got {self.low} and {self.high}")

    def holds(self, interval: Interval) -> bool:
        """Whether both ends lie between the bounds, which count as inside."""
        return bool(self.low <= interval.low and interval.high <= self.high)

    def bounds(self, unit: str = "") -> str:
        """Say what a number must be."""
        return f"between {_say(self.low, unit)} and {_say(self.high, unit)}"

    def slack(self, interval: Interval) -> float:
        """How far the interval is from breaking the condition."""
        return float(min(interval.low - self.low, self.high - interval.high))


@dataclass(frozen=True)
class Covers(Predicate):
    """The interval includes a value: the run does not tell the effect from that value.

    Example:
        >>> Covers(0).holds(Interval(0.1, -0.2, 0.4))
        True
    """

    value: float

    def holds(self, interval: Interval) -> bool:
        """Whether the value lies in the interval."""
        return bool(interval.low <= self.value <= interval.high)

    def words(self, unit: str = "") -> str:
        """Say the condition."""
        return f"the interval includes {_say(self.value, unit)}"

    def bounds(self, unit: str = "") -> str:
        """Say what a number must be."""
        return f"with {_say(self.value, unit)} in its interval"

    def slack(self, interval: Interval) -> float:
        """How far the interval is from breaking the condition."""
        return float(min(self.value - interval.low, interval.high - self.value))


@dataclass(frozen=True)
class Exactly(Predicate):
    """Both ends are one number: a count, or a result that rounding cannot reach.

    Example:
        >>> Exactly(5).holds(Interval(5, 5, 5)), Exactly(5).holds(Interval(4.8, 4, 5))
        (True, False)
    """

    value: float

    def holds(self, interval: Interval) -> bool:
        """Whether both ends are the number."""
        return bool(interval.low == self.value == interval.high)

    def words(self, unit: str = "") -> str:
        """Say the condition."""
        return f"the number is {self.bounds(unit)}"

    def bounds(self, unit: str = "") -> str:
        """Say what a number must be."""
        return f"exactly {_say(self.value, unit)}"

    def slack(self, interval: Interval) -> float:
        """Infinite while it holds: no rounding leads away from a count."""
        return inf if self.holds(interval) else -inf
