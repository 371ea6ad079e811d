"""The tiers of isolation, and how a worker is started in each; the strictest first.

``bubblewrap``
    Namespaces of its own: no network, no other processes, a read-only root that holds Python and the
    libraries that the exercise allows, and nothing else of this machine.
``docker``
    The same by a container. The environment variable NORMCOURSE_IMAGE names an image that has Python and
    the libraries; the image then decides what can be imported.
``limits``
    A plain process with limits on time, memory and files. It can read what you can read: never chosen by
    itself.

In each of them, on Linux, a filter of system calls (``seccomp.py``) refuses new processes and threads,
sockets, signals and changed files.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

__all__ = ["TIERS", "Limits", "SandboxError", "Start", "image", "start"]

TIERS = ("bubblewrap", "docker", "limits")
FLAGS = ("-P", "-s", "-B", "-u")  # no user's folders, no compiled files, nothing held back
# All that a worker gets: one thread, also where an answer asks torch for more, and one order for all sets
# of texts, which an answer may show.
VARIABLES = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "PYTHONHASHSEED": "0"}
TOLD = 60  # seconds in which docker tells of an image


class SandboxError(RuntimeError):
    """No sandbox could be had; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        wall: Seconds for each cell and each task.
        total: Seconds for a whole submission, restarts included.
        cpu: Seconds on the processor for one process of a submission.
        memory: Bytes of address space, beside those that the libraries take.
        log: Bytes that are kept of what is printed.
        flood: Bytes printed at which the submission is ended.
        elements: Numbers that the arrays of one task may hold.
    """

    wall: float = 10.0
    total: float = 60.0
    cpu: int = 60
    memory: int = 2 << 30
    log: int = 16 << 10
    flood: int = 16 << 20
    elements: int = 1 << 20


@dataclass(frozen=True)
class Start:
    """How to start a worker.

    Attributes:
        command: The command line.
        environment: The variables that it gets, and no others.
        stop: A command line that ends it where a signal does not.
        calls_back: Whether the worker connects to a socket in its folder instead of standard input.
    """

    command: list[str]
    environment: dict[str, str]
    stop: tuple[str, ...] = ()
    calls_back: bool = False


def start(tier: str, folder: Path, libraries: Sequence[str], limits: Limits) -> Start:
    """Return how to start a worker.

    Args:
        tier: One of TIERS.
        folder: Holds the worker's files.
        libraries: Distributions that submissions may import; their requirements come along.
        limits: For each submission.

    Raises:
        SandboxError: An unknown tier, or a program or library that is not there.
    """
    if tier not in TIERS:
        raise SandboxError(f"there is no tier {tier!r}; choose one of {', '.join(TIERS)}")
    settings = {"libraries": list(libraries), "memory": limits.memory, "cpu": limits.cpu}
    if tier == "docker":
        return _docker(folder, settings, limits)
    paths = _paths(tuple(libraries))
    python = os.path.realpath(sys.executable)
    if tier == "limits":
        _link(paths, folder / "libraries")
        settings["paths"] = [str(folder), str(folder / "libraries")]
        line = [python, *FLAGS, "-S", str(folder / "worker.py"), json.dumps(settings)]
        return Start(line, VARIABLES)
    settings["paths"] = ["/worker", "/libraries"]
    inside = [python, *FLAGS, "-S", "/worker/worker.py", json.dumps(settings)]
    return Start([*_bubblewrap(folder, paths, python), *inside], {})


def image(tier: str) -> str:
    """Return the image that a tier runs: its digest where docker tells it, else its name; empty if none.

    An image that was built again has the same name, and may have another Python or other libraries.

    Args:
        tier: One of TIERS.
    """
    program, name = shutil.which("docker"), os.environ.get("NORMCOURSE_IMAGE", "")
    if tier != "docker" or program is None or not name:
        return name if tier == "docker" else ""
    line = [program, "image", "inspect", "--format", "{{.Id}}", name]
    try:
        told = subprocess.run(line, env=_client(), capture_output=True, check=False, text=True, timeout=TOLD)
    except (OSError, subprocess.TimeoutExpired):
        return name
    return told.stdout.strip() if told.returncode == 0 else name


def _bubblewrap(folder: Path, paths: Sequence[Path], python: str) -> list[str]:
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxError("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
    line = [program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for variable in VARIABLES.items():
        line += ["--setenv", *variable]
    line += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    for path in ("/lib", "/lib64", "/usr/lib", "/usr/lib64"):
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            line += ["--ro-bind", path, path]
    stdlib = sysconfig.get_path("stdlib")
    for path in (python, *_shared_python(), stdlib):
        line += ["--ro-bind", path, path]
    for hidden in _other_packages(stdlib):
        line += ["--tmpfs", hidden, "--remount-ro", hidden]
    if _conda():  # whose packages look for them beside their own place
        line += ["--setenv", "LD_LIBRARY_PATH", _conda()]
    line += ["--proc", "/proc", "--ro-bind", str(folder), "/worker"]
    for device in ("null", "zero", "random", "urandom"):
        line += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for library in paths:
        line += ["--ro-bind", str(library), f"/libraries/{library.name}"]
    return [*line, "--remount-ro", "/", "--chdir", "/", "--"]


def _docker(folder: Path, settings: dict[str, object], limits: Limits) -> Start:
    """Return how to start a container, whose worker meets the grader at a socket in the folder."""
    program, name = shutil.which("docker"), os.environ.get("NORMCOURSE_IMAGE")
    if program is None:
        raise SandboxError("docker is not installed")
    if not name:
        raise SandboxError("docker needs NORMCOURSE_IMAGE, an image with Python and the exercise's libraries")
    settings |= {"paths": ["/worker"], "control": "/worker/control"}
    line = [program, "run", "--rm", "--init", "--name", folder.name, "--network", "none", "--read-only"]
    line += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "64"]
    line += ["--memory", str((1 << 30) + limits.memory), "--user", "65534:65534"]
    for variable, value in VARIABLES.items():
        line += ["--env", f"{variable}={value}"]
    line += ["--volume", f"{folder}:/worker:ro", "--workdir", "/", name]
    line += ["python", *FLAGS, "/worker/worker.py", json.dumps(settings)]
    return Start(line, _client(), stop=(program, "kill", folder.name), calls_back=True)


def _client() -> dict[str, str]:
    """Return the variables that docker's own program gets."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}


