"""The norms as layers, with the signatures, parameter names and state of ``torch.nn``.

``torch.compile``, ``torch.export``, ``torch.jit.trace`` and ``torch.utils.checkpoint`` take them, in training
and in evaluation; so does ``torch.func``, but not layers whose running statistics move: it refuses them, as
PyTorch's. (With several processes, :class:`SyncBatchNorm` can be compiled in parts and recomputed, no more.)

They are classes of their own, and what looks for PyTorch's classes does not find them:

- ``torch.optim.swa_utils.update_bn`` passes them over without a word: use :func:`recalibrate`.
- ``torch.nn.SyncBatchNorm.convert_sync_batchnorm`` does, too: use that method of :class:`SyncBatchNorm`.
- ``torch.func.replace_all_batch_norm_modules_`` does, too: build them with ``track_running_stats=False``.
- ``torch.ao.quantization.fuse_modules`` and ``torch.fx.experimental.optimization.fuse`` stop with an error:
  use :func:`fold_batch_norms`.
- ``torch.fx.symbolic_trace`` and ``torch.jit.script`` stop with an error that names the layer: use
  ``torch.export.export``.
"""

from normcourse.nn.adaptation import adapt_batch_norm
from normcourse.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from normcourse.nn.centring import fold_affine, fold_centring
from normcourse.nn.folding import fold_batch_norm, fold_batch_norms
from normcourse.nn.freezing import freeze_batch_norm, unfreeze_batch_norm
from normcourse.nn.groupnorm import GroupNorm
from normcourse.nn.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from normcourse.nn.layernorm import LayerNorm, RMSNorm
from normcourse.nn.recalibration import recalibrate
from normcourse.nn.syncbatchnorm import SyncBatchNorm
from normcourse.nn.variants import BatchRenorm, Derf, DyT, GhostBatchNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "BatchRenorm",
    "Derf",
    "DyT",
    "GhostBatchNorm",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "RMSNorm",
    "SyncBatchNorm",
    "adapt_batch_norm",
    "fold_affine",
    "fold_batch_norm",
    "fold_batch_norms",
    "fold_centring",
    "freeze_batch_norm",
    "recalibrate",
    "unfreeze_batch_norm",
]
