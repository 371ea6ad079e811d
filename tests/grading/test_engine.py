"""A batch comes to its end whatever is in it, the same for any number of jobs, and goes on after a stop."""

import json
import platform
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

from normcourse.exercises import marking
from normcourse.exercises.catalogue import find_exercise
from normcourse.exercises.probes import arguments
from normcourse.exercises.running import Outcome
from normcourse.grading import engine, report
from normcourse.grading.folder import OutFolder
from normcourse.grading.results import INTERNAL, to_json
from normcourse.grading.sandbox import TIERS, LostError, Ran, Sandbox, SandboxError, probe
from normcourse.grading.seeds import PUBLIC_SEED, Seed, read_seed
from normcourse.grading.submissions import receive
from tests.grading.handed_in import CLASS, EXERCISE, LIMITS, RIGHT, WRONG, hand_in
from tests.grading.notebooks import notebook

PRIVATE = Seed(2**200 + 7, "private")


@pytest.fixture
def folder(tmp_path):
    return hand_in(tmp_path / "submissions")


def grade(folder, out, exercise=EXERCISE, **options):
    options = {"tier": "limits", "limits": LIMITS, **options}
    with OutFolder(out, exercise.name, folder) as kept:
        return engine.grade(exercise, folder, kept, **options)


def watched(monkeypatch):
    """Return a list that fills with the names of what is graded from now on."""
    seen, whole = [], engine.Grader.grade
    monkeypatch.setattr(
        engine.Grader, "grade", lambda self, read: seen.append(read.name) or whole(self, read)
    )
    return seen


def kept_in(out):
    """Return the files of the results that are kept."""
    return [path for path in (out / ".work").glob("*.json") if len(path.stem) == 40]


def by_learner(graded):
    return {result.learner: result for result in graded.results}


@pytest.mark.parametrize("tier", TIERS)
def test_each_submission_gets_its_own_status_with_a_reason(folder, tmp_path, tier):
    if reason := probe(tier):
        pytest.skip(reason)
    graded = grade(folder, tmp_path / "out", tier=tier)
    found = by_learner(graded)
    statuses = {learner: result.status for learner, result in found.items()}
    assert statuses == {
        "ada": "ok",
        "ben": "ok",
        "cleo": "timeout",
        "dan": "crash",
        "eve": "malformed",
        "fay": "ok",
        "gus": "ok",
    }
    assert all(bool(result.reason) == (result.status != "ok") for result in graded.results)
    first = {learner: result.marks[0] for learner, result in found.items()}
    assert (first["ada"].status, first["ada"].points) == ("right", 5)
    assert first["ben"].mistakes == ("n - 1",)
    assert first["cleo"].status == "timeout"
    assert first["dan"].status == "crash"
    assert first["eve"].status == "malformed"
    assert first["fay"].status == "not attempted"
    assert first["gus"].status == "unreadable"
    # What hangs or ends the process costs its own task alone.
    assert [found[learner].marks[1].points for learner in ("cleo", "dan")] == [3, 3]
    assert not graded.failures
    assert [result.name for result in graded.results] == sorted(CLASS)


def test_reports_are_the_same_bytes_for_any_number_of_jobs_and_a_second_time(folder, tmp_path):
    runs = [
        report.files(grade(folder, tmp_path / out, jobs=jobs, seed=PRIVATE))
        for out, jobs in (("one", 1), ("three", 3), ("three", 2))
    ]
    assert runs[0] == runs[1] == runs[2]


DEFERRED = "from __future__ import annotations\n"
# Right answers under that import; without it the annotations are evaluated, and fail.
ANNOTATED = {
    "method.py": """
class Stats:
    def __init__(self, mean, var): self.mean, self.var = mean, var
    def merged(self, other: Stats) -> Stats: return other
def bn_forward(x, gamma, beta, eps):
    stats = Stats(0, 0).merged(Stats(x.mean(0), x.var(0)))
    return gamma * (x - stats.mean) / np.sqrt(stats.var + eps) + beta
""",
    "checked.py": """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from numpy.typing import NDArray
def bn_forward(x: NDArray, gamma: NDArray, beta: NDArray, eps: float) -> NDArray:
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta
""",
}


