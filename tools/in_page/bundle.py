"""Bundle the front end of `web/`: its own script does it, with esbuild."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.node import NODE

BUILD = Path(__file__).parents[2] / "web" / "build.js"


@dataclass(frozen=True)
class Bundle:
    """The names of what was made: a page loads `start`, which loads the others when asked."""

    start: str
    style: str
    cells: str
    worker: str


def bundle(target: Path) -> Bundle:
    """Write the scripts and the style sheet into a folder, and remove those of earlier builds.

    Raises:
        subprocess.CalledProcessError: A source has an error; esbuild has said which.
    """
    target.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([NODE, str(BUILD), str(target)], stdout=subprocess.PIPE, text=True, check=True)
    made = json.loads(done.stdout)
    for old in target.glob("*.*"):
        if old.is_file() and old.name not in made.values():
            old.unlink()
    return Bundle(made["start.ts"], made["in-page.css"], made["cells.ts"], made["worker.ts"])
