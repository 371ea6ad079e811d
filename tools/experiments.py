"""Run sweeps again and write their records: `python -m tools.experiments [names]`."""

import importlib
import pkgutil
import sys
import time

from normcourse import experiments
from normcourse.experiments.engine.sweeps import FOLDER, Sweep


def find() -> dict[str, Sweep]:
    """Return every sweep of the package, by name: what its modules call ``SWEEP``."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(experiments.__path__, f"{experiments.__name__}.")
    ]
    sweeps = [module.SWEEP for module in modules if hasattr(module, "SWEEP")]
    return {sweep.name: sweep for sweep in sweeps}


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