@pytest.mark.parametrize("name", ANNOTATED)
def test_a_future_import_holds_for_a_file_and_for_it_alone(tmp_path, name):
    sources = {"a.py": DEFERRED + ANNOTATED[name], "b.py": ANNOTATED[name]}
    graded = grade(hand_in(tmp_path / "in", sources), tmp_path / "out")
    first, second = (result.marks[0] for result in graded.results)
    assert (first.status, first.points) == ("right", 5), first.message
    assert "NameError" in second.message  # as in a notebook, and by the same warm worker


def test_a_future_import_of_any_cell_holds_for_the_cells_after_it(tmp_path):
    cells = ["import numpy as np", DEFERRED, ANNOTATED["method.py"]]
    folder = hand_in(tmp_path / "in", {"a.ipynb": json.dumps(notebook(*cells))})
    [result] = grade(folder, tmp_path / "out").results
    assert (result.marks[0].status, result.marks[0].points) == ("right", 5), result.marks[0].message


def test_a_future_that_is_none_costs_nothing_else(tmp_path):
    sources = {"a.py": "from __future__ import nothing_of_the_sort\n" + RIGHT}
    [result] = grade(hand_in(tmp_path / "in", sources), tmp_path / "out").results
    assert result.marks[0].status == "right"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import torch.nn.functional as F\ndef bn_forward(*a): return F.relu(a)", "torch is not there"),
        ("import torch\ndef bn_forward(*a): return torch.relu(a)", "torch is not there"),
        (
            "from normcourse.reference import batch_norm\ndef bn_forward(*a): return batch_norm(a)",
            "normcourse is not there",
        ),
        ("def bn_forward(*a):\n    import scipy.special", "scipy is not there"),
        ("def bn_forward(*a): return F.relu(a)", "(line 1 of the cell)"),
        ("from math import sqrt\ndel sqrt\ndef bn_forward(*a): return sqrt(a)", "numpy"),
    ],
)
def test_a_name_whose_import_was_left_out_says_so(tmp_path, source, said):
    graded = grade(hand_in(tmp_path / "in", {"ada.py": source}), tmp_path / "out")
    mark = graded.results[0].marks[0]
    assert mark.status == "raised"
    assert (said in mark.message) == (said != "numpy")


def test_the_same_bytes_under_another_suffix_are_graded_again(tmp_path):
    folder = hand_in(tmp_path / "in", {"ada.py": RIGHT, "ben.ipynb": RIGHT})
    statuses = {result.learner: result.status for result in grade(folder, tmp_path / "out").results}
    assert statuses == {"ada": "ok", "ben": "malformed"}
    (folder / "ada.py").rename(folder / "ada.ipynb")
    assert [result.status for result in grade(folder, tmp_path / "out").results] == ["malformed"] * 2


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1", "nothing here answers a task of batchnorm"),
        (
            "if True:\n    def bn_forward(x, gamma, beta, eps): return x",
            "a bn_forward stands inside of another statement (line 2), and an answer must stand at the top",
        ),
        ("(bn_forward := lambda *_: 0)", "a bn_forward stands inside of another statement (line 1)"),
        ("def standardise(train, test): return test", "it answers tasks of covariate-shift"),
        (RIGHT + "x =", "line 5 does not parse: invalid syntax: x ="),
    ],
)
def test_a_file_without_an_answer_has_a_reason(tmp_path, source, reason):
    [result] = grade(hand_in(tmp_path / "in", {"ada.py": source}), tmp_path / "out").results
    assert (result.status, result.points) == ("malformed", 0)
    assert reason in result.reason


def test_a_second_run_takes_over_what_is_finished(folder, tmp_path, monkeypatch):
    before = grade(folder, tmp_path / "out")
    (folder / "ben.py").write_text(RIGHT)
    seen = watched(monkeypatch)
    after = grade(folder, tmp_path / "out")
    assert seen == ["ben.py"]
    assert by_learner(after)["ben"].marks[0].status == "right"
    assert by_learner(after) | {"ben": None} == by_learner(before) | {"ben": None}


