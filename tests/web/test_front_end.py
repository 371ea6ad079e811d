"""The front end's own tests, in Node: what is kept, how two versions merge, the notebook in and out."""

import subprocess

from tools.in_page.bundle import BUILD
from tools.node import NODE

VITEST = BUILD.parents[1] / "node_modules" / "vitest" / "vitest.mjs"


def test_the_front_ends_tests_pass():
    command = [NODE, str(VITEST), "run", "--reporter=dot"]
    done = subprocess.run(command, cwd=BUILD.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
