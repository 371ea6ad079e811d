"""The command line: what it prints, where, and with which exit status."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from normcourse.exercises.catalogue import EXERCISES
from normcourse.exercises.notebooks import load, solution_source
from normcourse.grading import cli, engine, submissions
from normcourse.grading.sandbox import SandboxError
from tests.grading.handed_in import RIGHT, STEP, WHOLE, hand_in

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "normcourse" / "grading" / "recipes" / "check.yml"
LIMITS = ["--isolation", "limits"]


@pytest.fixture
def folder(tmp_path):
    return hand_in(tmp_path / "submissions", {"ada.py": RIGHT + STEP, "ben.ipynb": "{"})


def usage_error(arguments, capsys):
    """Return what is said to who uses the command wrongly."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    assert stopped.value.code == cli.USAGE
    return capsys.readouterr().err


def test_without_a_command_the_commands_are_listed(capsys):
    assert cli.main([]) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("grade", "check", "release", "exercises"))


def test_the_exercises_are_listed_with_their_points(capsys):
    assert cli.main(["exercises"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(1 + len(exercise.tasks) for exercise in EXERCISES)
    assert any(line.split()[:2] == ["5", "bn.forward"] for line in lines)


def test_grade_writes_what_it_says(folder, tmp_path, capsys):
    seed = tmp_path / "seed"
    seed.write_bytes(b"anything")
    out = tmp_path / "out"
    line = ["grade", "batchnorm", str(folder), "--out", str(out), *LIMITS, "--seed-file", str(seed)]
    assert cli.main(line) == 0
    said = capsys.readouterr()
    assert f"2 submissions, 1 with trouble, isolated by limits: {out / 'index.html'}" in said.out
    assert "public seed" not in said.out
    assert "100%" in said.err
    content = json.loads((out / "results.json").read_text())
    assert [one["status"] for one in content["submissions"]] == ["ok", "malformed"]
    assert {path.name for path in out.iterdir()} == {
        *(".work", "feedback", "grades.csv", "index.html", "results.json"),
    }
    assert len(list((out / "feedback").iterdir())) == 2


def test_grade_names_what_it_leaves_out_whatever_the_name(folder, tmp_path):
    """A name can hold what steers a terminal, a second line, and what is no text: here a real terminal's."""
    for name in ("one.txt", "\x1b[2Jtwo.txt", "x\n2 submissions, 0 with trouble", "\u202egpj.txt"):
        (folder / name).write_text("")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.txt")).write_text("")
    out = tmp_path / os.fsdecode(b"out\xff")
    line = [sys.executable, "-m", "normcourse.grading", "grade", "batchnorm", str(folder), "--out", str(out)]
    for encoding in ("utf-8", "ascii"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([*line, *LIMITS], capture_output=True, check=False, env=environment)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr.decode()
        said = done.stdout.decode().splitlines()
        assert sorted(text.split(",")[0] for text in said if text.startswith("Left out")) == [
            "Left out: \\u202egpj.txt",
            "Left out: \\udcff\\udcfe.txt",
            "Left out: \\x1b[2Jtwo.txt",
            "Left out: one.txt",
            "Left out: x\\n2 submissions",
        ]
        assert "\x1b" not in done.stdout.decode()
        assert sum(text.startswith("2 submissions") for text in said) == 1


def test_grade_warns_of_the_public_seed(folder, tmp_path, capsys):
    assert cli.main(["grade", "batchnorm", str(folder), "--out", str(tmp_path / "out"), *LIMITS]) == 0
    assert "public seed" in capsys.readouterr().out


def test_grade_tells_its_own_faults_and_goes_on(folder, tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(engine, "mark", broken)
    assert cli.main(["grade", "batchnorm", str(folder), "--out", str(tmp_path / "out"), *LIMITS]) == 1
    error = capsys.readouterr().err
    assert "planted" in error
    assert "1 not graded" in error
    assert (tmp_path / "out" / "grades.csv").is_file()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"exercise": "bathnorm"}, "there is no exercise 'bathnorm'; did you mean 'batchnorm'?"),
        ({"submissions": "nowhere"}, "nowhere is not a folder"),
        ({"--jobs": "0"}, "'0' is no number of jobs"),
        ({"--jobs": "two"}, "'two' is no number of jobs"),
        ({"--book-url": "book"}, "'book' is no address of a book"),
        ({"--seed-file": "nowhere"}, "nowhere"),
        ({"--seed-file": os.devnull}, "is empty"),
        ({"--isolation": "hope"}, "invalid choice: 'hope'"),
    ],
    ids=str,
)
def test_grade_says_what_is_wrong_with_its_arguments(folder, tmp_path, capsys, changed, message):
    given = {"exercise": "batchnorm", "submissions": folder, "--out": tmp_path / "out"} | changed
    line = ["grade", given.pop("exercise"), given.pop("submissions")]
    error = usage_error([*line, *(part for pair in given.items() for part in pair)], capsys)
    assert message in error
    assert not (tmp_path / "out").exists()


