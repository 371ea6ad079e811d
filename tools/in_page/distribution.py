"""Assemble the two folders that hold all that Python in the page needs, and say what each file is.

One holds what others made, the other what is the course's: so an edit of the course leaves the address of the
first, which is nearly all, as it was. Each is named after its contents. So an address means the same bytes
for ever, and a browser may keep them.
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
PREFIX = "python-"  # of the course's folder, whose index names the other one
CORE_PREFIX = "pyodide-"
PACKED = (".whl", ".zip")  # a server's compression gains nothing on them

Packages = Mapping[str, Mapping[str, Package]]  # by group and name
Files = dict[str, tuple[bytes, str]]  # by name, with the group of each


@dataclass(frozen=True)
class Distribution:
    """What was assembled.

    Attributes:
        folder: The name of the course's folder.
        sent: Bytes that a browser fetches, by group.
    """

    folder: str
    sent: Mapping[str, int]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that are there."""
        return tuple(self.sent)


def assemble(target: Path, sources: Sequence[Source] | None = None) -> tuple[Distribution | None, str]:
    """Assemble the folders in a target and remove those of earlier builds.

    Args:
        target: The folder that they go into; it is made.
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
        _remove(target, keep=())
        return None, str(error)
    core_name, name, index = _put(target, lock, packages)
    _remove(target, keep=(core_name, name))
    sent = dict.fromkeys(packages, 0)
    for entry in index["files"].values():
        sent[entry["group"]] += entry["sent"]
    return Distribution(name, sent), line


def _put(target: Path, lock: Mapping[str, Any], packages: Packages) -> tuple[str, str, dict[str, Any]]:
    """Write both folders, unless they are there, and return their names and the index."""
    core, own = _core_files(packages), _own_packages(packages)
    described = _described(core)
    core_name = CORE_PREFIX + _digest({file: entry["integrity"] for file, entry in described.items()})
    index: dict[str, Any] = {
        "python": lock["info"]["python"],
        "numpy": lock["packages"]["numpy"]["version"],
        "pyodide": lock["info"]["version"],
        "core": f"../{core_name}/",
        "files": {f"../{core_name}/{file}": entry for file, entry in described.items()},
    }
    # The lock names the folder that it lies in. So the digest is of the index as it is before that.
    index["files"] |= _described(_own_files(lock, packages, own, ""))
    name = PREFIX + _digest(index)
    files = _own_files(lock, packages, own, name)
    index["files"] |= _described(files)
    _write(target, core_name, core)
    return core_name, name, _read(target / name) or _write_own(target, name, files, core, index)


def _core_files(packages: Packages) -> Files:
    """Return the files that others made."""
    files = {name: ((pyodide.NPM / name).read_bytes(), "exercises") for name in CORE}
    for group, members in packages.items():
        files |= {package.entry["file_name"]: (package.data, group) for package in members.values()}
    return dict(sorted(files.items()))


def _own_packages(packages: Packages) -> Packages:
    """Return the course's wheels, those for figures only where Matplotlib is."""
    own = {"exercises": {"normcourse": _own_package("normcourse", wheel.NEEDS, wheel.build_wheel())}}
    if "figures" in packages:
        needs = ("normcourse", "matplotlib")
        of_pages = _own_package(wheel.OF_PAGES, needs, wheel.build_wheel_of_pages())
        own["figures"] = {wheel.OF_PAGES: of_pages}
    return own


def _own_package(name: str, needs: Sequence[str], built: tuple[str, bytes]) -> Package:
    """Return a wheel of the course, with its entry for the lock."""
    file_name, data = built
    entry = {
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
    return Package(entry, data)


def _own_files(lock: Mapping[str, Any], packages: Packages, own: Packages, folder: str) -> Files:
    """Return the files of the course's folder, but for its index.

    Pyodide looks for a package's file from the folder of its core: official entries stay as they are, and the
    course's lead to its own folder.
    """
    entries = {name: package.entry for members in packages.values() for name, package in members.items()}
    files: Files = {}
    for group, members in own.items():
        for name, package in members.items():
            file_name = package.entry["file_name"]
            entries[name] = {**package.entry, "file_name": f"../{folder}/{file_name}"}
            files[file_name] = (package.data, group)
    served = {"info": lock["info"], "packages": dict(sorted(entries.items()))}
    files[LOCK] = (json.dumps(served, indent=1).encode(), "exercises")
    return files


def _described(files: Files) -> dict[str, dict[str, Any]]:
    """Return what the index says of some files, but for their sizes as sent."""
    return {
        name: {"size": len(data), "integrity": _integrity(data), "group": group}
        for name, (data, group) in files.items()
    }


def _integrity(data: bytes) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode()


def _digest(contents: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:16]


def _write_own(target: Path, name: str, files: Files, core: Files, index: dict[str, Any]) -> dict[str, Any]:
    """Add the sizes as sent to the index, and write it with the course's files."""
    for file, (data, _) in (core | files).items():
        address = file if file in files else index["core"] + file
        packed = file.endswith(PACKED)
        index["files"][address]["sent"] = len(data if packed else gzip.compress(data, 6, mtime=0))
    _write(target, name, files | {INDEX: (json.dumps(index, indent=1).encode(), "")})
    return index


def _read(folder: Path) -> dict[str, Any] | None:
    """Return the index of a folder that is there already."""
    path = folder / INDEX
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write(target: Path, name: str, files: Files) -> None:
    """Write a folder, whole or not at all, unless it is there whole."""
    there = target / name
    sizes = {path.name: path.stat().st_size for path in there.glob("*")}
    if sizes == {file: len(data) for file, (data, _) in files.items()}:
        return
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=name, dir=target) as folder:
        made = Path(folder) / name
        made.mkdir(0o755)
        for file, (data, _) in files.items():
            (made / file).write_bytes(data)
        shutil.rmtree(there, ignore_errors=True)  # what a build that was cut short left
        made.rename(there)


def _remove(target: Path, keep: Sequence[str]) -> None:
    for prefix in (PREFIX, CORE_PREFIX):
        for folder in target.glob(prefix + "*"):
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)
