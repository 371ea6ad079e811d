"""Normalization layers with the signatures, parameter names and state of ``torch.nn``."""

from normcourse.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from normcourse.nn.groupnorm import GroupNorm
from normcourse.nn.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from normcourse.nn.layernorm import LayerNorm, RMSNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "RMSNorm",
]
