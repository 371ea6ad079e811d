from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from normcourse import TAXONOMY, plotting
from normcourse.data import load_digits
from normcourse.experiments.batchnorm import (
    batch_noise,
    convolution,
    learning_rates,
    prediction_noise,
    weight_scale,
)
from normcourse.experiments.batchnorm.training_steps import Arm, Config, Result
from normcourse.experiments.covariate_shift import (
    asleep,
    internal_shift,
    shifted_digits,
)
from normcourse.experiments.engine import language
from normcourse.experiments.engine.intervals import Interval
from normcourse.experiments.inference import (
    adaptation,
    data_parallel,
    fine_tuning,
    folded_layers,
    frozen_gradients,
)
from normcourse.experiments.layernorm import low_precision, opened_run, residual_growth
from normcourse.experiments.layernorm.norm_placement import Gradients
from normcourse.models import PLACEMENTS
from normcourse.models.published import PUBLISHED
from normcourse.plotting.style import COLOURS

STEPS = np.array([2, 4, 6])
CALM = np.array([0.5, 0.6])


def arm(level):
    rng = np.random.default_rng(0)
    percentiles = np.sort(rng.normal(size=(4, 3, 3, 5)), axis=2)
    return Arm(0.1, np.ones((5, 3)), np.full((4, 3), level), percentiles)


