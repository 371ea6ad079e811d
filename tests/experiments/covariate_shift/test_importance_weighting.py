from dataclasses import replace

import numpy as np

from normcourse.experiments.covariate_shift.importance_weighting import Config, rule, run


def test_without_a_shift_the_weights_are_one_and_the_fits_equal():
    result = run(Config(use_mean=0.5, use_std=0.5), seeds=range(3))
    np.testing.assert_allclose(result.weights, 1)
    np.testing.assert_allclose(result.weighted, result.plain)
    np.testing.assert_allclose(result.effective_examples, 100)


def test_weights_are_the_ratio_of_the_densities():
    # Their mean over training's inputs is 1, which a ratio upside down would miss by far.
    result = run(Config(examples=20000), seeds=range(4))
    np.testing.assert_allclose(result.weights.mean(axis=1), 1, atol=0.05)


def test_the_weighted_line_is_the_best_line_in_use():
    config = Config(examples=20000, noise=0.0)
    result = run(config, seeds=[0])
    x = np.random.default_rng(1).normal(config.use_mean, config.use_std, 200_000)
    np.testing.assert_allclose(result.weighted[0], np.polyfit(x, rule(x), 1), atol=0.05)
    assert np.abs(result.plain[0] - np.polyfit(x, rule(x), 1)).max() > 0.5


def test_weights_help_a_stiff_learner_and_hurt_one_that_fits():
    stiff, fitting = run(Config(), seeds=range(40)), run(Config(degree=3), seeds=range(40))
    assert stiff.plain_error.mean() > 5 * stiff.weighted_error.mean()
    assert fitting.plain_error.mean() < fitting.weighted_error.mean()
    exact = run(replace(Config(degree=3), noise=0.0), seeds=range(2))
    assert exact.plain_error.max() < 1e-20
