"""The process that reads submissions, seen from the grader: start it, ask it, believe nothing unseen.

One process reads many files. A file that is too costly ends it, and costs itself alone.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from normcourse.grading.extract import ASKED, READY, TOLD, Asked, Extract
from normcourse.grading.reading import MalformedError

__all__ = ["COSTLY", "Cost", "Reader"]

COSTLY = "too costly to read"
LARGEST = 16 << 20  # bytes of an extract: its code may stand in several answers
ENTRIES, TEXT = 10_000, 10_000  # of pieces or names, and characters of what is shown

# The package without what it imports by itself: NumPy takes longer to load than most files to read.
START = """
import sys, types
root, seconds, memory = sys.argv[1:]
for name in ("normcourse", "normcourse.grading"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = ["/".join([root, *name.split(".")])]
from normcourse.grading.extract import main
main(int(seconds), int(memory))
"""


@dataclass(frozen=True)
class Cost:
    """What reading one file may take.

    Attributes:
        cpu: Seconds on the processor.
        wall: Seconds in all, for a machine that is busy.
        memory: Bytes.
    """

    cpu: int = 10
    wall: float = 60.0
    memory: int = 1 << 30


class _PlainlyMalformedError(MalformedError):
    """The process has read a file to its end, and found nothing that it could take apart."""


class Reader:
    """Finds the answers in files, by a process that is started again after a file that ended it.

    Args:
        cost: Of each file, at most.

    Example:
        >>> asked = Asked("batchnorm", False, {"bn.forward": ("bn_forward", "")})
        >>> with Reader() as reader:
        ...     reader.extract(b"bn_forward = len", asked).answers
        {'bn.forward': 'bn_forward = len'}
    """

    def __init__(self, cost: Cost = Cost()) -> None:
        self._cost = cost
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._channel = self._process = None

    def extract(self, data: bytes, asked: Asked) -> Extract:
        """Return what a file's bytes answer.

        Raises:
            MalformedError: They are neither a notebook nor Python, or too costly to read.
            RuntimeError: The process does not start, or has a fault, whose traceback is told.
        """
        try:
            return self._extracted(data, asked)
        except BaseException as error:  # also an interrupt
            if not isinstance(error, _PlainlyMalformedError):
                self.close()  # it is in the middle of something, or cannot be believed
            raise

    def _extracted(self, data: bytes, asked: Asked) -> Extract:
        text = self._told(data, asked)
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            raise MalformedError(_UNREADABLE) from None
        if not isinstance(told, dict):
            raise MalformedError(_UNREADABLE)
        if "fault" in told:
            raise RuntimeError(f"a file could not be read:\n{told['fault']}")
        if "costly" in told:
            raise MalformedError(f"{COSTLY}: it takes more than {self._cost.memory >> 20} MiB of memory")
        if "malformed" in told:
            raise _PlainlyMalformedError(_text(told["malformed"]))
        return _checked(told, asked)

    def _told(self, data: bytes, asked: Asked) -> bytes:
        """Return what the process says of a file."""
        until = time.monotonic() + self._cost.wall
        process, channel = self._started()
        try:
            header = json.dumps(asdict(asked)).encode()
            channel.settimeout(self._cost.wall)
            channel.sendall(ASKED.pack(len(header), len(data)) + header)
            channel.sendall(data)
            [size] = TOLD.unpack(_received(channel, TOLD.size, until))
            if size <= LARGEST:
                return _received(channel, size, until)
        except TimeoutError:
            raise MalformedError(f"{COSTLY}: it took longer than {self._cost.wall:g} s") from None
        except OSError:
            raise MalformedError(f"{COSTLY}: {self._how_it_ended(process)}") from None
        raise MalformedError(f"{COSTLY}: its code comes to more than {LARGEST >> 20} MiB")

    def _started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._process is None or self._channel is None or not self._is_ready(self._channel):
            self.close()
            self._channel, theirs = socket.socketpair()
            root = str(Path(__file__).parents[2])
            line = [sys.executable, "-I", "-S", "-B", "-c", START, root, str(self._cost.cpu)]
            with theirs:
                self._process = subprocess.Popen(
                    [*line, str(self._cost.memory)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # an interrupt is the grader's to handle
                )
            if not self._is_ready(self._channel):
                raise RuntimeError("the process that reads submissions does not start")
        return self._process, self._channel

    def _is_ready(self, channel: socket.socket) -> bool:
        """Return whether the process takes a file: it may have ended, by itself too."""
        channel.settimeout(self._cost.wall)
        try:
            return channel.recv(len(READY)) == READY
        except OSError:
            return False

    def _how_it_ended(self, process: subprocess.Popen[bytes]) -> str:
        """Say how the process ended whose channel is closed."""
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(1)
            if code == -signal.SIGXCPU:
                return f"it took longer than {self._cost.cpu} s on the processor"
            if code < 0:
                return f"its reading was ended by signal {-code}, {signal.strsignal(-code)}"
        return "its reading came to no end"


_UNREADABLE = f"{COSTLY}: what came of it is no extract"


def _received(channel: socket.socket, size: int, until: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        channel.settimeout(max(0.001, until - time.monotonic()))
        more = channel.recv(min(size - len(data), 1 << 20))
        if not more:
            raise ConnectionError
        data += more
    return bytes(data)


def _checked(told: dict[str, Any], asked: Asked) -> Extract:
    """Return an extract of which every field was looked at: its process had a learner's file before it."""
    if set(told) != {one.name for one in fields(Extract)}:
        raise MalformedError(_UNREADABLE)
    answers, missing = _texts(told["answers"], LARGEST), _texts(told["missing"])
    if answers.keys() | missing.keys() != asked.tasks.keys() or answers.keys() & missing.keys():
        raise MalformedError(_UNREADABLE)
    return Extract(
        {task: answers[task] for task in asked.tasks if task in answers},
        {task: missing[task] for task in asked.tasks if task in missing},
        _listed(told["support"], LARGEST),
        _texts(told["imports"], LARGEST),
        _listed(told["notes"]),
        _text(told["nothing"]),
    )


def _text(value: Any, most: int = TEXT) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise MalformedError(_UNREADABLE)
    return value


def _listed(value: Any, most: int = TEXT) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > ENTRIES:
        raise MalformedError(_UNREADABLE)
    return tuple(_text(one, most) for one in value)


def _texts(value: Any, most: int = TEXT) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > ENTRIES:
        raise MalformedError(_UNREADABLE)
    return {_text(name): _text(one, most) for name, one in value.items()}
