"""NumPy reference: every norm's forward and backward, running statistics, and a gradient check.

The five norms differ only in their row of :data:`normcourse.taxonomy.TAXONOMY`. Each one looks at its
input through a view (``view.py``), standardises it (``core.py``: one forward, one backward) and applies
its affine (``norms.py``). ``running.py`` holds what BatchNorm remembers between batches and
``gradients.py`` compares a backward with finite differences.

Rules that hold for all of them:

* Any floating dtype comes back as it went in. Float16 is computed in float32, the others as they are.
* Inputs are never modified and outputs never share memory with them. The one exception is named so:
  :class:`RunningStats` updates itself in training.
* A pool with no value in it has no mean, so it is an error. An empty batch whose pools are not empty
  (``LayerNorm`` on shape ``(0, 5)``, BatchNorm in evaluation) gives an empty output, and zero for
  ``dgamma`` and ``dbeta``.
* NaN and infinity in an input propagate to the outputs that pool them, but not into running statistics:
  such an update is refused.
"""

from normcourse.reference.core import Standardised, standardise, standardise_backward
from normcourse.reference.gradients import GradcheckReport, InputCheck, gradcheck
from normcourse.reference.norms import (
    Cache,
    Grads,
    backward,
    batch_norm,
    batch_norm_backward,
    group_norm,
    group_norm_backward,
    instance_norm,
    instance_norm_backward,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from normcourse.reference.running import RunningStats

__all__ = [
    "Cache",
    "GradcheckReport",
    "Grads",
    "InputCheck",
    "RunningStats",
    "Standardised",
    "backward",
    "batch_norm",
    "batch_norm_backward",
    "gradcheck",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
    "standardise",
    "standardise_backward",
]
