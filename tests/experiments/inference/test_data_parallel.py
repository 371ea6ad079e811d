import numpy as np
import pytest

from normcourse.experiments.inference.data_parallel import Config, alone, run

QUICK = {"steps": 4, "hidden": (6, 5)}
CONFIGS = {
    "local": Config(shares=(4, 4), **QUICK),
    "copied": Config(shares=(4, 4), broadcast=True, **QUICK),
    "sync": Config("sync", shares=(4, 4), **QUICK),
    "by class": Config("sync", shares=(4, 4), by_class=True, **QUICK),
    "unequal": Config("sync", shares=(2, 7), **QUICK),
    "weighted": Config("sync", shares=(2, 7), weighted=True, **QUICK),
}


@pytest.fixture(scope="module")
def results():
    return run(CONFIGS)


@pytest.mark.parametrize("name", ["local", "sync", "weighted", "by class"])
def test_workers_train_as_one_process_does(results, name):
    lone = alone(CONFIGS[name])
    for field in ("gradient", "parameters"):
        np.testing.assert_allclose(
            getattr(results[name], field), np.tile(getattr(lone, field), (2, 1)), atol=1e-12
        )


@pytest.mark.parametrize("name", ["sync", "weighted"])
def test_synchronised_statistics_are_those_of_one_process(results, name):
    lone = alone(CONFIGS[name])
    np.testing.assert_allclose(results[name].running_mean, np.tile(lone.running_mean, (1, 2, 1)), atol=1e-12)
    np.testing.assert_array_equal(results[name].accuracy, np.tile(lone.accuracy, 2))


def test_gradients_are_averaged_over_workers_whatever_their_examples(results):
    for name in ("local", "copied"):
        parts = results[name].parts.mean(axis=0)
        np.testing.assert_allclose(results[name].gradient, np.tile(parts, (2, 1)), atol=1e-12)
    unequal = alone(CONFIGS["unequal"]).gradient
    assert np.abs(results["unequal"].gradient - unequal).max() > 1e-3


def test_statistics_part_unless_shared(results):
    def spread(name):
        return np.ptp(results[name].running_mean, axis=1).max(axis=1)

    assert spread("copied")[-1] < spread("local")[-1]
    assert spread("local").min() > 0
    np.testing.assert_array_equal(spread("sync"), 0)


def test_copied_statistics_start_each_step_from_worker_0s(results):
    # What is tracked does not change the training, so both runs saw these means of the second batch.
    local, copied = (results[name].running_mean for name in ("local", "copied"))
    means = (local[1] - 0.9 * local[0]) / 0.1
    np.testing.assert_allclose(copied[1], 0.9 * copied[0, 0] + 0.1 * means, atol=1e-12)


def test_shapes_and_seeds(results):
    result = results["sync"]
    assert result.running_mean.shape == (4, 2, 6)
    assert result.seconds.shape == (4,)
    assert result.parameters.shape == (2, 64 * 6 + 6 + 12 + 30 + 5 + 10 + 50 + 10)
    other = alone(Config("sync", shares=(4, 4), seed=1, **QUICK))
    assert not np.allclose(other.parameters, result.parameters)


def test_errors():
    with pytest.raises(ValueError, match=r"same number of workers.*\[2, 3\]"):
        run({"a": Config(shares=(4, 4)), "b": Config(shares=(4, 4, 4))})
    with pytest.raises(ValueError, match="'none'"):
        run({"a": Config("none")})
    with pytest.raises(ValueError, match=r"ghosts of one size.*\(2, 3\)"):
        alone(Config(shares=(2, 3)))