def test_grade_refuses_a_folder_that_is_not_its_own(folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    assert cli.main(["grade", "batchnorm", str(folder), "--out", str(out), *LIMITS]) == cli.USAGE
    assert "no grading wrote" in capsys.readouterr().err


def test_grade_finds_nothing_in_an_empty_folder(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    line = ["grade", "batchnorm", str(tmp_path / "empty"), "--out", str(tmp_path / "out"), *LIMITS]
    assert cli.main(line) == cli.PROBLEM
    assert "no .ipynb or .py file" in capsys.readouterr().err


def no_tier(*_):
    raise SandboxError("none works here; choose --isolation limits")


def test_without_a_sandbox_grade_stops_and_check_goes_on(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "strictest", no_tier)
    assert cli.main(["grade", "batchnorm", str(folder), "--out", str(tmp_path / "out")]) == cli.PROBLEM
    assert "--isolation limits" in capsys.readouterr().err
    cli.main(["check", str(folder / "ada.py")])
    assert "isolation: limits" in capsys.readouterr().out


def test_a_tier_that_is_asked_for_and_does_not_work_stops_both(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "probe", lambda tier: "no daemon")
    for line in (["grade", "batchnorm", str(folder), "--out", str(tmp_path / "out")], ["check", "FILE"]):
        line[-1] = str(folder / "ada.py") if line[-1] == "FILE" else line[-1]
        assert cli.main([*line, "--isolation", "docker"]) == cli.PROBLEM
        assert "no daemon" in capsys.readouterr().err


def test_a_solution_passes_the_check(tmp_path, capsys):
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(load(WHOLE.notebook)))
    assert cli.main(["check", str(path), *LIMITS]) == 0  # though the forecast costs a part of its points
    printed = capsys.readouterr().out
    assert "bn.forward: Right, 5 of 5 points" in printed
    assert re.search(rf"^[\d.]+ of {WHOLE.points} points", printed, re.MULTILINE)


def test_a_task_that_is_missing_fails_the_check(folder, capsys):
    assert cli.main(["check", str(folder / "ada.py"), *LIMITS]) == 1
    printed = capsys.readouterr().out
    assert "bn.backward: Not found" in printed
    assert f"8 of {WHOLE.points} points" in printed


def test_a_file_that_is_no_notebook_fails_the_check(folder, capsys):
    assert cli.main(["check", str(folder / "ben.ipynb"), *LIMITS]) == 1
    assert "cannot be read: this is no notebook: Expecting" in capsys.readouterr().err
    (folder / "else.py").write_text("x = 1")
    assert cli.main(["check", str(folder / "else.py"), *LIMITS]) == 1
    assert "answers no task of any exercise" in capsys.readouterr().err
    assert cli.main(["check", str(folder / "ben.ipynb"), "--exercise", "batchnorm", *LIMITS]) == 1
    assert "malformed: this is no notebook" in capsys.readouterr().out


def test_what_holds_nothing_to_grade_is_named(folder, tmp_path, capsys):
    (folder / "cleo" / "deep" / "er").mkdir(parents=True)
    (folder / "cleo" / "deep" / "er" / "02-batchnorm.ipynb").write_text("{}")
    (folder / "dan.pdf").write_text("")
    assert cli.main(["grade", "batchnorm", str(folder), "--out", str(tmp_path / "out"), *LIMITS]) == 0
    said = capsys.readouterr().out
    assert "2 submissions" in said
    assert [line.split()[2] for line in said.splitlines() if line.startswith("Left out")] == [
        "cleo,",
        "dan.pdf,",
    ]


def test_a_release_overwrites_no_answers(tmp_path, capsys):
    line = ["release", "batchnorm", "--out", str(tmp_path)]
    assert cli.main(line) == 0
    assert cli.main(line) == 0  # the same again is no loss
    path = tmp_path / "02-batchnorm.ipynb"
    path.write_text("answers")
    assert cli.main(line) == 1
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "answers"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_the_exercise_is_known_by_what_a_file_answers(exercise, tmp_path):
    path = tmp_path / "x.py"
    path.write_text(solution_source(exercise.tasks[0].name, exercise.notebook))
    assert cli._answered(path) is exercise


def test_release_writes_the_notebooks(tmp_path, capsys):
    assert cli.main(["release", "all", "--out", str(tmp_path / "one")]) == 0
    assert {path.name for path in (tmp_path / "one").iterdir()} == {e.notebook for e in EXERCISES}
    assert cli.main(["release", "batchnorm", "--out", str(tmp_path / "two"), "--nbgrader"]) == 0
    assert str(tmp_path / "two" / "batchnorm" / WHOLE.notebook) in capsys.readouterr().out
    read = submissions.read(tmp_path / "one" / WHOLE.notebook, WHOLE, tmp_path / "one")
    assert set(read.answers) == {task.name for task in WHOLE.tasks}


def test_a_folder_that_cannot_be_written_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["release", "batchnorm", "--out", str(tmp_path / "file" / "x")]) == cli.PROBLEM
    assert "file" in capsys.readouterr().err


