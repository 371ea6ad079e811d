# What `__init__.py` gives out, and from where: it reads this file, and so do type checkers.

from normcourse.plotting.adaptation import accuracy_maps, adaptation_frame
from normcourse.plotting.backward import difference_error, gradient_parts
from normcourse.plotting.batch_size import accuracy_gains, error_by_size
from normcourse.plotting.convolution import map_noise, pool_accuracy
from normcourse.plotting.covariate_shift import (
    shift_accuracy,
    shift_frame,
    shifted_grid,
    weighting_frame,
)
from normcourse.plotting.data_parallel import worker_statistics
from normcourse.plotting.fine_tuning import tuning_curves
from normcourse.plotting.folded_layers import folding_errors
from normcourse.plotting.frame import Frame
from normcourse.plotting.frozen_gradients import fixed_gradients
from normcourse.plotting.geometry import mean_shares, sphere_frame
from normcourse.plotting.inference_modes import forgotten_eval
from normcourse.plotting.init_scales import scale_curves
from normcourse.plotting.internal_shift import (
    accuracy_against_shift,
    shift_measures,
    shift_ratios,
    unit_frame,
)
from normcourse.plotting.language import losses_by_steps
from normcourse.plotting.learning_rates import rate_curves, rate_windows
from normcourse.plotting.placement import placement_curves, unit_skewness
from normcourse.plotting.placements import placement_diagrams
from normcourse.plotting.pooling import pooled_cells, pooling_cubes, pooling_frame, token_frame
from normcourse.plotting.practice import neighbour_precision, tuned_losses
from normcourse.plotting.prediction_noise import noisy_answers
from normcourse.plotting.residual import residual_frame
from normcourse.plotting.running import first_steps, lagging_accuracy, variance_losses
from normcourse.plotting.sequences import leak_by_position, losses_by_count, losses_by_mode
from normcourse.plotting.standardising import before_and_after, eps_frame, standardising_frame
from normcourse.plotting.statistics import batch_noise_frame, running_lag_frame
from normcourse.plotting.training_steps import (
    learning_curves,
    sigmoid_frame,
    sigmoid_percentiles,
    step_ratios,
)
from normcourse.plotting.transformer import (
    attention_logits,
    gradients_by_depth,
    loss_gaps,
    rate_map,
    stream_sizes,
)
from normcourse.plotting.weights import effective_rates, length_gains, weight_plane_frame
from normcourse.plotting.zero_gamma import gamma_curves, stream_growth

__all__ = [
    "Frame",
    "accuracy_against_shift",
    "accuracy_gains",
    "accuracy_maps",
    "adaptation_frame",
    "attention_logits",
    "batch_noise_frame",
    "before_and_after",
    "difference_error",
    "effective_rates",
    "eps_frame",
    "error_by_size",
    "first_steps",
    "fixed_gradients",
    "folding_errors",
    "forgotten_eval",
    "gamma_curves",
    "gradient_parts",
    "gradients_by_depth",
    "lagging_accuracy",
    "leak_by_position",
    "learning_curves",
    "length_gains",
    "loss_gaps",
    "losses_by_count",
    "losses_by_mode",
    "losses_by_steps",
    "map_noise",
    "mean_shares",
    "neighbour_precision",
    "noisy_answers",
    "placement_curves",
    "placement_diagrams",
    "pool_accuracy",
    "pooled_cells",
    "pooling_cubes",
    "pooling_frame",
    "rate_curves",
    "rate_map",
    "rate_windows",
    "residual_frame",
    "running_lag_frame",
    "scale_curves",
    "shift_accuracy",
    "shift_frame",
    "shift_measures",
    "shift_ratios",
    "shifted_grid",
    "sigmoid_frame",
    "sigmoid_percentiles",
    "sphere_frame",
    "standardising_frame",
    "step_ratios",
    "stream_growth",
    "stream_sizes",
    "token_frame",
    "tuned_losses",
    "tuning_curves",
    "unit_frame",
    "unit_skewness",
    "variance_losses",
    "weight_plane_frame",
    "weighting_frame",
    "worker_statistics",
]
