"""Run a submission's code where it can harm nothing, and bring back arrays or the reason for none.

A worker (``worker.py``) is started once in the chosen tier (``tiers.py``) and forks for each submission. What
it sends is checked field by field: the process that sends it runs the submission's code.
"""

import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises import calls, running
from normcourse.exercises.running import Outcome
from normcourse.grading import frames, seccomp, tiers, worker
from normcourse.grading.tiers import TIERS, Limits, SandboxError

__all__ = [
    "TIERS",
    "Cell",
    "Limits",
    "Program",
    "Ran",
    "Request",
    "Sandbox",
    "SandboxError",
    "probe",
    "strictest",
]

START = 120  # seconds to load the libraries
RETURNED = ("returned", "missing", "not attempted", "raised", "unreadable")


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
        outcomes: By task, in the order of the inputs.
        status: ``ok``, or the first of ``timeout``, ``crash`` and ``malformed`` that happened.
        reason: Of that status.
        log: What was printed, cut.
    """

    outcomes: Mapping[str, tuple[Outcome, ...]]
    status: str = "ok"
    reason: str = ""
    log: str = ""


@dataclass
class _Attempt:
    """The state of one run of a program in one process."""

    pending: dict[str, Request]
    outcomes: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    under_way: str = ""
    ended: bool = False
    log: bytearray = field(default_factory=bytearray)
    printed: int = 0


class _Stopped(Exception):  # noqa: N818 - an event, not an error
    """A program came to an end before its time: with a status and a reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Sandbox:
    """A warm worker in one tier; after anything unusual it is killed and a new one started.

    Args:
        tier: One of TIERS.
        libraries: What the submissions may import, beside the standard library.
        limits: For each submission.

    Raises:
        SandboxError: The tier does not work here.

    Example:
        >>> program = Program((Cell("a", "def double(x): return 2 * x"),),
        ...                   (Request("a", "double", "plain", ({"x": np.arange(3.0)},), 1),))
        >>> with Sandbox("limits") as sandbox:
        ...     sandbox.run(program).outcomes["a"][0].arrays
        (array([0., 2., 4.]),)
    """

    def __init__(
        self, tier: str, *, libraries: Sequence[str] = ("numpy",), limits: Limits | None = None
    ) -> None:
        self._tier, self._libraries, self._limits = tier, tuple(libraries), limits or Limits()
        self._folder = Path(tempfile.mkdtemp(prefix="normcourse-"))
        for module in (worker, frames, seccomp, calls, running):
            shutil.copy(str(module.__file__), self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, program: Program) -> Ran:
        """Run a program; whatever its code does, this returns.

        What hangs or crashes costs its own task; the others are run again without it.
        """
        outcomes: dict[str, tuple[Outcome, ...]] = {}
        stopped: _Stopped | None = None
        log = ""
        deadline = time.monotonic() + self._limits.total
        while True:
            left = tuple(request for request in program.requests if request.task not in outcomes)
            if not left:
                break
            attempt = _Attempt({request.task: request for request in left})
            try:
                self._attempt(replace(program, requests=left), attempt, deadline)
            except _Stopped as event:
                self._kill()
                stopped = stopped or event
                program = self._without(program, attempt, event)
            outcomes |= attempt.outcomes
            log += attempt.log.decode("utf-8", "replace")
            if attempt.ended:
                break
            if time.monotonic() > deadline:
                over = Outcome("timeout", message=f"the submission took over {self._limits.total:g} s")
                outcomes |= {task: (over,) for task in attempt.pending if task not in outcomes}
        status, reason = (stopped.status, stopped.reason) if stopped else ("ok", "")
        ordered = {
            request.task: outcomes[request.task] for request in program.requests if request.task in outcomes
        }
        return Ran(ordered | outcomes, status, reason, log[: self._limits.log])

    def _without(self, program: Program, attempt: _Attempt, event: _Stopped) -> Program:
        """Leave out the cell that was under way and give its task, or else all tasks, the reason."""
        culprit = Outcome(event.status, message=event.reason)
        tasks = {request.task for request in program.requests}
        if attempt.under_way in tasks:
            attempt.outcomes[attempt.under_way] = (culprit,)
        elif attempt.under_way not in {cell.name for cell in program.cells}:
            attempt.outcomes |= {task: (culprit,) for task in attempt.pending if task not in attempt.outcomes}
        return replace(program, cells=tuple(cell for cell in program.cells if cell.name != attempt.under_way))

    # One attempt

    def _attempt(self, program: Program, attempt: _Attempt, deadline: float) -> None:
        control = self._start()
        mine, theirs = socket.socketpair()
        read, write = os.pipe()
        try:
            socket.send_fds(control, [b"g"], [theirs.fileno(), write])
            theirs.close()
            os.close(write)
            mine.settimeout(self._limits.wall)
            self._send(mine, program)
            self._watch(mine, read, attempt, deadline)
            self._finished(control)
        except (BrokenPipeError, ConnectionError, TimeoutError):
            raise self._ended(control) from None
        finally:
            mine.close()
            theirs.close()
            os.close(read)

    def _send(self, channel: socket.socket, program: Program) -> None:
        arrays: list[NDArray[Any]] = []
        requests = []
        for request in program.requests:
            inputs = [
                {name: _described(value, arrays) for name, value in one.items()} for one in request.inputs
            ]
            requests.append(
                {
                    "task": request.task,
                    "answer": request.answer,
                    "call": request.call,
                    "inputs": inputs,
                    "outputs": request.outputs,
                }
            )
        cells = [{"name": cell.name, "source": cell.source} for cell in program.cells]
        header = {"cells": cells, "requests": requests, "elements": self._limits.elements}
        channel.sendall(frames.pack(header, arrays))

    def _watch(self, channel: socket.socket, printed: int, attempt: _Attempt, deadline: float) -> None:
        """Read frames and what is printed until the program ends; raise _Stopped if it does not."""
        parser = frames.Parser()
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            selector.register(printed, selectors.EVENT_READ)
            until = time.monotonic() + self._limits.wall
            while not attempt.ended:
                wait = min(until, deadline) - time.monotonic()
                ready = selector.select(max(0.0, wait)) if wait > 0 else []
                if not ready and time.monotonic() >= min(until, deadline):
                    raise _Stopped("timeout", f"took longer than {self._limits.wall:g} s")
                for key, _ in ready:
                    if key.fileobj == printed:
                        if not self._printed(printed, attempt):
                            selector.unregister(printed)
                        continue
                    if self._received(channel, parser, attempt):
                        until = time.monotonic() + self._limits.wall

    def _printed(self, printed: int, attempt: _Attempt) -> bool:
        data = os.read(printed, 1 << 16)
        attempt.printed += len(data)
        attempt.log += data[: max(0, self._limits.log - len(attempt.log))]
        if attempt.printed > self._limits.flood:
            raise _Stopped("crash", f"printed more than {self._limits.flood >> 20} MiB")
        return bool(data)

    def _received(self, channel: socket.socket, parser: frames.Parser, attempt: _Attempt) -> bool:
        """Take in what came; return whether a frame was completed."""
        data = channel.recv(1 << 16)
        if not data:
            raise ConnectionError
        completed = False
        try:
            for header, arrays in parser.feed(data):
                self._accept(header, arrays, attempt)
                completed = True
        except frames.FrameError as error:
            raise _Stopped("malformed", f"the worker's answer cannot be read: {error}") from None
        return completed

    def _accept(self, header: dict[str, Any], arrays: list[NDArray[Any]], attempt: _Attempt) -> None:
        """Check a frame against what was asked: its sender runs the submission's code."""
        if header == {"end": True} and not arrays and set(attempt.outcomes) == set(attempt.pending):
            attempt.ended = True
        elif set(header) == {"begin"} and isinstance(header["begin"], str):
            attempt.under_way = header["begin"][:200]
        elif set(header) == {"task", "outcomes"} and header["task"] == attempt.under_way in attempt.pending:
            task = attempt.under_way
            if task in attempt.outcomes:
                raise frames.FrameError("a task was answered twice")
            attempt.outcomes[task] = _outcomes(header["outcomes"], arrays, attempt.pending[task])
        else:
            raise frames.FrameError("a frame that was not asked for")

    # The worker

    def _start(self) -> socket.socket:
        """Return the socket of a worker that is ready."""
        if self._process is not None and self._process.poll() is None and self._control is not None:
            return self._control
        self._kill()
        start = tiers.start(self._tier, self._folder, self._libraries, self._limits)
        listener = self._listen() if self._tier == "docker" else None
        mine, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                start.command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=start.environment,
                cwd=self._folder,
                start_new_session=True,
            )
            if listener is not None:
                mine.close()
                mine, _ = listener.accept()
        except OSError as error:
            mine.close()
            raise SandboxError(f"{self._tier} cannot be started: {error} {self._complaint()}") from None
        finally:
            theirs.close()
            if listener is not None:
                listener.close()
        self._control = mine
        mine.settimeout(START)
        with suppress(OSError):
            if mine.recv(1) == b"r":
                return mine
        raise SandboxError(f"{self._tier} did not start a worker: {self._complaint()}")

    def _listen(self) -> socket.socket:
        """Return a socket at which a container's worker, a user without rights, can report."""
        path = self._folder / "control"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        self._folder.chmod(0o755)
        path.chmod(0o777)
        listener.settimeout(START)
        listener.listen(1)
        return listener

    def _complaint(self) -> str:
        """Return the last line that a worker wrote before it failed, having ended it."""
        process, self._process = self._process, None
        self._kill()
        if process is None or process.stderr is None:
            return "it did not run"
        self._end(process)
        with process.stderr:
            lines = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else f"exit status {process.returncode}"

    def _finished(self, control: socket.socket) -> None:
        control.settimeout(self._limits.wall)
        if len(_exactly(control, 4)) < 4:
            self._kill()

    def _ended(self, control: socket.socket) -> _Stopped:
        """Ask the worker how the submission's process ended, and say it."""
        control.settimeout(1)
        with suppress(OSError, ValueError):
            code = int(_exactly(control, 4))
            if code in (-signal.SIGXCPU, -signal.SIGKILL):
                return _Stopped("timeout", "used up its time on the processor")
            if code < 0:
                return _Stopped("crash", f"the process was ended by {signal.Signals(-code).name}")
            return _Stopped("crash", f"the process left with exit status {code}")
        return _Stopped("crash", "the process and its sandbox ended")

    def _kill(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        process, self._process = self._process, None
        if process is not None:
            self._end(process)
            if process.stderr is not None:
                process.stderr.close()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if self._tier == "docker":  # ending the client would leave the container
            subprocess.run(["docker", "kill", self._folder.name], capture_output=True, check=False)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := channel.recv(count - len(data))):
        data += more
    return data


