"""The folder that a grading writes into: whose it is, what is finished in it, and which files are its own.

Each result is kept as soon as it is there, under a key of all that it depends on. So a grading that was
interrupted goes on where it was, and one whose answers, tasks, seed, tier or versions have changed starts
afresh.
"""

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

__all__ = ["FolderError", "OutFolder", "write"]

KEPT = ".work"
OWNER = "exercise.json"  # in the folder of what is kept: tells a folder of ours from any other
PAGES = "written.json"
HALF = re.compile(r"\.[a-z0-9_]{8}\.part")  # the name of a file while it is written


class FolderError(ValueError):
    """A folder cannot be used as asked; the message says why, and what to do."""


class OutFolder:
    """The folder of one grading, held for as long as it runs.

    Args:
        path: Made if it is not there.
        exercise: The name of the exercise that is graded.
        submissions: The folder that is read, in which nothing is written.

    Raises:
        FolderError: It holds other things, belongs to another exercise, is in use by another grading, or
            lies among the submissions.
        OSError: It cannot be written.
    """

    def __init__(self, path: Path, exercise: str, submissions: Path) -> None:
        self.path, self._kept = path, path / KEPT
        _check_apart(path, submissions)
        self._check_ours(exercise)
        self._kept.mkdir(parents=True, exist_ok=True)
        self._held = ExitStack()
        self._hold()
        self._sweep()
        write(self._kept / OWNER, json.dumps({"exercise": exercise}))

    def __enter__(self) -> "OutFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def recall(self, key: str) -> dict[str, Any] | None:
        """Return what is kept under a key, or None, also if it cannot be read."""
        entries = _read(self._kept / f"{key}.json")
        return entries if isinstance(entries, dict) else None

    def keep(self, key: str, entries: Mapping[str, Any]) -> None:
        """Keep a result; an interruption leaves all of it or nothing."""
        write(self._kept / f"{key}.json", json.dumps(entries))

    def publish(self, files: Mapping[str, str]) -> None:
        """Write files, by name, and remove those of an earlier grading that are not among them."""
        record = self._kept / PAGES
        before = self._recorded()
        write(record, json.dumps(sorted({*before, *files})))
        for name, text in files.items():
            (self.path / name).parent.mkdir(exist_ok=True)
            if not _holds(self.path / name, text):
                write(self.path / name, text)
        for name in set(before) - set(files):
            (self.path / name).unlink(missing_ok=True)
        write(record, json.dumps(sorted(files)))

    def _check_ours(self, exercise: str) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise FolderError(f"{self.path} is a file: name a folder for the results")
        entries = _read(self._kept / OWNER)
        owner = entries.get("exercise") if isinstance(entries, dict) else None
        if owner is None:
            if self.path.is_dir() and any(self.path.iterdir()):
                raise FolderError(
                    f"{self.path} holds files that no grading wrote: name an empty or a new folder"
                )
            return
        if owner != exercise:
            raise FolderError(f"{self.path} holds the results of {owner}: name another folder for {exercise}")

    def _hold(self) -> None:
        lock = self._held.enter_context(open(self._kept / "lock", "w"))  # noqa: SIM115 - the stack closes it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._held.close()
            raise FolderError(f"another grading is writing to {self.path}: wait for it") from None

    def _sweep(self) -> None:
        """Remove the half files that a grading left when it was killed; nobody else writes here now."""
        inner = {(self.path / name).parent for name in self._recorded()} - {self.path}
        for folder in (self.path, self._kept, *(one for one in inner if not one.is_symlink())):
            for path in folder.glob(".*.part"):
                if HALF.fullmatch(path.name) and not path.is_dir():
                    path.unlink()

    def _recorded(self) -> list[str]:
        """Return the names of the files that the last grading wrote, or was about to write."""
        names = _read(self._kept / PAGES)
        return [name for name in names if _is_ours(name)] if isinstance(names, list) else []


def write(path: Path, text: str) -> None:
    """Replace a file as a whole, so that nobody ever reads half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(0o600 if path.parent.name == KEPT else 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _check_apart(path: Path, submissions: Path) -> None:
    out, read = path.resolve(), submissions.resolve()
    if out == read or read in out.parents:
        raise FolderError(
            f"{path} lies in the folder of submissions, and would be read as one: name a folder outside"
        )


def _read(path: Path) -> Any:
    """Return what a file of JSON holds, or None if it cannot be read: it could have been edited."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _holds(path: Path, text: str) -> bool:
    """Return whether a plain file is as it would be written: a class of hundreds has as many pages."""
    try:
        return not path.is_symlink() and path.read_bytes() == text.encode()
    except OSError:
        return False


def _is_ours(name: object) -> bool:
    """Return whether a recorded name is one that a grading writes: the record could be edited."""
    return isinstance(name, str) and ".." not in name and not name.startswith("/") and name.count("/") <= 1
