"""Whatever an answer, a notebook or a file of points is: check, commit, hint and progress end in words."""

import json
import os
import signal
import sys
import warnings

import numpy as np
import pytest

from normcourse.exercises import check, commit, hint, progress, solution
from normcourse.exercises.catalogue import find_task
from normcourse.exercises.marking import mark
from normcourse.exercises.running import Outcome
from normcourse.exercises.store import Progress, keep, recall

MANY_DIGITS = 10**5000  # more than Python prints


def right(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta


@pytest.fixture(autouse=True)
def _at_last():
    """End a test that hangs."""
    if not hasattr(signal, "alarm"):
        yield
        return

    came = []

    def late(*_):
        came.append(True)
        raise TimeoutError("it waits for ever")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    assert not came, "it waits for ever"  # an answer's exception is told, this one too
    signal.signal(signal.SIGALRM, before)


# What a learner's objects do wrong, one way a class. They are made when they are needed: pytest looks at all
# that a module holds.
def raising(*names):
    def fails(self, *args, **kwargs):
        raise RuntimeError("no")

    entries = {
        name: property(fails) if name in ("__class__", "shape", "__dict__") else fails for name in names
    }
    return type("Odd", (), entries)()


ODD = [
    "__class__",
    "__repr__",
    "__array__",
    "__len__",
    "__hash__",
    "__eq__",
    "__bool__",
    "__iter__",
    "__getattribute__",
    "__getattr__",
    "__format__",
    "__float__",
    "__array_interface__",
    "__dict__",
    "shape",
]


class LyingTuple(tuple):
    """Says that it holds one thing."""

    def __len__(self):
        return 1

    def __iter__(self):
        while True:
            yield 0


class LyingList(list):
    __len__ = LyingTuple.__len__
    __iter__ = LyingTuple.__iter__


class Unnamed(type):
    @property
    def __name__(cls):
        raise RuntimeError("no")


def unnamed():
    return Unnamed("Thing", (), {})()


def unnamed_error():
    made = Unnamed("Bad", (Exception,), {"__str__": lambda self: 1 / 0})
    made.__traceback__ = property(lambda self: 1 / 0)
    return made()


def raises(error):
    def answer(*_):
        raise error

    return answer


def returns(make):
    return lambda *_: make()


def judged(answer):
    feedback = check("bn.forward", {"bn_forward": answer})
    assert str(feedback)
    assert feedback._repr_html_()
    str(feedback).encode()
    return feedback


@pytest.mark.parametrize("name", ODD)
def test_odd_objects_are_told(name):
    assert judged(raising(name)).mark.status == "raised"
    assert judged(returns(lambda: raising(name))).mark.status in ("raised", "unreadable")
    assert judged(returns(lambda: [raising(name)])).mark.status in ("raised", "unreadable")
    assert judged(returns(lambda: (raising(name), 1))).mark.status == "unreadable"
    held = raising(name)
    assert judged(lambda *a: right(*a) if held is not None else held).points == 5
    for entry in (held, [held], {"tanh": held}, {1: held}):
        assert check("bn.reasons", {"BN_REASONS": entry}).mark.status == "unreadable"
        assert commit("bn.predictions", {"BN_PREDICTIONS": entry}).title == "Nothing is committed"


RETURNED = {
    "a tuple that lies": (lambda: LyingTuple((np.zeros(2), np.zeros(2))), "unreadable"),
    "a list that lies": (lambda: LyingList([1, 2]), "wrong"),
    "many digits": (lambda: MANY_DIGITS, "unreadable"),
    "a list of many digits": (lambda: [MANY_DIGITS, 1.5], "unreadable"),
    "a list in itself": (lambda: (a := [])[:] or a.append(a) or a, None),
    "more than fits": (lambda: np.broadcast_to(0.0, (10**6, 10**6)), "unreadable"),
    "of a class without a name": (unnamed, "unreadable"),
    "records": (lambda: np.zeros(2, dtype=[("a", float)]), "unreadable"),
    "many dimensions": (lambda: np.zeros((1,) * 32), "wrong"),
    "a generator": (lambda: (i for i in range(3)), "unreadable"),
}


@pytest.mark.parametrize("name", RETURNED)
def test_odd_values_are_told(name):
    make, status = RETURNED[name]
    found = judged(returns(make)).mark.status
    assert found == status or (status is None and found in ("raised", "unreadable", "wrong"))
    both = check("bn.backward", {"bn_backward": returns(lambda: LyingTuple((1, 2)))})
    assert both.mark.message.endswith("should return 3 values, but returned 2 values")


ERRORS = {
    "no name, no text, no trace": unnamed_error,
    "surrogates": lambda: ValueError("\ud800"),
    "a long text": lambda: ValueError("x" * 10**6),
    "the end": lambda: SystemExit(MANY_DIGITS),
    "a group": lambda: BaseExceptionGroup("all", [ValueError()]),
    "memory": MemoryError,
}


@pytest.mark.parametrize("name", ERRORS)
def test_odd_errors_are_told(name):
    feedback = judged(raises(ERRORS[name]()))
    assert feedback.mark.status == "raised"
    assert len(str(feedback)) < 3000


NUMBERS = [MANY_DIGITS, -MANY_DIGITS, 10**400, 2**63, 1e300, float("inf"), np.int64(7)]


@pytest.mark.parametrize("index", range(len(NUMBERS)))
def test_large_numbers_are_no_probabilities(index):
    number = NUMBERS[index]
    given = {"BN_PREDICTIONS": {"deep relu": number, "tanh": 0.5}}
    assert commit("bn.predictions", given).title == "Nothing is committed"
    assert check("bn.predictions", given).points == 0
    assert check("bn.reasons", {"BN_REASONS": {"bias": number}}).points == 0


@pytest.mark.parametrize("digits", [400, 5000])
def test_the_judgement_takes_any_number(digits):
    """A grader's outcomes come from elsewhere."""
    reasons, forecast = find_task("bn.reasons"), find_task("bn.predictions")
    given = mark(reasons, [Outcome("returned", value={"bias": 10**digits})])
    assert (given.status, given.points) == ("wrong", 0)
    given = mark(forecast, [Outcome("returned", value={"tanh": 10**digits})])
    assert (given.status, given.points) == ("wrong", 0)
    assert len(given.message) < 500


def test_numbers_of_numpys_and_dots_are_read():
    feedback = check("bn.reasons", {"BN_REASONS": {"bias": ..., "weights": ...}})
    assert feedback.mark.status == "not attempted"

    class Odd(np.float64):
        def item(self):
            raise RuntimeError("no")

    note = commit("bn.predictions", {"BN_PREDICTIONS": dict.fromkeys(FORECAST, Odd(0.5))})
    assert note.title == "Committed"


FORECAST = tuple(statement.name for statement in find_task("bn.predictions").statements)


def test_a_notebook_with_strict_settings_is_judged():
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for task in ("bn.forward", "bn.conv", "ln.masked"):
            answer = check(task, {"bn_forward": right, "bn_conv": right, "masked_norm": right})
            assert "could not be judged" not in str(answer)


def test_a_broken_numpy_is_told(monkeypatch):
    monkeypatch.setattr(np.random, "default_rng", lambda *_: 1 / 0)
    from normcourse.exercises import probes

    probes.drawn.cache_clear()
    feedback = judged(right)
    assert (feedback.mark.status, feedback.points) == ("unreadable", 0)
    assert "ZeroDivisionError" in str(feedback)


def test_a_namespace_that_fails_is_told():
    class Space(dict):
        def __contains__(self, name):
            raise SystemExit

        __getitem__ = get = __contains__

    assert check("bn.forward", Space()).mark.status == "raised"
    assert check("bn.reasons", Space()).mark.status == "unreadable"
    assert commit("bn.predictions", Space()).title == "Nothing is committed"


def test_an_interrupt_alone_comes_through():
    error = KeyboardInterrupt()

    class Interrupted(Exception):
        def __str__(self):
            raise error

    for answer in (raises(error), raises(Interrupted())):
        with pytest.raises(KeyboardInterrupt):
            judged(answer)


@pytest.mark.parametrize("call", [check, hint, solution, commit, progress])
@pytest.mark.parametrize("name", ["bn", ["bn.forward"], right, {}, 3])
def test_what_is_no_name_of_a_task_is_told(call, name):
    with pytest.raises(KeyError, match="choose one of"):
        call(name)


FILES = {
    "points: Infinity": '{"points": Infinity}',
    "points: NaN": '{"points": NaN}',
    "points: 400 digits": '{"points": 1%s}' % ("0" * 400),
    "points: 5000 digits": '{"points": 1%s}' % ("0" * 5000),
    "points: too large a float": '{"points": 1e300}',
    "points: true": '{"points": true}',
    "points: null": '{"points": null}',
    "hints: true": '{"hints": true}',
    "hints: fraction": '{"hints": 1.5}',
    "hints: 4000 digits": '{"hints": %s}' % ("9" * 4000),
    "hints: NaN": '{"hints": NaN}',
    "checks: fraction": '{"checks": 0.5}',
    "checks: below zero": '{"checks": -1}',
    "solution: text": '{"solution": "no"}',
    "committed: text": '{"committed": "yes"}',
    "committed: a text": '{"committed": {"tanh": "0.5"}}',
    "committed: null": '{"committed": {"tanh": null}}',
    "committed: true": '{"committed": {"tanh": true}}',
    "committed: percent": '{"committed": {"tanh": 50}}',
    "committed: NaN": '{"committed": {"tanh": NaN}}',
    "committed: a list": '{"committed": {"tanh": [0.5]}}',
    "deep": "[" * 10**4,
    "deep and closed": "[" * 10**4 + "]" * 10**4,
    "huge": " " * (1 << 20) + "{}",
    "bytes": "\udcff",
}


def use_all(task):
    check(task, {"bn_forward": right})
    hint(task)
    solution(task)
    if task == "bn.predictions":
        commit(task, {"BN_PREDICTIONS": dict.fromkeys(FORECAST, 0.5)})
        assert check(task, {}).points == 1
    for one in (progress(), progress("batchnorm")):
        assert str(one)
        assert one._repr_html_()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("task", ["bn.forward", "bn.predictions"])
def test_odd_files_are_set_aside(folder, task, name):
    text = FILES[name].encode("utf-8", "surrogateescape")
    (folder / f"{task}.json").write_bytes(text)
    assert recall(task) == Progress()
    assert (folder / f"{task}.unreadable").read_bytes() == text
    use_all(task)
    assert json.loads((folder / f"{task}.json").read_text())["solution"] is True


@pytest.mark.parametrize("task", ["bn.forward", "bn.predictions"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "full folder", "device", "unreadable"])
def test_what_is_no_file_is_set_aside(folder, task, kind):
    path = folder / f"{task}.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "unreadable":
        path.write_text('{"points": 3}')
        path.chmod(0)
    else:
        path.mkdir()
        if kind == "full folder":
            (path / "kept").write_text("")
    open_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(20):
        recall(task)
    use_all(task)
    assert recall(task).solution
    if open_files:
        assert len(os.listdir("/proc/self/fd")) <= open_files
    assert not list(folder.glob(".*.part"))


def test_a_folder_that_takes_no_file_gets_no_parts(folder, monkeypatch):
    (folder / "bn.forward.json").mkdir()
    monkeypatch.setattr("normcourse.exercises.store._set_aside", lambda path: None)
    assert "last as long as this kernel" in keep("bn.forward", Progress(points=2))
    assert recall("bn.forward").points == 2
    assert not list(folder.glob(".*.part"))
    (folder / "bn.forward.json").rmdir()
    assert keep("bn.forward", Progress()) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows finds a home elsewhere")
def test_no_home_costs_no_check(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NORMCOURSE_PROGRESS")
    monkeypatch.setattr("pathlib.Path.home", no_home)
    assert "names no home folder" in str(judged(right))
    assert recall("bn.forward").points == 5
    use_all("bn.forward")
    monkeypatch.setattr("normcourse.exercises.store._unkept", {})


def test_a_forecast_of_other_statements_can_be_given_again(folder):
    """A file of another version of the course."""
    keep("bn.predictions", Progress(committed={"tanh": 0.5, "\ud800": 0.5}))
    given = {"BN_PREDICTIONS": dict.fromkeys(FORECAST, 0.5)}
    assert check("bn.predictions", given).mark.status == "not attempted"
    assert commit("bn.predictions", given).title == "Committed"
    keep("bn.predictions", Progress(committed=dict.fromkeys((*FORECAST, "\ud800"), 0.5)))
    str(commit("bn.predictions", given)).encode()
    assert check("bn.predictions", given).points == 1
