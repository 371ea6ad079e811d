"""Read the cells of code out of a file that a learner handed in, whatever it holds."""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CodeCell", "MalformedError", "code_cells", "content"]

LARGEST = 100 << 20  # bytes of a file; outputs of 50 MB are seen in practice
NESTED = 2_000_000  # brackets: each takes some 60 bytes of memory, where a number or a character takes 8


class MalformedError(ValueError):
    """A file cannot be read as a notebook or as Python; the message is the reason."""


@dataclass(frozen=True)
class CodeCell:
    """A cell of code.

    Attributes:
        id: As released, if the learner's tools kept it.
        number: Among the cells of code, from 1; or 0 for a whole .py file.
        source: Its text.
    """

    id: str
    number: int
    source: str

    def where(self, line: int | None = None) -> str:
        """Say which cell and line is meant."""
        parts = [f"code cell {self.number}"] if self.number else []
        parts += [f"line {line}"] if line else []
        return ", ".join(parts) or "the file"


def content(path: Path) -> bytes:
    """Return a plain file's bytes; nothing else is read: a link, a pipe or a device could be anything.

    Raises:
        MalformedError: It is something else, or too large.
        OSError: It cannot be read.
    """
    _check_plain(os.lstat(path))
    # What it is may have changed since: a link is refused, and a pipe does not block.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, os.O_RDONLY | flags), "rb") as file:
        _check_plain(os.fstat(file.fileno()))
        return file.read(LARGEST)


def code_cells(data: bytes, *, notebook: bool) -> tuple[list[CodeCell], tuple[str, ...]]:
    """Return the cells of code in a file's bytes, and what was mended in reading them.

    Args:
        data: The file's content.
        notebook: Whether it is a notebook, of format 3 or 4, or else Python.

    Raises:
        MalformedError: It is neither.
    """
    text, notes = _text(data)
    return (_of_notebook(text) if notebook else [CodeCell("", 0, text)]), notes


def _check_plain(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise MalformedError("a symbolic link is not followed: hand in the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise MalformedError("this is not a file: hand in a notebook or a .py file")
    if status.st_size > LARGEST:
        size = f"{status.st_size >> 20} MiB"
        raise MalformedError(f"the file has {size}, more than {LARGEST >> 20} MiB: clear the outputs")


def _text(data: bytes) -> tuple[str, tuple[str, ...]]:
    if not data.strip():
        raise MalformedError("the file is empty")
    encoding: str = json.detect_encoding(data)  # of UTF-8, 16 and 32, with and without a mark
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding, text = "latin-1", data.decode("latin-1")
    notes = () if encoding.startswith("utf-8") else (f"the file is not UTF-8; it was read as {encoding}",)
    return text, notes


def _of_notebook(text: str) -> list[CodeCell]:
    if text.count("[") + text.count("{") > NESTED:
        raise MalformedError(f"the file holds more than {NESTED} lists and objects: clear the outputs")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"this is no notebook: {str(error)[:200]}") from None
    if not isinstance(notebook, dict):
        raise MalformedError("this is no notebook: its JSON is not an object")
    found = notebook.get("cells")
    if found is None and isinstance(notebook.get("worksheets"), list):  # format 3
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for sheet in sheets for cell in _list(sheet.get("cells"))]
    if not isinstance(found, list):
        raise MalformedError("this is no notebook: it has no cells")
    code = [cell for cell in found if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    cells = (
        CodeCell(_source(cell.get("id")), number, _source(cell.get("source", cell.get("input"))))
        for number, cell in enumerate(code, 1)
    )
    return [cell for cell in cells if cell.source]  # the others cost time and say nothing


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _source(value: Any) -> str:
    """Return text that may be stored in lines, or nothing if it is no text."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
