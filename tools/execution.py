"""Execute the notebooks once, on all cores, into a cache that a change of the package empties.

As a Sphinx extension it fills the cache before the book is read, so that the book draws its pages from it;
`tools.notebooks` writes the same outputs back into the notebooks.
"""

import hashlib
import logging
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from jupyter_cache.base import JupyterCacheAbstract
from jupyter_cache.executors import load_executor
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[1]
CACHES = ROOT / "_build" / "notebooks"
PROGRESS = ROOT / "_build" / "progress"
TIMEOUT = 300


def cache_key() -> str:
    """Return a digest of all that an output depends on besides its notebook: the package and the versions.

    jupyter-cache compares the notebooks' code alone, and would show a changed package's old output. The
    grader is left out: no notebook uses it.
    """
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted((ROOT / "normcourse").rglob("*")):
        name = path.relative_to(ROOT)
        if path.is_file() and not {"__pycache__", "grading"} & set(name.parts):
            digest.update(f"{name}\n".encode() + path.read_bytes())
    # Of the environment alone: some tools add their own copies of packages to the path of their process.
    installed = distributions(path=[sysconfig.get_path("purelib")])
    digest.update("\n".join(sorted(f"{d.name}=={d.version}" for d in installed)).encode())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder of the current key's cache; those of other keys are stale and removed."""
    current = CACHES / cache_key()
    for stale in CACHES.glob("*"):
        if stale != current:
            shutil.rmtree(stale)
    return current


def execute(notebooks: Iterable[Path]) -> JupyterCacheAbstract:
    """Execute the notebooks that the cache does not hold yet, each core one at a time, and return the cache.

    Raises:
        RuntimeError: A cell failed; the message holds the notebook's path and the traceback.
    """
    cache = get_cache(cache_folder())
    ordered = sorted(notebooks, key=_long_runs, reverse=True)  # the longest must not start last
    uris = [str(cache.add_nb_to_project(str(path)).uri) for path in ordered]
    logger = logging.getLogger(__name__)
    logger.setLevel(logging.INFO)  # the executor then reports each notebook as it starts and ends
    if cache.list_unexecuted(uris):
        with _kernels_environment():
            executor = load_executor("local-parallel", cache, logger=logger)
            executor.run_and_cache(filter_uris=uris, timeout=TIMEOUT)
    if failed := cache.list_unexecuted(uris):
        raise RuntimeError("\n\n".join(f"{record.uri} failed:\n{record.traceback}" for record in failed))
    return cache


@contextmanager
def _kernels_environment() -> Iterator[None]:
    """Set what the kernels inherit, and put it back: whoever builds may start kernels of their own."""
    shutil.rmtree(PROGRESS, ignore_errors=True)
    kernels = {
        "NORMCOURSE_EXPLORE": "page",  # explorers carry every frame
        "NORMCOURSE_PROGRESS": str(PROGRESS),  # not the points of whoever builds
    }
    before = dict(os.environ)
    os.environ.update(kernels)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _long_runs(path: Path) -> int:
    """Count the cells that show a progress bar, whose output the page leaves out."""
    return path.read_text(encoding="utf-8").count('"remove-output"')


def _choose_cache(app: Sphinx, config: Config) -> None:
    # A new folder is a changed setting of the notebooks' parser, so Sphinx reads every page again.
    config.nb_execution_cache_path = str(cache_folder())


def _fill_cache(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    paths = (Path(env.doc2path(name)) for name in docnames)
    try:
        execute(path for path in paths if path.suffix == ".ipynb")
    except RuntimeError as error:
        raise ExtensionError(str(error)) from None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", _choose_cache)
    app.connect("env-before-read-docs", _fill_cache)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
