"""Run sweeps again and write their records: `python -m tools.experiments [names]`."""

import importlib
import pkgutil
import sys
import time

from normcourse import experiments
from normcourse.experiments.engine.sweeps import FOLDER, Sweep


def modules() -> dict[str, Sweep]:
    """Return every sweep of the package, by the last name of the module that calls it ``SWEEP``."""
    found = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(experiments.__path__, f"{experiments.__name__}.")
    ]
    return {module.__name__.rpartition(".")[2]: module.SWEEP for module in found if hasattr(module, "SWEEP")}


def find() -> dict[str, Sweep]:
    """Return every sweep of the package, by its name."""
    return {sweep.name: sweep for sweep in modules().values()}


def main(names: list[str]) -> None:
    """Run the named sweeps, or all."""
    sweeps = find()
    if unknown := [name for name in names if name not in sweeps]:
        sys.exit(f"no sweep is called {', '.join(unknown)}; there are {', '.join(sweeps)}")
    FOLDER.mkdir(exist_ok=True)
    for name in names or sweeps:
        start = time.perf_counter()
        text = sweeps[name].run().dumps()
        changed = not sweeps[name].path.exists() or sweeps[name].path.read_text(encoding="utf-8") != text
        sweeps[name].path.write_text(text, encoding="utf-8")
        print(f"{name}: {'changed' if changed else 'the same'}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