RESULT = Result(Config(), STEPS, plain=arm(0.5), batch_norm=arm(0.9))
LENGTHS = {"a": weight_scale.run(weight_scale.Config(hidden=(8,), steps=20), seeds=[0, 1], progress=False)}
ERRORS = np.linspace(0.02, 0.3, 12).reshape(3, 4)  # sizes, seeds
WINDOWS = {"none": np.array([0.3, 1.0]), "batch": np.array([1.3, 1.3])}
SHIFTED = shifted_digits.run(shifted_digits.Config(hidden=(8,), steps=5), seeds=(0, 1), progress=False)
QUICK_NOISE = prediction_noise.Config(batch_sizes=(2, 8), draws=2, examples=16, steps=5, hidden=(8,))
SHIFTS = internal_shift.run(
    internal_shift.Config(hidden=(6, 6), readings=(1, 4), examples=20), seeds=(0, 1), progress=False
)
HIGH = {"early": Interval(5, 4, 7), "late": Interval(0.5, 0.4, 0.6)}
ROUNDING = folded_layers.Rounding(np.eye(3) - 2, np.eye(3) * 1e-7, np.full((3, 3), 5.0), terms=4)
SHORT = {"layers": 2, "steps": 2, "examples": 30}
LOOKED_AT = load_digits().train
OPENED = opened_run.follow(language.Config(layers=1, width=8, heads=1), readings=(0, 2), texts=1)
WAKING = {
    norm: asleep.look(asleep.network(asleep.Config(norm=norm)), LOOKED_AT.x[:99], LOOKED_AT.y[:99])
    for norm in ("none", "batch")
}
SLEEPERS = [asleep.run(asleep.Config(norm=norm, **SHORT), seeds=[0]) for norm in ("none", "batch")]
LOOKS = {"without": SLEEPERS[0].first(), "with BatchNorm": SLEEPERS[1].first()}
LONE = data_parallel.alone(data_parallel.Config(shares=(4, 4), steps=3, hidden=(4,)))
DEPTHS = Gradients((1, 2), (np.ones((3, 1)), np.ones((3, 2))))
RATIOS = {"a": Interval(5, 4, 7), "b": Interval(2, 1, 3)}
SYMPTOM = plotting.Symptom("A", "right, %", {"tested": [90.0, 92.0], "in use": [50.0, 70.0]})
FIGURES = {
    "choices_ahead": lambda: plotting.choices_ahead(
        {"a, not b": {"here": Interval(2, 1, 3), "there": Interval(-2, -3, 1)}},
        "points",
        ticks=(-10, 0, 10),
        linear=3,
    ),
    "accuracy_against_shift": lambda: plotting.accuracy_against_shift(
        {"tanh": {"a": (Interval(0.1, 0.1, 0.2), Interval(0.5, 0.4, 0.6))}}
    ),
    "accuracy_gains": lambda: plotting.accuracy_gains(
        {"a": Interval(0.05, 0.04, 0.06), "b": Interval(0, -1, 1)}
    ),
    "accuracy_maps": lambda: plotting.accuracy_maps(
        {key: np.full((2, 3, 6), 0.5) for key in "abc"}, (8, 32), ylabel="batch size n"
    ),
    "adapted_digits": lambda: plotting.adapted_digits({"a": np.eye(4)}, {"a": (0.1, 0.9)}),
    "adapted_streams": lambda: plotting.adapted_streams({"a": {"x": (0.1, 0.9)}, "b": {"x": (1.0, 1.0)}}),
    "answers_by_depth": lambda: plotting.answers_by_depth((6, 24), {"a": ERRORS[:2] * 99}, title="b"),
    "attention_logits": lambda: plotting.attention_logits(
        (0.1, 1.0), {"a": np.array([[1.0, 3.0], [np.inf, 9.0]]), "b": np.ones((2, 2))}
    ),
    "before_and_after": lambda: plotting.before_and_after({"a": np.ones((4, 2)), "b": np.zeros((4, 2))}),
    "counted_gaps": lambda: plotting.counted_gaps(
        {"a": Interval(0.5, 0.4, 0.7), "b": Interval(0.0, -1, 1)}, margin=0.1, title="a"
    ),
    "border_errors": lambda: plotting.border_errors({"a": np.eye(4), "b": np.zeros((4, 4))}),
    "difference_error": lambda: plotting.difference_error([1e-3, 1e-2], {"float64": [1e-6, 1e-4]}),
    "effective_rates": lambda: plotting.effective_rates(LENGTHS, LENGTHS),
    "error_by_size": lambda: plotting.error_by_size((2, 4, 8), {"none": ERRORS, "ghost": ERRORS / 2}),
    "evaluation_curves": lambda: plotting.evaluation_curves((1, 2), {"a": [0.1, 0.9]}, title="b"),
    "first_steps": lambda: plotting.first_steps({"a": {"x": CALM, "y": CALM}, "b": {"x": CALM}}, (1.0, 2.0)),
    "folding_errors": lambda: plotting.folding_errors(ROUNDING),
    "fixed_gradients": lambda: plotting.fixed_gradients(
        {"a": frozen_gradients.run(frozen_gradients.Config(trained=False), seeds=(0, 1), progress=False)}
    ),
    "forgotten_eval": lambda: plotting.forgotten_eval(
        (1, 8, 32), {"shuffled": ERRORS}, {"by class": ERRORS}, ERRORS[0]
    ),
    "gamma_curves": lambda: plotting.gamma_curves((20, 400), {2: {1.0: np.eye(2), 0.0: np.ones((2, 2))}}),
    "gradient_parts": lambda: plotting.gradient_parts({"a": [1.0, -1.0], "b": [0.5, 0.0]}),
    "gradients_by_depth": lambda: plotting.gradients_by_depth({"post": DEPTHS, "pre": DEPTHS}, depth=2),
    "key_hulls": lambda: plotting.key_hulls({"a": POINTS, "b": POINTS}),
    "lagging_accuracy": lambda: plotting.lagging_accuracy((10, 20), {"a": {"0.1": np.eye(2)}, "b": {}}),
    "layer_differences": lambda: plotting.layer_differences(
        {"turned": [0.0, 1.0], "right": [0.0, 1e-7]}, ["conv", "norm"], 1e-4, "So it is"
    ),
    "layer_histograms": lambda: plotting.layer_histograms(LOOKS, title="a"),
    "layer_signals": lambda: plotting.layer_signals(LOOKS, factor=0.5, title="a"),
    "learning_curves": lambda: plotting.learning_curves(RESULT),
    "length_gains": lambda: plotting.length_gains(LENGTHS),
    "loss_gaps": lambda: plotting.loss_gaps({"a": Interval(0.5, 0.4, 0.7), "b": Interval(0, -1, 1)}),
    "leak_by_position": lambda: plotting.leak_by_position(
        {"a": np.eye(3, 5), "b": np.zeros((3, 5))}, title="c"
    ),
    "losses_by_count": lambda: plotting.losses_by_count(
        (0, 8), {"a": ERRORS[:, :2]}, xlabel="tokens", title="b"
    ),
    "losses_by_mode": lambda: plotting.losses_by_mode(
        {"a": {"x": ERRORS[0]}, "b": {"x": ERRORS[1]}}, title="c"
    ),
    "losses_by_step": lambda: plotting.losses_by_step({"a": [2.0, 1.0], "BatchNorm": [2.0]}, title="b"),
    "losses_by_steps": lambda: plotting.losses_by_steps(
        (10, 100), np.ones((2, 3)), {"a": 0.5}, training=np.ones(40), title="b"
    ),
    "map_noise": lambda: plotting.map_noise(convolution.noise((2, 4), filters=2, batches=3)),
    "mean_shares": lambda: plotting.mean_shares({"a": ERRORS, "b": 2 * ERRORS}, features=8),
    "neighbour_precision": lambda: plotting.neighbour_precision(
        {"a": HIGH, "b": HIGH}, chance=0.04, title="So it is"
    ),
    "noisy_answers": lambda: plotting.noisy_answers(
        prediction_noise.run(QUICK_NOISE, seeds=(0, 1), progress=False)
    ),
    "norm_places": lambda: plotting.norm_places(PUBLISHED, {place: place for place in PLACEMENTS}),
    "opened_places": lambda: plotting.opened_places({"a": OPENED}, step=2, title="b"),
    "opened_runs": lambda: plotting.opened_runs({"a": OPENED}, window=1, title="b"),
    "part_curves": lambda: plotting.part_curves(
        (0.1, 1.0), {part: np.eye(2) for part in learning_rates.PARTS}
    ),
    "placement_curves": lambda: plotting.placement_curves((0.1, 1.0), {"relu": {"none": np.eye(2)}}),
    "pool_accuracy": lambda: plotting.pool_accuracy({"a": {"batch": CALM, "batch and space": CALM}}),
    "pooling_cubes": plotting.pooling_cubes,
    "rate_curves": lambda: plotting.rate_curves(learning_rates.SWEEP.load(), ["relu, 2 layers"] * 5),
    "rate_map": lambda: plotting.rate_map(
        (0.1, 1.0), {"a": np.array([[1.0, 3.0], [np.nan, np.inf]])}, success=2, worst=4
    ),
    "rate_windows": lambda: plotting.rate_windows({"a": WINDOWS, "b": WINDOWS}),
    "scale_curves": lambda: plotting.scale_curves(
        (0.1, 1, 10), {key: {"none": ERRORS.T, "batch": 2 * ERRORS.T} for key in "ab"}
    ),
    "shift_accuracy": lambda: plotting.shift_accuracy(SHIFTED),
    "shifted_grid": plotting.shifted_grid,
    "shift_measures": lambda: plotting.shift_measures(SHIFTS),
    "shift_ratios": lambda: plotting.shift_ratios({"a": HIGH, "b": HIGH}, xlabel="ratio"),
    "shift_repairs": lambda: plotting.shift_repairs({"a": SHIFTED, "b": SHIFTED}),
    "sigmoid_percentiles": lambda: plotting.sigmoid_percentiles(RESULT, seed=1, unit=2),
    "source_weights": lambda: plotting.source_weights({key: {"a": np.ones((2, 6))} for key in "ab"}),
    "stream_growth": lambda: plotting.stream_growth({1.0: np.ones((2, 5)), 0.0: np.ones((2, 5))}),
    "stream_sizes": lambda: plotting.stream_sizes({"a": np.array([1.0, 2.0]), "b": np.array([1.0, 1.0])}),
    "tuned_losses": lambda: plotting.tuned_losses(
        {key: {"all": CALM, "none": CALM + 1} for key in "ab"}, {"a": {"c": 2.0}, "b": {"d": 3.0}}, "So it is"
    ),
    "tuning_curves": lambda: plotting.tuning_curves(fine_tuning.SWEEP.load(), "handwritten", "a", lowest=0.2),
    "tuning_gains": lambda: plotting.tuning_gains(
        {"a": {"b": {2: Interval(1, -1, 2), 16: Interval(3, 2, 4)}}}, "c"
    ),
    "unit_histograms": lambda: plotting.unit_histograms(SHIFTS, 3),
    "unit_skewness": lambda: plotting.unit_skewness({"relu": np.eye(2)}, {"relu": np.ones((3, 2))}),
    "variance_losses": lambda: plotting.variance_losses((2, 4, 8), ERRORS, ERRORS / 2),
    "saved_accuracy": lambda: plotting.saved_accuracy(
        (2, 8), {"a": {"b": np.ones((2, 3)), "c": np.eye(2, 3)}}, "So it is"
    ),
    "width_by_layer": lambda: plotting.width_by_layer([[0.2, 0.1], [0.2, 0.3]], ["1", "2"], "So it is"),
    "winning_shares": lambda: plotting.winning_shares((2, 4, 8), {"a": ERRORS, "b": 2 * ERRORS}),
    "worker_statistics": lambda: plotting.worker_statistics({"a": LONE, "b": LONE}, feature=1),
    "symptoms": lambda: plotting.symptoms([SYMPTOM, replace(SYMPTOM, title="B")], "So it is"),
    "times_better": lambda: plotting.times_better(
        {"fewer steps": {"a": Interval(5, 4, 7)}, "fewer errors": {"b": Interval(1, 0.5, 2)}}
    ),
    "step_ratios": lambda: plotting.step_ratios(RATIOS, {"b": Interval(3, 2, 4)}),
    "target_ratios": lambda: plotting.target_ratios(RESULT, (0.3, 0.5), holds=(0, 2)),
    "weight_moves": lambda: plotting.weight_moves(low_precision.moves(steps=3), 1.1, "A sentence"),
}
NOISE = batch_noise.run(batch_noise.Config(batch_sizes=(2, 8), batches=50))
GROWTH = {gain: residual_growth.run(residual_growth.Config(gain=gain, layers=4)) for gain in (0.5, 1.0)}
POINTS_IN_SPACE = np.random.default_rng(0).normal(size=(20, 3))
POINTS = np.random.default_rng(0).normal(size=(20, 2))
CHANNEL = adaptation.Channel(*np.random.default_rng(0).normal(size=(3, 2, 4, 4)))
FRAMES = {
    "adaptation_frame": lambda: plotting.adaptation_frame(
        CHANNEL, np.full((2, 6), 0.5), shift="blur", weight=np.inf, size=32
    ),
    "asleep_frame": lambda: plotting.asleep_frame(SLEEPERS, 2, "batch", trained=True),
    "batch_noise_frame": lambda: plotting.batch_noise_frame(NOISE, 8),
    "eps_frame": lambda: plotting.eps_frame(1e-3, 1e-5),
    "pooling_frame": lambda: plotting.pooling_frame("GroupNorm", 1, 4),
    "precision_frame": lambda: plotting.precision_frame(1e-6),
    "residual_frame": lambda: plotting.residual_frame(GROWTH, 0.5, 3),
    "running_lag_frame": lambda: plotting.running_lag_frame(0.1, 8),
    "shift_frame": lambda: plotting.shift_frame({"a": SHIFTED, "b": SHIFTED}, "contrast", 2),
    "sigmoid_frame": lambda: plotting.sigmoid_frame(RESULT, 4, 2, seed=1),
    "sphere_frame": lambda: plotting.sphere_frame([*np.eye(3), [1, 0, 0]], "LayerNorm", 45),
    "standardising_frame": lambda: plotting.standardising_frame(POINTS, 2.0, -1.0, 0.5),
    "token_frame": lambda: plotting.token_frame("LayerNorm", 1, 4),
    "unit_frame": lambda: plotting.unit_frame(SHIFTS, 4, 3),
    "waking_frame": lambda: plotting.waking_frame(WAKING, LOOKED_AT.y, 8, "none"),
    "weight_plane_frame": lambda: plotting.weight_plane_frame(1.0, 1.0),
    "weighting_frame": lambda: plotting.weighting_frame(0.0, 1),
}
FIGURES |= {name: (lambda frame=frame: frame().figure) for name, frame in FRAMES.items()}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_closed_fits_a_phone_and_has_an_opaque_ground(name):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert figure.get_size_inches()[0] == 5
    assert figure.get_facecolor() == (1, 1, 1, 1)
    figure.canvas.draw()


