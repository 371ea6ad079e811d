"""Which average does best in the first few dozen steps of a new network?

Source:
    The trainings and estimates of `running_momenta`, cut off after 60 steps. ``momentum=None`` was proposed
    to PyTorch for networks whose weights stand still: https://github.com/pytorch/pytorch/pull/5766.
"""

from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples, relative
from normcourse.experiments.inference import running_momenta

__all__ = ["SWEEP"]

#: The three trainings of `running_momenta`, read after sixths of so many steps: after 10, 30 and 60 in the
#: longer runs. It takes a minute. The corner is a very short run, before rounding grows.
SWEEP = Sweep(
    "running_start",
    {"setting": tuple(running_momenta.SETTINGS), "steps": (6, 60)},
    tuple(range(8)),
    running_momenta.measure,
    corner={"setting": "low rate", "steps": 6},
    tolerances={
        "accuracy": examples(10, of=1000),
        "offset": relative(0.01),
        "by_size": examples(10, of=1000),
    },
)