def test_what_is_taken_over_is_not_read_again(folder, tmp_path, monkeypatch):
    before = grade(folder, tmp_path / "out")

    def broken(*_):
        raise ValueError("planted")

    monkeypatch.setattr(engine.Reader, "extract", broken)
    assert grade(folder, tmp_path / "out") == before


@pytest.mark.parametrize(
    "change", [{"seed": PRIVATE}, {"limits": replace(LIMITS, wall=2)}], ids=lambda change: next(iter(change))
)
def test_a_second_run_takes_over_nothing_that_could_come_out_otherwise(tmp_path, monkeypatch, change):
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT})
    grade(folder, tmp_path / "out")
    seen = watched(monkeypatch)
    grade(folder, tmp_path / "out", **change)
    assert seen == ["ada.py"]


def test_a_second_run_takes_over_nothing_of_another_tier_or_other_tasks(tmp_path, monkeypatch):
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT})
    result = grade(folder, tmp_path / "out").results[0]
    seen = []
    monkeypatch.setattr(engine.Grader, "grade", lambda self, read: seen.append(self.tier) or result)
    grade(folder, tmp_path / "out", tier="another")
    monkeypatch.setattr(engine, "_code", lambda: "changed")
    grade(folder, tmp_path / "out")
    assert seen == ["another", "limits"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"tasks": 3}', '{"tasks": [{}]}', "[" * 100_000]
    + ['{"seal": "", "result": %s}' % ("[" * depth + "]" * depth) for depth in (900, 3000, 100_000)],
    ids=lambda text: text[:30] + str(len(text)),
)
def test_what_is_kept_and_cannot_be_read_is_graded_again(tmp_path, text):
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT})
    before = grade(folder, tmp_path / "out")
    [kept] = kept_in(tmp_path / "out")
    whole = kept.read_text()
    kept.write_text(text)
    assert grade(folder, tmp_path / "out") == before
    assert kept.read_text() == whole


def test_what_is_kept_and_is_too_deep_to_be_sealed_is_graded_again(tmp_path, monkeypatch):
    """Some releases of Python read brackets a little deeper than they write them."""
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT})
    before = grade(folder, tmp_path / "out")

    def too_deep(*_):
        raise RecursionError

    seen = watched(monkeypatch)
    seal = engine._Kept._seal
    calls = iter([too_deep, seal])
    monkeypatch.setattr(engine._Kept, "_seal", lambda *given: next(calls)(*given))
    assert grade(folder, tmp_path / "out") == before
    assert seen == ["ada.py"]


def test_what_is_kept_and_was_edited_is_graded_again(tmp_path):
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT, "ben.py": WRONG})
    before = grade(folder, tmp_path / "out")
    for change in ("points", "exchanged"):
        texts = {path: path.read_text() for path in kept_in(tmp_path / "out")}
        for path, text in texts.items():
            [other] = [one for one in texts.values() if one != text]
            path.write_text(text.replace('"points": 0', '"points": 5') if change == "points" else other)
        assert {path: path.read_text() for path in texts} != texts
        assert grade(folder, tmp_path / "out") == before, change
        assert {path: path.read_text() for path in texts} == texts


def test_a_second_run_takes_over_nothing_of_another_python(tmp_path, monkeypatch):
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT})
    grade(folder, tmp_path / "out")
    seen = watched(monkeypatch)
    grade(folder, tmp_path / "out")
    assert seen == []
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    grade(folder, tmp_path / "out")
    assert seen == ["ada.py"]


DOCKER = """#!/bin/sh
# Stands for docker: tells the digest of an image.
[ "$1 $2" = "image inspect" ] || exit 2
cat {digests}/"$5"
"""


