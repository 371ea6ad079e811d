import numpy as np
import pytest

from normcourse.experiments.batchnorm import init_scales
from normcourse.experiments.batchnorm.init_scales import SEARCH, SWEEP, Config, chosen, run
from normcourse.experiments.engine.sweeps import Record


def test_each_accuracy_belongs_to_its_scale_and_its_seed():
    quick = Config("sigmoid, 3 layers", norm="none", width=24, steps=120)
    both = run(quick, [0.01, 4.0], 3.0, seeds=(0, 1, 2), progress=False)
    for split in ("validation", "test"):
        assert both[split].shape == (3, 2)
        assert (both[split][:, 1] > both[split][:, 0] + 0.2).all()
    alone = run(quick, [4.0], 3.0, seeds=(2,), progress=False)
    np.testing.assert_array_equal(alone["test"], both["test"][2:, 1:])


@pytest.fixture
def made(monkeypatch):
    """A record in which validation and test, search seeds and others all prefer different rates."""
    axes = {**SWEEP.axes, "seed": SWEEP.seeds}
    shape = tuple(map(len, axes.values()))
    values = {"validation": np.zeros(shape), "test": np.zeros(shape)}
    searching = len(SEARCH)
    values["validation"][:, :, 1, :, -searching:] = 0.9  # what counts: the second rate
    values["validation"][:, :, 2, 0, -searching:] = 0.95  # at the first scale: the third
    values["validation"][:, :, 3, :, :-searching] = 1.0
    values["test"][:, :, 4] = 1.0
    values["test"][:, :, 1, :, :-searching] = 0.7
    values["test"][:, :, 2, :, :-searching] = 0.6
    monkeypatch.setattr(
        init_scales, "SWEEP", type("Fake", (), {"load": staticmethod(lambda: Record(axes, values, {}))})
    )


def test_rates_are_chosen_by_the_search_seeds_on_validation_alone(made):
    _, second, third, *_ = SWEEP.axes["rate"]
    accuracy, rates = chosen("batch", "relu, 6 layers")
    np.testing.assert_array_equal(rates, [third] + [second] * 6)
    np.testing.assert_array_equal(accuracy, [[0.6] + [0.7] * 6] * 5)
    accuracy, rates = chosen("batch", "relu, 6 layers", at=1.0)
    np.testing.assert_array_equal(rates, [second] * 7)
    np.testing.assert_array_equal(accuracy, [[0.7] * 7] * 5)
