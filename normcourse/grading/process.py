"""The worker's process, seen from the grader: start it, give it a program's files, ask how that ended."""

import atexit
import fcntl
import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from normcourse.grading import tiers
from normcourse.grading.tiers import Limits, SandboxError

__all__ = ["Worker", "sweep"]

PREFIX = "normcourse-"
HELD = "held-by-a-grader"  # in a worker's folder, and locked while the process lives that made it
START = 60  # seconds to load the libraries
FILES = (
    "grading/worker.py",
    "grading/frames.py",
    "grading/seccomp.py",
    "exercises/calls.py",
    "exercises/running.py",
)


class Worker:
    """A worker that is ready for programs.

    Args:
        tier: One of TIERS.
        libraries: What it loads.
        limits: For each submission.

    Raises:
        SandboxError: It could not be started; the message has the worker's or the tier's last words.
    """

    def __init__(self, tier: str, libraries: Sequence[str], limits: Limits) -> None:
        sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._held = _hold(self._folder)
        self._stop: Sequence[str] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._control, theirs = socket.socketpair()
        _living.add(self)
        try:
            for file in FILES:
                shutil.copy(Path(__file__).parents[1] / file, self._folder)
            start = tiers.start(tier, self._folder, libraries, limits)
            self._launch(start, theirs)
            theirs.close()  # else the end of a worker that fails would not be seen
            self._control.settimeout(START)
            if self._control.recv(1) != b"r":
                raise OSError("it did not load the libraries")
        except (OSError, SandboxError) as error:
            raise SandboxError(f"{tier} does not work here: {error} {self._last_words()}".strip()) from None
        finally:
            theirs.close()

    def _launch(self, start: tiers.Start, theirs: socket.socket) -> None:
        self._stop = start.stop
        listener = self._listen() if start.calls_back else None
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
                self._control.close()
                self._control = self._called(listener)
        finally:
            if listener is not None:
                listener.close()

    def _listen(self) -> socket.socket:
        """Return a socket at which a container's worker, a user without rights, can report."""
        path = self._folder / "control"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        self._folder.chmod(0o755)
        path.chmod(0o777)
        listener.listen(1)
        return listener

    def _called(self, listener: socket.socket) -> socket.socket:
        until = time.monotonic() + START
        listener.settimeout(0.1)
        while self.alive and time.monotonic() < until:
            with suppress(TimeoutError):
                return listener.accept()[0]
        raise OSError("its worker did not report")

    @property
    def alive(self) -> bool:
        """Whether it can take another program."""
        return self._process is not None and self._process.poll() is None

    def hand_over(self, channel: int, printed: int) -> None:
        """Give it the files of a program: a socket to talk over, and a pipe to print to."""
        socket.send_fds(self._control, [b"g"], [channel, printed])

    def ending(self, seconds: float) -> int | None:
        """Return how the process of the program ended: its status, or minus a signal; None if it did not.

        Raises:
            OSError: The worker itself has ended.
        """
        until = time.monotonic() + seconds
        data = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            while len(data) < 4:
                if not selector.select(max(0.0, until - time.monotonic())):
                    return None
                more = self._control.recv(4 - len(data))
                if not more:
                    raise ConnectionError("the worker has ended")
                data += more
        return int(data)

    def kill(self) -> None:
        """End it, and all that it started."""
        self._control.close()
        process, self._process = self._process, None
        if process is not None:
            if self._stop:  # to end the client would leave the container
                subprocess.run(self._stop, capture_output=True, check=False, timeout=START)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stderr is not None:
                process.stderr.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._held.close()
        _living.discard(self)

    def _last_words(self) -> str:
        """End it and return the last line that it wrote."""
        process = self._process
        if process is None or process.stderr is None:
            self.kill()
            return ""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        lines = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        self.kill()
        return f"({lines[-1][:300]})" if lines else ""


_living: set[Worker] = set()


@atexit.register
def _end_all() -> None:
    """End what the threads of a second interrupt had no time to end."""
    for worker in list(_living):
        worker.kill()


@cache
def sweep() -> None:
    """Remove the folders that graders of this user left when they were killed, once for this process.

    A folder is one of these if a worker's file lies in it whose lock nobody holds.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # it has gone, has no such file, or somebody holds that
            if not folder.is_symlink() and folder.lstat().st_uid == os.getuid():
                with open(folder / HELD) as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)


def _hold(folder: Path) -> IO[str]:
    """Return a locked file in a folder; it gets its name when it has its lock, as others may be sweeping."""
    held = open(folder / f".{HELD}", "w")  # noqa: SIM115 - closed with the worker
    fcntl.flock(held, fcntl.LOCK_EX)
    os.rename(held.name, folder / HELD)
    return held
