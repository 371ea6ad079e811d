"""Execute the notebooks once, on all cores, into a cache; and again only those whose code changed.

As a Sphinx extension it fills the cache before the book is read, so that the book draws its pages from it;
`tools.notebooks` writes the same outputs back into the notebooks, and `tools.replay` hands them to nbval.
"""

import asyncio
import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.cache.db import NbCacheRecord
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from tools.build_times import expected_seconds
from tools.imports import files_behind
from tools.printed import scalars
from tools.progress import Progress

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "_build" / "notebooks"
PROGRESS = ROOT / "_build" / "progress"
REFUSED = (
    "a reader would see {}: glue or print it as text, as in f'{{value:.2f}}', or int(value), bool(value)"
)
TIMEOUT = 900  # seconds for a cell: on a busy machine the slowest takes many times its minute


class NotebookFailedError(RuntimeError):
    """A cell raised; the message names the page and the cell, and ends with what to do."""


def key(notebook: NotebookNode) -> str:
    """Return the `digest` of a notebook's code.

    jupyter-cache compares the code alone, and would show a changed package's old output.
    """
    return digest("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))


def digest(code: str) -> str:
    """Return a digest of what code depends on: Python, all versions, and the files of the package it uses."""
    found = hashlib.sha256(f"{sys.version}\n{_installed()}".encode())
    for path in files_behind(code, ROOT):
        found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


@cache
def _installed() -> str:
    # Of the environment alone: some tools add their own copies of packages to the path of their process.
    found = distributions(path=[sysconfig.get_path("purelib")])
    return "\n".join(sorted(f"{d.name}=={d.version}" for d in found))


@contextmanager
def open_cache(folder: Path | None = None) -> Iterator[JupyterCacheAbstract]:
    """Open the cache in a folder, left out the book's; its database is closed again, which it does not do."""
    held = get_cache(folder or CACHE)
    try:
        yield held
    finally:
        held.db.dispose()


def stale(paths: Iterable[Path], folder: Path | None = None) -> list[Path]:
    """Return those of the notebooks whose outputs the cache lacks or holds of other files."""
    with open_cache(folder) as held:
        return [path for path in paths if _record(held, path) is None]


def _record(held: JupyterCacheAbstract, path: Path) -> NbCacheRecord | None:
    """Return what the cache holds of a notebook as it and the package are now."""
    notebook = nbformat.read(path, as_version=4)
    try:
        record = held.match_cache_notebook(notebook)
    except KeyError:
        return None
    return record if record.data.get("key") == key(notebook) else None


def outputs(path: Path, folder: Path | None = None) -> NotebookNode:
    """Return a notebook with the outputs that the cache holds.

    Raises:
        KeyError: It holds none of this notebook's code, or of other files of the package.
    """
    with open_cache(folder) as held:
        if _record(held, path) is None:
            raise KeyError(f"{path} has not been executed as it is now")
        merged: NotebookNode = held.merge_match_into_notebook(nbformat.read(path, as_version=4))[1]
    return merged


def execute(
    notebooks: Iterable[Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    keep_going: bool = False,
) -> dict[Path, str]:
    """Execute the notebooks that the cache does not hold yet, as many at a time as their threads have cores.

    Args:
        notebooks: Paths.
        folder: Of the cache; left out, the book's.
        environment: Variables that the kernels get beside ours.
        keep_going: Return the failures instead of raising the first.

    Returns:
        What failed: a message by path.

    Raises:
        NotebookFailedError: A cell failed.
    """
    waiting = stale(notebooks, folder)
    if not waiting:
        return {}
    seconds = expected_seconds(waiting)
    waiting.sort(key=seconds.__getitem__, reverse=True)  # the longest must not start last
    shutil.rmtree(PROGRESS, ignore_errors=True)
    variables = {
        **os.environ,
        "NORMCOURSE_EXPLORE": "page",  # explorers carry every frame
        "NORMCOURSE_PROGRESS": str(PROGRESS),  # not the points of whoever builds
        **(environment or {}),
    }
    what = f"executing {len(waiting)} notebook{'s' * (len(waiting) > 1)}"
    total, beside = sum(seconds.values()), side_by_side(variables)
    with (
        Progress(total, what, expected=total / beside) as progress,
        tempfile.TemporaryDirectory() as sockets,
        open_cache(folder) as held,
    ):
        kernels = _Kernels(variables, Path(sockets), progress, seconds, held)
        executing = kernels.run_all(waiting, beside, keep_going=keep_going)
        with ThreadPoolExecutor(1) as thread:  # which has no loop yet; a caller's own thread may have one
            failures = thread.submit(asyncio.run, executing).result()
    if failures and not keep_going:
        raise NotebookFailedError("\n\n".join(failures.values()))
    return failures


class _Kernels:
    """Executes notebooks side by side, a kernel for each."""

    def __init__(
        self,
        variables: Mapping[str, str],
        sockets: Path,
        progress: Progress,
        seconds: Mapping[Path, float],
        held: JupyterCacheAbstract,
    ) -> None:
        self.variables = variables
        self.sockets = sockets
        self.progress = progress
        self.seconds = seconds
        self.cache = held
        self.failures: dict[Path, str] = {}

    async def run_all(self, paths: list[Path], beside: int, *, keep_going: bool) -> dict[Path, str]:
        waiting = iter(enumerate(paths))

        async def worker() -> None:
            for number, path in waiting:
                await self._run(number, path)
                if self.failures and not keep_going:
                    break

        await asyncio.gather(*(worker() for _ in range(min(beside, len(paths)))))
        return self.failures

    async def _run(self, number: int, path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        before = key(notebook)
        cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        share = self.seconds[path] / max(len(cells), 1)
        current = [0]

        def starts(cell_index: int, **_: Any) -> None:
            current[0] = cell_index

        def ends(**_: Any) -> None:
            self.progress.advance(share, doing=f"{path.parent.name}/{path.stem}")

        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            record_timing=False,  # it would go into the metadata, by which the cache finds a notebook again
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_start=starts,
            on_cell_executed=ends,
        )
        manager = client.create_kernel_manager()
        if sys.platform != "win32":  # no port to guard: IPython warns of one
            manager.transport = "ipc"
            manager.connection_file = str(self.sockets / f"{number}.json")  # sockets need short paths
        start = time.perf_counter()
        try:
            await client.async_execute(env=dict(self.variables))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            self.failures[path] = _failure(path, cells.index(current[0]), notebook.cells[current[0]], error)
            return
        for cell_number, index in enumerate(cells):
            if found := scalars(notebook.cells[index]):
                error = ValueError(REFUSED.format(found[0]))
                self.failures[path] = _failure(path, cell_number, notebook.cells[index], error)
                return
        data = {"execution_seconds": time.perf_counter() - start, "key": before}
        bundle = CacheBundleIn(notebook, str(path), data=data)
        self.cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(variables: Mapping[str, str]) -> int:
    """Return how many processes with these variables share the processors, each with so many threads."""
    return max(1, cores() // max(1, int(variables.get("OMP_NUM_THREADS") or 1)))


def _failure(path: Path, number: int, cell: NotebookNode, error: Exception) -> str:
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return (
        f"{error}\n\n{name} failed in code cell {number} (the first is 0), which starts with\n"
        f"    {cell.source.strip().partition(chr(10))[0]}\n"
        f"To see it fail alone: python -m tools.notebooks {name}"
    )


def _choose_cache(app: Sphinx, config: Config) -> None:
    config.nb_execution_cache_path = str(CACHE)


def _follow_package(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages to read again because what they import has changed."""
    paths = {Path(env.doc2path(name)): name for name in env.found_docs}
    return [paths[path] for path in stale(p for p in paths if p.suffix == ".ipynb")]


def _fill_cache(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    paths = (Path(env.doc2path(name)) for name in docnames)
    try:
        execute(path for path in paths if path.suffix == ".ipynb")
    except NotebookFailedError as error:
        raise ExtensionError(str(error)) from None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", _choose_cache)
    app.connect("env-get-outdated", _follow_package, priority=400)
    app.connect("env-before-read-docs", _fill_cache)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
