# What `__init__.py` gives out, and from where: it reads this file, and so do type checkers.

from normcourse.plotting.batchnorm.backward import difference_error, gradient_parts
from normcourse.plotting.batchnorm.batch_noise import batch_noise_frame
from normcourse.plotting.batchnorm.batch_size import accuracy_gains, error_by_size
from normcourse.plotting.batchnorm.convolution import map_noise, pool_accuracy
from normcourse.plotting.batchnorm.gains import times_better
from normcourse.plotting.batchnorm.init_scales import scale_curves
from normcourse.plotting.batchnorm.learning_rates import part_curves, rate_curves, rate_windows
from normcourse.plotting.batchnorm.noisy_batchnorm import accuracy_against_shift
from normcourse.plotting.batchnorm.placement import placement_curves, unit_skewness
from normcourse.plotting.batchnorm.prediction_noise import noisy_answers
from normcourse.plotting.batchnorm.standardising import before_and_after, eps_frame, standardising_frame
from normcourse.plotting.batchnorm.training_steps import (
    learning_curves,
    sigmoid_frame,
    sigmoid_percentiles,
    step_ratios,
    target_ratios,
)
from normcourse.plotting.batchnorm.weights import effective_rates, length_gains, weight_plane_frame
from normcourse.plotting.batchnorm.zero_gamma import gamma_curves, stream_growth
from normcourse.plotting.choices import choices_ahead
from normcourse.plotting.covariate_shift.asleep import (
    asleep_frame,
    layer_histograms,
    layer_signals,
    losses_by_step,
)
from normcourse.plotting.covariate_shift.importance_weighting import weighting_frame
from normcourse.plotting.covariate_shift.internal_shift import (
    shift_measures,
    shift_ratios,
    unit_frame,
    unit_histograms,
)
from normcourse.plotting.covariate_shift.shifted_digits import (
    shift_accuracy,
    shift_frame,
    shift_repairs,
    shifted_grid,
)
from normcourse.plotting.covariate_shift.waking import waking_frame
from normcourse.plotting.diagrams.drawing import Diagram
from normcourse.plotting.diagrams.layers import branch_diagram, stack_diagram
from normcourse.plotting.diagrams.pooling import pooled_cells, pooling_cubes, pooling_frame, token_frame
from normcourse.plotting.diagrams.questions import questions_diagram, steps_diagram
from normcourse.plotting.diagrams.statistics import (
    flow_diagram,
    modes_diagram,
    pooled_diagram,
    switches_diagram,
)
from normcourse.plotting.diagrams.transformers import attention_diagram, placement_diagram, stream_diagram
from normcourse.plotting.diagrams.workers import workers_diagram
from normcourse.plotting.frame import Frame
from normcourse.plotting.inference.adaptation import (
    accuracy_maps,
    adaptation_frame,
    adapted_digits,
    adapted_streams,
    source_weights,
)
from normcourse.plotting.inference.data_parallel import worker_statistics
from normcourse.plotting.inference.fine_tuning import tuning_curves, tuning_gains
from normcourse.plotting.inference.folded_layers import border_errors, folding_errors
from normcourse.plotting.inference.frozen_gradients import fixed_gradients
from normcourse.plotting.inference.inference_modes import forgotten_eval
from normcourse.plotting.inference.running import (
    evaluation_curves,
    first_steps,
    lagging_accuracy,
    variance_losses,
)
from normcourse.plotting.inference.running_lag import running_lag_frame
from normcourse.plotting.inference.saved_statistics import saved_accuracy
from normcourse.plotting.layernorm.arena import counted_gaps
from normcourse.plotting.layernorm.geometry import mean_shares, sphere_frame
from normcourse.plotting.layernorm.keys import key_hulls, winning_shares
from normcourse.plotting.layernorm.language import losses_by_steps
from normcourse.plotting.layernorm.opened import opened_places, opened_runs
from normcourse.plotting.layernorm.practice import neighbour_precision, tuned_losses
from normcourse.plotting.layernorm.precision import precision_frame, weight_moves
from normcourse.plotting.layernorm.published import norm_places
from normcourse.plotting.layernorm.remedies import answers_by_depth
from normcourse.plotting.layernorm.residual import residual_frame
from normcourse.plotting.layernorm.sequences import leak_by_position, losses_by_count, losses_by_mode
from normcourse.plotting.layernorm.transformer import (
    attention_logits,
    gradients_by_depth,
    loss_gaps,
    rate_map,
    stream_sizes,
)
from normcourse.plotting.practice.ports import layer_differences
from normcourse.plotting.practice.symptoms import Symptom, symptoms, width_by_layer

__all__ = [
    "Diagram",
    "Frame",
    "Symptom",
    "accuracy_against_shift",
    "accuracy_gains",
    "accuracy_maps",
    "adaptation_frame",
    "adapted_digits",
    "adapted_streams",
    "answers_by_depth",
    "asleep_frame",
    "attention_diagram",
    "attention_logits",
    "batch_noise_frame",
    "before_and_after",
    "border_errors",
    "branch_diagram",
    "choices_ahead",
    "counted_gaps",
    "difference_error",
    "effective_rates",
    "eps_frame",
    "error_by_size",
    "evaluation_curves",
    "first_steps",
    "fixed_gradients",
    "flow_diagram",
    "folding_errors",
    "forgotten_eval",
    "gamma_curves",
    "gradient_parts",
    "gradients_by_depth",
    "key_hulls",
    "lagging_accuracy",
    "layer_differences",
    "layer_histograms",
    "layer_signals",
    "leak_by_position",
    "learning_curves",
    "length_gains",
    "loss_gaps",
    "losses_by_count",
    "losses_by_mode",
    "losses_by_step",
    "losses_by_steps",
    "map_noise",
    "mean_shares",
    "modes_diagram",
    "neighbour_precision",
    "noisy_answers",
    "norm_places",
    "opened_places",
    "opened_runs",
    "part_curves",
    "placement_curves",
    "placement_diagram",
    "pool_accuracy",
    "pooled_cells",
    "pooled_diagram",
    "pooling_cubes",
    "pooling_frame",
    "precision_frame",
    "questions_diagram",
    "rate_curves",
    "rate_map",
    "rate_windows",
    "residual_frame",
    "running_lag_frame",
    "saved_accuracy",
    "scale_curves",
    "shift_accuracy",
    "shift_frame",
    "shift_measures",
    "shift_ratios",
    "shift_repairs",
    "shifted_grid",
    "sigmoid_frame",
    "sigmoid_percentiles",
    "source_weights",
    "sphere_frame",
    "stack_diagram",
    "standardising_frame",
    "step_ratios",
    "steps_diagram",
    "stream_diagram",
    "stream_growth",
    "stream_sizes",
    "switches_diagram",
    "symptoms",
    "target_ratios",
    "times_better",
    "token_frame",
    "tuned_losses",
    "tuning_curves",
    "tuning_gains",
    "unit_frame",
    "unit_histograms",
    "unit_skewness",
    "variance_losses",
    "waking_frame",
    "weight_moves",
    "weight_plane_frame",
    "weighting_frame",
    "width_by_layer",
    "winning_shares",
    "worker_statistics",
    "workers_diagram",
]
