"""The wheel of the page: the same bytes each time, only what the exercises need, and all of that."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.in_page.wheel import NEEDS, PARTS, ROOT, build_wheel


@pytest.fixture(scope="module")
def built():
    return build_wheel()


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    name, data = built
    folder = tmp_path_factory.mktemp("wheel")
    (folder / name).write_bytes(data)
    with zipfile.ZipFile(folder / name) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def copied(target):
    """Copy what a wheel is built from, later and with other modes."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "normcourse", target / "normcourse", ignore=ignore, copy_function=shutil.copyfile)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copyfile(ROOT / name, target / name)
    for path in target.rglob("*.py"):
        path.chmod(0o600)
    return target


def test_the_same_sources_give_the_same_bytes(built, tmp_path):
    assert build_wheel(copied(tmp_path)) == built


def test_another_source_gives_other_bytes(built, tmp_path):
    root = copied(tmp_path)
    with (root / "normcourse" / "taxonomy.py").open("a") as file:
        file.write("# more\n")
    assert build_wheel(root)[1] != built[1]


def test_it_holds_every_file_of_the_parts_that_git_keeps_and_no_other(unpacked):
    tracked = subprocess.run(
        ["git", "ls-files", "normcourse"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not tracked:
        pytest.skip("not a clone")
    expected = {
        path
        for path in tracked
        if path.split("/")[1] in PARTS and Path(path).name != "ruff.toml"  # of the linter
    }
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {path for path in held if path.startswith("normcourse/")} == expected


def test_it_asks_for_what_it_is_given(unpacked):
    [metadata] = unpacked.glob("*.dist-info/METADATA")
    lines = metadata.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("Requires-Dist")] == ["Requires-Dist: numpy>=2.0"]
    assert "License-Expression: MIT" in lines
    assert not list(unpacked.glob("*.dist-info/entry_points.txt"))


def test_the_exercises_need_nothing_but_the_wheel_and_numpy(unpacked, tmp_path):
    for name in NEEDS:
        os.symlink(Path(find_spec(name).origin).parent, tmp_path / name)
        libraries = Path(find_spec(name).origin).parent.with_name(f"{name}.libs")
        if libraries.exists():
            os.symlink(libraries, tmp_path / libraries.name)
    code = """
import sys, normcourse
from normcourse.exercises import check, solution
f = lambda x, gamma, beta, eps: gamma * (x - x.mean(0)) / (x.var(0, ddof=1) + eps) ** 0.5 + beta
print(check("bn.forward", {"bn_forward": f}).mark.mistakes, "def bn_forward" in str(solution("bn.forward")))
print(normcourse.__file__, "torch" in sys.modules)
"""
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (unpacked, tmp_path))), "HOME": str(tmp_path)}
    # -S: nothing of this environment's packages is on the path.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    said, where = done.stdout.splitlines()
    assert said == "('n - 1',) True"
    assert where == f"{unpacked / 'normcourse' / '__init__.py'} False"
