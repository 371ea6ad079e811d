"""What of the book depends on the processor: `make portability`, an hour on two cores.

One machine can calculate in several ways: with other vector instructions, other products of matrices, other
numbers of threads. Every notebook and every record's corner runs under each, and what differs is written to
docs/portability.md. A run that was stopped goes on where it was.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools import execution
from tools.experiments import find as find_sweeps
from tools.notebooks import ROOT, find
from tools.portability_report import report
from tools.progress import Progress

FOLDER = ROOT / "_build" / "portability"
CORNER_SECONDS = 10.0  # about; the time left of a run is no more than an estimate


def arithmetics() -> dict[str, dict[str, str]]:
    """Return the ways to calculate, by name, each as variables of the environment.

    PyTorch's own kernels, MKL, oneDNN, OpenBLAS, NumPy and the C library's functions each have a switch.
    """
    dispatched = _numpy_features()
    avx2 = {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": " ".join(f for f in dispatched if f not in ("X86_V3", "AVX2", "FMA3")),
    }
    default = {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": " ".join(dispatched),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
    }
    # PyTorch's own kernels without vector instructions, and libraries such as most machines of today have.
    plain = {**avx2, "ATEN_CPU_CAPABILITY": "default"}
    kinds: dict[str, dict[str, str]] = {"native": {}, "avx2": avx2, "plain": plain, "default": default}
    return {
        f"{name}-{threads}": {
            **{k: v for k, v in variables.items() if v},
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "OPENBLAS_NUM_THREADS": str(threads),
        }
        for threads in (1, 2)
        for name, variables in kinds.items()
    }


def _numpy_features() -> list[str]:
    """Return the features of this processor that NumPy chooses between while it runs."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return [feature for feature in __cpu_dispatch__ if __cpu_features__[feature]]


def run_notebooks(name: str, variables: Mapping[str, str], paths: list[Path]) -> None:
    """Execute the notebooks in one arithmetic; a page that fails is kept as a failure."""
    folder = FOLDER / name / "notebooks"
    failures = execution.execute(paths, folder=folder, environment=variables, keep_going=True)
    (FOLDER / name / "failures.json").write_text(
        json.dumps({str(path.relative_to(ROOT)): message for path, message in failures.items()}), "utf-8"
    )


def run_corners(name: str, variables: Mapping[str, str], sweeps: list[str]) -> None:
    """Measure the corners of the sweeps in one arithmetic, each in a process of its own."""
    folder = FOLDER / name / "corners"
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [s for s in sweeps if not _is_current(folder / f"{s}.json", s)]

    def one(sweep: str) -> None:
        command = [sys.executable, "-m", "tools.portability", "--measure", sweep]
        done = subprocess.run(
            command, env={**os.environ, **variables}, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the corner of {sweep} failed in {name}:\n{done.stderr}")
        (folder / f"{sweep}.json").write_text(done.stdout, "utf-8")
        progress.advance(CORNER_SECONDS, doing=sweep)

    if not waiting:
        return
    with (
        Progress(CORNER_SECONDS * len(waiting), f"{name}: {len(waiting)} corners") as progress,
        ThreadPoolExecutor(execution.side_by_side(variables)) as pool,
    ):
        list(pool.map(one, waiting))


def _is_current(path: Path, sweep: str) -> bool:
    return path.exists() and json.loads(path.read_text("utf-8"))["key"] == _corner_key(sweep)


def _corner_key(sweep: str) -> str:
    return execution.digest(f"import {find_sweeps()[sweep].measure.__module__}")


def measure(name: str) -> None:
    """Print the corner of one sweep, measured here."""
    sweep = find_sweeps()[name]
    again = sweep.measure(**sweep.corner, seeds=sweep.seeds[:2])
    values = {what: numbers.tolist() for what, numbers in again.items()}
    sys.stdout.write(json.dumps({"key": _corner_key(name), "values": values}))


def chosen(wanted: list[str], there: Mapping[str, Any] | list[str]) -> Iterator[str]:
    """Yield what is there of what is wanted; all if nothing is.

    Raises:
        SystemExit: Something is wanted that is not there.
    """
    if unknown := [name for name in wanted if name not in there]:
        sys.exit(f"there is no {', '.join(unknown)}; there are {', '.join(there)}")
    yield from (name for name in there if not wanted or name in wanted)


def main() -> None:
    """Run what was asked for and write the report; exit with 1 if something strict differed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--arithmetics", nargs="*", default=[], help=", ".join(arithmetics()))
    parser.add_argument("--pages", nargs="*", default=None, help="notebooks; all if left out")
    parser.add_argument("--corners", nargs="*", default=None, help="sweeps; all if left out")
    parser.add_argument("--report", action="store_true", help="write the report of what there is")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    some = options.pages is not None or options.corners is not None
    pages = [Path(page).resolve() for page in options.pages or []] or ([] if some else find())
    sweeps = list(find_sweeps())
    corners = list(chosen(options.corners or [], sweeps)) if options.corners is not None or not some else []
    names = list(chosen(options.arithmetics, arithmetics()))
    if not options.report:
        for name in names:
            print(f"== {name}", file=sys.stderr)
            run_notebooks(name, arithmetics()[name], pages)
            run_corners(name, arithmetics()[name], corners)
    text, faults = report([FOLDER / name for name in names], pages, corners)
    if not some:
        (ROOT / "docs" / "portability.md").write_text(text, encoding="utf-8")
    print(text)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
