"""What the site needs besides its configuration: KaTeX's fonts, launch buttons, its latest style sheet."""

import filecmp
import multiprocessing.util
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinxcontrib import katex

from tools.node import NODE

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "book" / "_assets"
KATEX = ROOT / "node_modules" / "katex" / "dist"

_reading: list[str] = []  # the pages that this build reads


def _add_launch_buttons(app: Sphinx, config: Config) -> None:
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not repository:
        return
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    config.html_theme_options |= {
        "repository_url": f"{server}/{repository}",
        "repository_branch": os.environ.get("GITHUB_REF_NAME", "main"),
        "use_repository_button": True,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        },
    }


def _copy_katex(app: Sphinx) -> None:
    style = KATEX / "katex.min.css"
    # Another version's style sheet misdraws the prerendered formulas, and nothing says so.
    if not style.exists() or f'"{katex.katex_version}"' not in style.read_text(encoding="utf-8"):
        raise ExtensionError(
            f"{style} must be of KaTeX {katex.katex_version}, which draws the formulas: run `make setup`"
        )
    target = Path(app.outdir) / "_static" / "katex"
    unused = shutil.ignore_patterns("*.ttf", "*.woff")  # every browser of today takes the woff2
    shutil.copytree(KATEX / "fonts", target / "fonts", ignore=unused, dirs_exist_ok=True)
    shutil.copy(style, target)


def _follow_assets(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages to write again when the style sheet or the script changed: Sphinx would not look."""
    copies = Path(app.outdir) / "_static"
    names = [path.name for path in ASSETS.iterdir()]
    _, changed_assets, missing = filecmp.cmpfiles(ASSETS, copies, names, shallow=False)
    return list(env.all_docs) if changed_assets or missing else []


def _index_again(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name the pages with index entries, to be written whenever one is: of others they are forgotten.

    Sphinx loads the search's index of an earlier build without these entries.
    """
    entries = env.get_domain("index").entries
    return [name for name in entries if entries[name]] if _reading else []


def _read_in_parallel(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Vouch for Jupyter Book's extensions that do not say so.

    One counts chapters after all pages are read; the other changes single pages, and for LaTeX alone.
    """
    _reading[:] = docnames
    for name in ("sphinx_multitoc_numbering", "sphinx_jupyterbook_latex"):
        if name in app.extensions:
            app.extensions[name].parallel_read_safe = True


class _Formulas(katex.KaTeXServer):  # type: ignore[misc]
    """A server of KaTeX for each process, reached through a file.

    Over a port, each of a thousand formulas waits some 80 ms: the request goes out in two small packets, and
    the second one is held back until the first is acknowledged.
    """

    owner = 0

    @classmethod
    def get(cls) -> katex.KaTeXServer:
        """Return this process's server: one of the process that forked it would mix up the answers."""
        if cls.katex_server is None or cls.owner != os.getpid():
            cls.katex_server = server = cls.start()
            cls.owner = os.getpid()
            # A forked process leaves without what atexit would do, and node would stay.
            multiprocessing.util.Finalize(server, server.terminate, exitpriority=1)
        return cls.katex_server

    @classmethod
    def start_server_process(
        cls, rundir: Path, timeout: float
    ) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Start node, and connect as soon as it listens: the file is there a little earlier."""
        path = rundir / "katex.sock"
        pipe = subprocess.PIPE
        process = subprocess.Popen(cls.build_command(socket=path), stdin=pipe, stdout=pipe, cwd=rundir)
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                time.sleep(0.01)
            else:
                return process, connection
        raise cls.timeout_error(timeout)

    def terminate(self) -> None:
        """Stop node, once."""
        if self.rundir.exists():
            super().terminate()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    katex.NODEJS_BINARY = NODE
    if os.name == "posix":
        katex.KaTeXServer = _Formulas
    app.connect("config-inited", _add_launch_buttons)
    app.connect("builder-inited", _copy_katex)
    app.connect("env-get-outdated", _follow_assets)
    app.connect("env-before-read-docs", _read_in_parallel)
    app.connect("env-updated", _index_again)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
