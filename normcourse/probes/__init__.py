"""Measure a running network: hooks in, plain NumPy arrays out, the network left as it was found.

Any ``nn.Module`` will do, with any layers. Inputs and outputs of layers are arrays of shape
``(N, C, ...)``: examples, features or channels, then space.
"""

from normcourse.probes.distributions import (
    FeatureStatistics,
    StatisticsNoise,
    distribution_shift,
    feature_statistics,
    moment_shift,
    paired_shift,
    statistics_noise,
)
from normcourse.probes.gradients import AlongGradient, GradientShift, along_gradient, gradient_shift
from normcourse.probes.watching import undisturbed, watch

__all__ = [
    "AlongGradient",
    "FeatureStatistics",
    "GradientShift",
    "StatisticsNoise",
    "along_gradient",
    "distribution_shift",
    "feature_statistics",
    "gradient_shift",
    "moment_shift",
    "paired_shift",
    "statistics_noise",
    "undisturbed",
    "watch",
]
