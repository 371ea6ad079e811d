"""What an examination found: findings, each with its numbers, its mend and its page."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import inf, isfinite
from textwrap import indent, wrap
from typing import Any

from torch import nn

__all__ = ["CERTAINTIES", "OPTIMIZER", "RUNNING", "Effect", "Finding", "Report"]

#: What is named among the skipped where the model fails on the batches.
RUNNING = "running the model on the batches"

#: What is named among the skipped where the optimizer is none of the model's.
OPTIMIZER = "the optimizer"

#: How sure a finding is, from most to least.
CERTAINTIES = ("certain", "likely", "possible")


@dataclass(frozen=True)
class Effect:
    """What a mend changed, tried on a copy of the model.

    Args:
        quantity: What was measured, such as ``"loss in inference mode"``.
        before: Its mean over the batches, of the model as it is.
        after: The same, of the mended copy.
    """

    quantity: str
    before: float
    after: float

    @property
    def unchanged(self) -> bool:
        """Whether it shows no difference in three digits."""
        return f"{self.before:.3g}" == f"{self.after:.3g}"

    def __str__(self) -> str:
        if self.unchanged:
            return f"{self.quantity} stays at {self.before:.3g}"
        finite = isfinite(self.before) and isfinite(self.after)
        verb = "goes" if not finite else "falls" if self.after < self.before else "rises"
        return f"{self.quantity} {verb} from {self.before:.3g} to {self.after:.3g}"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or may be.

    Args:
        name: The check that found it.
        layers: The layers, by their names in the model.
        measured: Numbers by what they are, with the unit in the name.
        follows: What follows from it.
        mend: How to mend it: code.
        certainty: One of `CERTAINTIES`. It says whether the *state* is a fault, not whether it was measured.
        page: The page of the book that explains it, below ``book/``.
        mending: Mends a model in place; with it the effect is measured.
        effect: What that changed.
        remark: Whether it is a matter of taste, which the report puts last.
        causes: Other findings that may have brought it about; the report puts those before it.
    """

    name: str
    layers: tuple[str, ...]
    measured: Mapping[str, float | str]
    follows: str
    mend: str
    certainty: str
    page: str
    mending: Callable[[nn.Module], object] | None = field(default=None, compare=False, repr=False)
    effect: Effect | None = None
    remark: bool = False
    causes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.certainty not in CERTAINTIES:
            raise ValueError(f"certainty must be one of {CERTAINTIES}, but got {self.certainty!r}")

    @property
    def gain(self) -> float:
        """How far the mend lowers the loss; 0 where that does not show, infinite from no number to one."""
        if self.effect is None or self.effect.unchanged:
            return 0.0
        before, after = self.effect.before, self.effect.after
        if not isfinite(before):
            return inf if isfinite(after) else 0.0
        return before - after if isfinite(after) else -inf

    @property
    def harms(self) -> bool:
        """Whether the mend, tried on a copy, raised the loss."""
        return self.gain < 0

    @property
    def outcome(self) -> str:
        """What the mend changed, and what to make of it if that is a change for the worse."""
        worse = self.harms and (
            ". So leave it: the weights fit the statistics that they have better. It can be so where "
            "model.train() was forgotten, or where the loss has another cause, such as dropout or branches "
            "that are off in inference mode (stochastic depth)"
        )
        return f"{self.effect}{worse or ''}" if self.effect else ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        effect = self.effect and {
            "quantity": self.effect.quantity,
            "before": _plain(self.effect.before),
            "after": _plain(self.effect.after),
        }
        return {
            "name": self.name,
            "layers": list(self.layers),
            "measured": {what: _plain(value) for what, value in self.measured.items()},
            "follows": self.follows,
            "mend": self.mend,
            "certainty": self.certainty,
            "page": self.page,
            "effect": effect,
        }


