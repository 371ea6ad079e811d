"""Released notebooks: no solution anywhere, every cell in its place, and the book has what the tool makes."""

import ast
import json
from copy import deepcopy

import nbformat
import pytest

from normcourse.exercises.catalogue import EXERCISES, find_exercise
from normcourse.exercises.notebooks import BEGIN, END, INSTEAD, answer_cell, load, solution_source
from normcourse.exercises.task import CodeTask, PredictionTask
from normcourse.grading import release as module
from normcourse.grading.release import release, write
from tools import exercises, notebooks

EXERCISE = find_exercise("batchnorm")
STEM = EXERCISE.notebook

each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)


def by_id(notebook):
    return {cell["id"]: cell for cell in notebook["cells"]}


def text(cell):
    return "".join(cell["source"])


def solved_lines(task, exercise):
    """Return the lines between a solution's markers, without those that a learner is given after INSTEAD."""
    cell = by_id(load(exercise.notebook))[answer_cell(task.name)]
    solved, _, instead = text(cell).partition(BEGIN)[2].partition(END)[0].partition(INSTEAD)
    given = {line.strip().removeprefix("#").strip() for line in ["", *instead.splitlines()]}
    return [line.strip() for line in solved.splitlines() if line.strip() not in given]


@each
@pytest.mark.parametrize("nbgrader", [False, True])
def test_no_line_of_a_solution_is_released(exercise, nbgrader):
    made = release(exercise, nbgrader=nbgrader)
    everything = json.dumps(made, ensure_ascii=False)
    cells = by_id(made)
    for task in exercise.tasks:
        lines = solved_lines(task, exercise)
        assert not set(lines) & {line.strip() for line in text(cells[answer_cell(task.name)]).splitlines()}
        telling = [line for line in lines if len(line) > 12]  # a shorter one may stand elsewhere by chance
        assert telling, f"no line of {task.name} is looked for"
        for line in telling:
            assert json.dumps(line, ensure_ascii=False)[1:-1] not in everything
    assert not any(marker in everything for marker in (BEGIN, INSTEAD, END))
    assert not any(cell.get("outputs") for cell in made["cells"])


@each
def test_everything_but_answers_and_outputs_stays(exercise):
    made, solved = release(exercise), load(exercise.notebook)
    nbformat.validate(nbformat.from_dict(made))
    assert made["metadata"] == solved["metadata"]
    answers = {answer_cell(task.name) for task in exercise.tasks}
    for cell, before in zip(made["cells"], solved["cells"], strict=True):
        assert (cell["id"], cell["cell_type"], cell["metadata"]) == (
            before["id"],
            before["cell_type"],
            before["metadata"],
        )
        assert (text(cell) == text(before)) != (cell["id"] in answers)


@each
def test_stubs_are_python_and_empty(exercise):
    cells = by_id(release(exercise))
    for task in exercise.tasks:
        *imports, node = ast.parse(text(cells[answer_cell(task.name)])).body
        assert all(isinstance(one, ast.Import) for one in imports)  # what the task alone needs
        if isinstance(task, CodeTask):
            assert node.name == task.answer
            docstring, raised, *_ = node.body
            assert ast.get_docstring(node)
            assert docstring.lineno < raised.lineno
            assert ast.unparse(raised) == f"raise NotImplementedError('{task.name}')"
        else:
            entries = task.statements if isinstance(task, PredictionTask) else task.questions
            assert node.targets[0].id == task.answer
            assert ast.literal_eval(node.value) == {entry.name: None for entry in entries}


def test_what_stands_after_instead_is_given():
    cell = by_id(release(find_exercise("inference")))["answer-inference-repair"]
    given = text(cell).split("your code goes here\n")[1].splitlines()
    assert given[0] == "    weights = [p for p in model.parameters() if p.ndim == 2]"
    assert given[-1] == "    return answers"
    assert not any(line.lstrip().startswith("#") for line in given)


@each
def test_the_books_notebooks_are_as_the_tool_makes_them(exercise):
    made = nbformat.from_dict(release(exercise))
    notebooks.normalise(made)
    stored = nbformat.read(exercises.FOLDER / exercise.notebook, as_version=4)
    for cell, due in zip(stored.cells, made.cells, strict=True):
        assert (cell.id, cell.cell_type, cell.metadata) == (due.id, due.cell_type, due.metadata)
        assert text(cell) == text(due), "run `make exercises`"
    assert stored.metadata == made.metadata
    assert {path.name for path in exercises.FOLDER.glob("*.ipynb")} == {e.notebook for e in EXERCISES}


@each
def test_the_books_notebooks_show_that_nothing_is_attempted(exercise):
    cells = by_id(nbformat.read(exercises.FOLDER / exercise.notebook, as_version=4))
    for task in exercise.tasks:
        [output] = cells[answer_cell(task.name).replace("answer", "check", 1)].outputs
        assert "not attempted" in output.data["text/plain"].lower() + output.data["text/html"].lower()


# Faults in a solution notebook


