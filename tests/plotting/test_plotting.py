import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from normcourse import TAXONOMY, plotting
from normcourse.experiments.intervals import Interval
from normcourse.experiments.training_steps import Arm, Config, Result

STEPS = np.array([2, 4, 6])


def arm(level):
    rng = np.random.default_rng(0)
    percentiles = np.sort(rng.normal(size=(4, 3, 3, 5)), axis=2)
    return Arm(0.1, np.ones((5, 3)), np.full((4, 3), level), percentiles)


RESULT = Result(Config(), STEPS, plain=arm(0.5), batch_norm=arm(0.9))
FIGURES = {
    "before_and_after": lambda: plotting.before_and_after({"a": np.ones((4, 2)), "b": np.zeros((4, 2))}),
    "difference_error": lambda: plotting.difference_error([1e-3, 1e-2], {"float64": [1e-6, 1e-4]}),
    "gradient_parts": lambda: plotting.gradient_parts({"a": [1.0, -1.0], "b": [0.5, 0.0]}),
    "learning_curves": lambda: plotting.learning_curves(RESULT),
    "pooling_cubes": plotting.pooling_cubes,
    "sigmoid_percentiles": lambda: plotting.sigmoid_percentiles(RESULT, seed=1, unit=2),
    "step_ratios": lambda: plotting.step_ratios({"a": Interval(5, 4, 7), "b": Interval(2, 1, 3)}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_closed_fits_a_phone_and_has_an_opaque_ground(name):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert figure.get_size_inches()[0] == 5
    assert figure.get_facecolor() == (1, 1, 1, 1)
    figure.canvas.draw()


def test_every_public_figure_is_tested():
    assert set(FIGURES) == set(plotting.__all__) - {"pooled_cells"}


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


def test_percentiles_are_those_of_the_asked_seed_and_unit():
    axes = plotting.sigmoid_percentiles(RESULT, seed=1, unit=2).axes[0]
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), RESULT.plain.percentiles[1, :, 1, 2])


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
