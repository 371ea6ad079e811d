"""Which files a notebook rests on, found from its imports."""

import pytest

from normcourse import plotting
from tests.tools.packages import written
from tools.experiments import modules
from tools.imports import ROOT, files_behind

FILES = {
    "__init__.py": "",
    "core.py": "",
    "plotting/__init__.py": (
        '"""Figures."""\nfrom normcourse.plotting.a import draw_a\nfrom normcourse.plotting.b import draw_b\n'
    ),
    "plotting/a.py": "from normcourse.experiments.a.one import run\n",
    "plotting/b.py": "from normcourse.experiments.b import two\n",
    "experiments/__init__.py": "",
    "experiments/a/__init__.py": "",
    "experiments/b/__init__.py": "",
    "experiments/a/one.py": "import normcourse.core\n",
    "experiments/b/two.py": "def later():\n    from normcourse.core import x\n",
    "experiments/records/one.json": "{}",
    "experiments/records/two.json": "{}",
    "data/__init__.py": "from normcourse.data.text import load\n",
    "data/text.py": "",
    "data/text.gz": "",
    "lazy/__init__.py": "from normcourse.core import attach\n__getattr__ = attach(__file__)\n",
    "lazy/__init__.pyi": (
        "from normcourse.lazy.c import draw_c\nfrom normcourse.lazy.d import inner as draw_d\n"
    ),
    "lazy/c.py": "from normcourse.experiments.a.one import run\n",
    "lazy/d.py": "from normcourse import lazy\n\ndef inner():\n    return lazy.draw_c()\n",
}
ONE = {"experiments/a/one.py", "experiments/records/one.json", "core.py"}
TWO = {"experiments/b/two.py", "experiments/records/two.json", "core.py"}


@pytest.fixture
def root(tmp_path):
    return written(tmp_path, FILES)


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("import numpy", set()),
        ("from normcourse.core import x", {"core.py"}),
        ("from normcourse.experiments.a import one", ONE),
        ("from normcourse.experiments.a.one import run as go", ONE),
        ("import normcourse.experiments.b.two", TWO),
        ("from normcourse import plotting\nplotting.draw_a()", {"plotting/a.py"} | ONE),
        ("from normcourse import plotting as p\np.draw_b()", {"plotting/b.py"} | TWO),
        ("from normcourse.plotting import draw_b", {"plotting/b.py"} | TWO),
        (
            "from normcourse import plotting\nprint(vars(plotting))",
            {"plotting/__init__.py", "plotting/a.py", "plotting/b.py"} | ONE | TWO,
        ),
        ("from normcourse import lazy\nlazy.draw_c()", {"lazy/c.py"} | ONE),
        ("from normcourse.lazy import draw_d", {"lazy/d.py", "lazy/c.py"} | ONE),
        (
            "from normcourse import lazy\nprint(lazy)",
            {"lazy/__init__.py", "lazy/c.py", "lazy/d.py", "core.py"} | ONE,
        ),
        ("from normcourse import lazy\nlazy.unheard_of", {"lazy/__init__.py", "core.py"}),
        ("from normcourse.data import load", {"data/text.py", "data/text.gz"}),
        ("if 0:\n    from normcourse.core import x", {"core.py"}),
    ],
)
def test_files_behind_code(root, code, files):
    found = {path.relative_to(root / "normcourse").as_posix() for path in files_behind(code, root)}
    assert found == files


@pytest.mark.parametrize("name", plotting.__all__)
def test_a_figure_is_found_in_the_module_that_it_comes_from(name):
    module = getattr(plotting, name).__module__.split(".")
    for code in (
        f"from normcourse import plotting\nplotting.{name}",
        f"from normcourse.plotting import {name}",
    ):
        assert ROOT.joinpath(*module).with_suffix(".py") in files_behind(code)


def test_a_record_is_named_as_the_module_that_loads_it():
    names = {module: sweep.name for module, sweep in modules().items()}
    assert names == {module: module for module in names}
