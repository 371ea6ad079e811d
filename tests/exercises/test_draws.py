"""What the probes draw hides no mistake, for any seed."""

import numpy as np
import pytest

from normcourse.exercises.catalogue import find_task
from normcourse.exercises.marking import mark
from normcourse.exercises.probes import arguments
from normcourse.exercises.tasks.draws import astride, signs
from tests.exercises.outcomes import outcomes

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_drawn_lies_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    for size in range(2, 7):
        assert set(signs(rng, size)) == {-1, 1}
        drawn = astride(rng, 0.3, size)
        assert drawn.min() < 0.8 * 0.3
        assert drawn.max() > 1.2 * 0.3


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("inference.fold", ("bias", "gamma", "beta", "mean")),
        ("inference.evaluate", ("gamma", "beta")),
        ("bn.forward", ("gamma", "beta")),
        ("ln.forward", ("gamma", "beta")),
    ],
)
def test_parameters_have_both_signs(task, names):
    for seed in SEEDS:
        for inputs in arguments(find_task(task), seed):
            for name in names:
                assert set(np.sign(inputs[name])) == {-1, 1}, (seed, name)


def clamped(var, eps):
    """Give a variance the eps that is due, and no less than eps before that."""
    return np.sqrt(np.maximum(var, eps) + eps)


def bn(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / clamped(x.var(0), eps) + beta


def conv(x, gamma, beta, eps):
    axes = (0, 2, 3)
    xhat = (x - x.mean(axes, keepdims=True)) / clamped(x.var(axes, keepdims=True), eps)
    return gamma[:, None, None] * xhat + beta[:, None, None]


def ln(x, gamma, beta, eps):
    return gamma * (x - x.mean(-1, keepdims=True)) / clamped(x.var(-1, keepdims=True), eps) + beta


def rms(x, gamma, eps):
    return gamma * x / clamped((x**2).mean(-1, keepdims=True), eps)


def masked(x, mask, eps):
    rows = x[mask]
    xhat = np.zeros_like(x)
    xhat[mask] = (rows - rows.mean(0)) / clamped(rows.var(0), eps)
    return rows.mean(0), rows.var(0), xhat


def evaluate(x, running_mean, running_var, gamma, beta, eps):
    scale = gamma / clamped(running_var, eps)
    return scale[:, None] * (x - running_mean[:, None]) + beta[:, None]


def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / clamped(var, eps)
    return scale[:, None] * weight, scale * (bias - mean) + beta


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("bn.forward", bn),
        ("bn.conv", conv),
        ("ln.forward", ln),
        ("ln.rms", rms),
        ("ln.masked", masked),
        ("inference.evaluate", evaluate),
        ("inference.fold", fold),
    ],
)
def test_a_variance_that_is_kept_above_eps_is_seen(name, answer):
    """As max(var, eps) + eps does: it is right wherever a variance is above eps."""
    task = find_task(name)
    for seed in SEEDS:
        judged = mark(task, outcomes(task, answer, seed), seed)
        assert 0 < judged.points < task.points, seed
        assert not judged.checks[-1].passed


def test_sizes_are_whole_numbers():
    for inputs in arguments(find_task("inference.recalibrate"), 0):
        assert inputs["sizes"].dtype == np.int64


@pytest.mark.parametrize("seed", [0, 47, 59, 72, 133, 336])
def test_some_values_move_up_and_others_down_within_a_feature(seed):
    """Else the mean of sizes is the size of the mean, and a listed mistake is right."""
    task = find_task("shift.distribution")
    for inputs in arguments(task, seed):
        gaps = np.sort(inputs["after"], axis=0) - np.sort(inputs["before"], axis=0)
        assert ((gaps > 0.01).any(axis=0) & (gaps < -0.01).any(axis=0)).any()


def test_the_probes_of_a_shift_differ_in_their_features():
    for seed in range(40):
        one, other = arguments(find_task("shift.distribution"), seed)
        assert one["before"].shape[1] != other["before"].shape[1]


def test_a_script_is_tried_at_several_rates_and_numbers_of_steps():
    drawn = [arguments(find_task("inference.repair"), seed)[0] for seed in range(20)]
    assert len({inputs["rate"] for inputs in drawn}) == 20
    assert {len(inputs["x"]) for inputs in drawn} == {3, 4}
