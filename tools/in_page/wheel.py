"""Build the wheels of the course for the page: what its exercises need, and what its code needs besides.

The project's own build makes them, from a copy that holds only those parts. So what a part's package data is,
and what the version, stands in `pyproject.toml` alone, and nothing built has to be taken apart again.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from normcourse import __version__
from tools.in_page import runnable

ROOT = Path(__file__).parents[2]
PARTS = ("__init__.py", "py.typed", "taxonomy.py", "reference", "exercises")
NEEDS = ("numpy",)  # tests/tools/in_page/test_wheel.py imports the wheel with these alone
EPOCH = "315532800"  # 1980, where the time of a ZIP archive begins
OF_PAGES = "normcourse-pages"  # the second wheel's name: it adds files to the first one's package
BUILD = """
import sys
from setuptools import build_meta
build_meta.build_wheel(sys.argv[1])
"""


def build_wheel(root: Path = ROOT) -> tuple[str, bytes]:
    """Return the file name and contents of the exercises' wheel: same sources, same bytes."""
    return _build(root, "normcourse", _sources(root))


def build_wheel_of_pages(root: Path = ROOT) -> tuple[str, bytes]:
    """Return the same of the wheel of what the code of the pages needs besides."""
    pages = [root / f"{page}.ipynb" for page in runnable.PAGES]
    needed = set(runnable.package_files(pages, root)) - set(_sources(root))
    return _build(root, OF_PAGES, sorted(needed))


def _build(root: Path, name: str, sources: Sequence[Path]) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as copy, tempfile.TemporaryDirectory() as target:
        _copy(root, Path(copy), name, sources)
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
            umask=0o022 if os.name == "posix" else -1,  # which decides the modes that an archive keeps
        )
        if done.returncode:
            raise RuntimeError(f"the wheel {name} cannot be built:\n{done.stderr[-2000:]}")
        [wheel] = Path(target).glob("*.whl")
        return wheel.name, wheel.read_bytes()


def _sources(root: Path) -> list[Path]:
    """Return the files of the parts, in order."""
    found: list[Path] = []
    for part in PARTS:
        path = root / "normcourse" / part
        found += path.rglob("*") if path.is_dir() else [path]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _copy(root: Path, copy: Path, name: str, sources: Sequence[Path]) -> None:
    """Copy some files, all with one mode: an archive keeps modes, and they differ from machine to machine."""
    for path in [*sources, root / "LICENSE"]:
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o644)
    with (root / "pyproject.toml").open("rb") as file:
        (copy / "pyproject.toml").write_text(_slim(tomllib.load(file), name), encoding="utf-8")


def _slim(project: dict[str, Any], name: str) -> str:
    """Return a pyproject.toml of the parts: no command, and of the dependencies only what they need."""
    table, tools = project["project"], project["tool"]["setuptools"]
    needs = [line for line in table["dependencies"] if line.startswith(NEEDS)]
    lines = [
        "[project]",
        f'name = "{name}"',
        f'version = "{__version__}"',
        f"dependencies = {json.dumps(needs)}",
    ]
    kept = ("description", "license", "requires-python")
    lines += [f"{key} = {json.dumps(table[key])}" for key in kept]
    lines += [
        "[build-system]",
        *(f"{key} = {json.dumps(value)}" for key, value in project["build-system"].items()),
    ]
    lines += [
        "[tool.setuptools.packages.find]",
        f"include = {json.dumps(tools['packages']['find']['include'])}",
    ]
    data = tools["package-data"].items()  # JSON's strings and lists are TOML's
    lines += ["[tool.setuptools.package-data]", *(f"{key} = {json.dumps(value)}" for key, value in data)]
    return "\n".join(lines) + "\n"
