"""Assemble the folder that holds all that Python in the page needs, and say in it what each file is.

The folder is named after its contents. So an address means the same bytes for ever,
and a browser may keep them.
"""

import base64
import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.in_page import pyodide, wheel
from tools.in_page.pyodide import CORE, LOCK, MissingError, Package
from tools.in_page.sources import Source

INDEX = "files.json"
PREFIX = "python-"
PACKED = (".whl", ".zip")  # a server's compression gains nothing on them


@dataclass(frozen=True)
class Distribution:
    """What was assembled.

    Attributes:
        folder: Its name.
        sent: Bytes that a browser fetches, by group.
    """

    folder: str
    sent: Mapping[str, int]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that are there."""
        return tuple(self.sent)


def assemble(target: Path, sources: Sequence[Source] | None = None) -> tuple[Distribution | None, str]:
    """Assemble the folder in a target and remove those of earlier builds.

    Args:
        target: The folder that it goes into; it is made.
        sources: Asked for the packages; by default what the environment says.

    Returns:
        What was assembled, or None where the exercises cannot have Python; and a line to show: why, or what
        is missing. It is empty where all is there.
    """
    try:
        lock = pyodide.read_lock()
        asked = pyodide.choose_sources(lock["info"]["version"]) if sources is None else sources
        packages, line = pyodide.packages(lock, asked)
    except MissingError as error:
        _remove(target, keep="")
        return None, str(error)
    files = _files(lock, packages)
    name = PREFIX + _digest(files)
    index = _write(target, name, files, lock) or _read(target / name)
    _remove(target, keep=name)
    sent = dict.fromkeys(packages, 0)
    for entry in index["files"].values():
        sent[entry["group"]] += entry["sent"]
    return Distribution(name, sent), line


def _files(
    lock: Mapping[str, Any], packages: Mapping[str, Mapping[str, Package]]
) -> dict[str, tuple[bytes, str]]:
    """Return all files by name, with the group of each."""
    files = {name: ((pyodide.NPM / name).read_bytes(), "exercises") for name in CORE}
    entries: dict[str, dict[str, Any]] = {}
    _add_own(files, entries, "exercises", "normcourse", wheel.NEEDS, wheel.build_wheel())
    if "figures" in packages:
        needs = ("normcourse", "matplotlib")
        _add_own(files, entries, "figures", wheel.OF_PAGES, needs, wheel.build_wheel_of_pages())
    for group, members in packages.items():
        for name, package in members.items():
            files[package.entry["file_name"]] = (package.data, group)
            entries[name] = dict(package.entry)
    served = {"info": lock["info"], "packages": dict(sorted(entries.items()))}
    files[LOCK] = (json.dumps(served, indent=1).encode(), "exercises")
    return dict(sorted(files.items()))


def _add_own(
    files: dict[str, tuple[bytes, str]],
    entries: dict[str, dict[str, Any]],
    group: str,
    name: str,
    needs: Sequence[str],
    built: tuple[str, bytes],
) -> None:
    """Add a wheel of the course to a group's files, and its entry to those of the lock."""
    file_name, data = built
    files[file_name] = (data, group)
    entries[name] = {
        "depends": list(needs),
        "file_name": file_name,
        "imports": ["normcourse"] if name == "normcourse" else [],
        "install_dir": "site",
        "name": name,
        "package_type": "package",
        "sha256": hashlib.sha256(data).hexdigest(),
        "unvendored_tests": False,
        "version": file_name.split("-")[1],
    }


def _digest(files: Mapping[str, tuple[bytes, str]]) -> str:
    digest = hashlib.sha256()
    for name, (data, group) in files.items():
        digest.update(f"{name} {group} {hashlib.sha256(data).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _write(
    target: Path, name: str, files: Mapping[str, tuple[bytes, str]], lock: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Write the folder, whole or not at all, and return what its index says; None if it is there already."""
    if (target / name / INDEX).exists():
        return None
    target.mkdir(parents=True, exist_ok=True)
    index = {
        "python": lock["info"]["python"],
        "numpy": lock["packages"]["numpy"]["version"],
        "pyodide": lock["info"]["version"],
        "files": {file: _described(file, data, group) for file, (data, group) in files.items()},
    }
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=target) as folder:
        made = Path(folder) / name
        made.mkdir(0o755)
        for file, (data, _) in files.items():
            (made / file).write_bytes(data)
        (made / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        shutil.rmtree(target / name, ignore_errors=True)  # what a build that was cut short left
        made.rename(target / name)
    return index


def _described(name: str, data: bytes, group: str) -> dict[str, Any]:
    """Return what the index says of a file."""
    integrity = "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode()
    sent = len(data) if name.endswith(PACKED) else len(gzip.compress(data, 6, mtime=0))
    return {"size": len(data), "sent": sent, "integrity": integrity, "group": group}


def _read(folder: Path) -> dict[str, Any]:
    index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return index


def _remove(target: Path, keep: str) -> None:
    for folder in target.glob(PREFIX + "*"):
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)
