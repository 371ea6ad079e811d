"""The norms as layers, with the signatures, parameter names and state of ``torch.nn``."""

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
