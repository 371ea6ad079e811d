import numpy as np
import pytest

from normcourse.experiments.batchnorm import step_ratios
from normcourse.experiments.batchnorm.step_ratios import (
    HOLDS,
    SETTINGS,
    SWEEP,
    rates,
    ratio,
    searched,
    steps_to,
)
from normcourse.experiments.batchnorm.training_steps import Arm, Config, Result
from normcourse.experiments.engine.sweeps import Record


def test_the_first_setting_is_that_of_the_training_page():
    assert SETTINGS["sigmoid, std 0.1, SGD"] == Config()


def test_the_ratio_is_of_the_means_at_the_demanded_hold(monkeypatch):
    axes = {**SWEEP.axes, "seed": SWEEP.seeds}
    shape = (*map(len, axes.values()), len(HOLDS))
    plain, normalized = np.full(shape, 100.0), np.full(shape, 50.0)
    plain[1, :, 1] = 400
    plain[2, 0, 0] = np.inf
    record = Record(axes, {"plain": plain, "batch norm": normalized}, {})
    monkeypatch.setattr(step_ratios, "SWEEP", type("Fake", (), {"load": staticmethod(lambda: record)}))
    first, second, third, *_ = SETTINGS
    assert tuple(ratio(first)) == (2, 2, 2)
    assert tuple(ratio(second, hold=20)) == (8, 8, 8)
    assert tuple(ratio(second)) == (2, 2, 2)
    with pytest.raises(ValueError, match="finite"):
        ratio(third)


def test_a_measurement_puts_each_network_in_its_own_column(monkeypatch):
    accuracy = np.array([[0.0, 1.0, 0.0, 1.0, 1.0, 1.0]])  # after 10, 20 and so on: held from 40 on
    searches = {0.3: np.array([[10.0, np.inf], [20, 40]]), 0.1: np.array([[2.0, 4], [6, 8]])}
    arms = {
        rate: Arm(rate, searches[rate], values, np.zeros((1, 6, 3, 1)))
        for rate, values in ((0.3, accuracy), (0.1, np.ones((1, 6))))
    }

    def run(config, *, seeds, progress):
        assert config is SETTINGS["tanh, 6 layers, SGD"]
        return Result(config, np.arange(10, 70, 10), plain=arms[0.3], batch_norm=arms[0.1])

    monkeypatch.setattr(step_ratios, "run", run)
    measured = SWEEP.measure("tanh, 6 layers, SGD", seeds=(0,))
    np.testing.assert_array_equal(measured["rates"], [[0.3, 0.1]])
    assert HOLDS == (0, 20, 100)
    np.testing.assert_array_equal(measured["plain"], [[20, 40, np.inf]])
    np.testing.assert_array_equal(measured["batch norm"], [[10, 10, np.inf]])
    nan = np.nan
    np.testing.assert_array_equal(
        measured["searches"], [[[np.inf, 30, nan, nan, nan], [3, 7, nan, nan, nan]]]
    )


def test_the_record_agrees_with_the_training_page_on_who_is_faster():
    assert ratio("sigmoid, std 0.1, SGD").low > 10


def test_what_is_held_is_reached_no_sooner_than_it_is_touched():
    for setting in SETTINGS:
        touched, held = (np.array(steps_to(setting, hold=hold)) for hold in (0, 20))
        assert np.isfinite(touched).all()
        assert (held >= touched).all()


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_rates_are_the_best_of_their_searches(setting):
    found = searched(setting)
    assert tuple(found) == SETTINGS[setting].learning_rates
    for chosen, steps in zip(rates(setting), zip(*found.values(), strict=True), strict=True):
        assert not np.isnan(steps).any()
        assert list(found)[int(np.argmin(steps))] == chosen


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_chosen_rate_is_the_first_or_the_last_of_its_grid(setting):
    inside = SETTINGS[setting].learning_rates[1:-1]
    chosen = SWEEP.load().get("rates", setting=setting)
    assert np.isin(chosen, inside).all()
