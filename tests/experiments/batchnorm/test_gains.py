import pytest

from normcourse.experiments.batchnorm import gains, learning_rates, step_ratios


@pytest.fixture(scope="module")
def found():
    return gains.gains()


def test_every_setting_has_an_interval(found):
    assert {q: list(rows) for q, rows in found.items()} == {
        q: list(rows) for q, rows in gains.SETTINGS.items()
    }
    assert all(0 < i.low <= i.estimate <= i.high for rows in found.values() for i in rows.values())


def test_fewer_steps_are_more_than_one_time(found):
    setting = "relu, 6 layers, SGD"
    record = step_ratios.SWEEP.load()
    plain, normalized = (record.get(arm, setting=setting)[:, 0].mean() for arm in ("plain", "batch norm"))
    assert found["fewer steps to a target"]["6 ReLU layers"].estimate == pytest.approx(plain / normalized)
    assert plain > normalized


def test_a_higher_rate_is_more_than_one_time(found):
    record = learning_rates.SWEEP.load()
    tops = [
        learning_rates.largest_rate(
            record.axes["rate"], record.get("accuracy", network="relu, 12 layers", norm=norm).T
        )
        for norm in ("none", "batch")
    ]
    assert (tops[1] > tops[0]).all()
    assert found["higher usable learning rate"]["12 ReLU layers"].low > 1


def test_more_errors_are_less_than_one_time(found):
    assert found["fewer errors"]["batches of 2"].high < 1 < found["fewer errors"]["batches of 128"].low
