"""What is kept of a learner's work between sessions: one small file per task.

The folder is ``~/.normcourse``, or what the environment variable NORMCOURSE_PROGRESS names. A file is
replaced as a whole, so a kernel that dies in the middle loses nothing; one that cannot be read is set
aside, not overwritten.
"""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

__all__ = ["Progress", "keep", "recall"]

_unkept: dict[str, "Progress"] = {}  # what a folder that cannot be written holds nowhere else


@dataclass(frozen=True)
class Progress:
    """What is known of one task: the best points, checks, hints, the solution seen, a committed forecast."""

    points: float = 0.0
    checks: int = 0
    hints: int = 0
    solution: bool = False
    committed: dict[str, float] | None = None

    def better(self, points: float) -> "Progress":
        """Count a check, and keep the best points so far."""
        return replace(self, checks=self.checks + 1, points=max(self.points, points))


def folder() -> Path:
    """Return where the files lie."""
    named = os.environ.get("NORMCOURSE_PROGRESS")
    return Path(named) if named else Path.home() / ".normcourse"


def recall(task: str) -> Progress:
    """Return what is known of a task; a new :class:`Progress` where nothing is."""
    if task in _unkept:
        return _unkept[task]
    path = folder() / f"{task}.json"
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")))
    except OSError:
        return Progress()
    except ValueError:
        _set_aside(path)
        return Progress()


def keep(task: str, progress: Progress) -> str:
    """Store what is known of a task; return an empty text, or why it stays in memory alone."""
    path = folder() / f"{task}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(progress), file)
        os.replace(name, path)
    except OSError as error:
        _unkept[task] = progress
        return f"Your points last as long as this kernel: {path.parent} cannot be written ({error.strerror})."
    _unkept.pop(task, None)
    return ""


def _read(entries: Any) -> Progress:
    """Check a file's entries one by one: it may be of another version, or edited by hand."""
    if not isinstance(entries, dict):
        raise ValueError("not an object")
    known = {field.name: entries[field.name] for field in fields(Progress) if field.name in entries}
    numbers = all(
        isinstance(known.get(name, 0), int | float) and known.get(name, 0) >= 0
        for name in ("points", "checks", "hints")
    )
    committed = known.get("committed")
    if not numbers or not (committed is None or isinstance(committed, dict)):
        raise ValueError("not the entries of a task")
    return Progress(**known)


def _set_aside(path: Path) -> None:
    with suppress(OSError):
        os.replace(path, path.with_suffix(".unreadable"))
