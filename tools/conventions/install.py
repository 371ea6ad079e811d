"""Make the environment of `make conventions`: `python -m tools.conventions.install`.

It runs under the system's Python, so it uses the standard library alone.
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from tools.setup import ROOT, choose_index

VENV = ROOT / ".venv-conventions"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def main(arguments: list[str]) -> None:
    """Install the pinned packages, or with `--newest` what they are today."""
    python = VENV / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pins = REQUIREMENTS.read_text(encoding="utf-8")
    pin = re.search(r"^torch==\S+", pins, re.MULTILINE)
    assert pin is not None, "requirements.txt does not pin torch"
    install = [str(python), "-m", "pip", "--no-color", "install", "--quiet", "--disable-pip-version-check"]
    asked = subprocess.run(
        [*install[:-2], "--dry-run", "--no-deps", "--no-index", pin[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    index, said = choose_index(os.environ, asked.stdout, f"{platform.system()} {platform.machine()}")
    print(said)
    wanted = ["--requirement", str(REQUIREMENTS)]
    if "--newest" in arguments:
        (VENV / "installed").unlink(missing_ok=True)  # so that `make conventions` goes back to the pins
        wanted = ["--upgrade", "torch", "keras", "flax", "jax", "onnx", "onnxruntime"]
    subprocess.run([*install, *(["--extra-index-url", index] if index else []), *wanted], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
