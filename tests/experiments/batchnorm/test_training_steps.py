from dataclasses import replace

import numpy as np
import pytest
import torch

from normcourse.data import load_digits
from normcourse.experiments.batchnorm import training_steps
from normcourse.experiments.batchnorm.training_steps import (
    PERCENTILES,
    Arm,
    Config,
    Result,
    evaluation_steps,
    race,
    run,
)
from normcourse.experiments.engine.training import scores

QUICK = Config(
    hidden=(32,), init_std=0.4, steps=150, target=0.8, learning_rates=(0.3, 1.0), search_seeds=(9,)
)


@pytest.fixture(scope="module")
def result():
    return run(QUICK, seeds=(0, 1, 2), progress=False)


def test_shapes_and_ranges(result):
    for arm in (result.plain, result.batch_norm):
        assert arm.search.shape == (2, 1)
        assert arm.accuracy.shape == (3, len(result.steps))
        assert arm.percentiles.shape == (3, len(result.steps), 3, 32)
        assert (np.diff(arm.percentiles, axis=2) >= 0).all()
        assert arm.accuracy.min() >= 0
        assert arm.accuracy.max() <= 1
        assert arm.learning_rate == QUICK.learning_rates[arm.search.mean(axis=1).argmin()]


def test_both_arms_learn_and_batch_norm_needs_fewer_steps(result):
    assert result.plain.accuracy[:, -1].min() > 0.8
    assert result.ratio(0.8).low > 1


def test_runs_are_repeatable(result):
    again = run(QUICK, seeds=(0, 1, 2), progress=False)
    np.testing.assert_array_equal(again.batch_norm.accuracy, result.batch_norm.accuracy)


def test_a_seed_gives_the_same_curve_in_any_company(result):
    alone = run(QUICK, seeds=(2,), progress=False)
    np.testing.assert_array_equal(alone.plain.accuracy[0], result.plain.accuracy[2])


def test_a_race_at_the_rates_that_the_search_chose_is_the_run_without_the_search(result):
    rates = result.plain.learning_rate, result.batch_norm.learning_rate
    again = race(QUICK, rates, seeds=(0, 1, 2), progress=False)
    for arm, raced in ((result.plain, again.plain), (result.batch_norm, again.batch_norm)):
        assert raced.learning_rate == arm.learning_rate
        assert not raced.search.size
        np.testing.assert_array_equal(raced.accuracy, arm.accuracy)
        np.testing.assert_array_equal(raced.percentiles, arm.percentiles)


def test_steps_to_is_the_first_evaluation_at_or_above_the_target(result):
    curve = np.array([[0.1, 0.95, 0.2, 0.99], [0.1, 0.2, 0.3, 0.4]])
    arm = replace(result.plain, accuracy=curve)
    made = Result(QUICK, np.array([2, 4, 6, 8]), arm, arm)
    np.testing.assert_array_equal(made.steps_to(0.95)[0], [4, np.inf])
    with pytest.raises(ValueError, match="1 of 2 plain runs did not in 150 steps"):
        made.ratio(0.95)


def test_evaluations_are_dense_early():
    np.testing.assert_array_equal(evaluation_steps(120), [*range(2, 101, 2), 110, 120])
    np.testing.assert_array_equal(evaluation_steps(7), [2, 4, 6])


def test_search_seeds_are_not_reported_on():
    with pytest.raises(ValueError, match=r"must differ from the search seeds; both hold \[9\]"):
        run(QUICK, seeds=(8, 9), progress=False)


def test_a_grid_on_which_nothing_learns_is_refused():
    with pytest.raises(ValueError, match="no learning rate of"):
        run(replace(QUICK, learning_rates=(1e-6,), steps=10), seeds=(0,), progress=False)


def test_a_target_is_held_only_where_no_later_reading_lies_below():
    steps = np.array([2, 4, 6, 10, 20, 30])
    accuracy = np.array([[0.1, 0.9, 0.2, 0.9, 0.9, 0.9], [0.9, 0.9, 0.9, 0.1, 0.1, 0.1]])
    arms = [Arm(0.1, np.ones((5, 3)), accuracy, np.zeros((2, 6, 3, 1)))] * 2
    result = Result(Config(), steps, *arms)
    firsts = {0: [4, 2], 2: [10, 2], 5: [10, 2], 8: [10, np.inf], 20: [10, np.inf], 21: [np.inf, np.inf]}
    for hold, expected in firsts.items():
        np.testing.assert_array_equal(result.steps_to(0.5, hold=hold)[0], expected)


def test_the_search_sees_the_validation_split_alone(monkeypatch):
    seen = []

    def spy(network, split, *, models):
        assert not network.training
        seen.append(split.y)
        return scores(network, split, models=models)

    monkeypatch.setattr(training_steps, "scores", spy)
    training_steps._search(replace(QUICK, steps=4), batch_norm=True, progress=None)
    assert seen
    for labels in seen:
        np.testing.assert_array_equal(labels, load_digits().validation.y)


def test_the_curves_are_those_of_the_test_split_in_inference_mode():
    config = replace(QUICK, steps=4)
    accuracy, percentiles = training_steps._curves(config, 0.3, [0, 1], batch_norm=True, progress=None)
    test = load_digits().test
    network = training_steps._network(config, load_digits().train, [0, 1], batch_norm=True)
    for _ in training_steps._evaluations(config, network, load_digits().train, [0.3] * 2, [0, 1], None):
        pass
    np.testing.assert_array_equal(accuracy[:, -1], scores(network.eval(), test, models=2).accuracy)
    x = torch.from_numpy(test.x.T).double().expand(2, -1, -1)
    last = network.trace(x)[1][-1].detach().numpy()
    np.testing.assert_allclose(percentiles[:, -1], np.percentile(last, PERCENTILES, axis=2).swapaxes(0, 1))
