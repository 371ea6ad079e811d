"""What four frameworks were observed to do: the record of `make conventions`.

Each cell was read from the installed library or measured by running it (`tools/conventions`); none is typed.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FRAMEWORKS",
    "Cell",
    "Conventions",
    "KerasNetwork",
    "Table",
    "decode",
    "encode",
    "load_conventions",
]

RECORD = Path(__file__).with_name("conventions.json")
FRAMEWORKS = ("PyTorch", "Keras", "Flax", "ONNX")
KINDS = ("read", "measured", "refused", "absent")


@dataclass(frozen=True)
class Cell:
    """An answer of a framework.

    Args:
        observed: What was seen.
        kind: ``"read"`` from the library, ``"measured"`` by running it, ``"refused"`` by it, or ``"absent"``.
        how: What was executed.
    """

    observed: str
    kind: str
    how: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not self.observed or not self.how:
            raise ValueError(f"a cell says what was observed, how, and one of {KINDS}, but got {self}")


@dataclass(frozen=True)
class KerasNetwork:
    """A small network that was made and trained in Keras, and what its layers return there.

    Args:
        weights: Arrays as Keras keeps them, by ``layer/name``.
        settings: Of each layer, the numbers that a port must carry: epsilons and momentum.
        images: Four scanned digits of shape ``(4, 8, 8, 1)``, channels last.
        labels: Their classes.
        layers: What each layer returns for them in inference mode, in the order of the calls.
        after: The same after one more call on them with ``training=True``, which moves the statistics.
        accuracy: Of Keras on the 300 test digits.
    """

    weights: Mapping[str, NDArray[np.float32]]
    settings: Mapping[str, Mapping[str, float]]
    images: NDArray[np.float32]
    labels: tuple[int, ...]
    layers: Mapping[str, NDArray[np.float32]]
    after: Mapping[str, NDArray[np.float32]]
    accuracy: float


@dataclass(frozen=True, repr=False)
class Table:
    """Rows of the record. Frameworks that answer alike share a line, and two columns fit a phone.

    Args:
        rows: The question, and the cell of each framework.
        frameworks: In the order of the cells.
    """

    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    frameworks: tuple[str, ...]

    def shared(self, cells: Sequence[Cell]) -> dict[str, dict[str, Cell]]:
        """Return the answers of a row, each with the frameworks that give it."""
        found: dict[str, dict[str, Cell]] = {}
        for framework, cell in zip(self.frameworks, cells, strict=True):
            found.setdefault(cell.observed, {})[framework] = cell
        return found

    def __repr__(self) -> str:
        lines = []
        for question, cells in self.rows:
            lines += wrap(question, 64)
            for observed, given in self.shared(cells).items():
                line = f"{', '.join(given)}: {observed}"
                lines += wrap(line, 64, initial_indent="  ", subsequent_indent="    ")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for question, cells in self.rows:
            rows.append(f'<tr><th colspan="2" scope="colgroup"><b>{escape(question)}</b></th></tr>')
            for observed, given in self.shared(cells).items():
                how = "; ".join(f"{name}: {cell.how} ({cell.kind})" for name, cell in given.items())
                named = f'<th scope="row">{escape(", ".join(given))}</th>'
                rows.append(f'<tr>{named}<td title="{escape(how)}">{escape(observed)}</td></tr>')
        return f'<table class="statements conventions"><tbody>{"".join(rows)}</tbody></table>'


@dataclass(frozen=True, repr=False)
class Conventions:
    """The record.

    Args:
        versions: Of the libraries that were asked.
        questions: By key, such as ``"bn.eps"``: the subject and the question.
        cells: By key and framework.
        ports: By direction, such as ``"PyTorch to Flax"``: the difference after each layer, as a share of the
            largest value there.
        network: The one that was made in Keras, to be carried to PyTorch.
    """

    versions: Mapping[str, str]
    questions: Mapping[str, tuple[str, str]]
    cells: Mapping[str, Mapping[str, Cell]]
    ports: Mapping[str, Mapping[str, float]]
    network: KerasNetwork

    def __getitem__(self, place: tuple[str, str]) -> Cell:
        """The answer of a framework: ``record["bn.eps", "Keras"]``."""
        key, framework = place
        if key not in self.cells:
            raise KeyError(f"no question {key!r}; there are {', '.join(self.cells)}")
        if framework not in self.cells[key]:
            raise KeyError(f"no framework {framework!r}; there are {', '.join(self.cells[key])}")
        return self.cells[key][framework]

    @property
    def subjects(self) -> tuple[str, ...]:
        """What the questions are about, in order."""
        return tuple(dict.fromkeys(subject for subject, _ in self.questions.values()))

    def keys(self, subject: str) -> tuple[str, ...]:
        """The questions about a subject."""
        if subject not in self.subjects:
            raise KeyError(f"no subject {subject!r}; there are {', '.join(self.subjects)}")
        return tuple(key for key, (about, _) in self.questions.items() if about == subject)

    def table(self, *keys: str, frameworks: Sequence[str] = FRAMEWORKS) -> Table:
        """Return the answers to some questions, or to all, as a table."""
        chosen = keys or tuple(self.questions)
        rows = [(self._words(key), tuple(self[key, framework] for framework in frameworks)) for key in chosen]
        return Table(tuple(rows), tuple(frameworks))

    def _words(self, key: str) -> str:
        subject, question = self.questions.get(key, ("", key))
        return f"{subject}: {question}"

    def __repr__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{len(self.questions)} questions, {', '.join(FRAMEWORKS)}; asked of {versions}"


@cache
def load_conventions() -> Conventions:
    """Load what the frameworks were observed to do.

    Example:
        >>> record = load_conventions()
        >>> record["bn.momentum", "PyTorch"].observed
        '0.1: the weight of the new batch'
        >>> record["bn.momentum", "Keras"].observed
        '0.99: the weight of the old value'
    """
    return read(json.loads(RECORD.read_text(encoding="utf-8")))


def read(kept: Mapping[str, Any]) -> Conventions:
    """Return the record that the JSON holds."""
    network = dict(kept["network"])
    for name in ("weights", "layers", "after"):
        network[name] = {key: decode(value) for key, value in network[name].items()}
    network["images"], network["labels"] = decode(network["images"]), tuple(network["labels"])
    return Conventions(
        versions=kept["versions"],
        questions={key: (subject, text) for key, (subject, text) in kept["questions"].items()},
        cells={
            key: {framework: Cell(**cell) for framework, cell in answers.items()}
            for key, answers in kept["cells"].items()
        },
        ports=kept["ports"],
        network=KerasNetwork(**network),
    )


def encode(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array as JSON holds it: its shape, and the bits of its 32-bit numbers, little end first."""
    bits = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return {"shape": list(array.shape), "float32": base64.b64encode(bits).decode()}


def decode(kept: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the array that `encode` kept.

    Example:
        >>> decode(encode(np.array([[1.0, 2.5]])))
        array([[1. , 2.5]], dtype=float32)
    """
    flat = np.frombuffer(base64.b64decode(kept["float32"]), dtype="<f4")
    array: NDArray[np.float32] = flat.reshape(kept["shape"]).astype(np.float32)
    return array