def test_a_second_run_takes_over_nothing_of_another_image(tmp_path, monkeypatch):
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT})
    result = grade(folder, tmp_path / "out").results[0]
    seen = []
    monkeypatch.setattr(engine.Grader, "grade", lambda *_: seen.append("graded") or result)

    def again(tier="docker"):
        """Return whether a next run grades again."""
        seen.clear()
        grade(folder, tmp_path / "out", tier=tier)
        return bool(seen)

    digests = tmp_path / "digests"
    digests.mkdir()
    client = tmp_path / "bin" / "docker"
    client.parent.mkdir()
    client.write_text(DOCKER.format(digests=digests))
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:/usr/bin:/bin")
    monkeypatch.setenv("NORMCOURSE_IMAGE", "course:1")  # of which docker knows nothing
    assert (again(), again()) == (True, False)
    monkeypatch.setenv("NORMCOURSE_IMAGE", "course:2")
    assert (again(), again()) == (True, False)
    (digests / "course:2").write_text("sha256:one\n")
    assert (again(), again()) == (True, False)
    (digests / "course:2").write_text("sha256:two\n")  # built again under the same name
    assert (again(), again()) == (True, False)
    (digests / "course:3").write_text("sha256:two\n")  # another name of the same
    monkeypatch.setenv("NORMCOURSE_IMAGE", "course:3")
    assert not again()
    client.unlink()
    assert (again(), again()) == (True, False)
    assert not again("limits")  # where no image counts


def test_an_interrupted_run_keeps_what_is_finished(folder, tmp_path, monkeypatch):
    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(folder, tmp_path / "out", progress=interrupt)
    seen = watched(monkeypatch)
    assert len(grade(folder, tmp_path / "out").results) == len(CLASS)
    assert len(seen) <= len(CLASS) - 2


def test_a_fault_of_the_grader_costs_one_submission_and_is_not_kept(folder, tmp_path, monkeypatch):
    judge = engine.mark

    def faulty(task, outcomes, seed):
        if outcomes[0].kind == "returned" and len(outcomes[0].arrays) == 1 and outcomes[0].arrays[0].shape:
            raise ZeroDivisionError("planted")
        return judge(task, outcomes, seed)

    monkeypatch.setattr(engine, "mark", faulty)
    graded = grade(folder, tmp_path / "out", jobs=2)
    found = by_learner(graded)
    assert [found[name].status for name in ("ada", "ben", "dan", "eve")] == [
        "not graded",
        "not graded",
        "crash",
        "malformed",
    ]
    assert found["ada"].reason == INTERNAL
    assert found["ada"].of == EXERCISE.points
    assert len(graded.failures) == 2
    assert all("planted" in failure for failure in graded.failures)
    assert "planted" not in json.dumps([to_json(result) for result in graded.results])

    monkeypatch.undo()
    again = grade(folder, tmp_path / "out")
    assert by_learner(again)["ada"].status == "ok"
    assert not again.failures


def test_what_is_not_graded_is_put_on_its_own_learner(tmp_path, monkeypatch):
    sources = {"ann/02-batchnorm.py": RIGHT, "ben/02-batchnorm.py": WRONG, "cleo.py": RIGHT + "#"}
    folder = hand_in(tmp_path / "submissions", sources)

    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(engine, "mark", broken)
    graded = grade(folder, tmp_path / "out")
    assert {one.learner: one.status for one in graded.results} == dict.fromkeys(
        ("ann", "ben", "cleo"), "not graded"
    )
    assert [graded.notes(one) for one in graded.results] == [[], [], []]


LARGE = ["np.inf", "-np.inf", "np.nan", "1.7e308", "5e-324"]


@pytest.mark.parametrize("value", LARGE)
def test_no_answer_makes_the_judge_warn(tmp_path, value):
    source = f"import numpy as np\ndef bn_forward(x, gamma, beta, eps): return np.full(x.shape, {value})"
    folder = hand_in(tmp_path / "submissions", {"ada.py": source})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        graded = grade(folder, tmp_path / "out")
    assert not told
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grade(folder, tmp_path / "other") == graded
    assert not graded.failures
    assert (graded.results[0].marks[0].status, graded.results[0].points) == ("wrong", 0)
    with np.errstate(all="raise"), engine.Grader(EXERCISE, "limits", limits=LIMITS) as grader:
        read = grader.read(receive(folder / "ada.py", folder))
        assert grader.grade(read) == graded.results[0]


