"""Build the slim wheel of the course: what the exercises need in the page, and nothing else.

The project's own build makes it, from a copy that holds only those parts. So what a part's package data is,
and what the version, stands in `pyproject.toml` alone, and nothing built has to be taken apart again.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PARTS = ("__init__.py", "py.typed", "taxonomy.py", "reference", "exercises")
NEEDS = ("numpy",)  # tests/tools/in_page/test_wheel.py imports the wheel with these alone
EPOCH = "315532800"  # 1980, where the time of a ZIP archive begins
BUILD = """
import sys
from setuptools import build_meta
build_meta.build_wheel(sys.argv[1])
"""


def build_wheel(root: Path = ROOT) -> tuple[str, bytes]:
    """Return the wheel's file name and contents: same sources, same bytes."""
    with tempfile.TemporaryDirectory() as copy, tempfile.TemporaryDirectory() as target:
        _copy(root, Path(copy))
        command = [sys.executable, "-c", BUILD, target]
        environment = os.environ | {"SOURCE_DATE_EPOCH": EPOCH}
        done = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise RuntimeError(f"the wheel of the course cannot be built:\n{done.stderr[-2000:]}")
        [wheel] = Path(target).glob("*.whl")
        return wheel.name, wheel.read_bytes()


def _sources(root: Path) -> list[Path]:
    """Return the files of the parts, in order."""
    found: list[Path] = []
    for part in PARTS:
        path = root / "normcourse" / part
        found += path.rglob("*") if path.is_dir() else [path]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _copy(root: Path, copy: Path) -> None:
    """Copy the parts, all with one mode: an archive keeps modes, and they differ from machine to machine."""
    for path in [*_sources(root), root / "LICENSE"]:
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o644)
    with (root / "pyproject.toml").open("rb") as file:
        (copy / "pyproject.toml").write_text(_slim(tomllib.load(file)), encoding="utf-8")


def _slim(project: dict[str, Any]) -> str:
    """Return a pyproject.toml of the parts: no command, and of the dependencies only what they need."""
    table, tools = project["project"], project["tool"]["setuptools"]
    needs = [line for line in table["dependencies"] if line.startswith(NEEDS)]
    lines = ["[project]", 'dynamic = ["version"]', f"dependencies = {json.dumps(needs)}"]
    kept = ("name", "description", "license", "requires-python")
    lines += [f"{key} = {json.dumps(table[key])}" for key in kept]
    lines += [
        "[build-system]",
        *(f"{key} = {json.dumps(value)}" for key, value in project["build-system"].items()),
    ]
    lines += ["[tool.setuptools.dynamic]", f'version = {{ attr = "{tools["dynamic"]["version"]["attr"]}" }}']
    lines += [
        "[tool.setuptools.packages.find]",
        f"include = {json.dumps(tools['packages']['find']['include'])}",
    ]
    data = tools["package-data"].items()  # JSON's strings and lists are TOML's
    lines += ["[tool.setuptools.package-data]", *(f"{key} = {json.dumps(value)}" for key, value in data)]
    return "\n".join(lines) + "\n"
