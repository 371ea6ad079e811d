"""What is kept of a learner's work between sessions: one small file per task.

The folder is ``~/.normcourse``, or what the environment variable NORMCOURSE_PROGRESS names. A file is
replaced as a whole, so a kernel that dies in the middle loses nothing; one that cannot be read is set
aside, not overwritten. What is in a file is checked here and nowhere else.
"""

import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

__all__ = ["Progress", "keep", "recall"]

LARGEST = 1 << 16  # bytes: a task's file has some hundred
MOST_POINTS = 100  # of the whole course
MOST = 10**9  # checks and hints

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


def folder() -> Path | None:
    """Return where the files lie; None where the system names no home."""
    named = os.environ.get("NORMCOURSE_PROGRESS")
    try:
        return Path(named) if named else Path.home() / ".normcourse"
    except RuntimeError:  # a container whose user has neither HOME nor an entry in passwd
        return None


def recall(task: str) -> Progress:
    """Return what is known of a task; a new :class:`Progress` where nothing is. Never raises."""
    place = folder()
    if task in _unkept or place is None:
        return _unkept.get(task, Progress())
    path = place / f"{task}.json"
    try:
        return checked(json.loads(_text(path)))
    except (FileNotFoundError, NotADirectoryError):
        return Progress()
    except (OSError, ValueError, RecursionError):  # RecursionError: json, of a thousand brackets
        _set_aside(path)
        return Progress()


def keep(task: str, progress: Progress) -> str:
    """Store what is known of a task; return an empty text, or why it stays in memory alone. Never raises."""
    place = folder()
    if place is None:
        why = "this system names no home folder. NORMCOURSE_PROGRESS can name another"
    else:
        try:
            _write(place / f"{task}.json", json.dumps(asdict(progress)))
            _unkept.pop(task, None)
            return ""
        except OSError as error:
            why = f"{place} cannot be written ({error.strerror})"
    _unkept[task] = progress
    return f"Your results last as long as this kernel: {why}."


def _text(path: Path) -> str:
    """Read a small regular file: a pipe would wait for ever, and a device might never end."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError("too large to be ours")
    return content.decode("utf-8")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has none, and no such pipes


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        with suppress(OSError):
            os.unlink(name)
        raise


def checked(entries: Any) -> Progress:
    """Return a file's entries after a look at each: it may be of another version, or edited by hand."""
    if not isinstance(entries, dict):
        raise ValueError("not an object")
    known = {field.name: entries[field.name] for field in fields(Progress) if field.name in entries}
    progress = Progress(**known)
    committed = progress.committed
    fair = (
        _is_number(progress.points, MOST_POINTS)
        and all(type(count) is int and 0 <= count <= MOST for count in (progress.checks, progress.hints))
        and type(progress.solution) is bool
        and (committed is None or isinstance(committed, dict))
        and all(_is_number(chance, 1) for chance in (committed or {}).values())
    )
    if not fair:
        raise ValueError("not the entries of a task")
    return progress


def _is_number(entry: object, most: float) -> bool:
    """Return whether an entry is a number from 0 to another, as true, NaN and Infinity in a file are not."""
    return type(entry) in (int, float) and 0 <= entry <= most  # type: ignore[operator]


def _set_aside(path: Path) -> None:
    with suppress(OSError):
        os.replace(path, path.with_suffix(".unreadable"))
