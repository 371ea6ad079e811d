"""Build the book: `python -m tools.book` executes what changed and writes _build/html, on all cores.

It is Jupyter Book's own build, for which the command has no way to ask for several processes or a quiet
screen. Any warning is an error.
"""

import contextlib
import io
import re
import shutil
import sys
from typing import TextIO

from jupyter_book.sphinx import build_sphinx
from sphinx.util.console import nocolor

from tools.execution import ROOT, cores
from tools.progress import Progress
from tools.reading_time import summary

BUILD = ROOT / "_build"
HTML = BUILD / "html"
DOCTREES = BUILD / ".doctrees"
SECONDS = 18.0  # of one core, about, for each of Sphinx's two long phases and a whole book
ANSI = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"(reading sources|writing output)\.\.\. \[ *(\d+)%\] ?(.*)")


class Screen(io.TextIOBase):
    """Stands in for Sphinx's status stream: turns its many lines into one of progress."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.progress: Progress | None = None
        self.phase = ""

    def write(self, text: str) -> int:
        """Take what Sphinx says of its state; all else it says is left out."""
        if found := STEP.search(ANSI.sub("", text)):
            phase, percent, page = found.groups()
            if phase != self.phase:
                self._start(phase)
            if self.progress:
                self.progress.advance(float(percent) - self.progress.done, doing=page.strip())
                if percent == "100":
                    self.end()
        return len(text)

    def _start(self, phase: str) -> None:
        self.end()
        self.phase = phase
        self.progress = Progress(100.0, phase, self.stream, expected=SECONDS / cores(), beats=False)
        self.progress.__enter__()

    def end(self) -> None:
        """Close the line of the phase that runs."""
        if self.progress:
            self.progress.__exit__(None, None, None)
            self.progress = None


def build() -> int:
    """Build what changed; return 0 if there was no warning."""
    if not sys.stderr.isatty():
        nocolor()
    screen = Screen(sys.stderr)
    with contextlib.redirect_stdout(screen):  # type: ignore[type-var]
        result = build_sphinx(
            str(ROOT),
            str(HTML),
            noconfig=True,
            path_config=str(ROOT / "_config.yml"),
            confoverrides={"latex_individualpages": False},
            doctreedir=str(DOCTREES),
            warningiserror=True,
            keep_going=True,
            jobs=cores(),
        )
    screen.end()
    return result if isinstance(result, int) else 1


def main() -> None:
    """Build, and say where the book is or what to do."""
    HTML.mkdir(parents=True, exist_ok=True)
    if build():
        # Sphinx warns of a page only when it reads it, so a second run would pass over the pages read so far.
        shutil.rmtree(DOCTREES, ignore_errors=True)
        sys.exit("The book was not built: mend what the lines above name, then run `make book` again.")
    print(f"{summary()}\nThe book is at {(HTML / 'index.html').as_uri()}")


if __name__ == "__main__":
    main()
