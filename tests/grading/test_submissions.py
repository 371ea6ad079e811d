"""What is read from submissions: answers wherever they stand, and a reason wherever there is none."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notebooks import EXERCISE, FORWARD, READER, earned, forward, hand_in, notebook, released, run

from normcourse.exercises.catalogue import EXERCISES, find_task
from normcourse.exercises.learner import check
from normcourse.exercises.notebooks import answer_cell, load, solution_source
from normcourse.exercises.running import read_answer
from normcourse.exercises.task import CodeTask
from normcourse.grading.reader import Cost, Reader
from normcourse.grading.submissions import Submission, Unreadable, cells, collect, left_out, read
from tests.exercises.outcomes import outcomes

OWN = answer_cell("bn.forward")
X, GAMMA, BETA, EPS = (FORWARD.format(name) for name in ("x", "gamma", "beta", "eps"))  # give 1, 2, 3 and 4
STUB = (
    'def bn_forward(x, gamma, beta, eps):\n    """Normalize."""\n    raise NotImplementedError("bn.forward")'
)


# Whole notebooks


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
@pytest.mark.parametrize("keep_ids", [True, False])
def test_a_solution_notebook_gives_what_the_solutions_give(tmp_path, exercise, keep_ids):
    solved = json.loads(json.dumps(load(exercise.notebook)))
    for cell in solved["cells"] if not keep_ids else []:
        del cell["id"]
    submission = hand_in(tmp_path, solved, exercise=exercise)
    assert not submission.missing
    namespace = run(submission, exercise)
    assert "errors" not in namespace
    assert "check" not in namespace
    for task in exercise.tasks:
        alone = run(
            Submission("", "", "", {task.name: solution_source(task.name, exercise.notebook)}), exercise
        )
        if isinstance(task, CodeTask):
            for one, other in zip(
                outcomes(task, namespace[task.answer]), outcomes(task, alone[task.answer]), strict=True
            ):
                assert one.kind == other.kind == "returned"
                assert [a.tolist() for a in one.arrays] == [a.tolist() for a in other.arrays]
        else:
            assert read_answer(namespace, task.answer) == read_answer(alone, task.answer)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_a_released_notebook_is_not_attempted(tmp_path, exercise):
    submission = hand_in(tmp_path, released({}, exercise), exercise=exercise)
    assert submission.missing == {}
    namespace = run(submission, exercise)
    assert {check(task.name, namespace).mark.status for task in exercise.tasks} == {"not attempted"}


def test_what_is_read_is_described(tmp_path):
    submission = hand_in(tmp_path, notebook((OWN, X)), "ada/b.ipynb")
    assert (submission.name, submission.learner, submission.notes) == ("ada/b.ipynb", "ada", ())
    assert len(submission.digest) == 64
    assert [cell.name for cell in cells(submission, EXERCISE)] == ["setup", "bn.forward"]


# Which definition counts


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ([X, (OWN, GAMMA), BETA], 3),  # a draft in its own cell
        ([(OWN, GAMMA), (OWN, BETA)], 3),  # twice: the last
        ([X, GAMMA], 2),  # an old release without ids: the last
        ([("answer-of-mine", X), ("check-bn-forward", GAMMA)], 2),  # renamed cells
        ([X + "\n\n" + GAMMA + "\n\n" + BETA], 3),
        ([(OWN, STUB), X], 1),  # the stub was left, the answer is elsewhere
        ([X, (OWN, STUB)], 1),
        ([X, (OWN, STUB), STUB], 1),
        ([(OWN, GAMMA), STUB], 2),
        ([(OWN, GAMMA + "\n" + STUB)], 2),
        ([(OWN, STUB)], "not attempted"),
        ([(OWN, STUB.replace("\n    raise", "\n    pass\n    raise") + "\n    return x"), X], 1),
        ([(OWN, "bn_forward = lambda x, gamma, beta, eps: gamma")], 2),
        ([(OWN, "bn_forward: object = lambda x, gamma, beta, eps: gamma")], 2),
        ([X, "bn_forward: object"], 1),  # declares, and defines nothing
        ([(OWN, STUB), X.replace("bn_forward", "mine"), "bn_forward = mine"], 1),  # an alias
        ([(OWN, X + "\nfirst = bn_forward\n" + FORWARD.format("first(7, 0, 0, 0)"))], 7),  # wraps its first
        ([(OWN, "def id(f): return f\n@id\n" + GAMMA)], 2),  # decorated
        ([(OWN, "import math; EPS = 9; bn_forward = lambda *_: EPS; del math")], 9),
        ([(OWN, "a, (bn_forward, *b) = 1, (lambda *_: 5, 2)")], 5),
        ([(OWN, "class bn_forward:\n    def __new__(self, *_): return 6")], 6),
    ],
)
def test_the_definition_that_counts(tmp_path, sources, found):
    assert forward(hand_in(tmp_path, notebook(*sources))) == found


@pytest.mark.parametrize(
    "sources", [[], ["y = 1"], ["bn_forward |= {}"], ["bn_forward: object"], ["bn_forward"]]
)
def test_an_answer_that_is_not_there_has_a_reason(tmp_path, sources):
    assert forward(hand_in(tmp_path, notebook(*sources))) == "nothing defines bn_forward"


DEEPER = [
    "if True:\n    " + X.replace("\n", "\n    "),
    "if True:\n    pass\nelse:\n    with x:\n        class bn_forward: pass",
    "\n(bn_forward := lambda *_: 0)",
    "try:\n    bn_forward = len\nexcept ValueError: pass",
    "def outer():\n    " + X.replace("\n", "\n    ") + "\n    return bn_forward",
    "class Outer:\n    @staticmethod\n    " + X.replace("\n", "\n    "),
]


@pytest.mark.parametrize("source", DEEPER)
def test_an_answer_that_stands_deeper_is_told_of_the_top_level(tmp_path, source):
    line = next(n for n, text in enumerate(source.split("\n"), 1) if "bn_forward" in text)
    why = (
        f"a bn_forward stands inside of another statement (code cell 2, line {line}), "
        "and an answer must stand at the top level"
    )
    for first in ("y = 1", (OWN, STUB)):
        submission = hand_in(tmp_path, notebook(first, source))
        assert submission.missing["bn.forward"] == f"nothing defines bn_forward; {why}"
        assert submission.missing["bn.step"] == "nothing defines bn_step"
        assert submission.nothing == f"nothing here answers a task of batchnorm; {why}"
    assert forward(hand_in(tmp_path, notebook(source, X))) == 1


@pytest.mark.parametrize("seed", range(3))
def test_cells_may_be_reordered_deleted_and_duplicated(tmp_path, seed):
    import random

    solved = json.loads(json.dumps(load(EXERCISE.notebook)))
    kept = [c for c in solved["cells"] if c["id"].startswith("answer-")]  # checks, setup and text are gone
    kept += [dict(cell) for cell in kept]
    random.Random(seed).shuffle(kept)
    submission = hand_in(tmp_path, {**solved, "cells": kept})
    assert submission.missing == {}
    for task in EXERCISE.tasks[:-1]:
        assert earned(submission, task.name) == task.points


def test_edited_checks_do_not_matter(tmp_path):
    edited = {
        OWN: X,
        "check-bn-forward": "check = lambda *_: 'all points'\nimport os; os._exit(0)",
        "setup": "raise SystemExit",
    }
    assert forward(hand_in(tmp_path, released(edited))) == 1


# Dictionaries

REASONS = {question.name: question.right for question in find_task("bn.reasons").questions}
EMPTY = "BN_REASONS = " + repr(dict.fromkeys(REASONS))


@pytest.mark.parametrize(
    "sources",
    [
        [EMPTY, *(f"BN_REASONS[{name!r}] = {right!r}" for name, right in REASONS.items())],
        ["BN_REASONS = {}", f"BN_REASONS.update({REASONS!r})"],
        [EMPTY + f"\nBN_REASONS |= {REASONS!r}"],
        [f"A = {REASONS!r}", "BN_REASONS = A"],
        [f"BN_REASONS = dict(**{REASONS!r})"],
        [f"BN_REASONS = {REASONS!r}", EMPTY],
        [("answer-bn-reasons", EMPTY), f"BN_REASONS = {REASONS!r}"],
        [("answer-bn-reasons", "BN_REASONS = {'bias': 'x'}"), EMPTY + f"\nBN_REASONS.update({REASONS!r})"],
        [EMPTY, f"for name, right in {REASONS!r}.items():\n    BN_REASONS[name] = right"],
        [EMPTY, f"if True:\n    BN_REASONS.update({REASONS!r})"],
    ],
)
def test_a_dictionary_may_be_filled_in_several_ways(tmp_path, sources):
    assert earned(hand_in(tmp_path, notebook(*sources)), "bn.reasons") == 4


# What goes along


@pytest.mark.parametrize(
    "support",
    [
        "def helper(x): return x + N\nN = 41",
        "import math as m\nfrom math import *\nclass K:\n    n = 41\nhelper = lambda x: x + K.n",
        "from normcourse.exercises import check\nimport normcourse, math\nhelper = lambda x: x + 41",
        "from normcourse import nothing\nhelper = lambda x: 42",
        "no_module = 1\nimport no_such_module\ndef helper(x): return 42",
        "TABLE = {'a': [1, 2 * 20.5], 'f': lambda x: x + 41}\nhelper = TABLE['f']\ndef helper(x): return 42",
        "x = 2; helper = lambda x: 42; while_running = [y for y in range(10)]",
    ],
)
def test_helpers_in_other_cells_go_along(tmp_path, support):
    answer = FORWARD.format("helper(x)")
    for sources in ([support, answer], [answer, support], [support + "\n" + answer]):
        assert forward(hand_in(tmp_path, notebook(*sources))) == 42
    assert forward(hand_in(tmp_path, "\n".join([support, answer]), "ada.py")) == 42


@pytest.mark.parametrize(
    "statement",
    ["print(1)", "while True: pass", "y = slow(1)", "x = 1; slow(2)", "check('bn.forward')", "1 / 0; x = 1"],
)
def test_other_statements_do_not_run(tmp_path, statement):
    submission = hand_in(tmp_path, notebook(statement, (OWN, statement + "\n" + X)))
    code = "\n".join(cell.source for cell in cells(submission, EXERCISE))
    assert not any(word in code for word in ("print", "while", "slow", "check", "1 / 0"))
    assert forward(submission) == 1


def test_answers_have_the_helpers_of_their_own_cells_with_their_lines(tmp_path):
    text = "# a note\n\nN = {}\nprint(N)\ndef helper(x):\n    return N\n" + FORWARD.format("helper(x)")
    other = text.format(2).replace("bn_forward", "bn_backward")
    submission = hand_in(tmp_path, notebook(text.format(1), other))
    assert submission.answers["bn.forward"].splitlines() == [
        "",
        "",
        "N = 1",
        "",
        "def helper(x):",
        "    return N",
        *FORWARD.format("helper(x)").splitlines(),
    ]
    assert "N = 2" in submission.answers["bn.backward"]


def test_an_old_copy_of_another_answer_is_no_helper(tmp_path):
    submission = hand_in(tmp_path, notebook((OWN, GAMMA), X.replace("forward", "backward") + "\n" + BETA))
    assert "bn_forward" not in submission.answers["bn.backward"]
    assert forward(submission) == 3


@pytest.mark.parametrize(
    "source",
    [
        "from collections import namedtuple\nStats = namedtuple('Stats', 'mean var')\nA = Stats(4, 1).mean",
        "A = int('4')",
        "A = 1\nA += 3",
        "A = 1\nA = int('4')",
        "A = [4][0] if 3 > 2 else len('')",
        "if True:\n    A = 4",
        "try:\n    import nothing_of_the_kind\nexcept ImportError:\n    A = 4",
        "for A in range(5):\n    pass",
        "(A := 4)",
        "B = {}\nB['a'] = {}\nB['a']['b'] = int('4')\nA = B['a']['b']",
        "class C: pass\nC.d = int('4')\nA = C.d",
        "import nothing_of_the_kind, math\nA = math.floor(4.5)",
        "def f(): return g()\ng = f.__class__.__call__\ng = lambda: 4\nA = f()",
        "with open('/dev/null'):\n    A = 4",
    ],
)
def test_what_an_answer_uses_goes_along(tmp_path, source):
    answer = "def bn_forward(x, gamma, beta, eps):\n    return [A][0]"
    assert forward(hand_in(tmp_path, notebook(source, (OWN, answer)))) == 4


CALLS = [
    "A = []\nA.append(4)",
    "A = {}\nA.update(a=4)",
    "A = [9]\nA[0:0] = [4]",
    "A = []\nfor i in (4, 5):\n    A.append(i)",
    "A = []\n[A.append(i) for i in (4, 5)]",
    "A = []\nif not A:\n    A.extend([4])",
    "A = {'b': []}\nA['b'].append(4)\nA = A['b']",
    "def setup(v):\n    global A\n    A = v\nsetup(4)",
    "def setup(v):\n    global A\n    A = v\nprint(setup(4))",
    "def setup(v):\n    global A\n    A = v\n_ = setup(4)",
    "A = []\ndef setup(v):\n    A.append(v)\nsetup(4)",
    "A = []\ndef setup(v):\n    A[:] = [v]\ndef all_of_it():\n    setup(4)\nall_of_it()",
    "A = []\nsetup = lambda v: A.append(v)\nsetup(4)",
    "A = []\ndef setup(v):\n    A.append(v)\nagain = setup\nagain(4)",
    "A = []\ndef fill(these):\n    these.append(4)\nfill(A)",
    "A = []\ndef fill(these):\n    these.append(4)\ndef all_of_it():\n    fill(A)\nall_of_it()",
    "class C:\n    def set(self, v): self.v = v\nc = C()\nc.set(4)\nA = c.v",
    "class C:\n    def set(self, v):\n        global A\n        A = v\nC().set(4)\nc = C()\nc.set(4)",
    "class C:\n    def __call__(self, v): self.v = v\nc = C()\nc(4)\nA = c.v",
    "class A: b = 0\nsetattr(A, 'b', 4)\nA = A.b",
    "import random\nrandom.seed(4)\nA = 4 if random.random() == random.Random(4).random() else 0",
]


@pytest.mark.parametrize("source", CALLS)
def test_a_call_that_sets_up_what_an_answer_uses_goes_along(tmp_path, source):
    first = "[*A.values()] if type(A) is dict else A"
    answer = f"def bn_forward(x, gamma, beta, eps):\n    return int(str({first}).strip('[]')[0])"
    own = "def bn_backward(*_):\n    return A"
    for sources in (
        [source, (OWN, answer)],
        [(OWN, source + "\n" + answer)],
        [(OWN, answer + "\n" + source)],
        [(OWN, source + "\n" + answer + "\n" + own)],
    ):
        assert forward(hand_in(tmp_path, notebook(*sources))) == 4
    assert forward(hand_in(tmp_path, source + "\n" + answer, "ada.py")) == 4
    assert forward(hand_in(tmp_path, answer + "\n" + source, "ada.py")) == 4


def test_a_call_happens_once(tmp_path):
    answer = "def bn_forward(x, gamma, beta, eps):\n    return A"
    for sources in (["A = []", (OWN, "A.append(4)\n" + answer)], [(OWN, "A = []\nA.append(4)\n" + answer)]):
        assert forward(hand_in(tmp_path, notebook(*sources))) == [4]
        both = sources[-1][1] + "\n" + answer.replace("forward", "backward")
        assert forward(hand_in(tmp_path, notebook(*sources[:-1], (OWN, both)))) == [4]


@pytest.mark.parametrize(
    "source",
    [
        "def train(c):\n    for _ in range(c['n']): slow()\ntrain(A)",
        "def train(c):\n    w = {}\n    w['x'] = slow(c)\n    w.update(c)\ny = train(A)\ntrain(A)",
        "def test(f):\n    slow(f(1, 2, 3, 4))\ntest(bn_forward)\ntest(helper)",
        "model = object()\nmodel.fit(slow())\nlosses = []\nfor i in range(9):\n    losses.append(slow())",
        "print(slow(A))\nprint(helper(A), slow)\nhelper(slow())",
        "np.testing.assert_allclose(slow(), 0)\nnp.show(slow)\nnp.save('slow', slow)",
        "y = slow(A)\nnp.testing.assert_allclose(y, 0)",
        "class Net:\n    def fit(self): slow()\nnet = Net()\nnet.fit()",
        "def f():\n    A = slow()\n    A.append(1)\nf()",
        "def f(A):\n    slow(A)\n    return A\nf(1)",
    ],
)
def test_a_call_that_sets_up_nothing_does_not_run(tmp_path, source):
    start = "A = {'n': 1}\nimport numpy as np\ndef helper(x): return x\ndef slow(*_): RAN.append(1)"
    answer = "def bn_forward(x, gamma, beta, eps):\n    return helper(np.add(A['n'], 3))"
    for sources in ([start, source, (OWN, answer)], [start, (OWN, answer + "\n" + source)]):
        submission = hand_in(tmp_path, notebook(*sources))
        ran = []
        assert forward(submission, RAN=ran) == 4
        assert not ran


def test_a_call_that_is_left_out_though_it_gets_what_an_answer_uses_is_named(tmp_path):
    source = "A = {'n': 4}\ndef setup(c):\n    d = c\n    d['n'] = 5\nsetup(A)\nprint(A)\nsetup({})"
    submission = hand_in(tmp_path, notebook(source, (OWN, "def bn_forward(*_):\n    return A['n']")))
    assert submission.notes == (
        "not run, as it seems to change nothing that an answer uses: setup(A) (code cell 1, line 5)",
    )
    assert hand_in(tmp_path, notebook(source + "\n" + X)).notes == ()


def test_a_later_loop_takes_no_name_from_an_answer(tmp_path):
    answer = "def bn_forward(x, gamma, beta, eps):\n    return [norm][0]"
    sources = ["norm = int('4')", (OWN, answer), "for norm in (5, 6):\n    print(norm)"]
    assert forward(hand_in(tmp_path, notebook(*sources))) == 4
    assert forward(hand_in(tmp_path, notebook(*sources[1:]))) == 6  # nothing else gives it


def test_a_notebook_named_as_python_is_read(tmp_path):
    (tmp_path / "ada.py").write_text(json.dumps(notebook((OWN, X))))
    assert forward(read(tmp_path / "ada.py", EXERCISE, tmp_path)) == 1


def test_a_learners_folder_may_hold_the_other_exercises(tmp_path):
    for name in ("01-covariate-shift.ipynb", "02-batchnorm.ipynb", "mine.ipynb"):
        (tmp_path / "ada" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "ada" / name).write_text("{}")
    found = collect(tmp_path, EXERCISE)
    assert [path.name for path in found] == ["02-batchnorm.ipynb", "mine.ipynb"]


def test_what_no_answer_uses_stays_behind(tmp_path):
    idle = "z = sum(range(10))\nfor step in range(3):\n    z += step\nprint(z)\nwhile True: pass"
    submission = hand_in(tmp_path, notebook(idle, (OWN, X.replace("return x", "z = x; return z"))))
    assert submission.support == ()


# Notebooks' own language


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\n" + X,
        "!pip install numpy\n?bn_forward\nbn_forward??\n" + X,
        "%%time\n" + X,
        "files = !ls\n%timeit 1\nif True:\n    %time x = 1\n" + X,
        X.replace("return x", "return (7\n% 2)"),  # Python, after all
        X.replace("return x", "return len('\u2028')"),  # no end of a line
        X.replace("\n", "\r\n"),
        "\f\n" + X.replace("return x", "return len('''\f''')"),
        "pattern = '\\d'\n" + X,
        "é = 'ü'; "
        + X.replace("\n    return x", " return len(é)").replace("def ", "bn_forward = lambda *_: len(é) #"),
    ],
)
def test_lines_of_ipython_are_left_out(tmp_path, source):
    assert forward(hand_in(tmp_path, notebook(source))) == 1


@pytest.mark.parametrize("magic", ["%%bash", "%%writefile a.py", "%%html", "%%"])
def test_cells_in_another_language_are_left_out(tmp_path, magic):
    assert forward(hand_in(tmp_path, notebook(f"{magic}\n{X}"))) == "nothing defines bn_forward"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def bn_forward(x) return x", "line 1 does not parse: expected ':': def bn_forward(x) return x"),
        ("x = 1\ndef bn_forward(x):\nreturn x", "line 3 does not parse: expected an indented block"),
        (X + "\0", "does not parse: source code string cannot contain null bytes"),
        (X + "\ud800", "does not parse: 'utf-8' codec can't encode character"),
        (X + "\ny = " + "(" * 5000, "does not parse: "),
        (X + "\ny = " + "-" * 50_000 + "1", "does not parse: "),
        ("%time 1\n" + X + "\ny = " + "-" * 50_000 + "1", "does not parse: "),
        (X + "\n" + "y = 1\n" * 6000, "is left out: there are more than 5000 statements"),
        (X + f"\ny = '{'a' * 300_000}'", "is left out: there is more code than 262144 bytes"),
    ],
)
def test_a_cell_that_does_not_parse_costs_its_own_answers(tmp_path, source, reason):
    other = X.replace("bn_forward", "bn_backward")
    for name in (OWN, "any"):
        submission = hand_in(tmp_path, notebook((OWN, STUB), other, (name, source)))
        code = submission.missing["bn.forward"]
        assert code.startswith("nothing defines bn_forward; code cell 3")
        assert reason in code
        assert len(code) < 400
        assert "bn.backward" in submission.answers
        assert submission.missing["bn.step"] == "nothing defines bn_step"


def test_a_fault_elsewhere_does_not_cost_an_answer(tmp_path):
    sources = ["bn_forward(1", (OWN, X), "y ="]
    assert forward(hand_in(tmp_path, notebook(*sources))) == 1


def test_a_fault_in_a_python_file_is_told_by_line(tmp_path):
    submission = hand_in(tmp_path, X + "\n\nx =", "ada.py")
    assert submission.missing["bn.forward"] == (
        "nothing defines bn_forward; line 4 does not parse: invalid syntax: x ="
    )


# Files


TEXT = json.dumps(notebook((OWN, X + "  # größe")), ensure_ascii=False)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (TEXT.encode(), ""),
        (TEXT.encode("utf-8-sig"), ""),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-32"), "utf-32"),
        (TEXT.encode("latin-1"), "latin-1"),
    ],
)
def test_encodings(tmp_path, data, note):
    for name, content in (("ada.ipynb", data), ("ada.IPYNB", data)):
        submission = hand_in(tmp_path, content, name)
        assert forward(submission) == 1
        assert "".join(submission.notes) == (f"the file is not UTF-8; it was read as {note}" if note else "")


def test_notebooks_of_other_formats(tmp_path):
    made = nbformat.from_dict(notebook(X, GAMMA))
    for cell in made.cells:
        cell.id = "x" + str(len(cell.source))
    for version in (3, 4):
        text = nbformat.writes(nbformat.convert(made, version), version=version)
        assert forward(hand_in(tmp_path, text)) == 2
    bare = {"cells": [{"cell_type": "code", "source": [FORWARD[:9], FORWARD[9:].format("x")]}]}
    assert forward(hand_in(tmp_path, bare)) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"{", "this is no notebook: Expecting property name"),
        (TEXT[:-9].encode(), "this is no notebook: Unterminated string"),
        (b"[]", "this is no notebook: its JSON is not an object"),
        (b"{}", "this is no notebook: it has no cells"),
        (b'{"cells": {}}', "this is no notebook: it has no cells"),
        (b'{"worksheets": 3}', "this is no notebook: it has no cells"),
        (bytes(range(256)), "this is no notebook: "),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "this is no notebook: "),
        (b'{"cells": ' + b"[" * 100_000, "this is no notebook: maximum recursion depth exceeded"),
        (b'{"cells": ' + b"[" * 2_100_000, "the file holds more than 2000000 lists and objects"),
        (b'{"cells": ' + b"9" * 9000 + b"}", "this is no notebook: Exceeds the limit"),
    ],
)
def test_what_is_no_notebook_has_a_reason(tmp_path, content, reason):
    found = hand_in(tmp_path, content)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith(reason)
    assert len(found.digest) == 64


@pytest.mark.parametrize(
    "cell",
    [
        None,
        "code",
        [],
        {},
        {"cell_type": "code"},
        {"cell_type": "code", "source": None, "id": float("nan")},
        {"cell_type": "code", "source": {"a": 1}, "id": {"b": []}},
        {"cell_type": "code", "source": ["x = 1\n", 3, None], "id": "a" * 10**5},
        {"cell_type": "code", "source": X.replace("x)", "x"), "metadata": {"nbgrader": [], "id": 7}},
        {"cell_type": "code", "source": "x = 1", "metadata": [{}], "id": OWN + "\0\ud800<script>"},
        {"cell_type": ["code"], "source": "1"},
    ],
)
def test_absurd_cells_spare_the_others(tmp_path, cell):
    given = notebook((OWN, X))
    given["cells"] += [cell, cell]
    given["metadata"] = None
    assert forward(hand_in(tmp_path, given)) == 1


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["code", X, STUB, OWN, "x ="]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "id", "metadata", "worksheets", "input", "x"]),
            inner,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=ANY
    | st.builds(
        lambda found: {"cells": [{"cell_type": "code", **c} for c in found]},
        st.lists(st.fixed_dictionaries({}, optional={"source": ANY, "id": ANY, "metadata": ANY})),
    )
)
def test_any_json_is_read(tmp_path, content):
    found = hand_in(tmp_path, json.dumps(content))
    assert isinstance(found, Submission | Unreadable)
    if isinstance(found, Submission):
        assert found.answers.keys() | found.missing.keys() == {task.name for task in EXERCISE.tasks}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")),
    suffix=st.sampled_from(["py", "ipynb"]),
)
def test_any_bytes_are_read(tmp_path, data, suffix):
    assert isinstance(hand_in(tmp_path, data, f"ada.{suffix}"), Submission | Unreadable)


def test_50_mb_of_outputs_are_read_in_2_seconds(tmp_path):
    given = notebook((OWN, X), *["1"] * 9)
    for cell in given["cells"]:
        picture = {"image/png": "iVBORw0KGgo" * 500_000, "text/plain": ["<Figure>"]}
        cell["outputs"] = [{"output_type": "display_data", "data": picture, "metadata": {}}]
    (tmp_path / "ada.ipynb").write_text(json.dumps(given))
    assert (tmp_path / "ada.ipynb").stat().st_size > 50e6
    with Reader(Cost(cpu=1)) as reader:  # which begins to count at the next whole second
        assert forward(read(tmp_path / "ada.ipynb", EXERCISE, tmp_path, reader)) == 1


@pytest.mark.parametrize(
    "source", ["a\n" * 100_000, "a=1;" * 4000, "(" * 60, "{" * 200_000, "f'{" * 500, "x[" * 90]
)
def test_no_code_takes_long_to_read(tmp_path, source):
    with Reader(Cost(cpu=2)) as reader:
        assert forward(hand_in(tmp_path, notebook((OWN, X), source), reader=reader)) == 1


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / "ada.ipynb", "wb") as file:
        file.truncate(101 << 20)
    found = read(tmp_path / "ada.ipynb", EXERCISE, tmp_path)
    assert found.reason == "the file has 101 MiB, more than 100 MiB: clear the outputs"


# Folders


def test_what_is_no_plain_file_is_not_opened(tmp_path):
    secret = tmp_path / "secret"
    (secret / "inner").mkdir(parents=True)
    (secret / "x.ipynb").write_text(json.dumps(notebook(X)))
    folder = tmp_path / "class"
    (folder / "folder.ipynb").mkdir(parents=True)
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "link.ipynb").symlink_to(secret / "x.ipynb")
    (folder / "nowhere.py").symlink_to(secret / "missing")
    (folder / "linked").symlink_to(secret)
    (folder / "device.py").symlink_to("/dev/zero")
    link = "a symbolic link is not followed: hand in the file itself"
    other = "this is not a file: hand in a notebook or a .py file"
    assert {path.name: read(path, EXERCISE, folder).reason for path in collect(folder, EXERCISE)} == {
        "device.py": link,
        "folder.ipynb": other,
        "link.ipynb": link,
        "linked": link,
        "nowhere.py": link,
        "pipe.ipynb": other,
    }


def test_a_file_that_vanishes_or_is_exchanged_is_told_without_its_path(tmp_path, monkeypatch):
    found = read(tmp_path / "gone.ipynb", EXERCISE, tmp_path)
    assert found.reason == "the file cannot be read: No such file or directory"
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "plain.ipynb").write_text("{}")
    before = os.lstat(tmp_path / "plain.ipynb")
    monkeypatch.setattr(os, "lstat", lambda _: before)
    assert read(tmp_path / "pipe.ipynb", EXERCISE, tmp_path).reason.startswith("this is not a file")


def test_notebooks_and_files_are_collected_to_a_depth_of_2(tmp_path):
    deep = f"cleo/{EXERCISE.name}/x.ipynb"  # nbgrader's folders
    names = [
        "b.ipynb",
        "a.py",
        "cleo/x.ipynb",
        deep,
        "cleo/y.py",
        "dan e/É.IPYNB",
        "-rf.py",
        "a\nb.ipynb",
        "F.PY",
    ]
    others = [".hidden.ipynb", ".ipynb_checkpoints/b.ipynb", "cleo/.ipynb_checkpoints/x.ipynb", "cleo/.x.py"]
    for name in [*names, *others, "notes.txt", "cleo/deep/er.ipynb", "cleo/data.csv"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert [path.relative_to(tmp_path).as_posix() for path in collect(tmp_path, EXERCISE)] == sorted(names)
    assert read(tmp_path / deep, EXERCISE, tmp_path).learner == "cleo"


@contextmanager
def an_ordinary_user():
    """Yield a folder in which nobody's rights are passed over: root may read everything."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        if os.geteuid() == 0:
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(os.getuid())


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o100, 0o400])
def test_a_folder_without_permissions_is_named_and_passed_over(tmp_path, mode):
    hand_in(tmp_path, X)  # starts the process that reads: another user may not be able to
    with an_ordinary_user() as folder:
        for name in ("ada/x.py", f"ben/{EXERCISE.name}/x.py", "cleo.py"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(X)
        (folder / "dan").symlink_to(folder / "ben" / EXERCISE.name)  # leads where nobody may look
        for name in ("ada", f"ben/{EXERCISE.name}", "ben"):
            (folder / name).chmod(mode)
        found = {}
        for path in collect(folder, EXERCISE):
            one = read(path, EXERCISE, folder, READER)
            found[one.learner] = getattr(one, "reason", "")
        passed_over = left_out(folder, EXERCISE)
        for name in ("ada", "ben", f"ben/{EXERCISE.name}"):
            (folder / name).chmod(0o700)
    refused = "file" if mode == 0o400 else "folder"
    assert found.pop("cleo") == ""
    assert found.pop("ada") == f"the {refused} cannot be read: Permission denied"
    assert found.pop("ben", "").endswith("Permission denied") != ("ben, in which" in str(passed_over))
    assert found.pop("dan", "").startswith("a symbolic link") != ("dan, in which" in str(passed_over))


def test_what_is_hidden_is_named(tmp_path):
    names = [".ada.py", ".ben/x.ipynb", "cleo/.x.py", "cleo/.git/y.py", "cleo/x.py", "dan.py"]
    names += [f"dan/.{number}.ipynb" for number in range(9)]
    silent = [".ipynb_checkpoints/x.ipynb", "cleo/.ipynb_checkpoints/x.ipynb", ".DS_Store", "cleo/.cache"]
    for name in [*names, *silent]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert left_out(tmp_path, EXERCISE) == [
        ".ada.py, which is hidden",
        ".ben, which is hidden",
        "cleo/.git and cleo/.x.py, hidden",
        "dan, in which no .ipynb or .py file was found",
        "dan/.0.ipynb and dan/.1.ipynb and dan/.2.ipynb and 6 more, hidden",
    ]


def test_of_many_files_of_a_learner_ten_are_read_and_it_is_said(tmp_path):
    for name in [*(f"{number:03}.py" for number in range(300)), f"{EXERCISE.name}/{EXERCISE.notebook}"]:
        (tmp_path / "ada" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ada" / name).write_text(X)
    found = [read(path, EXERCISE, tmp_path, READER) for path in collect(tmp_path, EXERCISE)]
    reasons = {one.name: one.reason for one in found if isinstance(one, Unreadable)}
    assert reasons.pop("ada") == "the folder holds more than 10 files: 10 of them were graded, and no more"
    assert len(found) == 11
    assert reasons.keys() == {f"ada/{EXERCISE.name}/{EXERCISE.notebook}"}  # no notebook, and taken first
    assert {one.learner for one in found} == {"ada"}


def test_two_submissions_of_a_learner_are_both_read(tmp_path):
    hand_in(tmp_path, X, "ada.py")
    hand_in(tmp_path, notebook(GAMMA), "ada/anything.ipynb")
    hand_in(tmp_path, BETA, "ada/else.py")
    found = [read(path, EXERCISE, tmp_path) for path in collect(tmp_path, EXERCISE)]
    assert [(one.learner, forward(one)) for one in found] == [("ada", 1), ("ada", 2), ("ada", 3)]


@pytest.mark.skipif(os.sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_of_any_bytes_is_read(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff<b>.py"
    with open(path, "w") as file:
        file.write(X)
    [found] = [read(path, EXERCISE, tmp_path) for path in collect(tmp_path, EXERCISE)]
    assert forward(found) == 1
    assert found.learner == "\udcff<b>"
