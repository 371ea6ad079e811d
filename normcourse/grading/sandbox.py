"""Run a submission's code where it can harm nothing, and bring back arrays or the reason for none.

A worker (``worker.py``) is started once in the chosen tier (``tiers.py``) and forks for each submission;
``exchange.py`` is what the two say to each other.
"""

import os
import selectors
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache

from normcourse.exercises.running import Outcome
from normcourse.grading import seccomp
from normcourse.grading.exchange import Cell, Conversation, Program, Ran, Request, as_frame, readable
from normcourse.grading.frames import FrameError
from normcourse.grading.process import Worker
from normcourse.grading.tiers import TIERS, Limits, SandboxError

__all__ = [
    "TIERS",
    "Cell",
    "Limits",
    "LostError",
    "Program",
    "Ran",
    "Request",
    "Sandbox",
    "SandboxError",
    "caveat",
    "probe",
    "strictest",
]

CHUNK = 1 << 16
UNTAKEN = "nothing of it was run"
DYING = 2.0  # seconds that a process whose socket is closed has to end, and its sandbox if that ended
# Signals that no submission can send, not to itself either.
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


class LostError(SandboxError):
    """A program came to an end that its code did not cause, twice; the message says how."""


class _Lost(Exception):  # noqa: N818 - an event, not an error
    """A program came to an end that its code did not cause; the text says how."""


class _Stopped(Exception):  # noqa: N818 - an event, not an error
    """A program came to an end before its time: with a status and a reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Sandbox:
    """A warm worker in one tier; after anything unusual it is killed and a new one started.

    Use it in the thread that made it: the worker ends with the thread that started it.

    Args:
        tier: One of TIERS.
        libraries: What the submissions may import, beside the standard library.
        limits: For each submission.

    Example:
        >>> import numpy as np
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
        self._worker: Worker | None = None
        if tier == "limits" and seccomp.available():
            # Else the submission, a process of the same user, could read what is right in our memory.
            seccomp.set_not_dumpable()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def run(self, program: Program) -> Ran:
        """Run a program; whatever its code does, this returns.

        What hangs or crashes costs its own task; the others are run again without it. What is ended by
        something else is run again as it was, once.

        Raises:
            LostError: It was ended by something else again.
            SandboxError: No worker could be started.
        """
        outcomes: dict[str, tuple[Outcome, ...]] = {}
        first: _Stopped | None = None
        lost: _Lost | None = None
        log = bytearray()
        self._prepare()  # whose time is not the submission's
        deadline = time.monotonic() + self._limits.total
        left = program
        while left.requests:
            said = Conversation(left, self._limits.elements)
            try:
                self._attempt(said, log, deadline)
            except _Lost as event:
                self.close()
                if lost is not None:
                    raise LostError(f"{lost}, and in a fresh sandbox {event}") from None
                lost = event
                self._prepare()
                deadline = time.monotonic() + self._limits.total
            except _Stopped as event:
                self.close()
                first = first or event
                left = _without_culprit(said, event, late=time.monotonic() > deadline)
            except BaseException:  # an interrupt: the worker is in the middle of something
                self.close()
                raise
            outcomes |= said.outcomes
            left = replace(left, requests=tuple(r for r in left.requests if r.task not in outcomes))
        status, reason = (first.status, first.reason) if first else ("ok", "")
        ordered = {request.task: outcomes[request.task] for request in program.requests}
        return Ran(ordered, status, reason, readable(log.decode("utf-8", "replace")))

    def _attempt(self, said: Conversation, log: bytearray, deadline: float) -> None:
        """Run a program in one process; raise _Stopped or _Lost if that does not come to its end."""
        worker = self._prepare()
        mine, theirs = socket.socketpair()
        read, write = os.pipe()
        try:
            with theirs, os.fdopen(write, "wb") as printed:
                worker.hand_over(theirs.fileno(), printed.fileno())
            mine.settimeout(self._limits.wall)
            mine.sendall(as_frame(said.program, self._limits.elements))
            self._watch(mine, read, said, log, deadline)
        except OSError:
            raise _hung_up(worker, said) from None
        finally:
            mine.close()
            os.close(read)
        with suppress(OSError):  # what has said everything has ended well, whatever happens to its worker
            if worker.ending(DYING) is not None:
                return
        self.close()

    def _prepare(self) -> Worker:
        """Return the worker, a new one if there is none that works."""
        if self._worker is None or not self._worker.alive:
            self.close()
            self._worker = Worker(self._tier, self._libraries, self._limits)
        return self._worker

    def _watch(
        self, channel: socket.socket, printed: int, said: Conversation, log: bytearray, deadline: float
    ) -> None:
        """Read answers and what is printed until everything is said; raise an event if that does not come."""
        limits, seen = self._limits, 0
        os.set_blocking(printed, False)
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            selector.register(printed, selectors.EVENT_READ)
            until = time.monotonic() + limits.wall
            while not said.ended:
                wait = min(until, deadline) - time.monotonic()
                if wait <= 0:
                    late = until > deadline
                    if not late and not said.begun:
                        raise _Lost(UNTAKEN)
                    raise _Stopped("timeout", _took(limits.total if late else limits.wall, whole=late))
                ready = [key.fileobj for key, _ in selector.select(wait)]
                if channel in ready and _heard(channel, said):
                    until = time.monotonic() + limits.wall
                # Also what was printed before an answer that came since the look at both.
                if printed in ready or said.ended:
                    data = _available(printed)
                    seen += len(data)
                    log += data[: max(0, limits.log - len(log))]
                    if seen > limits.flood:
                        raise _Stopped("crash", f"printed more than {limits.flood >> 20} MiB")
                    if not data and not said.ended:
                        selector.unregister(printed)