@pytest.fixture
def solved(monkeypatch):
    """Return a copy of a solution notebook that is released in its place."""
    copy = deepcopy(load(STEM))
    monkeypatch.setattr(module, "load", {STEM: copy}.__getitem__)
    return copy


@pytest.mark.parametrize(
    "source",
    [
        "def bn_forward(): pass",
        f"{BEGIN}\nx = 1",
        f"x = 1\n{END}",
        f"{END}\n{BEGIN}",
        f"{BEGIN}\n{END}\n{BEGIN}\n{END}",
        f"{INSTEAD}\n{BEGIN}\n{END}",
        f"{BEGIN}\n{INSTEAD}\n{INSTEAD}\n{END}",
        f"{BEGIN} here\n{END}",
    ],
)
def test_a_solution_that_is_not_marked_is_refused(solved, source):
    by_id(solved)["answer-bn-forward"]["source"] = source
    with pytest.raises(ValueError, match=r"the answer of bn\.forward needs one .*BEGIN.* and after it one"):
        release(EXERCISE)


@pytest.mark.parametrize("marker", [BEGIN, INSTEAD, END])
@pytest.mark.parametrize("place", ["task-bn-forward", "setup", "answer-bn-forward"])
def test_a_marker_elsewhere_is_refused(solved, marker, place):
    cell = by_id(solved)[place]
    cell["source"] = [text(cell) + "\nx = 1  " + marker]
    with pytest.raises(ValueError, match=f"has a marker of a solution in the cell '{place}'"):
        release(EXERCISE)


def test_a_task_without_a_cell_is_refused(solved):
    solved["cells"].remove(by_id(solved)["answer-bn-step"])
    with pytest.raises(ValueError, match=r"02-batchnorm\.ipynb has no cell 'answer-bn-step', where bn\.step"):
        release(EXERCISE)


@pytest.mark.parametrize("name", ["answer-bn-forwards", None])
def test_a_cell_without_a_task_is_refused(solved, name):
    solved["cells"].append({**by_id(solved)["setup"], "id": name})
    if name is None:
        del solved["cells"][-1]["id"]
    with pytest.raises(ValueError, match=f"has a cell {name!r}, which belongs to no task"):
        release(EXERCISE)


def test_outputs_are_not_released(solved):
    output = {"output_type": "stream", "name": "stdout", "text": "the solution"}
    by_id(solved)["answer-bn-forward"] |= {"outputs": [output], "execution_count": 3}
    cell = by_id(release(EXERCISE))["answer-bn-forward"]
    assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_packaged_notebook_is_not_changed():
    before = deepcopy(load(STEM))
    release(EXERCISE, nbgrader=True)
    assert load(STEM) == before


# For nbgrader


@each
def test_nbgrader_gets_a_point_for_each_point(exercise):
    made = release(exercise, nbgrader=True)
    nbformat.validate(nbformat.from_dict(made))
    described = {c["id"]: c["metadata"]["nbgrader"] for c in made["cells"] if "nbgrader" in c["metadata"]}
    checks = {answer_cell(task.name).replace("answer", "check", 1): task for task in exercise.tasks}
    assert set(described) == {"setup", *checks}
    for name, entry in described.items():
        common = {"schema_version": 3, "grade_id": name, "solution": False, "task": False, "locked": True}
        graded = {"grade": True, "points": checks[name].points} if name in checks else {"grade": False}
        assert entry == common | graded
    assert sum(entry.get("points", 0) for entry in described.values()) == exercise.points


@each
def test_the_last_expression_of_a_check_is_the_points(exercise, monkeypatch, tmp_path):
    """Also of a forecast, and also if another learner's was committed before."""
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path))
    cells = by_id(release(exercise, nbgrader=True))
    for _ in range(2):
        namespace = {"__name__": "__main__"}
        exec(text(cells["setup"]), namespace)
        for task in exercise.tasks:
            exec(solution_source(task.name, exercise.notebook), namespace)
            if isinstance(task, PredictionTask):
                namespace[task.answer] = {s.name: float(s.true) for s in task.statements}
            source = text(cells[answer_cell(task.name).replace("answer", "check", 1)])
            *before, last = source.splitlines()
            if before:  # which nbgrader hides, if it finds both lines
                assert (before[0], before[-1]) == ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
            exec("\n".join(before), namespace)
            assert float(repr(eval(last, namespace))) == task.points
            if isinstance(task, PredictionTask):
                namespace[task.answer] = dict.fromkeys(namespace[task.answer], 0.5)
                exec("\n".join(before), namespace)
                assert eval(last, namespace) == task.points / 2


# Files


@pytest.mark.parametrize(("nbgrader", "name"), [(False, STEM), (True, f"batchnorm/{STEM}")])
def test_a_notebook_is_written_where_it_belongs(tmp_path, nbgrader, name):
    path = write(EXERCISE, tmp_path / "new", nbgrader=nbgrader)
    assert path == tmp_path / "new" / name
    assert json.loads(path.read_text(encoding="utf-8")) == release(EXERCISE, nbgrader=nbgrader)
