"""What grader and worker say to each other about one program, and the check of every field that comes back.

The process that answers runs a learner's code, which can write anything to the socket. It gains nothing by
that: each step is known in advance, each field is looked at, and what is right is known here alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.running import Outcome
from normcourse.grading.frames import BODY, FrameError, Parser, pack

__all__ = ["Cell", "Conversation", "Program", "Ran", "Request", "as_frame", "readable"]

RETURNED = ("returned", "missing", "not attempted", "raised", "unreadable")
MESSAGE, ENTRIES, TEXT = 2000, 1000, 1000  # the longest message, and what a dictionary may hold
HEADER = 1 << 20  # bytes: ample for messages and dictionaries


@dataclass(frozen=True)
class Cell:
    """A piece of a submission's code; that which answers a task has the task's name."""

    name: str
    source: str


@dataclass(frozen=True)
class Request:
    """What to ask of an answer: one outcome for each of the inputs, or the dictionary if `call` is None."""

    task: str
    answer: str
    call: str | None
    inputs: tuple[Mapping[str, Any], ...] = ()
    outputs: int = 0


@dataclass(frozen=True)
class Program:
    """Cells, executed in order in one namespace, and what is then asked."""

    cells: tuple[Cell, ...]
    requests: tuple[Request, ...]


@dataclass(frozen=True)
class Ran:
    """What came of a program.

    Attributes:
        outcomes: By task, in the order of the inputs; one outcome for all of them if the task had to be
            stopped.
        status: ``ok``, or the first of ``timeout``, ``crash`` and ``malformed`` that happened.
        reason: Of that status.
        log: What was printed, cut.
    """

    outcomes: Mapping[str, tuple[Outcome, ...]]
    status: str = "ok"
    reason: str = ""
    log: str = ""


def as_frame(program: Program, elements: int) -> bytes:
    """Return a program as the frame that a worker reads; `elements` bounds what a task may return."""
    arrays: list[NDArray[Any]] = []

    def described(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        arrays.append(value)
        return {"array": len(arrays) - 1}

    cells = [{"name": cell.name, "source": cell.source} for cell in program.cells]
    requests = [
        {
            "task": request.task,
            "answer": request.answer,
            "call": request.call,
            "inputs": [{name: described(value) for name, value in one.items()} for one in request.inputs],
            "outputs": request.outputs,
        }
        for request in program.requests
    ]
    return pack({"cells": cells, "requests": requests, "elements": elements}, arrays)


@dataclass
class Conversation:
    """What a program's process has said so far; it can say each thing once, in the program's order.

    Attributes:
        outcomes: By task, of those that are through.
        ended: Everything was said.
    """

    program: Program
    elements: int
    outcomes: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    ended: bool = False
    _begun: int = 0

    def __post_init__(self) -> None:
        self._parser = Parser(header=HEADER, body=min(BODY, 8 * self.elements))

    @property
    def begun(self) -> bool:
        """Whether any code of the submission was started."""
        return self._begun > 0

    @property
    def cell(self) -> str | None:
        """The name of the cell that is being executed."""
        inside = 0 < self._begun <= len(self.program.cells)
        return self.program.cells[self._begun - 1].name if inside else None

    @property
    def task(self) -> str | None:
        """The task whose answer is being called."""
        number = self._begun - len(self.program.cells) - 1
        return self.program.requests[number].task if number >= 0 else None

    def feed(self, data: bytes) -> bool:
        """Take in bytes; return whether a cell or task began.

        Raises:
            FrameError: They are not what was asked for.
        """
        began = [self._accept(header, arrays) for header, arrays in self._parser.feed(data)]
        return any(began)

    def _accept(self, header: dict[str, Any], arrays: list[NDArray[Any]]) -> bool:
        due = self._due()
        if due is None or {key: header.get(key) for key in due} != due:
            raise FrameError("it is not what comes next")
        if "task" in due:
            if set(header) != {"task", "outcomes"}:
                raise FrameError("an answer has other fields")
            request = self.program.requests[len(self.outcomes)]
            self.outcomes[request.task] = _outcomes(header["outcomes"], arrays, request)
        elif header != due or arrays:
            raise FrameError("it holds more than was asked for")
        self.ended = "end" in due
        self._begun += "begin" in due
        return "begin" in due

    def _due(self) -> dict[str, Any] | None:
        """Return the fields that the next frame must have."""
        if self.ended:
            return None
        if self.task is not None and self.task not in self.outcomes:
            return {"task": self.task}
        steps = [*(cell.name for cell in self.program.cells), *(r.task for r in self.program.requests)]
        return {"begin": steps[self._begun]} if self._begun < len(steps) else {"end": True}


def _outcomes(described: Any, arrays: list[NDArray[Any]], request: Request) -> tuple[Outcome, ...]:
    """Make outcomes of a frame's fields, each of which is looked at."""
    if not isinstance(described, list) or len(described) != max(1, len(request.inputs)):
        raise FrameError("there is not one outcome for each of the inputs")
    left = iter(arrays)
    outcomes = tuple(_outcome(one, left, request) for one in described)
    if next(left, None) is not None:
        raise FrameError("there are more arrays than outcomes")
    return outcomes


def _outcome(one: Any, arrays: Iterator[NDArray[Any]], request: Request) -> Outcome:
    if not isinstance(one, dict) or set(one) != {"kind", "message", "value", "count"}:
        raise FrameError("an outcome has other fields")
    kind, message, value, count = one["kind"], one["message"], one["value"], one["count"]
    if (
        not isinstance(kind, str)
        or kind not in RETURNED
        or not isinstance(message, str)
        or len(message) > MESSAGE
    ):
        raise FrameError("an outcome is of no known kind, or its message too long")
    if type(count) is not int or count != (request.outputs if kind == "returned" and request.call else 0):
        raise FrameError("an outcome has another number of arrays")
    taken = tuple(array for _, array in zip(range(count), arrays, strict=False))
    if len(taken) < count or any(array.dtype != np.float64 for array in taken):
        raise FrameError("an array is missing or not float64")
    if kind == "returned" and request.call is None:
        return Outcome(kind, value=_dictionary(value))
    if value is not None:
        raise FrameError("an outcome has a value that was not asked for")
    return Outcome(kind, taken, message=readable(message))


def _dictionary(value: Any) -> dict[str, Any]:
    """Return a small dictionary of text, numbers and None; raise a FrameError for anything else."""
    if not isinstance(value, dict) or len(value) > ENTRIES:
        raise FrameError(f"a value is no dictionary, or has more than {ENTRIES} entries")
    if not all(type(entry) in (str, int, float, bool, type(None)) for entry in value.values()):
        raise FrameError("a dictionary holds more than text and numbers")
    if any(len(text) > TEXT for text in (*value, *value.values()) if isinstance(text, str)):
        raise FrameError(f"a dictionary holds a text of more than {TEXT} characters")
    return {
        readable(key): readable(entry) if isinstance(entry, str) else entry for key, entry in value.items()
    }


def readable(text: str) -> str:
    """Return text without what steers a terminal or cannot be written to a file as UTF-8."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
