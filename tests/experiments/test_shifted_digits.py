import numpy as np
import pytest

from normcourse.experiments.shifted_digits import SHIFTS, Config, run


@pytest.fixture(scope="module")
def result():
    return run(Config(hidden=(32,), steps=200), seeds=(0, 1, 2), progress=False)


def test_the_first_amount_changes_nothing(result):
    clean = {name: accuracy[:, 0] for name, accuracy in result.accuracy.items()}
    for accuracy in clean.values():
        np.testing.assert_array_equal(accuracy, clean["contrast"])
        assert (accuracy > 0.85).all()


def test_the_last_amount_hurts_every_network(result):
    for name, accuracy in result.accuracy.items():
        assert accuracy.shape == (3, len(SHIFTS[name][1]))
        assert (accuracy[:, -1] < accuracy[:, 0] - 0.05).all()


def test_a_seed_gives_the_same_answers_in_any_company(result):
    alone = run(result.config, seeds=(2,), progress=False)
    np.testing.assert_array_equal(alone.accuracy["blur"][0], result.accuracy["blur"][2])


def test_a_network_of_standardised_pictures_sees_no_contrast():
    config = Config(hidden=(32,), steps=200, standardise=True)
    accuracy = run(config, seeds=(0, 1), progress=False).accuracy
    clean = accuracy["contrast"][:, :1]
    np.testing.assert_allclose(accuracy["contrast"] - clean, 0, atol=0.005)
    # Inverting a share multiplies by 1 - 2 share: positive, so unseen, up to the third amount.
    inverted = accuracy["inverted share"]
    np.testing.assert_allclose(inverted[:, :3] - clean, 0, atol=0.005)
    assert (inverted[:, 3:] < 0.3).all()
    assert (accuracy["noise"][:, -1] < clean[:, 0] - 0.1).all()