def _described(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return what stands for an input in a header, and keep an array for the body."""
    if not isinstance(value, np.ndarray):
        return value
    arrays.append(value)
    return {"array": len(arrays) - 1}


def _outcomes(described: Any, arrays: list[NDArray[Any]], request: Request) -> tuple[Outcome, ...]:
    """Make outcomes of a frame's fields, each of which is looked at."""
    if not isinstance(described, list) or len(described) != max(1, len(request.inputs)):
        raise frames.FrameError("there is not one outcome for each of the inputs")
    outcomes, start = [], 0
    for one in described:
        if not isinstance(one, dict) or set(one) != {"kind", "message", "value", "count"}:
            raise frames.FrameError("an outcome has other fields")
        kind, message, value, count = one["kind"], one["message"], one["value"], one["count"]
        if kind not in RETURNED or not isinstance(message, str) or len(message) > 2000:
            raise frames.FrameError("an outcome is of no known kind, or its message too long")
        due = request.outputs if kind == "returned" and request.call is not None else 0
        if type(count) is not int or count != due or start + count > len(arrays):
            raise frames.FrameError("an outcome has another number of arrays")
        if any(array.dtype != np.float64 for array in arrays[start : start + count]):
            raise frames.FrameError("an array is not float64")
        if not (_is_plain(value) if kind == "returned" and request.call is None else value is None):
            raise frames.FrameError("an outcome has a value of another form")
        outcomes.append(Outcome(kind, tuple(arrays[start : start + count]), value, message))
        start += count
    if start != len(arrays):
        raise frames.FrameError("there are more arrays than outcomes")
    return tuple(outcomes)


def _is_plain(value: Any) -> bool:
    """Return whether this is a small dictionary of text, numbers and None."""
    return (
        isinstance(value, dict)
        and len(value) <= 1000
        and all(type(entry) in (str, int, float, bool, type(None)) for entry in value.values())
        and all(len(text) <= 1000 for text in (*value, *value.values()) if isinstance(text, str))
    )


@cache
def probe(tier: str) -> str:
    """Run a small program in a tier; return an empty text if that works, else why not.

    Args:
        tier: One of TIERS.
    """
    program = Program((Cell("probe", "ANSWER = {'works': True}"),), (Request("probe", "ANSWER", None),))
    try:
        with Sandbox(tier, libraries=("numpy",)) as sandbox:
            ran = sandbox.run(program)
    except SandboxError as error:
        return str(error)
    return "" if ran.status == "ok" else f"{tier} runs programs, but not to their end: {ran.reason}"


def strictest() -> str:
    """Return the strictest tier that works here and isolates.

    Raises:
        SandboxError: None does; the message gives the reasons and the way out.
    """
    reasons = []
    for tier in TIERS[:-1]:
        reason = probe(tier)
        if not reason:
            return tier
        reasons.append(reason)
    raise SandboxError(
        "submissions must run in a sandbox, and none works here: "
        + "; ".join(reasons)
        + ". Mend one, or choose --isolation limits, in which a submission can read what you can read"
    )
