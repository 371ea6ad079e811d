"""The line of progress says enough, and no more than enough."""

import io
import re
import threading

import pytest

from tools import progress as module
from tools.progress import Progress, duration


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal; `screen` is what a person would see of it."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """Return the lines as they stand after every carriage return has been obeyed."""
        lines = []
        for raw in self.getvalue().split("\n"):
            shown = ""
            for piece in raw.split("\r"):
                shown = piece + shown[len(piece) :]
            lines.append(shown.rstrip())
        return lines


class Clock:
    """A clock that goes only when told to, in place of the module's own; no heart beats."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    stopped = Clock()
    monkeypatch.setattr(module, "time", stopped)
    monkeypatch.setattr(Progress, "_beat", lambda self: None)
    monkeypatch.delenv("TERM", raising=False)
    return stopped


def run(clock, stream, steps, seconds, **settings):
    with Progress(steps, "work", stream, **settings) as progress:
        for step in range(steps):
            clock.now += seconds
            progress.advance(1, doing=f"step {step}")
    return stream.getvalue()


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_nothing_is_said_of_what_ends_within_five_seconds(clock, kind):
    assert run(clock, kind(), 4, 1.2) == ""
    assert run(clock, kind(), 4, 1.3) != ""


def test_a_log_gets_few_plain_lines(clock):
    written = run(clock, io.StringIO(), 100, 1)
    lines = written.splitlines()
    assert re.fullmatch(r"[ -~\n]*", written)  # no carriage return, no escape
    assert len(lines) == 6  # after 5, 25, 45, 65 and 85 seconds, and at the end
    assert lines[0] == "work: 5%, about 2 min left (step 4)"
    assert lines[-1] == "work: done in 1 min 40 s"


def test_a_terminal_has_one_line_that_is_rewritten(clock):
    stream = Terminal()
    with Progress(3, "work", stream) as progress:
        clock.now += 10
        progress.advance(1, doing="a step with a long name")
        assert stream.screen() == ["work: 33%, about 20 s left (a step with a long name)"]
        clock.now += 10
        progress.advance(1, doing="short")
        assert stream.screen() == ["work: 66%, about 10 s left (short)"]
        progress.say("a line that stays")
        assert stream.screen() == ["a line that stays", ""]
    assert stream.screen() == ["a line that stays", "work: done in 20 s", ""]
    assert "\x1b" not in stream.getvalue()


def test_a_line_is_never_wider_than_the_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    written = run(clock, Terminal(), 3, 10)
    assert max(len(piece) for piece in re.split(r"[\r\n]", written)) < 20


def test_time_left_follows_the_amounts_not_the_number_of_steps(clock):
    with Progress(100, "work", io.StringIO()) as progress:
        clock.now += 30
        progress.advance(75)
        assert "75%, about 10 s left" in progress.line()


def test_time_left_runs_down_while_a_step_runs_and_ends_where_it_is_wrong(clock):
    with Progress(4, "work", io.StringIO()) as progress:
        assert progress.line() == "work: 0%"  # nothing is known yet
        clock.now += 10
        progress.advance(1)
        clock.now += 15
        assert progress.line() == "work: 25%, about 15 s left"
        progress.advance(0, doing="the same")  # a name is no progress
        assert progress.line() == "work: 25%, about 15 s left (the same)"
        clock.now += 20
        assert progress.line() == "work: 25% (the same)"


def test_what_is_expected_gives_way_to_what_is_measured(clock):
    with Progress(100, "work", io.StringIO(), expected=50) as progress:
        assert "0%, about 50 s left" in progress.line()
        clock.now += 400
        progress.advance(50)  # eight times slower than expected
        assert "50%, about 6 min left" in progress.line()


def test_more_than_everything_is_not_claimed(clock):
    with Progress(2, "work", io.StringIO()) as progress:
        clock.now += 10
        progress.advance(3)
        assert progress.line() == "work: 100%"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_is_not_called_done(clock, error):
    stream = Terminal()

    def fail():
        with Progress(2, "work", stream) as progress:
            clock.now += 61
            progress.advance(1)
            raise error

    with pytest.raises(error):
        fail()
    assert stream.screen() == ["work: stopped after 1 min 01 s", ""]


def test_the_line_is_refreshed_while_one_step_runs(monkeypatch):
    monkeypatch.setattr(module, "QUIET", 0.0)
    monkeypatch.setattr(module, "REFRESH", 0.01)
    stream = Terminal()
    with Progress(1, "work", stream) as progress:
        for _ in range(500):
            if stream.getvalue().count("\r") >= 3:
                break
            progress._ended.wait(0.01)
    assert stream.getvalue().count("\r") >= 3


def test_durations_never_show_sixty():
    assert [duration(s) for s in (59.6, 3599.6, 7199)] == ["1 min 00 s", "1 h 00 min", "2 h 00 min"]


def test_without_beats_there_is_no_thread_to_fork():
    before = threading.active_count()
    with Progress(2, "forking", io.StringIO(), beats=False) as progress:
        assert threading.active_count() == before
        progress.advance(1)
