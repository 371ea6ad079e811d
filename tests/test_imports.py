"""Imports point one way, and the light parts of the package stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "normcourse"

# What each part may import of the others. The two oracles, reference and functional, share only the table.
MAY_IMPORT = {
    "_lazy": set(),
    "taxonomy": set(),
    "data": set(),
    "reference": {"taxonomy"},
    "exercises": {"taxonomy", "reference"},
    "grading": {"taxonomy", "reference", "exercises"},
    "_watching": set(),
    "_normalize": {"taxonomy", "_watching"},
    "functional": {"taxonomy", "_normalize", "_watching"},
    "nn": {"taxonomy", "_normalize", "_watching", "functional"},
    "models": {"taxonomy", "functional", "nn"},
    "probes": {"taxonomy", "functional", "nn"},
    "experiments": {"taxonomy", "data", "functional", "nn", "models", "probes"},
    "plotting": {
        *("_lazy", "taxonomy", "reference", "data"),
        *("functional", "nn", "models", "probes", "experiments"),
    },
    "explore": {"plotting"},
    "claims": {"experiments"},
    "clinic": {"functional", "nn", "probes"},
    "porting": {"nn", "probes"},
}


def parts_imported(path: Path) -> set[str]:
    """Return the parts of the package, and which of `book`, `tests` and `tools`, that the module imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; name the module in full"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    own = {name.split(".")[1] for name in names if name.startswith("normcourse.")}
    return own | {name.split(".")[0] for name in names} & {"book", "tests", "tools"}


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.name != "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_imports_point_one_way(path):
    part = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert part in MAY_IMPORT, f"{part} is new: say in MAY_IMPORT what it may import"
    assert parts_imported(path) <= MAY_IMPORT[part] | {part}


def test_a_wrong_import_is_seen(tmp_path):
    module = tmp_path / "wrong.py"
    module.write_text("import tests.x\nfrom normcourse import reference\nimport normcourse.nn.norms\n")
    assert parts_imported(module) == {"tests", "reference", "nn"}


# What a published page runs in the browser, where these are not.
ABSENT = {"torch", "scipy", "sklearn", "mnist1d"}
FIGURES = (
    *(
        "before_and_after",
        "standardising_frame",
        "eps_frame",
        "pooling_cubes",
        "pooling_frame",
        "token_frame",
    ),
    *("gradient_parts", "difference_error"),
)
DIAGRAMS = (
    *("attention_diagram", "branch_diagram", "flow_diagram", "modes_diagram", "placement_diagram"),
    *("pooled_diagram", "stack_diagram", "stream_diagram", "switches_diagram"),
)
INTERVAL = (
    "from normcourse.experiments.engine.intervals import bootstrap as b\n"
    "b(lambda a, axis: a.max(axis), [1, 2])"
)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import normcourse", {"torch", "matplotlib", "numpy"}),
        ("import normcourse.reference", {"torch", "matplotlib"}),
        ("import normcourse.plotting", {"torch", "matplotlib", "numpy"}),
        *((f"from normcourse.plotting import {name}", ABSENT) for name in FIGURES),
        *((f"from normcourse.plotting import {name}", {*ABSENT, "matplotlib", "numpy"}) for name in DIAGRAMS),
        ("import normcourse.explore", ABSENT),
        ("import normcourse.claims", {*ABSENT, "matplotlib"}),
        ("from normcourse.data import load_digits; load_digits()", {*ABSENT, "matplotlib"}),
        (INTERVAL, ABSENT),
    ],
)
def test_importing_stays_light(code, heavy):
    code = f"import sys\n{code}\nprint(*{heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