@dataclass(frozen=True)
class Report:
    """What `examine` gives: findings, those that cost most first.

    Args:
        findings: Ranked: by what the mend gains, then by how sure they are, remarks last; what may have
            caused one comes before it.
        norms: How many norms of each kind the model has.
        checked: The checks that ran.
        skipped: Those that did not, and why.
        calls: Norms that the model calls as functions, by the name of the function.
        training: Whether the model was given in training mode; None if that was not noted.
    """

    findings: tuple[Finding, ...]
    norms: Mapping[str, int]
    checked: tuple[str, ...]
    skipped: Mapping[str, str]
    calls: Mapping[str, int] = field(default_factory=dict)
    training: bool | None = None

    def __post_init__(self) -> None:
        ranked = sorted(
            self.findings, key=lambda f: (f.remark, -max(f.gain, 0.0), CERTAINTIES.index(f.certainty))
        )
        for finding in [one for one in ranked if one.causes]:
            place = ranked.index(finding)
            later = [one for one in ranked[place:] if one.name in finding.causes]
            if later:
                ranked = [one for one in ranked if one not in later]
                ranked[place:place] = later
        object.__setattr__(self, "findings", tuple(ranked))

    def __getitem__(self, name: str) -> Finding:
        """The first finding of this check."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"no finding {name!r}; there are {', '.join(self.names) or 'none'}")

    @property
    def names(self) -> tuple[str, ...]:
        """The checks that found something, in the order of the findings."""
        return tuple(dict.fromkeys(finding.name for finding in self.findings))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "norms": dict(self.norms),
            "calls": dict(self.calls),
            "training": self.training,
            "checked": list(self.checked),
            "skipped": dict(self.skipped),
        }

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        lines = [*_filled(self._head(), ""), ""]
        for number, finding in enumerate(self.findings, 1):
            lines += _filled(f"{number}. {finding.name} ({finding.certainty}): {_layers(finding.layers)}", "")
            for what, value in finding.measured.items():
                lines += _filled(f"{what}: {_number(value)}")
            lines += _filled(finding.follows)
            if finding.effect:
                lines += _filled(f"mended on a copy: {finding.outcome}")
            if not finding.harms:
                lines += indent(f"mend: {finding.mend}", "   ").splitlines()
            lines += [f"   page: book/{finding.page}", ""]
        lines += _filled(self._foot(), "")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        folds = "".join(_fold(finding) for finding in self.findings)
        return (
            f'<section class="normcourse-report"><p>{escape(self._head())}</p>{folds}'
            f"<p><small>{escape(self._foot())}</small></p></section>"
        )

    def _head(self) -> str:
        kinds = Counter(self.norms)
        total = sum(kinds.values())
        named = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        found = len(self.findings)
        head = f"{total} norm{'s' * (total != 1)}" + (f" ({named})" if named else "")
        if self.training is not None:
            head += f", given in {'training' if self.training else 'inference'} mode"
        if self.calls:
            head += "; called as functions: " + ", ".join(f"{n} {name}" for name, n in self.calls.items())
        head += f"; {found or 'no'} finding{'s' * (found != 1)}"
        if why := self.skipped.get(RUNNING):
            head += f". The model does not run on the batches: {why}"
        if why := self.skipped.get(OPTIMIZER):
            head += f". Of the optimizer: {why}"
        return head

    def _foot(self) -> str:
        reasons: dict[str, list[str]] = {}
        for name, why in self.skipped.items():
            reasons.setdefault(why, []).append(name)
        skipped = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
        return f"{len(self.checked)} checks ran." + (f" Not run: {skipped}." if skipped else "")


def _layers(layers: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(layers[:most])
    return shown if len(layers) <= most else f"{shown} and {len(layers) - most} more"


def _filled(text: str, margin: str = "   ") -> list[str]:
    """The text in lines that fit a narrow terminal."""
    return wrap(text, 79, initial_indent=margin, subsequent_indent=margin or "   ")


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def _plain(value: float | str) -> float | str:
    """The value as JSON has it, which has no NaN and no infinity."""
    return value if isinstance(value, str) or isfinite(value) else str(value)


def _fold(finding: Finding) -> str:
    rows = "".join(
        f"<tr><td>{escape(what)}</td><td>{escape(_number(value))}</td></tr>"
        for what, value in finding.measured.items()
    )
    effect = f"<p>Mended on a copy: {escape(finding.outcome)}.</p>" if finding.effect else ""
    gain = f", {escape(str(finding.effect))}" if finding.effect else ""
    mend = f'<p>Mend:</p><pre style="white-space: pre-wrap">{escape(finding.mend)}</pre>'
    page = escape(finding.page)  # the link is from a page of the book, all of which are one folder deep
    return (
        f"<details><summary><b>{escape(finding.name)}</b> ({finding.certainty}): "
        f"{escape(_layers(finding.layers))}{gain}</summary><table>{rows}</table>"
        f"<p>{escape(finding.follows)}</p>{effect}{'' if finding.harms else mend}"
        f'<p><small>Page: <a href="../{page}.html">book/{page}</a></small></p></details>'
    )
