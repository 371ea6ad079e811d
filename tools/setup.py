"""Set up .venv with the pinned packages, and node_modules with what the pages take from npm.

It runs under the system's Python before anything is installed, so it uses the standard library alone.
"""

import os
import platform
import re
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path

from tools.progress import Progress

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv"
LOG = VENV / "setup.log"
CONSTRAINTS = ROOT / "constraints.txt"
INDEX = "https://download.pytorch.org/whl/cpu"  # PyTorch's own: wheels without CUDA
VARIABLE = "NORMCOURSE_TORCH_INDEX"
PATIENCE = 3.0  # seconds that an index has to answer
TAIL = 15  # lines of the log that a failure shows
SECONDS = {"venv": 6.0, "pip": 75.0, "npm": 4.0}  # on two cores, with the packages near


Share = Callable[[str], tuple[float, str]]  # of what a command wrote: how much is done, and what it does


class SetupFailedError(RuntimeError):
    """A step failed; the message says which, shows what it last wrote, and ends with what to do."""


def choose_index(environment: Mapping[str, str], offered: str, machine: str) -> tuple[str | None, str]:
    """Return the index to pass to pip for torch's CPU build, or None, and a line that says which it is.

    Args:
        environment: Of the variables, `NORMCOURSE_TORCH_INDEX` and pip's own.
        offered: What pip says to torch without any index.
        machine: `Linux x86_64`, say.
    """
    index = environment.get(VARIABLE, INDEX).strip()
    named = environment.get("PIP_INDEX_URL", "") + environment.get("PIP_EXTRA_INDEX_URL", "")
    if "+cpu" in offered or "already satisfied" in offered:
        return None, "torch: the build that is on this machine already"
    if VARIABLE not in environment and machine not in ("Linux x86_64", "Linux aarch64"):
        return None, f"torch: PyPI's build, which needs no other index on {machine}"
    if index.lower() in ("", "off"):
        return None, f"torch: what pip finds, because {VARIABLE} is off"
    if "download.pytorch.org" in named or environment.get("PIP_NO_INDEX"):
        return None, "torch: what pip finds where your settings of pip send it"
    reason = refusal(index, environment)
    if reason:
        found = "what pip finds, perhaps several GB with CUDA"
        return None, f"torch: {found}, because {index} fails: {reason}"
    return index, f"torch: the CPU build from {index}"


def refusal(index: str, environment: Mapping[str, str], patience: float = PATIENCE) -> str:
    """Return why an index cannot be used for torch, or nothing where it answers in time."""
    reasons: list[str] = []

    def ask() -> None:
        try:
            bundle = environment.get("PIP_CERT") or environment.get("REQUESTS_CA_BUNDLE")
            context = ssl.create_default_context(cafile=bundle or None)
            with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=patience, context=context):
                reasons.append("")
        except (OSError, ValueError, HTTPException) as error:
            reasons.append(str(getattr(error, "reason", None) or error).strip())

    # A thread, because urlopen limits each part of the exchange alone, and not how long the host is sought.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    return reasons[0] if reasons else f"no answer in {patience:g} s"


