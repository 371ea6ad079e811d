"""Results as figures: readable at phone width, colour-blind safe, on an opaque white ground.

Every function returns a figure that pyplot has already forgotten, so that a notebook shows it once.
"""

from normcourse.plotting.backward import difference_error, gradient_parts
from normcourse.plotting.pooling import pooled_cells, pooling_cubes
from normcourse.plotting.standardising import before_and_after
from normcourse.plotting.training_steps import learning_curves, sigmoid_percentiles, step_ratios

__all__ = [
    "before_and_after",
    "difference_error",
    "gradient_parts",
    "learning_curves",
    "pooled_cells",
    "pooling_cubes",
    "sigmoid_percentiles",
    "step_ratios",
]
