import numpy as np
import pytest

from normcourse.experiments import step_ratios
from normcourse.experiments.step_ratios import HOLDS, SETTINGS, SWEEP, ratio
from normcourse.experiments.sweeps import Record
from normcourse.experiments.training_steps import Config


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


def test_the_record_agrees_with_the_training_page_on_who_is_faster():
    assert ratio("sigmoid, std 0.1, SGD").low > 10


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_chosen_rate_is_the_first_or_the_last_of_its_grid(setting):
    inside = SETTINGS[setting].learning_rates[1:-1]
    chosen = SWEEP.load().get("rates", setting=setting)
    assert np.isin(chosen, inside).all()
