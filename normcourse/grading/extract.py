"""Find in a file's bytes the answers to an exercise, in a process of its own: the grader only asks.

What a file holds can cost any time and memory to take apart, Python's own parser included. The process has
limits (``reader.py`` starts it and says what came of it), imports the standard library alone, and runs
nothing of what it reads.
"""

import json
import resource
import socket
import struct
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from normcourse.grading.needs import Needs
from normcourse.grading.pieces import (
    Broken,
    Piece,
    additions,
    answering,
    deeper,
    definition,
    imported,
    support,
    take_apart,
)
from normcourse.grading.reading import MalformedError, code_cells

__all__ = ["ASKED", "READY", "TOLD", "Asked", "Extract", "extract", "main"]

ASKED, TOLD = struct.Struct("!IQ"), struct.Struct("!I")  # the bytes of a header, and of the file after it
READY = b"r"  # is told before each file is asked
PIECE = 1 << 16  # bytes at a time of what is thrown away
CALLS = 3  # that were left out and are named


@dataclass(frozen=True)
class Asked:
    """What is looked for in a file.

    Attributes:
        exercise: Its name.
        notebook: Whether the file is a notebook, or else Python; one that was renamed is seen.
        tasks: By name: what an answer defines, and the id of its cell.
        others: By the names of other exercises: what their answers define.
    """

    exercise: str
    notebook: bool
    tasks: dict[str, tuple[str, str]]
    others: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Extract:
    """What was found; :class:`~normcourse.grading.submissions.Submission` says what it means."""

    answers: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    support: tuple[str, ...] = ()
    imports: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    nothing: str = ""


def extract(data: bytes, asked: Asked) -> Extract:
    """Return the code of each answer in a file, or the reason why there is none.

    Raises:
        MalformedError: The file is neither a notebook nor Python.
    """
    found, notes = code_cells(data, notebook=asked.notebook or _is_notebook(data))
    pieces, broken = take_apart(found)
    needs = Needs(pieces)
    answers: dict[str, str] = {}
    missing: dict[str, str] = {}
    chosen: set[Piece] = set()
    needed: set[Piece] = set()
    names: set[str] = set()
    answered = {answer for answer, _ in asked.tasks.values()}
    inside = {name: [_too_deep(name, where)] for name, where in deeper(pieces, answered).items()}
    for task, (answer, cell) in asked.tasks.items():
        counts = definition(pieces, answer)
        faults = _faults(answer, cell, broken) + inside.get(answer, [])
        if counts is None or (faults and not counts[1]):
            missing[task] = "; ".join([f"nothing defines {answer}", *faults[:1]])
            continue
        piece, others = counts[0], answered - {answer}
        own, its_names = needs.of([piece, *additions(pieces, piece, answer)])
        changing = {one: needs.changes(one) for one in own if not imported(one)}
        answers[task] = answering(pieces, piece, answer, others, changing)
        chosen.add(piece)
        needed |= own
        names |= its_names
    kept = tuple(
        source
        for piece in pieces
        if piece not in chosen
        for source in support(piece) or ((piece.source,) if piece in needed and not imported(piece) else ())
    )
    imports = {name: library for piece in pieces for name, library in imported(piece).items()}
    nothing = "" if answers else _nothing(asked, pieces, broken, inside)
    notes += _left_out(needs.left_out(needed, names))
    return Extract(answers, missing, kept, imports, notes, nothing)


def _is_notebook(data: bytes) -> bool:
    """Return whether a file of Python is a notebook that was renamed."""
    return data.lstrip().startswith(b"{") and b'"cells"' in data


def _nothing(
    asked: Asked, pieces: Sequence[Piece], broken: Sequence[Broken], inside: Mapping[str, Sequence[str]]
) -> str:
    """Say why a file answers no task: perhaps it is of another exercise, does not parse, or is too deep."""
    defined = {name for piece in pieces for name in piece.defines}
    others = [exercise for exercise, answers in asked.others.items() if defined & {*answers}]
    deep = [why for answer, _ in asked.tasks.values() for why in inside.get(answer, ())]
    elsewhere = [f"it answers tasks of {', '.join(others)}"] if others else []
    why = "".join([*deep, *elsewhere, *(fault.reason for fault in broken)][:1])
    return "; ".join(filter(None, [f"nothing here answers a task of {asked.exercise}", why]))


def _too_deep(answer: str, where: str) -> str:
    """Say why a definition inside of a block, function or expression is not taken for an answer."""
    return (
        f"a {answer} stands inside of another statement ({where}), and an answer must stand at the top level"
    )


def _faults(answer: str, cell: str, broken: Sequence[Broken]) -> list[str]:
    """Return why cells were left out that could have held an answer: its own first."""
    own = [fault.reason for fault in broken if fault.cell.id == cell]
    return own or [fault.reason for fault in broken if fault.mentions(answer)]


def _left_out(calls: Sequence[Piece]) -> tuple[str, ...]:
    """Say which calls did not run although they are handed a value that an answer uses."""
    named = [f"{one.source.splitlines()[0][:80]} ({one.cell.where(one.line)})" for one in calls[:CALLS]]
    more = [f"{len(calls) - CALLS} more"] if len(calls) > CALLS else []
    said = "not run, as it seems to change nothing that an answer uses: "
    return (said + ", ".join([*named, *more]),) if calls else ()


# The process


def main(seconds: int, memory: int) -> None:
    """Serve the grader, at the socket that is standard input, until it goes away.

    It ends too where a file has left it with much memory, as Python 3.13's parser does when memory fails: the
    next file is not to pay for that.

    Args:
        seconds: On the processor, for each file.
        memory: Bytes that reading may take, beside what the process has.
    """
    channel = socket.socket(fileno=0)
    _limit(resource.RLIMIT_CORE, 0)
    first = _address_space()
    while (has := _address_space()) <= first + memory // 2:
        _limit(resource.RLIMIT_AS, has + memory)
        channel.sendall(READY)
        head = _received(channel, ASKED.size)
        if len(head) < ASKED.size:
            return
        header, size = ASKED.unpack(head)
        # A signal that nobody handles ends the process, wherever it is.
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + seconds)
        told = json.dumps(_answered(channel, header, size)).encode()
        channel.sendall(TOLD.pack(len(told)) + told)


def _answered(channel: socket.socket, header: int, size: int) -> dict[str, Any]:
    """Return what is told of one file: the extract, or why there is none."""
    try:
        asked = Asked(**json.loads(_received(channel, header)))
        return asdict(extract(_received(channel, size), asked))
    except MalformedError as error:
        return {"malformed": str(error)}
    except (MemoryError, RecursionError):
        return {"costly": True}
    except Exception:  # ours, and to be mended
        return {"fault": traceback.format_exc()}


def _received(channel: socket.socket, size: int) -> bytes:
    """Return so many bytes, or fewer if the grader went away.

    Raises:
        MemoryError: There is no room for them. They are gone, as the grader first sends all, then listens.
    """
    try:
        return channel.recv(size, socket.MSG_WAITALL) if size else b""
    except MemoryError:
        while size and (piece := channel.recv(min(size, PIECE))):
            size -= len(piece)
        raise


def _limit(name: int, value: int) -> None:
    hard = resource.getrlimit(name)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(name, (soft, hard))
    except (ValueError, OSError):  # macOS knows RLIMIT_AS and refuses it
        if sys.platform == "linux":
            raise


def _address_space() -> int:
    """Return how much this process has taken."""
    with suppress(OSError), open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
    return 0
