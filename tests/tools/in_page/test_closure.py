"""Which files of the package a page runs: what is used, what importing it loads, and no more."""

import pytest

from tests.tools.packages import written
from tools.imports import ROOT
from tools.in_page.closure import absent_behind, files_of
from tools.in_page.runnable import PAGES, package_files

FILES = {
    "__init__.py": "",
    "core.py": "",
    "heavy.py": "import torch\nfrom scipy.stats import norm\n",
    "later.py": "import json\nimport numpy.linalg\n\ndef run():\n    import sklearn\n",
    "guarded.py": "try:\n    import torch\nexcept ImportError:\n    torch = None\nif 0:\n    import scipy\n",
    "typed.py": "import typing\nif typing.TYPE_CHECKING:\n    import torch\n",
    "eager/__init__.py": "from normcourse.eager.a import one\nfrom normcourse.eager.b import two\n",
    "eager/a.py": 'from importlib.resources import files\n\none = files("normcourse.eager") / "one.gz"\n',
    "eager/b.py": '_FILE = "two.gz"\n\ndef two():\n    import sklearn\n',
    "eager/one.gz": "",
    "eager/two.gz": "",
    "lazy/__init__.py": "from normcourse.core import attach\n__getattr__ = attach(__file__)\n",
    "lazy/__init__.pyi": "from normcourse.lazy.light import c\nfrom normcourse.lazy.weighty import d\n",
    "lazy/light.py": "from matplotlib.figure import Figure\n",
    "lazy/weighty.py": "from normcourse.heavy import x\n",
}
LAZY = {"__init__.py", "core.py", "lazy/__init__.py", "lazy/__init__.pyi"}


@pytest.fixture
def root(tmp_path):
    return written(tmp_path, FILES)


@pytest.mark.parametrize(
    ("code", "files", "absent"),
    [
        ("import numpy, json, PIL.Image", set(), set()),
        ("import torch.nn, pandas", set(), {"torch", "pandas"}),
        ("from normcourse import core", {"__init__.py", "core.py"}, set()),
        ("import normcourse.heavy", {"__init__.py", "heavy.py"}, {"torch", "scipy"}),
        ("from normcourse.later import run", {"__init__.py", "later.py"}, {"sklearn"}),
        ("import normcourse.guarded", {"__init__.py", "guarded.py"}, set()),
        ("import normcourse.typed", {"__init__.py", "typed.py"}, set()),
        (
            "from normcourse.eager import one",  # the other is loaded, but neither called nor its data read
            {"__init__.py", "eager/__init__.py", "eager/a.py", "eager/b.py", "eager/one.gz"},
            set(),
        ),
        (
            "from normcourse.eager import two",
            {"__init__.py", "eager/__init__.py", "eager/a.py", "eager/b.py", "eager/two.gz"},
            {"sklearn"},
        ),
        ("from normcourse import lazy", LAZY, set()),
        ("from normcourse import lazy\nlazy.c()", LAZY | {"lazy/light.py"}, set()),
        ("from normcourse.lazy import c", LAZY | {"lazy/light.py"}, set()),
        (
            "from normcourse import lazy\nlazy.d()",
            LAZY | {"lazy/weighty.py", "heavy.py"},
            {"torch", "scipy"},
        ),
    ],
)
def test_code_needs_what_it_uses_and_what_that_loads(root, code, files, absent):
    found = {path.relative_to(root / "normcourse").as_posix() for path in files_of(code, root)}
    assert found == files
    assert absent_behind(code, root) == absent


def test_the_pages_need_a_small_part_of_the_package():
    files = package_files(ROOT / f"{name}.ipynb" for name in PAGES)
    names = {path.relative_to(ROOT / "normcourse").as_posix() for path in files}
    assert names >= {
        "plotting/diagrams/pooling.py",
        "plotting/__init__.pyi",
        "data/scanned_digits.gz",
        "_lazy.py",
    }
    assert not {name.partition("/")[0] for name in names} & {"nn", "models", "probes", "functional.py"}
    assert not {"data/python_help.json.gz", "data/digit_glyphs.gz", "plotting/layernorm/geometry.py"} & names
    assert sum(path.stat().st_size for path in files) < 320_000