def test_every_public_figure_is_tested():
    diagrams = {name for name in plotting.__all__ if name.endswith("_diagram")}
    assert set(FIGURES) == set(plotting.__all__) - {"Diagram", "Frame", "Symptom", "pooled_cells"} - diagrams


def test_axes_are_labelled():
    for name in ("learning_curves", "difference_error"):
        (axes,) = FIGURES[name]().axes
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_curves_draw_the_mean_over_seeds():
    (axes,) = plotting.learning_curves(RESULT).axes
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(drawn["without normalization (lr 0.1)"], 0.5)
    np.testing.assert_allclose(drawn["with BatchNorm (lr 0.1)"], 0.9)


def test_errors_are_drawn_as_means_over_seeds():
    (axes,) = plotting.error_by_size((2, 4, 8), {"none": ERRORS, "ghost": ERRORS / 2}).axes
    drawn = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(drawn["no normalization"].get_ydata(), ERRORS.mean(axis=1))
    np.testing.assert_allclose(drawn["Ghost BatchNorm"].get_ydata(), ERRORS.mean(axis=1) / 2)
    np.testing.assert_array_equal(drawn["no normalization"].get_xdata(), [2, 4, 8])


def test_lagging_accuracies_are_means_over_seeds_at_their_steps():
    accuracy = np.array([[0.2, 0.5], [0.4, 0.9]])  # seeds, readings
    axes = plotting.lagging_accuracy((10, 20), {"a": {"0.1": accuracy, "recalibrated": accuracy}}).axes[0]
    line = {line.get_label(): line for line in axes.lines}["momentum 0.1"]
    np.testing.assert_allclose(line.get_ydata(), [0.3, 0.7])
    np.testing.assert_array_equal(line.get_xdata(), [10, 20])