def by_default():
    """Let a process heed the signals that whoever started the tests ignores: a background job, or nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def grading(folder, out, temporary):
    """Start a grading whose temporary files have a folder of their own."""
    temporary.mkdir()
    line = [sys.executable, "-m", "normcourse.grading", "grade", "batchnorm", str(folder), "--out", str(out)]
    return subprocess.Popen(
        [*line, *LIMITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        preexec_fn=by_default,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_an_interrupt_is_told_and_keeps_what_is_finished(tmp_path, number):
    sleeper = "import time\ndef bn_forward(*_):\n    time.sleep(0.3)\n"
    folder = hand_in(tmp_path / "in", {f"{n:02}.py": f"# {n}\n{sleeper}" for n in range(40)})
    out = tmp_path / "out"
    process = grading(folder, out, tmp_path / "tmp")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(kept(out)) < 2:
        time.sleep(0.05)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"the same command goes on" in error
    assert b"Traceback" not in error
    assert 2 <= len(kept(out)) < 40
    assert not (out / "index.html").exists()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_second_interrupt_does_not_wait_and_leaves_nothing(tmp_path):
    hangs = "def bn_forward(*_):\n    while True: pass\n"
    process = grading(hand_in(tmp_path / "in", {"a.py": hangs}), tmp_path / "out", tmp_path / "tmp")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list((tmp_path / "tmp").glob("*/libraries")):
        time.sleep(0.05)
    time.sleep(1)
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert time.monotonic() - start < 5  # the answer may take 10
    assert process.returncode == 1
    assert b"Traceback" not in error
    assert not list((tmp_path / "tmp").iterdir())


def kept(out):
    return [path for path in (out / ".work").glob("*.json") if len(path.stem) == 40]


def commands(text):
    """Return the command lines of ``normcourse`` in a shell's text, without what a pipe makes of them."""
    joined = text.replace("\\\n", " ")
    lines = [line.split("|")[0].split(" #")[0] for line in joined.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("normcourse ")]


def parsed(arguments, tmp_path):
    """Parse a command line of the documentation, whose files are made for it."""
    there = []
    for word in arguments:
        if word.endswith((".ipynb", ".py", ".txt")) or word == "seed":
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).write_text("x")
        elif word.endswith("/"):
            (tmp_path / word).mkdir(parents=True, exist_ok=True)
        there.append(word)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        return cli.parser().parse_args(there)
    finally:
        os.chdir(before)


def test_the_recipe_is_a_workflow_whose_commands_are_understood(tmp_path):
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    assert recipe["permissions"] == {"contents": "read"}
    job = recipe["jobs"]["check"]
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert {f"{name}.ipynb" for name in job["strategy"]["matrix"]["notebook"]} == {
        e.notebook for e in EXERCISES
    }
    [command] = [line for run in runs for line in commands(run)]
    for name in job["strategy"]["matrix"]["notebook"]:
        filled = [word.replace("${{ matrix.notebook }}", name) for word in command]
        chosen = parsed(filled, tmp_path)
        assert chosen.isolation == "limits"
        assert chosen.file == Path("book/exercises") / f"{name}.ipynb"


@pytest.mark.parametrize("page", ["README.md", "book/instructors.md", "book/exercises/index.md"])
def test_the_commands_of_the_documentation_are_understood(page, tmp_path):
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    found = [line for block in blocks for line in commands(block)]
    assert found
    for arguments in found:
        assert parsed(arguments, tmp_path).run


def test_a_command_that_is_not_understood_is_seen(tmp_path, capsys):
    [line] = commands("normcourse grade batchnorm submissions/ --output graded/ | cat\n")
    with pytest.raises(SystemExit):
        parsed(line, tmp_path)
