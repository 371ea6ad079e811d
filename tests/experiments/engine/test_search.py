import numpy as np
import pytest

from normcourse.experiments.engine.search import fresh, recorded_rate, search_rate
from normcourse.experiments.engine.sweeps import Record


def test_the_rate_of_the_best_mean_is_chosen_not_of_the_best_run():
    table = np.array([[0.8, 0.8], [0.1, 1.0], [0.9, 0.6]])
    asked = []

    def validate(rates, seeds):
        asked.extend(zip(rates, seeds, strict=True))
        return table.ravel()

    search = search_rate(validate, (0.1, 0.3, 1.0), (7, 8))
    assert search.rate == 0.1
    np.testing.assert_array_equal(search.accuracy, table)
    assert asked == [(0.1, 7), (0.1, 8), (0.3, 7), (0.3, 8), (1.0, 7), (1.0, 8)]


def test_search_seeds_are_not_reported_on():
    assert fresh(range(2), (5,)) == [0, 1]
    with pytest.raises(ValueError, match=r"must differ from the search seeds; both hold \[1\]"):
        fresh(range(2), (1, 5))


def test_of_a_record_only_the_search_seeds_choose():
    validation = np.array([[[0.9, 0.1, 0.1], [0.2, 0.8, 0.7]], [[0.3, 0.3, 0.3], [0.3, 0.2, 0.9]]])
    axes = {"norm": ("none", "batch"), "rate": (0.1, 1.0), "seed": (5, 6, 7)}
    record = Record(axes, {"validation": validation}, {})
    assert recorded_rate(record, (5,), norm="none") == 0.1
    assert recorded_rate(record, (6, 7), norm="none") == 1.0
    assert recorded_rate(record, (5, 6), norm="batch") == 0.1


def test_of_a_curve_the_end_counts():
    accuracy = np.zeros((3, 5, 2))  # rates, seeds, readings
    accuracy[1, :3, -1] = 0.9
    accuracy[2, 3:, -1] = 1.0  # the reported seeds like another rate
    accuracy[0, :, 0] = 1.0
    record = Record({"rate": (0.1, 0.3, 1.0), "seed": (5, 6, 7, 0, 1)}, {"accuracy": accuracy}, {})
    assert recorded_rate(record, (5, 6, 7), by="accuracy") == 0.3


def test_the_lowest_loss_wins_and_a_training_that_broke_down_loses():
    loss = np.array([[2.0, 2.2], [1.0, np.nan], [1.5, 2.5]])
    record = Record({"rate": (0.1, 0.3, 1.0), "seed": (5, 6)}, {"loss": loss, "merit": -loss}, {})
    assert recorded_rate(record, (5, 6), by="loss", lowest=True) == 1.0
    assert recorded_rate(record, (5, 6), by="merit") == 1.0
    assert recorded_rate(record, (5,), by="loss", lowest=True) == 0.3


@pytest.mark.parametrize(
    ("axes", "settings", "free"),
    [
        (("norm", "rate"), {}, "norm, rate, seed"),
        (("norm", "rate"), {"norm": "none", "rate": 0.1}, "seed"),
        (("norm",), {"norm": "none"}, "seed"),
    ],
)
def test_an_axis_without_a_value_is_named(axes, settings, free):
    values = {"norm": ("none", "batch"), "rate": (0.1, 1.0)}
    record = Record(
        {**{axis: values[axis] for axis in axes}, "seed": (5, 6)},
        {"validation": np.zeros((*(2 for _ in axes), 2))},
        {},
    )
    with pytest.raises(ValueError, match=f"left free are {free}$"):
        recorded_rate(record, (5,), **settings)