def test_evaluation_curves_have_their_names_and_the_sentence_above():
    figure = plotting.evaluation_curves((10, 20), {"running": [0.3, 0.7], "new": [0.5, 0.9]}, title="So.")
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_array_equal(lines["new"].get_ydata(), [0.5, 0.9])
    np.testing.assert_array_equal(lines["running"].get_xdata(), [10, 20])
    assert figure.get_suptitle() == "So."


def test_a_gain_whose_interval_holds_zero_is_an_open_mark():
    (axes,) = FIGURES["accuracy_gains"]().axes
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [mark.get_markerfacecolor() == "white" for mark in marks] == [False, True]
    assert [mark.get_xdata()[0] for mark in marks] == [5, 0]  # percentage points


def test_percentiles_are_those_of_the_asked_seed_and_unit():
    axes = plotting.sigmoid_percentiles(RESULT, seed=1, unit=2).axes[0]
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), RESULT.plain.percentiles[1, :, 1, 2])


def test_a_symptom_has_a_row_for_each_measurement_and_a_line_at_its_mean():
    axes = FIGURES["symptoms"]().axes
    assert [panel.get_title(loc="left") for panel in axes] == ["A", "B"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["tested", "in use"]
    signs, means = axes[0].lines[::2], axes[0].lines[1::2]
    np.testing.assert_array_equal(signs[1].get_xdata(), [50, 70])
    assert [line.get_xdata()[0] for line in means] == [91, 60]
    assert axes[0].yaxis_inverted()  # the first row is above


def test_a_fourth_row_is_refused_and_not_left_out():
    rows = {name: [1.0] for name in "abcd"}
    with pytest.raises(ValueError, match="3 rows at most, but 'A' has 4"):
        plotting.symptoms([replace(SYMPTOM, rows=rows)], "So it is")


def test_the_last_round_is_drawn_as_the_right_one_and_no_difference_at_the_lowest_place():
    (axis,) = FIGURES["layer_differences"]().axes
    turned, right = axis.lines[:2]
    np.testing.assert_array_equal(turned.get_ydata(), [1e-9, 1])
    assert right.get_color() == COLOURS["BatchNorm"] != turned.get_color()


def test_a_sixth_round_is_refused():
    rounds = {name: [1.0] for name in "abcdef"}
    with pytest.raises(ValueError, match="at most 5 rounds can be told apart, but got 6"):
        plotting.layer_differences(rounds, ["conv"], 1e-4, "So it is")


def test_widths_are_drawn_for_each_seed_and_as_their_mean():
    (axis,) = FIGURES["width_by_layer"]().axes
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [0.2, 0.1])
    np.testing.assert_allclose(axis.lines[2].get_ydata(), [0.2, 0.2])
    assert axis.get_yscale() == "log"


