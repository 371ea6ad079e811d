"""Normalization layers with the signatures, parameter names and state of ``torch.nn``."""

from normcourse.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]
