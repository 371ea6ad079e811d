"""What a learner calls: it never fails, whatever the answer does, and loses nothing."""

import ast
import functools
import json
import sys
import time

import numpy as np
import pytest
import torch

from normcourse.exercises import EXERCISES, check, commit, hint, learner, progress, solution
from normcourse.exercises.notebooks import solution_source
from normcourse.exercises.store import Progress, keep, recall
from normcourse.exercises.task import CodeTask


def right(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta


def unbiased(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps) + beta


def checked(answer):
    return check("bn.forward", {"bn_forward": answer})


class Hostile:
    """An object whose every look is an error."""

    def __getattr__(self, name):
        raise RuntimeError("no")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError("no")


def raises(error):
    def answer(*_):
        raise error

    return answer


def recursion(*args):
    return recursion(*args)


# Not parameters themselves: pytest would look at a hostile object to name its test.
ANSWERS = [
    (right, "right"),
    (unbiased, "wrong"),
    (lambda *a: right(*a).astype(np.float32), "right"),
    (lambda *a: right(*a).tolist(), "right"),
    (lambda *a: torch.tensor(right(*a)), "right"),
    (lambda *a: torch.tensor(right(*a), requires_grad=True), "right"),
    (lambda *a: (right(*a),), "right"),
    (lambda *a: np.matrix(right(*a)), "right"),
    (lambda *a: right(*a).T, "wrong"),
    (lambda *a: right(*a)[None], "wrong"),
    (lambda *a: right(*a) * np.nan, "wrong"),
    (lambda *a: right(*a) * 1j, "unreadable"),
    (lambda *a: 0, "wrong"),
    (lambda *a: True, "wrong"),
    (lambda *a: np.empty(0), "wrong"),
    (lambda *a: None, "unreadable"),
    (lambda *a: "text", "unreadable"),
    (lambda *a: [[1], [1, 2]], "unreadable"),
    (lambda *a: [None, None], "unreadable"),
    (lambda *a: Hostile(), "raised"),
    (lambda: 1, "raised"),
    (raises(ZeroDivisionError()), "raised"),
    (raises(SystemExit(0)), "raised"),
    (raises(HostileError()), "raised"),
    (raises(NotImplementedError()), "not attempted"),
    (raises(GeneratorExit()), "raised"),
    (recursion, "raised"),
    (5, "raised"),
    (None, "raised"),
    (Hostile(), "raised"),
]


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_no_answer_makes_check_fail(number):
    answer, status = ANSWERS[number]
    feedback = checked(answer)
    assert feedback.mark.status == status
    assert (feedback.points == 5) == (status == "right")
    assert str(feedback)
    assert feedback._repr_html_()


def test_an_interrupt_comes_through():
    with pytest.raises(KeyboardInterrupt):
        checked(raises(KeyboardInterrupt()))


def test_what_the_grader_lacks_is_said():
    def answer(x, gamma, beta, eps):
        as_tensor = torch.as_tensor
        y = torch.nn.functional.batch_norm(
            as_tensor(x), None, None, as_tensor(gamma), as_tensor(beta), True, 0.1, eps
        )
        return y.numpy()

    feedback = checked(answer)
    assert feedback.points == 5
    assert "The grader has numpy alone here, and your answer uses torch" in str(feedback)
    assert "grader" not in str(checked(right))


def test_nothing_is_said_twice():
    feedback = checked(raises(ValueError("only once for two checks")))
    for said in (str(feedback), feedback._repr_html_()):
        assert said.count("only once for two checks") == 1
        assert (said.count("three examples"), said.count("see below")) == (1, 2)
        assert said.index("see below") < said.index("only once for two checks")


def test_an_answer_may_edit_its_inputs():
    def scribbles(x, gamma, beta, eps):
        y = right(x, gamma, beta, eps)
        x[:], gamma[:], beta[:] = 0, 0, 0
        return y

    assert checked(scribbles).points == 5
    assert checked(right).points == 5


def test_a_warning_is_no_verdict():
    def warns(x, gamma, beta, eps):
        np.log(np.zeros(1))
        return right(x, gamma, beta, eps)

    assert checked(warns).points == 5


def test_check_looks_where_it_is_called_from():
    namespace = {"bn_forward": right, "check": check}
    exec('seen = check("bn.forward")', namespace)
    assert namespace["seen"].points == 5
    assert check("bn.forward").mark.status == "missing"


def test_the_mistake_is_named_and_the_page_linked():
    feedback = checked(unbiased)
    assert feedback.mark.mistakes == ("n - 1",)
    assert "n - 1" in str(feedback)
    assert "book/02-batchnorm-mechanics/01-forward" in str(feedback)
    assert 'href="../02-batchnorm-mechanics/01-forward.ipynb"' in feedback._repr_html_()


def test_who_has_not_begun_is_sent_nowhere():
    feedback = checked(raises(NotImplementedError()))
    assert "Read" not in str(feedback)
    assert "href" not in feedback._repr_html_()


def test_what_a_learner_writes_is_escaped():
    feedback = checked(raises(ValueError("<script>alert(1)</script>")))
    assert "<script>" not in feedback._repr_html_()


def test_points_outlast_a_worse_answer_and_a_restart():
    checked(right)
    assert "best so far: 5" in str(checked(unbiased))
    assert recall("bn.forward").points == 5
    assert recall("bn.forward").checks == 2
    assert "5 of 5" in str(progress("batchnorm"))
    assert 'value="5"' in progress("batchnorm")._repr_html_()
    assert len(progress().rows) == 5


def test_hints_go_by_steps_and_go_on_after_a_restart():
    assert [hint("bn.forward").title for _ in range(4)] == [f"Hint {n} of 3" for n in (1, 2, 3, 1)]


def test_a_solution_is_shown_and_noted():
    assert "x.var(axis=0)" in solution("bn.forward").text
    assert "solution seen" in str(progress("batchnorm"))


FORECAST = {
    "deep relu": 0.9,
    "tanh": 0.1,
    "batches of 8": 0.1,
    "batches of 2": 0.9,
    "ghosts": 0.1,
    "without noise": 0.9,
    "noise": 0.1,
    "noise, tanh": 0.9,
}


def forecast(**changes):
    return {"BN_PREDICTIONS": FORECAST | changes}


def test_a_forecast_counts_as_committed():
    assert check("bn.predictions", forecast()).mark.status == "not attempted"
    assert commit("bn.predictions", forecast(tanh=0.95)).title == "Committed"
    first = check("bn.predictions", forecast())
    assert commit("bn.predictions", forecast()).title == "Committed earlier"
    assert check("bn.predictions", forecast()).points == first.points < 2
    assert check("bn.predictions", {}).points == first.points


@pytest.mark.parametrize("bad", [-0.1, 1.1, 50, None, "yes", True, float("nan"), [0.5]])
def test_what_is_no_probability_is_not_committed(bad):
    assert commit("bn.predictions", forecast(tanh=bad)).title == "Nothing is committed"
    assert recall("bn.predictions").committed is None


def test_a_good_forecast_earns_more_than_a_shrug_and_that_more_than_a_bad_one():
    points = []
    for turn in (lambda p: p, lambda p: 0.5, lambda p: 1 - p):
        keep("bn.predictions", Progress())
        given = {"BN_PREDICTIONS": {name: turn(p) for name, p in FORECAST.items()}}
        commit("bn.predictions", given)
        points.append(check("bn.predictions", given).points)
    assert points[0] > points[1] == points[2] == 1


def test_commit_is_for_forecasts():
    with pytest.raises(ValueError, match="use check"):
        commit("bn.forward", {})


@pytest.mark.parametrize("call", [check, hint, solution, commit])
def test_an_unknown_task_is_told_with_those_that_exist(call):
    with pytest.raises(KeyError, match=r"bn\.forward"):
        call("bn.foward")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"points": "many"}', '{"points": -1}', '{"committed": 3}', "\0"]
)
def test_a_broken_file_is_set_aside(tmp_path, monkeypatch, text):
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path))
    (tmp_path / "bn.forward.json").write_text(text)
    assert recall("bn.forward") == Progress()
    checked(right)
    assert json.loads((tmp_path / "bn.forward.json").read_text())["points"] == 5
    assert (tmp_path / "bn.forward.unreadable").read_text() == text