# What each norm pools of a batch of (N, C, S), written out by hand.
POOLED = {
    "BatchNorm": np.s_[:, 0, :],
    "InstanceNorm": np.s_[0, 0, :],
    "GroupNorm": np.s_[0, :3, :],
    "LayerNorm": np.s_[0, :, :],
    "RMSNorm": np.s_[0, :, :],
}


@pytest.mark.parametrize("name", TAXONOMY)
def test_pooled_cells_follow_the_definition(name):
    expected = np.zeros((4, 6, 5), dtype=bool)
    expected[POOLED[name]] = True
    np.testing.assert_array_equal(plotting.pooled_cells(TAXONOMY[name], (4, 6, 5)), expected)


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_has_words(name):
    frame = FRAMES[name]()
    assert frame.alt.endswith(".")
    assert frame.readout.endswith(".")
    assert not {"nan", "-0.00"} & set(f"{frame.alt} {frame.readout}".replace(",", " ").split())


@pytest.mark.parametrize(
    ("norm", "says"),
    [
        ("BatchNorm", "mean and variance over all 4 examples, one channel and all 5 positions: 20 of 120"),
        ("InstanceNorm", "mean and variance over one example, one channel and all 5 positions: 5 of 120"),
        ("GroupNorm", "mean and variance over one example, 3 of 6 channels and all 5 positions: 15 of"),
        ("LayerNorm", "mean and variance over one example, all 6 channels and all 5 positions: 30 of"),
        ("RMSNorm", "one mean square over one example, all 6 channels and all 5 positions: 30 of 120"),
    ],
)
def test_pooling_frame_counts_what_the_norm_pools(norm, says):
    assert says in plotting.pooling_frame(norm, 2, 3).readout