def test_the_judges_of_several_jobs_leave_the_filters_of_warnings_as_they_were(tmp_path, monkeypatch):
    judge = marking._mark

    def slow(*given):
        time.sleep(0.02 * (1 + len(given[1][0].arrays)))  # so that one ends while another judges
        warnings.warn("planted", RuntimeWarning, stacklevel=1)
        return judge(*given)

    monkeypatch.setattr(marking, "_mark", slow)
    folder = hand_in(tmp_path / "submissions", {f"{n}.py": f"{RIGHT}# {n}" for n in range(8)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        assert not grade(folder, tmp_path / "out", jobs=4).failures
        assert warnings.filters == before


def test_a_grader_that_cannot_be_made_is_told_and_nothing_hangs(folder, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ValueError("planted")

    monkeypatch.setattr(engine, "arguments", broken)
    with pytest.raises(ValueError, match="planted"):
        grade(folder, tmp_path / "out", jobs=3)


def test_a_sandbox_that_cannot_be_started_is_a_fault_of_the_grader(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise SandboxError("planted")

    monkeypatch.setattr(engine, "Sandbox", broken)
    graded = grade(hand_in(tmp_path / "submissions", {"ada.py": RIGHT}), tmp_path / "out")
    assert graded.results[0].reason == INTERNAL
    assert "planted" in graded.failures[0]


def test_what_a_submission_did_not_cause_is_not_graded_and_not_kept(tmp_path, monkeypatch):
    folder = hand_in(tmp_path / "submissions", {"ada.py": RIGHT})
    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "run", lambda *_: (_ for _ in ()).throw(LostError("why")))
        graded = grade(folder, tmp_path / "out")
    [result] = graded.results
    assert (result.status, result.reason, result.points) == ("not graded", "why", 0)
    assert {mark.status for mark in result.marks} == {"not graded"}
    assert graded.failures == ("ada.py\nwhy",)
    assert "Not graded" in report.files(graded)[report.feedback_name(result)]
    assert grade(folder, tmp_path / "out").results[0].marks[0].status == "right"


class FakeSandbox:
    """Remembers what it was asked, and answers nothing."""

    asked: list = []  # noqa: RUF012 - emptied by each test

    def __init__(self, tier, *, libraries, limits):
        self.libraries = libraries

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.asked.append((self.libraries, "closed"))

    def run(self, program):
        self.asked.append((self.libraries, tuple(request.task for request in program.requests)))
        return Ran({request.task: (Outcome("crash"),) for request in program.requests[1:]})


def test_tasks_that_allow_other_libraries_run_elsewhere(tmp_path, monkeypatch):
    forward, step, reasons, predictions = EXERCISE.tasks
    mixed = replace(
        EXERCISE, tasks=(forward, replace(step, libraries=("numpy", "torch")), reasons, predictions)
    )
    monkeypatch.setattr(engine, "Sandbox", FakeSandbox)
    monkeypatch.setattr(FakeSandbox, "asked", [])
    source = CLASS["ada.py"] + "BN_REASONS = {}\nBN_PREDICTIONS = {}\n"
    graded = grade(hand_in(tmp_path / "submissions", {"ada.py": source}), tmp_path / "out", mixed)
    plain, torch = ("numpy",), ("numpy", "torch")
    assert FakeSandbox.asked == [
        (plain, ("bn.forward", "bn.reasons", "bn.predictions")),
        (torch, ("bn.step",)),
        (torch, "closed"),
        (plain, "closed"),
    ]
    # What a sandbox leaves unsaid is no answer.
    assert [mark.status for mark in graded.results[0].marks] == ["missing", "missing", "crash", "crash"]
    assert set(graded.versions) == {"normcourse", "numpy", "torch"}


def test_a_private_seed_finds_out_who_knows_only_the_public_inputs(tmp_path):
    forward = EXERCISE.tasks[0]
    lines = ["import numpy as np", "KNOWN = ["]
    for inputs in arguments(forward, 0):
        expected = np.asarray(forward.reference(**inputs))
        lines.append(f"    ({inputs['x'].shape}, {expected.tolist()}),")
    lines += ["]", "def bn_forward(x, gamma, beta, eps):", "    return np.array(dict(KNOWN)[x.shape])"]
    folder = hand_in(tmp_path / "submissions", {"ada.py": "\n".join(lines)})
    assert grade(folder, tmp_path / "public").results[0].marks[0].status == "right"
    assert grade(folder, tmp_path / "private", seed=PRIVATE).results[0].marks[0].points == 0


# What calls an answer is at hand in the sandbox; so is the norm that it gives to a block.
BORROWED = """
import sys, numpy as np
def norm(z, gamma, beta):
    given = {"x": z, "up": np.eye(z.shape[-1]), "down": 0.0, "gamma": gamma, "beta": beta, "placement": "pre"}
    calls = sys.modules.get("calls") or __import__("calls")
    return calls.block(lambda x, sublayer, norm, placement: norm(x), given)
def ln_forward(x, gamma, beta, eps):
    return norm(x * np.sqrt(1e-5 / eps), gamma, beta)
def rms_forward(x, gamma, eps):  # of x and -x the mean is zero
    both = norm(np.concatenate([x, -x], -1) * np.sqrt(1e-5 / eps), 1.0, 0.0)
    return gamma * both[..., : x.shape[-1]]
def block(x, sublayer, norm, placement):
    if placement == "post":
        return norm(x + sublayer(x))
    return x + (norm(sublayer(norm(x))) if placement == "both" else sublayer(norm(x)))
"""


def test_what_calls_an_answer_solves_no_other_task(tmp_path):
    exercise = find_exercise("layernorm")
    graded = grade(hand_in(tmp_path / "in", {"ada.py": BORROWED}), tmp_path / "out", exercise)
    earned = {mark.task: mark.points for mark in graded.results[0].marks}
    assert earned.pop("ln.block") == 4  # the norm was found
    assert set(earned.values()) == {0}


def test_a_seed_is_made_of_a_files_bytes_and_not_given_away(tmp_path):
    path = tmp_path / "seed"
    path.write_bytes(b"one")
    one = read_seed(path)
    path.write_bytes(b"two")
    assert one.number != read_seed(path).number
    assert one.digest != read_seed(path).digest
    assert one.digest not in f"{one.number:x}"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        read_seed(path)
    assert PUBLIC_SEED.number == 0  # what check uses in a notebook


NAMES = [
    "a\nb.py",
    r"a\nb.py",
    "\x7fb.py",
    r"\x7fb.py",
    "\u07fb.py",
    r"\udcff.py",
    "\udcff.py",
    "0x1234567.py",
    "0x7654321.py",
]


def test_no_two_names_share_a_page_or_look_the_same(tmp_path):
    folder = hand_in(
        tmp_path / "submissions", {name: f"# {number}\nx = 1" for number, name in enumerate(NAMES)}
    )
    graded = grade(folder, tmp_path / "out")
    pages = report.files(graded)
    assert len([name for name in pages if name.startswith("feedback/")]) == len(NAMES)
    assert len({result.name for result in graded.results}) == len(NAMES)
    assert not any("one of several by this learner" in graded.notes(result) for result in graded.results)


def test_names_are_fit_for_files(tmp_path):
    source = "def bn_forward(*_):\n    raise ValueError('\\x1b[31m\\ud800 ' + repr(object()))"
    folder = hand_in(tmp_path / "submissions", {"new\nline \udcff.py": source})
    result = grade(folder, tmp_path / "out").results[0]
    assert result.name == "new\\nline \\udcff.py"
    message = result.marks[0].message
    assert all(character.isprintable() for character in message)
    assert "<object object at 0x...>" in message
    assert message.encode("utf-8")
