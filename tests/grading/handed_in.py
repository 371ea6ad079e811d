"""Submissions to the exercise on BatchNorm, as .py files, whose tasks are few and quick."""

from dataclasses import replace

from normcourse.exercises.catalogue import find_exercise, find_task
from normcourse.grading.tiers import Limits

WHOLE = find_exercise("batchnorm")
# The forward pass, the step of weights, and one task of each other kind.
NAMES = ("bn.forward", "bn.step", "bn.reasons", "bn.predictions")
EXERCISE = replace(WHOLE, tasks=tuple(map(find_task, NAMES)))
LIMITS = Limits(wall=1, total=5)

FORWARD = """
import numpy as np
def bn_forward(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0{ddof}) + eps) + beta
"""
RIGHT = FORWARD.format(ddof="")
WRONG = FORWARD.format(ddof=", ddof=1")
SLOW = "def bn_forward(x, gamma, beta, eps):\n    while True: pass\n"
EXITS = "import os\ndef bn_forward(x, gamma, beta, eps):\n    os._exit(0)\n"
STEP = """
def bn_step(w, g, rate):
    after = w - rate * g
    lengths = np.linalg.norm(after, axis=1), np.linalg.norm(w, axis=1)
    return np.arccos((w * after).sum(1) / (lengths[0] * lengths[1])), lengths[0] / lengths[1]
"""
EMPTY = "def bn_forward(x, gamma, beta, eps):\n    raise NotImplementedError\n"

CLASS = {
    "ada.py": RIGHT + STEP,
    "ben.py": WRONG + STEP,
    "cleo/anything.py": SLOW + "import numpy as np" + STEP,
    "dan/anything.py": EXITS + "import numpy as np" + STEP,
    "eve.ipynb": "this is no notebook",
    "fay.py": EMPTY,
    "gus.py": "def bn_forward(x, gamma, beta, eps):\n    return x[0, 0] / 0j",
}


def hand_in(folder, sources=CLASS):
    """Write submissions, by name, into a folder, and return it."""
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return folder
