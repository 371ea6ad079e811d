"""A folder of results is taken only if it is new or ours, and only what is ours is removed from it."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from normcourse.grading.folder import FolderError, OutFolder, write


@pytest.fixture
def submissions(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    return folder


def test_a_folder_with_other_files_is_refused_and_left_as_it_was(tmp_path, submissions):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(FolderError, match="no grading wrote"):
        OutFolder(out, "batchnorm", submissions)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_file_is_refused(tmp_path, submissions):
    (tmp_path / "out").write_text("")
    with pytest.raises(FolderError, match="is a file"):
        OutFolder(tmp_path / "out", "batchnorm", submissions)


@pytest.mark.parametrize("inside", [".", "out", "deeper/out", "../submissions/out"])
def test_a_folder_among_the_submissions_is_refused(submissions, inside):
    with pytest.raises(FolderError, match="outside"):
        OutFolder(submissions / inside, "batchnorm", submissions)
    assert not list(submissions.iterdir())


def test_a_link_into_the_submissions_is_refused(tmp_path, submissions):
    (tmp_path / "link").symlink_to(submissions)
    with pytest.raises(FolderError, match="outside"):
        OutFolder(tmp_path / "link" / "out", "batchnorm", submissions)


def test_the_results_of_another_exercise_are_refused(tmp_path, submissions):
    with OutFolder(tmp_path / "out", "batchnorm", submissions):
        pass
    with pytest.raises(FolderError, match="results of batchnorm"):
        OutFolder(tmp_path / "out", "layernorm", submissions)


def test_two_gradings_do_not_write_at_once(tmp_path, submissions):
    with (
        OutFolder(tmp_path / "out", "batchnorm", submissions),
        pytest.raises(FolderError, match="another grading"),
    ):
        OutFolder(tmp_path / "out", "batchnorm", submissions)
    with OutFolder(tmp_path / "out", "batchnorm", submissions):
        pass


def test_pages_of_an_earlier_run_go_and_other_files_stay(tmp_path, submissions):
    out = tmp_path / "out"
    with OutFolder(out, "batchnorm", submissions) as folder:
        folder.publish({"index.html": "one", "feedback/ada.html": "one", "feedback/ben.html": "one"})
        (out / "feedback" / "mine.html").write_text("mine")
        folder.publish({"index.html": "two", "feedback/ada.html": "two"})
    texts = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*.html")}
    assert texts == {"index.html": "two", "feedback/ada.html": "two", "feedback/mine.html": "mine"}


def test_a_page_is_written_only_if_it_is_another(tmp_path, submissions):
    out = tmp_path / "out"
    with OutFolder(out, "batchnorm", submissions) as folder:
        folder.publish({"index.html": "one", "grades.csv": "one", "results.json": "one"})
        before = {path.name: path.stat().st_ino for path in out.iterdir() if path.is_file()}
        (out / "grades.csv").write_text("edited")
        (out / "results.json").unlink()
        (tmp_path / "same").write_text("one")
        (out / "results.json").symlink_to(tmp_path / "same")
        folder.publish({"index.html": "one", "grades.csv": "one", "results.json": "one"})
    assert all((out / name).read_text() == "one" for name in before)
    assert (out / "index.html").stat().st_ino == before["index.html"]
    assert not (out / "results.json").is_symlink()


@pytest.mark.parametrize("name", ["../precious", "/precious", "a/b/precious", "feedback/../../precious", 3])
def test_an_edited_record_removes_nothing_elsewhere(tmp_path, submissions, name):
    precious = tmp_path / "precious"
    precious.write_text("")
    with OutFolder(tmp_path / "out", "batchnorm", submissions) as folder:
        (tmp_path / "out" / ".work" / "written.json").write_text(json.dumps([name]))
        folder.publish({"index.html": ""})
    assert precious.exists()


NESTED = ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000]


@pytest.mark.parametrize("text", NESTED, ids=["lists", "objects", "closed"])
def test_brackets_beyond_pythons_depth_are_like_any_text_that_cannot_be_read(tmp_path, submissions, text):
    out = tmp_path / "out"
    with OutFolder(out, "batchnorm", submissions) as folder:
        (out / ".work" / "key.json").write_text(text)
        assert folder.recall("key") is None
        (out / ".work" / "written.json").write_text(text)
        folder.publish({"index.html": ""})
    (out / ".work" / "exercise.json").write_text(text)
    with pytest.raises(FolderError, match="no grading wrote"):
        OutFolder(out, "batchnorm", submissions)


KILLED = """
import os, signal, sys
from pathlib import Path
from normcourse.grading import folder
with folder.OutFolder(Path(sys.argv[1]), "batchnorm", Path(sys.argv[2])) as out:
    out.publish({"index.html": "whole", "feedback/ada.html": "whole"})
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    {"key": lambda: out.keep("key", {}), "page": lambda: out.publish({"feedback/ada.html": ""}),
     "index": lambda: folder.write(out.path / "index.html", "")}[sys.argv[3]]()
"""


@pytest.mark.parametrize(("what", "where"), [("key", ".work"), ("page", ".work"), ("index", ".")])
def test_half_a_file_that_a_killed_grading_left_goes_at_the_next_start(tmp_path, submissions, what, where):
    out = tmp_path / "out"
    line = [sys.executable, "-c", KILLED, str(out), str(submissions), what]
    done = subprocess.run(line, check=False, cwd=Path(__file__).parents[2], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert [path.parent for path in out.rglob("*.part")] == [out / where]
    with OutFolder(out, "batchnorm", submissions):
        assert not list(out.rglob("*.part"))
    assert (out / "index.html").read_text() == "whole"


def test_of_half_files_only_those_of_a_grading_go(tmp_path, submissions):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    with OutFolder(out, "batchnorm", submissions) as folder:
        folder.publish({"index.html": "", "feedback/ada.html": ""})
    elsewhere.mkdir()
    shutil.rmtree(out / "feedback")
    (out / "feedback").symlink_to(elsewhere)
    (out / ".folder_1.part").mkdir()
    stay = [
        out / "film.part",
        out / ".a longer name.part",
        out / ".UPPER123.part",
        elsewhere / ".abcdefgh.part",
    ]
    for path in [*stay, out / ".abcd_123.part"]:
        path.write_text("")
    with OutFolder(out, "batchnorm", submissions):
        pass
    assert all(path.exists() for path in [*stay, out / ".folder_1.part"])
    assert not (out / ".abcd_123.part").exists()


def test_who_is_refused_touches_nothing_that_is_being_written(tmp_path, submissions):
    out = tmp_path / "out"
    with OutFolder(out, "batchnorm", submissions):
        half = out / ".work" / ".abcdefgh.part"
        half.write_text("")
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json")}
        with pytest.raises(FolderError, match="another grading"):
            OutFolder(out, "batchnorm", submissions)
        assert half.exists()
        assert {path: path.stat().st_mtime_ns for path in out.rglob("*.json")} == before


def test_half_a_file_is_never_seen(tmp_path):
    path = tmp_path / "file"
    write(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write(path, "after \ud800")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
