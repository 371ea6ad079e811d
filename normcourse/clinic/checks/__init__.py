"""One check a module: what it looks for, when it needs what, and the finding that it gives.

A module says ``NEEDS`` (a tuple of `NEEDED`) and ``find(case)``, which yields findings named like the module.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from normcourse.clinic.case import Case
from normcourse.clinic.lines import with_imports
from normcourse.clinic.report import Finding

__all__ = ["CHECKS", "NEEDED", "Check", "name_of"]

#: What a check may need beside the model, and what to say where it is not there.
NEEDED = {
    "batches": "no batches were given, or the model did not take them",
    "optimizer": "no optimizer was given",
    "causal": "causal=True was not given",
}


@dataclass(frozen=True)
class Check:
    """A check, as `examine` runs it.

    Args:
        name: What its findings are called.
        about: What it looks for: the first line of its module.
        needs: What it cannot do without, of `NEEDED`.
        find: Yields findings.
    """

    name: str
    about: str
    needs: tuple[str, ...]
    find: Callable[[Case], Iterator[Finding]]


def name_of(module: ModuleType) -> str:
    """What the findings of a check's module are called."""
    return module.__name__.rpartition(".")[2].replace("_", " ")


def _check(module: ModuleType) -> Check:
    name = name_of(module)
    if unknown := set(module.NEEDS) - set(NEEDED):
        raise ValueError(
            f"the check {name!r} needs {sorted(unknown)}, but only {sorted(NEEDED)} can be needed"
        )

    def find(case: Case) -> Iterator[Finding]:
        for finding in module.find(case):
            yield replace(finding, mend=with_imports(finding.mend))

    about = str(module.__doc__).splitlines()[0]
    return Check(name, about, tuple(module.NEEDS), find)


#: The checks, by the names of their modules.
CHECKS = tuple(
    _check(import_module(f"{__name__}.{found.name}"))
    for found in sorted(iter_modules(__path__), key=lambda m: m.name)
)
