"""A package's names, each imported when it is first asked for.

What a package gives out stands in a stub beside its ``__init__.py``, as plain imports. So type checkers and
editors see the names, and there is one list of them, not two. It is the way of scientific Python's
``lazy_loader``, of which this is all that the course needs.
"""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["attach"]


def attach(package: str, stub: Path) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the ``__getattr__``, ``__dir__`` and ``__all__`` of a package, as its stub has them.

    Args:
        package: The package's name.
        stub: The file that says ``from package.module import name`` of every name.
    """
    origins = {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    given = vars(sys.modules[package])

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = origins[name]
        given[name] = value = getattr(import_module(module), original)  # asked for once
        return value

    return __getattr__, lambda: sorted({*given, *origins}), sorted(origins)