def _heard(channel: socket.socket, said: Conversation) -> bool:
    """Take in what came; return whether a cell or task began."""
    data = channel.recv(CHUNK)
    if not data:
        raise ConnectionError
    try:
        return said.feed(data)
    except FrameError as error:
        raise _Stopped("malformed", f"the worker's answer cannot be read: {error}") from None


def _available(printed: int) -> bytes:
    """Return what can be read at once."""
    with suppress(BlockingIOError):
        return os.read(printed, CHUNK)
    return b""


def _took(seconds: float, *, whole: bool) -> str:
    return f"{'the submission took' if whole else 'took'} longer than {seconds:g} s"


def _hung_up(worker: Worker, said: Conversation) -> _Stopped | _Lost:
    """Say how a process ended that had not said everything, and whether its own code did that."""
    try:
        code = worker.ending(DYING)
    except OSError:
        return _Lost("its sandbox ended")
    if code is not None and -code in FROM_OUTSIDE:
        return _Lost(f"its process was ended by {_signal_name(-code)}")
    return _stopped_by(code) if said.begun else _Lost(UNTAKEN)


def _stopped_by(code: int | None) -> _Stopped:
    if code is None:
        return _Stopped("crash", "the process closed its connection")
    if code == -signal.SIGXCPU:
        return _Stopped("timeout", "used up its time on the processor")
    if code < 0:
        return _Stopped("crash", f"the process was ended by {_signal_name(-code)}")
    return _Stopped("crash", f"the process left with exit status {code}")


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _without_culprit(said: Conversation, event: _Stopped, *, late: bool) -> Program:
    """Give the reason to the task that was under way, and return the program without it.

    A cell that hangs is left out too. One whose function hangs stays: others may use its other functions.
    If the time is up, all tasks that are left get the reason.
    """
    left = [request.task for request in said.program.requests if request.task not in said.outcomes]
    culprit = said.cell or said.task
    guilty = left if late else [task for task in left if task == culprit]
    said.outcomes |= dict.fromkeys(guilty, (Outcome(event.status, message=event.reason),))
    cells = tuple(cell for cell in said.program.cells if cell.name != said.cell)
    return replace(said.program, cells=cells)


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


def caveat(tier: str) -> str:
    """Return what a tier lacks on this machine, in one sentence; empty if nothing.

    Args:
        tier: One of TIERS.
    """
    if seccomp.available() or tier == "docker":  # a container has Linux, whatever is around it
        return ""
    return (
        "This machine has no filter of system calls for submissions: they could start processes, "
        "use the network and write files where the tier alone does not prevent it."
    )
