"""Plant a fault in a healthy model, and see that its check finds it, there and by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from specimens import NAMES, Specimen, healthy

from normcourse.clinic.checks import CHECKS
from normcourse.clinic.subject import Norm, find_norms

#: Says which check finds its fault in which model.
TABLE = Path(__file__).parents[2] / "docs" / "clinic.md"

#: What every check that is planted here plants: by the check's name.
PLANTS: dict[str, Callable[[Specimen], "Planted | None"]] = {}


@dataclass(frozen=True)
class Planted:
    """A planted fault: the layers at which it must be found, and what else `examine` is given."""

    layers: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


Plant = Callable[[Specimen], Planted | None]


def plants(check: str) -> Callable[[Plant], Plant]:
    """Register what plants a check's fault in a specimen, or gives None where it cannot exist."""

    def register(plant: Plant) -> Plant:
        PLANTS[check] = plant
        return plant

    return register


def norms_of(specimen: Specimen, *kinds: str) -> list[Norm]:
    """The norms of these kinds; of all without any."""
    return [norm for norm in find_norms(specimen.model) if not kinds or norm.kind in kinds]


def outcome(check: str, name: str) -> str:
    """``"found"``, ``"n/a"`` or ``"missed"``: what becomes of a check's fault in a model."""
    specimen = healthy(name)
    planted = PLANTS[check](specimen)
    if planted is None:
        return "n/a"
    needs = next(known.needs for known in CHECKS if known.name == check)
    report = specimen.report(with_batches="batches" in needs, **planted.settings)
    assert not [why for why in report.skipped.values() if "fails" in why], report.skipped
    found = [finding for finding in report.findings if finding.name == check]
    return "found" if any(set(planted.layers) <= set(finding.layers) for finding in found) else "missed"


def row(check: str) -> str:
    """The check's row of the table in ``docs/clinic.md``, from planting its fault in every model."""
    return f"| {check} | " + " | ".join(outcome(check, name) for name in NAMES) + " |"


def assert_found(check: str, *, at_least: int = 3) -> None:
    """Plant the fault in every model: missed in none, found in so many, and as the table in the docs says."""
    now = row(check)
    assert "missed" not in now, now
    assert now.count("found") >= at_least, now
    assert now in TABLE.read_text(encoding="utf-8").splitlines(), f"run test_clinic_table.py; now {now}"