@pytest.mark.parametrize(
    ("norm", "says"),
    [
        ("LayerNorm", "one text, one token and all 4 features: 4 of 60 cells. No. No."),
        ("RMSNorm", "one text, one token and all 4 features: 4 of 60 cells. No. No."),
        ("LayerNorm over T and F", "one text, all 5 tokens and all 4 features: 20 of 60 cells. No. Yes."),
        ("BatchNorm", "all 3 texts, all 5 tokens and one feature: 15 of 60 cells. Yes. Yes."),
        ("InstanceNorm", "one text, all 5 tokens and one feature: 5 of 60 cells. No. Yes."),
        ("GroupNorm", "one text, all 5 tokens and 2 of 4 features: 10 of 60 cells. No. Yes."),
    ],
)
def test_token_frame_counts_what_the_norm_pools_of_a_text(norm, says):
    readout = plotting.token_frame(norm, 2, 3).readout
    for question in ("Do other texts change this cell's output? ", "Do other tokens? "):
        readout = readout.replace(question, "")
    assert readout.endswith(says)


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ("input", "lengths 1.41 to 2.00, sums of the three features all 2.00."),
        ("centred", "lengths 0.82 to 1.63, sums of the three features all 0.00."),
        ("LayerNorm", "lengths all 1.73, sums of the three features all 0.00."),
        ("RMSNorm", "lengths all 1.73, sums of the three features 1.73 to 2.45."),
        ("with γ and β", "lengths 1.65 to 2.66, sums of the three features 0.07 to 0.99."),
    ],
)
def test_sphere_frame_measures_its_points(stage, says):
    points = [[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    assert says in plotting.sphere_frame(points, stage, 0).readout


@pytest.mark.parametrize(
    ("turn", "seen"), [(0, "from the front"), (60, "at an angle"), (120, "from its edge")]
)
def test_the_plane_of_zero_sum_is_seen_from_its_edge_where_the_frame_says_so(turn, seen):
    frame = plotting.sphere_frame(POINTS_IN_SPACE, "centred", turn)
    assert f"seen {seen}" in frame.readout
    axis = frame.figure.axes[0]
    centred = next(line.get_xydata() for line in axis.lines if line.get_marker() == "o")
    flat = np.linalg.svd(centred - centred.mean(axis=0), compute_uv=False)[-1] < 1e-12
    assert flat == (turn == 120)


def test_shares_are_drawn_as_means_over_seeds():
    (axes,) = plotting.mean_shares({"a": ERRORS, "b": 2 * ERRORS}, features=8).axes
    drawn = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(drawn["b"].get_ydata(), 2 * ERRORS.mean(axis=0))
    np.testing.assert_allclose(drawn["1/8: any direction"].get_ydata(), 1 / 8)


def test_the_hull_s_panels_count_its_corners():
    square = [[0, 0], [4, 0], [0, 4], [4, 4], [1, 2]]
    [axes] = plotting.key_hulls({"a": square}).axes
    assert axes.get_title() == "a:\n4 of 5 can win"
    inside = next(line for line in axes.lines if line.get_markerfacecolor() == "none")
    np.testing.assert_allclose(inside.get_xydata(), [[1, 2]])


def test_winning_shares_are_means_over_seeds():
    (axes,) = plotting.winning_shares((2, 4, 8), {"a": ERRORS, "b": 2 * ERRORS}).axes
    drawn = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(drawn["b"].get_ydata(), 2 * ERRORS.mean(axis=1))


def test_pooled_cells_are_those_of_the_given_cell():
    mask = plotting.pooled_cells(TAXONOMY["GroupNorm"], (4, 6, 5), cell=(2, 4, 0))
    assert mask[2, 3:].all()
    assert mask.sum() == 15


def test_eps_frame_says_how_much_is_missing():
    assert "multiplied by 302 and comes out with 0.3 in place of 1" in plotting.eps_frame(1e-3, 1e-5).readout


def test_standardising_frame_reads_the_output_not_the_input():
    for scale in (1.0, 3.0):
        readout = plotting.standardising_frame(POINTS, scale, 2.0, 0.5).readout
        assert readout.endswith("the output's are 2.00 and 2.00, and its means 0.50 and 0.50.")


def test_step_ratios_puts_both_counts_into_the_row_of_their_setting():
    (axes,) = FIGURES["step_ratios"]().axes
    touched, held = (container.lines[0].get_xydata().T for container in axes.containers)
    np.testing.assert_array_equal(touched[0], [5, 2])
    np.testing.assert_array_equal(held[0], [3])
    rows = dict(zip([label.get_text() for label in axes.get_yticklabels()], axes.get_yticks(), strict=True))
    np.testing.assert_allclose(touched[1], [rows["a"], rows["b"]], atol=0.3)
    np.testing.assert_allclose(held[1], [rows["b"]], atol=0.3)
    alone = plotting.step_ratios(RATIOS)
    assert len(alone.axes[0].containers) == 1
    assert not alone.legends


def test_sigmoid_frame_reads_the_asked_step():
    low, _, high = RESULT.plain.percentiles[1, 1, :, 2]
    assert f"without normalization {high - low:.2f} wide" in FRAMES["sigmoid_frame"]().readout


def test_the_plane_says_the_same_turn_for_equal_effective_rates():
    short, long = (plotting.weight_plane_frame(*at).readout for at in ((1.0, 0.5), (2.0, 2.0)))
    assert short.split(". ")[1] == long.split(". ")[1]
    assert short.split(". ")[0] != long.split(". ")[0]


def test_a_layer_sleeps_where_its_spread_is_small():
    said = {norm: plotting.waking_frame(WAKING, LOOKED_AT.y, 8, norm).readout for norm in WAKING}
    assert WAKING["none"].spread[7] < 0.02
    assert said["none"].endswith("It is asleep: whatever digit goes in, nearly the same comes out.")
    assert f"differ by {WAKING['batch'].spread[7]:.2g} " in said["batch"]
    assert said["batch"].endswith("It is awake: each digit gets an answer of its own.")


def test_shift_measures_draw_the_mean_over_seeds_and_layers():
    top, bottom = plotting.shift_measures(SHIFTS, measures=("moments", "paired")).axes
    np.testing.assert_allclose(top.lines[0].get_ydata(), SHIFTS.plain.moments.mean(axis=(0, 2)))
    np.testing.assert_allclose(bottom.lines[1].get_ydata(), SHIFTS.batch_norm.paired.mean(axis=(0, 2)))


def test_unit_frame_reads_the_asked_step_and_layer():
    readout = plotting.unit_frame(SHIFTS, 4, 3).readout
    before, after = SHIFTS.batch_norm.inputs[[0, 1], 1]
    far = np.abs(np.sort(after) - np.sort(before)).mean() / before.std()
    assert f"with BatchNorm the distribution moved by {far:.2f} σ" in readout
    assert "by 0.00 σ, and single examples by 0.00 σ" in plotting.unit_frame(SHIFTS, 1, 3).readout


def test_a_map_writes_the_mean_over_seeds_in_its_cell():
    values = np.zeros((2, 3, 6))
    values[1, :, 4] = 0.1, 0.2, 0.9
    axes = plotting.accuracy_maps({"a": values, "b": 1 - values}, ("up", "down")).axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert len(written) == 12
    assert written[4, 1] == "40"
    assert set(written.values()) == {"0", "40"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "4", "16", "64", "∞"]


def test_each_kind_of_statistics_has_its_mark_and_its_number():
    (axes,) = plotting.adapted_digits({"a": np.eye(4)}, {"a": (0.125, 0.95)}).axes
    marks = {line.get_marker(): line.get_xdata()[0] for line in axes.lines if line.get_marker() in "os"}
    assert marks == {"o": 12.5, "s": 95}
    assert [text.get_text() for text in axes.texts] == ["12", "95"]
    streams = plotting.adapted_streams({"a": {"x": (0.9, 0.2), "y": (0, 1)}, "b": {"x": (0, 1), "y": (0, 1)}})
    assert [label.get_text() for label in streams.axes[0].get_yticklabels()] == ["x", "y"]
    assert [text.get_ha() for text in streams.axes[0].texts[:2]] == ["left", "right"]


def test_source_weights_are_means_over_seeds():
    values = np.arange(12).reshape(2, 6) / 12
    axes = plotting.source_weights({"a": {"x": values}, "b": {"x": values}}).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 100 * values.mean(0))


def test_adaptation_frame_reads_the_channel_and_the_weight():
    frame = plotting.adaptation_frame(
        CHANNEL, np.linspace(0, 1, 12).reshape(2, 6), shift="blur", weight=16.0, size=32
    )
    moved = (CHANNEL.adapted.mean() - CHANNEL.clean.mean()) / CHANNEL.clean.std()
    assert (
        f"Blur, N = 16: a batch of 32 counts 67%. The channel's mean is off by {moved:+z.1f}" in frame.readout
    )
    assert frame.readout.endswith("55% of the digits are read.")
    assert "a batch of 32 counts 0%" in FRAMES["adaptation_frame"]().readout


def test_the_silence_of_float16_is_drawn():
    frame = plotting.precision_frame(1e-6)
    (axes,) = frame.figure.axes
    narrow, wide = axes.lines
    sizes = np.asarray(narrow.get_xdata())
    assert set(np.asarray(narrow.get_ydata())[sizes >= 256]) == {0}
    np.testing.assert_allclose(np.asarray(wide.get_ydata())[sizes >= 1], 1, atol=0.01)
    assert np.asarray(narrow.get_ydata())[sizes == 255.875] == pytest.approx(1, abs=0.01)
    assert "right to 5% from 0.003 to 255.9 with each step in float16, and from 0.003 on" in frame.readout
    assert "infinite" not in frame.alt


def test_a_trembling_line_is_not_right_where_it_meets_1_by_chance():
    frame = plotting.precision_frame(1e-8)
    assert "right to 5% from 0.0005 to 255.9 with each step in float16, and from 0.0003 on" in frame.readout
    assert "infinite" in frame.alt
    assert "falls to 0" in frame.alt
    tiny = plotting.precision_frame(1e-12)
    assert "infinite" in tiny.alt
    assert "at all sizes with float32 inside" in tiny.readout
    assert "falls to 0" not in tiny.alt


def test_a_choice_is_told_by_colour_and_mark():
    rows = {"ahead": Interval(2, 1, 3), "behind": Interval(-2, -3, -1), "either": Interval(0, -1, 1)}
    figure = plotting.choices_ahead({"a, not b": rows}, "points", ticks=(-10, 0, 10), linear=3)
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_marker() in "oXD"]
    assert [line.get_marker() for line in marks] == ["o", "X", "D"]
    assert len({line.get_color() for line in marks}) == 3
    assert [line.get_xdata()[0] for line in marks] == [2, -2, 0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(rows)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["−10", "0", "10"]
