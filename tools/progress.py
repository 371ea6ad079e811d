"""One line on the screen that says what runs, how much is done and about how long is left."""

import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

QUIET = 5.0  # seconds: of what ends sooner nothing is said
REFRESH = 1.0  # seconds between two states of the line in a terminal
PAUSE = 20.0  # seconds between two lines of a log
PRIOR = 0.05  # the share of the work after which what was measured counts as much as what was expected


class Progress:
    """A line of progress: rewritten in a terminal, a plain line now and then in a log.

    >>> with Progress(2, "baking") as progress:  # silent: it ends within five seconds
    ...     progress.advance(1, doing="the base")
    ...     progress.advance(1, doing="the top")
    """

    def __init__(
        self,
        total: float,
        label: str,
        stream: TextIO | None = None,
        *,
        expected: float | None = None,
        beats: bool = True,
    ) -> None:
        """Prepare the line; nothing is written before the `with` block starts.

        Args:
            total: All that there is to do, in any unit; seconds expected make the best one.
            label: What runs.
            stream: Where to write; standard error if left out.
            expected: The seconds that the whole may take; left out, no time is given before a first amount.
            beats: Whether a thread renews the line between two amounts. Not where processes are forked
                meanwhile, which would inherit its locks.
        """
        self.total = total
        self.label = label
        self.stream = sys.stderr if stream is None else stream
        self.expected = expected
        self.beats = beats
        self.done = 0.0
        self.doing = ""
        self._terminal = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = 0  # characters of the line that stands in the terminal
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._start = self._advanced = time.monotonic()
        self._spoke = -PAUSE

    def __enter__(self) -> Self:
        """Start the clock."""
        self._start = self._advanced = time.monotonic()
        self._heart = threading.Thread(target=self._beat, daemon=True)
        if self.beats:
            self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say how long it took, or after how long it failed."""
        self._ended.set()
        if self.beats:
            self._heart.join()
        with self._lock:
            self._wipe()
            elapsed = time.monotonic() - self._start
            if elapsed >= QUIET:
                ending = "done in" if kind is None else "stopped after"
                self._write(f"{self.label}: {ending} {duration(elapsed)}\n")

    def advance(self, amount: float, doing: str | None = None) -> None:
        """Count an amount as done, and name what runs now (left out, what was named before)."""
        with self._lock:
            self.done += amount
            if amount:
                self._advanced = time.monotonic()
            if doing is not None:
                self.doing = doing
        self._show()

    def say(self, text: str) -> None:
        """Write a line that stays, above the line of progress."""
        with self._lock:
            self._wipe()
            self._write(f"{text}\n")

    def line(self) -> str:
        """Return what there is to say now."""
        share = min(self.done / self.total, 1.0) if self.total else 1.0
        left = self._left()
        parts = [f"{int(100 * share)}%"]
        if left is not None:
            parts.append(f"about {_rounded(left)} left")
        return f"{self.label}: {', '.join(parts)}{f' ({self.doing})' if self.doing else ''}"

    def _left(self) -> float | None:
        """Return the seconds left, or None where they cannot be told: nothing done, or it takes longer."""
        weight = PRIOR * self.total if self.expected is not None else 0.0
        if self.done + weight <= 0:
            return None
        elapsed = self._advanced - self._start
        rate = (elapsed + PRIOR * (self.expected or 0.0)) / (self.done + weight)
        left = rate * (self.total - self.done) - (time.monotonic() - self._advanced)
        return left if left > 0 else None

    def _beat(self) -> None:
        while not self._ended.wait(REFRESH):
            self._show()

    def _show(self) -> None:
        with self._lock:
            now = time.monotonic()
            pause = REFRESH / 4 if self._terminal else PAUSE
            if self._ended.is_set() or now - self._start < QUIET or now - self._spoke < pause:
                return
            self._spoke = now
            if self._terminal:
                text = self.line()[: shutil.get_terminal_size().columns - 1]
                self._write(f"\r{text.ljust(self._shown)}")
                self._shown = len(text)
            else:
                self._write(f"{self.line()}\n")

    def _wipe(self) -> None:
        if self._shown:
            self._write(f"\r{' ' * self._shown}\r")
            self._shown = 0

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def duration(seconds: float) -> str:
    """Return seconds in words.

    >>> duration(12.4), duration(85), duration(4000)
    ('12 s', '1 min 25 s', '1 h 07 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    whole = round(seconds / 60)
    return f"{whole // 60} h {whole % 60:02d} min"


def _rounded(seconds: float) -> str:
    """Return an estimate in words, no finer than it can be."""
    if seconds < 57:
        return duration(max(5 * round(seconds / 5), 5))
    if seconds < 3570:
        return f"{round(seconds / 60)} min"
    return duration(seconds)
