"""Fine-tuning as in `fine_tuning`, in further ways: with GroupNorm, and with gamma and beta frozen as well.

Source:
    Wu and He 2018, arXiv 1803.08494, section 4.2, which fine-tunes networks with GroupNorm, and ones whose
    batch norms are frozen.
"""

from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.inference import fine_tuning
from normcourse.experiments.inference.fine_tuning import FURTHER, measure

__all__ = ["SWEEP"]

#: The sweep of `fine_tuning` for `fine_tuning.FURTHER`, which takes ten minutes.
SWEEP = Sweep(
    "fine_tuning_further",
    {**fine_tuning.SWEEP.axes, "arm": FURTHER},
    fine_tuning.SWEEP.seeds,
    measure,
    corner={**fine_tuning.SWEEP.corner, "arm": "frozen, affine too"},
    tolerances=fine_tuning.SWEEP.tolerances,
)