def test_a_folder_that_cannot_be_written_costs_no_check(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path / "file"))
    assert "last as long as this kernel" in str(checked(right))
    assert recall("bn.forward").points == 5
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path / "writable"))
    checked(unbiased)
    assert recall("bn.forward").points == 5


def test_choices_name_the_belief_behind_them():
    wrong = {
        "bias": "shifts the output",
        "weights": "the same",
        "sum": "next to nothing",
        "ratio": "it beats this rival",
    }
    feedback = check("bn.reasons", {"BN_REASONS": wrong})
    assert feedback.mark.mistakes == ("what comes before counts",)
    assert feedback.points == 2
    one = wrong | {"weights": "4 times as small"}
    assert check("bn.reasons", {"BN_REASONS": one}).mark.mistakes == ("bias: shifts the output",)
    odd = check("bn.reasons", {"BN_REASONS": {"bias": "<b>", "sum": 3, "more": None}})
    assert odd.points == 0


def test_a_check_takes_a_moment_only():
    """The median of some calls, with a wide margin: 50 ms on a quiet machine."""
    checked(unbiased)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        checked(unbiased)
        times.append(time.perf_counter() - start)
    assert sorted(times)[2] < 0.5


def notebook(*cells):
    """Run cells as a notebook does, each as a file of its own, and return what check says to bn.forward."""
    namespace = {"__name__": "__main__", "np": np, "torch": torch}
    for number, source in enumerate(cells):
        exec(compile(source, f"/tmp/ipykernel_12/{number}.py", "exec"), namespace)
    return str(check("bn.forward", namespace))


