"""A plugin for pytest: nbval compares what the book's build executed with what the notebooks store.

nbval would execute every notebook a second time. Here its kernel is a recording: for each cell it gives the
messages that the outputs in the build's cache came from. All that nbval compares, and how, is nbval's own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbFile

from tools.imports import ROOT


class Recording:
    """What nbval asks of a kernel, answered from an executed notebook."""

    def __init__(self, notebook: NotebookNode) -> None:
        self._cells = iter([cell for cell in notebook.cells if cell.cell_type == "code"])
        self._messages: Iterator[dict[str, Any]] = iter(())
        self._count = 0

    def is_alive(self) -> bool:
        """Whether it can go on."""
        return True

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> int:
        """Turn to the next cell of this source: nbval skips some."""
        cell = next(cell for cell in self._cells if cell.source == source)
        self._count += 1
        self._messages = iter([*map(self._message, cell.outputs), self._idle()])
        return self._count

    def await_reply(self, msg_id: int, timeout: float | None = None) -> None:
        """Return at once: the cell has run."""

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message of the cell."""
        return next(self._messages)

    def stop(self) -> None:
        """Nothing runs."""

    def _message(self, output: NotebookNode) -> dict[str, Any]:
        content = {key: value for key, value in output.items() if key != "output_type"}
        return {
            "msg_type": output.output_type,
            "content": NotebookNode(content),
            "parent_header": {"msg_id": self._count},
        }

    def _idle(self) -> dict[str, Any]:
        content = {"execution_state": "idle"}
        return {"msg_type": "status", "content": content, "parent_header": {"msg_id": self._count}}


class ExecutedNotebook(IPyNbFile):
    """A notebook whose cells are compared with the cache of the build."""

    def setup(self) -> None:
        """Open the recording; without one the build has to come first."""
        # Here, because every run of tests loads this plugin, and few of them compare notebooks.
        from tools.execution import outputs
        from tools.notebooks import normalise

        try:
            notebook = outputs(Path(self.path))
        except KeyError:
            pytest.fail(
                f"{self.path.name} has not been executed as it is now: run `make book` (`make test` does)"
            )
        normalise(notebook)
        self.kernel = Recording(notebook)
        self.setup_sanitize_files()

    def get_sanitize_files(self) -> list[str]:
        """Return the file that says what may differ."""
        return [str(Path(__file__).with_name("nbval.cfg"))]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the book's notebooks, unless nbval is to execute them itself (``--nbval``)."""
    if (
        file_path.suffix == ".ipynb"
        and file_path.is_relative_to(ROOT / "book")
        and not parent.config.option.nbval
    ):
        collected: pytest.Collector = ExecutedNotebook.from_parent(parent, path=file_path)
        return collected
    return None