def _shared_python() -> list[str]:
    """Return the shared library that holds Python, where its program does not; all libraries of conda."""
    if _conda():
        return [_conda()]
    folder = sysconfig.get_config_var("LIBDIR")
    names = {sysconfig.get_config_var("LDLIBRARY"), sysconfig.get_config_var("INSTSONAME")}
    found = [os.path.join(folder, name) for name in sorted(name for name in names if name and folder)]
    return [path for path in found if ".so" in path and os.path.exists(path)]


def _conda() -> str:
    """Return the folder of conda's shared libraries, if this Python is conda's."""
    return os.path.join(sys.base_prefix, "lib") if Path(sys.base_prefix, "conda-meta").is_dir() else ""


def _other_packages(stdlib: str) -> list[str]:
    """Return the folders of installed packages that lie inside what is mounted."""
    found = {os.path.join(stdlib, name) for name in ("site-packages", "dist-packages")}
    found |= {str(path) for path in Path("/usr/lib").glob("python3*/*-packages")}
    return sorted(path for path in found if os.path.isdir(path))


def _link(paths: Sequence[Path], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in paths:
        link = folder / path.name
        if not link.is_symlink():
            link.symlink_to(path)


@cache
def _paths(libraries: tuple[str, ...]) -> tuple[Path, ...]:
    """Return what the libraries and all their requirements have put among the packages."""
    waiting, seen, found = list(libraries), set(libraries), set[Path]()
    while waiting:
        name = waiting.pop()
        try:
            dist = distribution(name)
        except PackageNotFoundError:
            if name in libraries:
                raise SandboxError(f"{name} is not installed, and the exercise needs it") from None
            continue
        site = Path(str(dist.locate_file("")))
        tops = {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"} or {name}
        found |= {site / top for top in tops if (site / top).exists()}
        for requirement in dist.requires or ():
            required, _, marker = requirement.partition(";")
            # Those for another platform are not installed, and pass over.
            name = re.split(r"[^\w.-]", required.strip(), maxsplit=1)[0]
            if "extra" not in marker and name not in seen:
                seen.add(name)
                waiting.append(name)
    return tuple(sorted(found))
