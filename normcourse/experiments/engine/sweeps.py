"""Sweeps: a run at every combination of some settings, too long for a page, kept as a small record.

A record is a file of the package, so that a page can load it anywhere. ``make experiments`` runs the sweeps
again and writes their records; a test runs one corner of each and compares.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from normcourse.experiments.engine.environment import environment
from normcourse.experiments.engine.tolerances import Tolerance, relative

__all__ = ["FOLDER", "Record", "Sweep"]

#: Where the records lie.
FOLDER = Path(__file__).parents[1] / "records"


@dataclass(frozen=True)
class Record:
    """The measurements of a sweep, addressed by the names of its settings.

    Attributes:
        axes: The values of each setting, in order; the last axis is ``"seed"``.
        values: Measurements by name. Their shape is the lengths of the axes, then that of one run's.
        environment: What they were measured on.

    Example:
        >>> steps = np.array([[9, 8, 7], [3, 2, 1]])
        >>> record = Record({"rate": (0.1, 1.0), "seed": (0, 1, 2)}, {"steps": steps}, {})
        >>> record.get("steps", rate=1.0)
        array([3, 2, 1])
        >>> record.get("steps", seed=(0, 2))
        array([[9, 7],
               [3, 1]])
    """

    axes: Mapping[str, tuple[Any, ...]]
    values: Mapping[str, NDArray[Any]]
    environment: Mapping[str, str]

    def get(self, name: str, **settings: Any) -> NDArray[Any]:
        """Return a measurement at fixed settings; the axes that are not named stay, in order.

        Args:
            name: Of the measurement.
            settings: By axis, a value, or a tuple of values: the axis then stays, with those alone.

        Raises:
            KeyError: The record has no such measurement, no such axis, or not that value of it.
        """
        if name not in self.values:
            raise KeyError(f"the record holds {', '.join(self.values)}; it has no {name!r}")
        for axis, value in settings.items():
            if axis not in self.axes:
                raise KeyError(f"the record's axes are {', '.join(self.axes)}; it has no {axis!r}")
            for one in value if isinstance(value, tuple) else (value,):
                if one not in self.axes[axis]:
                    raise KeyError(f"{axis} was run at {self.axes[axis]}, not at {one!r}")
        chosen = self.values[name]
        for place, (axis, run_at) in reversed(list(enumerate(self.axes.items()))):
            match settings.get(axis, run_at):
                case tuple(several):
                    chosen = chosen.take([run_at.index(one) for one in several], place)
                case one:
                    chosen = chosen.take(run_at.index(one), place)
        return chosen

    def dumps(self) -> str:
        """Return JSON: a line per combination, 6 significant digits, ``"inf"`` and ``"nan"`` as text."""
        combinations = int(np.prod([len(values) for values in list(self.axes.values())[:-1]]))
        blocks = []
        for name, values in self.values.items():
            rows = values.reshape(combinations, *values.shape[len(self.axes) - 1 :])
            lines = ",\n".join(f"      {json.dumps(_plain(row.tolist()))}" for row in rows)
            blocks.append(f"    {json.dumps(name)}: [\n{lines}\n    ]")
        axes, run_on = json.dumps(self.axes), json.dumps(self.environment)
        body = ",\n".join(blocks)
        return f'{{\n  "axes": {axes},\n  "environment": {run_on},\n  "values": {{\n{body}\n  }}\n}}\n'

    @classmethod
    def loads(cls, text: str) -> "Record":
        """Read what `dumps` wrote."""
        read = json.loads(text)
        axes = {name: tuple(values) for name, values in read["axes"].items()}
        lengths = tuple(len(values) for values in list(axes.values())[:-1])
        values = {}
        for name, rows in read["values"].items():
            array = np.array(rows, dtype=float)
            values[name] = array.reshape(lengths + array.shape[1:])
        return cls(axes, values, read["environment"])


def _plain(value: Any) -> Any:
    """Round a nested list's numbers to 6 significant digits; what JSON has no number for becomes text."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if not np.isfinite(value):
        return str(value)
    return float(f"{value:.6g}") if isinstance(value, float) else value


@dataclass(frozen=True)
class Sweep:
    """A measurement that depends on some settings and on seeds, and the settings at which to take it.

    Attributes:
        name: Name of the record's file.
        axes: The values of each setting: numbers or short texts.
        seeds: The seeds of every combination.
        measure: Called with one value per axis and with ``seeds``. Returns measurements by name, each with
            one row per seed.
        corner: One combination whose run is short and smooth enough for a test.
        tolerances: How far that run may lie from the record on another processor, by measurement; a
            ten-thousandth of itself where nothing is said.
    """

    name: str
    axes: Mapping[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    measure: Callable[..., Mapping[str, NDArray[Any]]]
    corner: Mapping[str, Any]
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The record's file."""
        return FOLDER / f"{self.name}.json"

    def run(self, *, progress: bool = True) -> Record:
        """Take the measurement at every combination: minutes.

        Raises:
            ValueError: A combination gives other measurements than the first, or not one row per seed.
        """
        points = [dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values())]
        rows: list[Mapping[str, NDArray[Any]]] = []
        for point in tqdm(points, desc=self.name, disable=not progress):
            rows.append(self.measure(**point, seeds=self.seeds))
            self._check(point, rows[-1], rows[0])
        lengths = tuple(len(values) for values in self.axes.values())
        values = {}
        for name in rows[0]:
            stacked = np.stack([row[name] for row in rows])
            values[name] = stacked.reshape(lengths + stacked.shape[1:])
        return Record({**self.axes, "seed": self.seeds}, values, environment())

    def _check(
        self, point: Mapping[str, Any], row: Mapping[str, NDArray[Any]], first: Mapping[str, NDArray[Any]]
    ) -> None:
        if set(row) != set(first):
            raise ValueError(
                f"every combination must give the same measurements, but {self.name} gives {', '.join(row)} "
                f"at {point}, and {', '.join(first)} at the first"
            )
        if wrong := {name: len(values) for name, values in row.items() if len(values) != len(self.seeds)}:
            raise ValueError(
                f"a measurement needs one row for each of {len(self.seeds)} seeds, but {self.name} gives "
                f"{wrong} rows at {point}"
            )

    def distances(self, again: Mapping[str, ArrayLike]) -> dict[str, tuple[float, Tolerance]]:
        """Compare a run of the corner, by the sweep's first seeds, with the record.

        Args:
            again: What `measure` gave at the corner.

        Returns:
            By measurement, how far it lies from the record and how far it may, in the tolerance's unit.
        """
        record = self.load()
        found = {}
        for name, values in again.items():
            tolerance = self.tolerances.get(name, relative(1e-4))
            kept = record.get(name, **self.corner)[: len(np.asarray(values))]
            found[name] = tolerance.distance(values, kept), tolerance
        return found

    def load(self) -> Record:
        """Return the record.

        Raises:
            ValueError: There is none, or it is of other settings than this sweep's.
        """
        if not self.path.exists():
            raise ValueError(f"the sweep {self.name} has no record yet: run `make experiments`")
        record = Record.loads(self.path.read_text(encoding="utf-8"))
        wanted = {**self.axes, "seed": self.seeds}
        if record.axes != wanted:
            raise ValueError(
                f"the record of {self.name} is of {record.axes}, and the sweep is now over {wanted}: "
                "run `make experiments`"
            )
        return record
