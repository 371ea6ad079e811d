import numpy as np
import pytest

from normcourse.data import load_digits
from normcourse.experiments.covariate_shift import shifted_digits
from normcourse.experiments.covariate_shift.shifted_digits import SHIFTS, Config, run
from normcourse.experiments.engine.training import Scores


@pytest.fixture(scope="module")
def result():
    return run(Config(hidden=(32,), steps=200), seeds=(0, 1, 2), progress=False)


def test_the_first_amount_changes_nothing(result):
    clean = {name: accuracy[:, 0] for name, accuracy in result.accuracy.items()}
    for accuracy in clean.values():
        np.testing.assert_array_equal(accuracy, clean["contrast"])
        assert (accuracy > 0.85).all()


def test_changed_digits_are_test_digits_and_clean_ones_also_those_of_validation(monkeypatch):
    asked, trained = [], []

    def grade(network, split, *, models):
        asked.append(split)
        return Scores(np.full(models, float(len(asked))), np.zeros(models))

    monkeypatch.setattr(shifted_digits, "scores", grade)
    monkeypatch.setattr(
        shifted_digits, "train_through", lambda network, split, *_, **__: trained.append(split)
    )
    made = run(Config(hidden=(4,)), seeds=(0, 1), progress=False)
    *changed, clean = asked
    digits = load_digits()
    np.testing.assert_array_equal(trained[0].x, digits.train.x)
    assert all((split.y == digits.test.y).all() for split in changed)
    np.testing.assert_array_equal(clean.x, digits.validation.x)
    np.testing.assert_array_equal(clean.y, digits.validation.y)
    assert (made.clean_validation == len(asked)).all()
    pairs = [(change, amount) for change, amounts in SHIFTS.values() for amount in amounts]
    for split, (change, amount) in zip(changed, pairs, strict=True):
        np.testing.assert_array_equal(split.x, change(digits.test.x, amount))
    np.testing.assert_array_equal(made.accuracy["contrast"][0], [7, 8, 9, 10, 11, 12])


def test_the_last_amount_hurts_every_network(result):
    for name, accuracy in result.accuracy.items():
        assert accuracy.shape == (3, len(SHIFTS[name][1]))
        assert (accuracy[:, -1] < accuracy[:, 0] - 0.05).all()


def test_a_seed_gives_the_same_answers_in_any_company(result):
    alone = run(result.config, seeds=(2,), progress=False)
    np.testing.assert_array_equal(alone.accuracy["blur"][0], result.accuracy["blur"][2])


def test_a_network_of_standardised_pictures_sees_no_contrast():
    def standardise(x):
        return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)

    config = Config(hidden=(32,), steps=200)
    accuracy = run(config, prepare=standardise, seeds=(0, 1), progress=False).accuracy
    clean = accuracy["contrast"][:, :1]
    np.testing.assert_allclose(accuracy["contrast"] - clean, 0, atol=0.005)
    # Inverting a share multiplies by 1 - 2 share: positive, so unseen, up to the third amount.
    inverted = accuracy["inverted share"]
    np.testing.assert_allclose(inverted[:, :3] - clean, 0, atol=0.005)
    assert (inverted[:, 3:] < 0.3).all()
    assert (accuracy["noise"][:, -1] < clean[:, 0] - 0.1).all()