class Steps:
    """Runs commands with their output in the log, and moves the line of progress."""

    def __init__(self, progress: Progress, venv: Path = VENV, log: Path = LOG) -> None:
        self.progress = progress
        self.venv = venv
        self.log = log
        self.python = venv / "bin" / "python"
        self.environment = {**os.environ, "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
        self.packages = sum("==" in line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines())

    def make_venv(self) -> None:
        """Make the environment, or bring an old one up to date."""
        self.progress.advance(0, doing="making .venv")
        self.venv.mkdir(exist_ok=True)
        self.log.unlink(missing_ok=True)
        advice = "On Debian and Ubuntu the module venv is a package of its own: apt-get install python3-venv."
        self._run([sys.executable, "-m", "venv", str(self.venv)], SECONDS["venv"], advice)

    def offered(self) -> str:
        """Return what pip answers when it is asked for torch and may ask no index."""
        pin = re.search(r"^torch==\S+", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
        assert pin is not None, "constraints.txt does not pin torch"
        command = [str(self.python), "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", pin[0]]
        answer: str = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return answer

    def install(self, index: str | None) -> None:
        """Install the package and all that it needs at the pinned versions."""
        self.progress.advance(0, doing="asking for packages")
        command = [str(self.python), "-m", "pip", "--no-color", "install", "--progress-bar", "off"]
        command += ["--disable-pip-version-check", "--constraint", str(CONSTRAINTS)]
        command += ["--extra-index-url", index] if index else []
        command += ["--editable", f"{ROOT}[book,lab,dev]"]
        advice = (
            "Without a way to PyPI, name a mirror: PIP_INDEX_URL=https://... make setup. "
            "It keeps what it has fetched, so a second try is shorter."
        )
        self._run(command, SECONDS["pip"], advice, self._share_of_pip)

    def install_fonts(self) -> None:
        """Install what comes from npm: KaTeX's fonts, Pyodide, the editor of the exercises and its tools.

        Node comes with the packages, so it need not be on the machine.
        """
        self.progress.advance(0, doing="fetching npm's packages")
        command = ["npm", "ci", "--loglevel", "error", "--no-audit", "--no-fund"]
        advice = "npm has its own settings: `npm config set registry https://...` names a mirror."
        self._run(command, SECONDS["npm"], advice)

    def _run(self, command: Sequence[str], seconds: float, advice: str, share: Share | None = None) -> None:
        counted = 0.0
        with self.log.open("a", encoding="utf-8") as log:
            print("$", *command, file=log, flush=True)
            start = log.tell()
            try:
                process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=self.environment)
            except OSError as error:
                raise SetupFailedError(f"{command[0]} cannot be run: {error}\n{advice}") from None
            try:
                while (code := _wait(process, 0.5)) is None:
                    done, doing = share(self._written(start)) if share else (0.0, None)
                    self.progress.advance(seconds * max(done - counted, 0.0), doing)
                    counted = max(done, counted)
            finally:
                process.terminate()
        if code:
            raise SetupFailedError(self._failure(command, code, start, advice))
        self.progress.advance(seconds * (1.0 - counted))

    def _written(self, start: int) -> str:
        with self.log.open("rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")

    def _share_of_pip(self, written: str) -> tuple[float, str]:
        """Return how much of pip's work is done and what it does: find, fetch and install each package."""
        if "Installing collected packages" in written:
            installed = len(list(self.venv.glob("lib/python3*/site-packages/*.dist-info")))
            return 0.5 + 0.5 * min(installed / self.packages, 1.0), "installing packages"
        found = re.findall(r"^(?:Collecting|Processing) ", written, re.MULTILINE)
        local = re.findall(r"^Processing .*\.whl", written, re.MULTILINE)
        fetched = re.findall(r"^ *(?:Downloading|Using cached) (\w+)\S+\.whl (.*)", written, re.MULTILINE)
        done = (0.3 * len(found) + 0.2 * (len(fetched) + len(local))) / self.packages
        return min(done, 0.5), " ".join(("fetching", *fetched[-1])) if fetched else "finding packages"

    def _failure(self, command: Sequence[str], code: int, start: int, advice: str) -> str:
        ignored = re.compile(r"WARNING: Location .* is ignored|\s*$")
        lines = [line for line in self._written(start).splitlines() if not ignored.match(line)]
        shown = "\n".join(f"    {line}" for line in lines[-TAIL:])
        return (
            f"{' '.join(command)}\nfailed with exit status {code}. It last wrote:\n{shown}\n{advice}\n"
            f"All that it wrote is in {self.log}. When it is mended, run `make setup` again."
        )


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def main() -> None:
    """Make the environment."""
    total = sum(SECONDS.values())
    try:
        with Progress(total, "setting up .venv", expected=total) as progress:
            steps = Steps(progress)
            steps.make_venv()
            machine = f"{platform.system()} {platform.machine()}"
            index, torch = choose_index(os.environ, steps.offered(), machine)
            progress.say(torch)
            steps.install(index)
            steps.install_fonts()
    except SetupFailedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