HELPER = "import math\n\ndef helper(x):\n    y = x + 1\n    return y / missing\n"
ANSWER = "def bn_forward(x, gamma, beta, eps):\n    scale = 1\n    return {}(x)"


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([ANSWER.format("missing")], "(line 3 of the cell)"),
        ([HELPER + ANSWER.format("helper")], "(line 5 of the cell)"),
        ([HELPER, ANSWER.format("helper")], "(line 3 of helper)"),
        ([HELPER.replace("missing", "None"), ANSWER.format("helper")], "(line 3 of helper)"),
        (
            ["class Norm:\n    def __call__(self, x):\n        return y", ANSWER.format("Norm()")],
            "Norm.__call__)",
        ),
        (["norm = lambda x: missing", ANSWER.format("norm")], "(line 1 of a lambda)"),
        (["def helper(x):\n    return np.linalg.inv(x[0])", ANSWER.format("helper")], "(line 2 of helper)"),
        ([ANSWER.format("np.linalg.inv")], "(line 3 of the cell)"),
        (["@torch.no_grad()\n" + ANSWER.format("missing")], "(line 4 of the cell)"),
        (["import statistics\n" + ANSWER.format("statistics.mean")], "(line 4 of the cell)"),
    ],
)
def test_an_exception_names_the_learners_innermost_line(cells, said):
    feedback = notebook(*cells)
    assert feedback.count("(line ") == 1
    assert said in feedback


def test_a_tensor_in_a_block_is_named():
    def block(x, sublayer, norm, placement):
        x = torch.as_tensor(x)
        return x + sublayer(x)

    feedback = check("ln.block", {"block": block})
    assert "sublayer takes an array of NumPy's, but was given a tensor of PyTorch's" in str(feedback)
    assert f"line {block.__code__.co_firstlineno + 2} of the cell" in str(feedback)

    def normed(x, sublayer, norm, placement):
        return norm(torch.as_tensor(x))

    assert "norm takes an array of NumPy's" in str(check("ln.block", {"block": normed}))


def test_parameters_in_another_order_are_named():
    def bn_forward(x, eps, gamma, beta):
        return right(x, gamma, beta, eps)

    said = "Your function takes x, eps, gamma, beta, but is called with x, gamma, beta, eps, in this order"
    assert said in str(checked(bn_forward))
    for fine in (unbiased, lambda a, b, c, d: a, lambda x, gamma: x, lambda *a: a[0], np.add, Hostile()):
        assert "in this order" not in str(checked(fine))

    def renamed(x, beta, gamma, eps):
        return right(x, beta, gamma, eps)

    assert "in this order" not in str(checked(renamed))  # the names are odd, and the answer is right

    def block(x, norm, sublayer, placement):
        return x

    assert "called with x, sublayer, norm, placement" in str(check("ln.block", {"block": block}))


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_the_parameters_are_those_of_the_solutions(exercise):
    for task in exercise.tasks:
        if not isinstance(task, CodeTask):
            continue
        tree = ast.parse(solution_source(task.name, exercise.notebook))
        (defined,) = (node for node in tree.body if getattr(node, "name", "") == task.answer)
        names = [argument.arg for argument in defined.args.args]
        source = f"def {task.answer}({', '.join(reversed(names))}): return 0"
        namespace = {}
        exec(source, namespace)
        assert f"is called with {', '.join(names)}, in" in str(check(task.name, namespace))


class Wrapped:
    def __init__(self, norm):
        self.norm = norm

    def __call__(self, x, gamma, beta, eps):
        self.norm(torch.as_tensor(x))
        return right(x, gamma, beta, eps)


@pytest.mark.parametrize(
    "answer",
    [
        Wrapped(torch.sum),
        Wrapped(torch.sum).__call__,
        functools.partial(lambda norm, *a: right(*a), torch.sum),
        functools.lru_cache(torch.no_grad()(right)),
    ],
)
def test_what_the_grader_lacks_is_said_wherever_it_hides(answer):
    if isinstance(answer, functools.partial | Wrapped) or hasattr(answer, "__self__"):
        assert checked(answer).points == 5
    assert "and your answer uses torch: there it would fail" in str(checked(answer))


def test_a_task_whose_library_is_absent_says_so(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(learner, "find_spec", lambda name: None)
    said = check("inference.repair", {})
    assert said.mark.status == "not here"
    assert "This task needs torch, which is not installed here" in str(said)
    assert "Read:" not in str(said)
    assert check("inference.fold", {}).mark.status == "missing"


def test_a_name_that_is_nearly_right_is_suggested():
    with pytest.raises(KeyError, match=r"did you mean 'bn\.forward'"):
        hint("bn.foward")
    with pytest.raises(KeyError, match="choose one of"):
        hint("what")


def test_an_answer_that_checks_itself_ends():
    seen = []

    def bn_forward(x, gamma, beta, eps):
        seen.append(check("bn.forward", {"bn_forward": bn_forward}))
        return right(x, gamma, beta, eps)

    assert check("bn.forward", {"bn_forward": bn_forward}).mark.status == "right"
    assert "called by the answer that it checks" in str(seen[0])
