from dataclasses import replace

import numpy as np
import pytest

from normcourse.experiments.batchnorm import prediction_noise
from normcourse.experiments.batchnorm.prediction_noise import Config, run

QUICK = Config(batch_sizes=(2, 16, 64), draws=4, examples=64, steps=150, hidden=(32,))


@pytest.fixture(scope="module")
def result():
    return run(QUICK, seeds=(0, 1), progress=False)


def test_shapes_and_ranges(result):
    for values in (result.spread, result.changed, result.accuracy):
        assert values.shape == (2, 3)
    assert result.inference_spread.shape == result.inference_accuracy.shape == (2,)
    assert 0 <= result.changed.min() <= result.changed.max() <= 1
    assert result.inference_accuracy.min() > 0.2  # ten classes, few steps


def test_larger_batches_change_fewer_answers(result):
    assert (np.diff(result.changed.mean(axis=0)) < 0).all()


def test_a_batch_of_all_examples_puts_each_among_the_same(result):
    np.testing.assert_allclose(result.spread[:, -1], 0, atol=1e-12)


def test_norms_within_an_example_give_no_noise():
    still = run(replace(QUICK, norm="layer", steps=20), seeds=(0,), progress=False)
    np.testing.assert_allclose(still.spread, 0, atol=1e-12)
    assert not still.changed.any()
    np.testing.assert_array_equal(still.accuracy, still.inference_accuracy[:, None].repeat(3, axis=1))


def test_spread_and_changes_are_those_of_the_logits(monkeypatch):
    config = replace(QUICK, batch_sizes=(16,), steps=5)
    network = prediction_noise._trained(config, (0, 1), None)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 2, 10, 64))
    monkeypatch.setattr(prediction_noise, "_in_batches", lambda *_: prediction_noise.torch.tensor(logits))
    made = run(config, seeds=(0, 1), progress=False)
    test = prediction_noise.load_mnist1d().test
    x = prediction_noise.torch.tensor(test.x[:64].T, dtype=network.head.weight.dtype).expand(2, -1, -1)
    answer = network(x).argmax(dim=1).numpy()
    for model in (0, 1):
        said = logits[:, model].argmax(axis=1)
        assert made.changed[model, 0] == pytest.approx(np.mean(said != answer[model]))
        assert made.accuracy[model, 0] == pytest.approx(np.mean(said == test.y[:64]))
        spread = np.sqrt(logits[:, model].var(axis=0, ddof=1).mean())
        assert made.spread[model, 0] == pytest.approx(spread)
        still = network(x)[model].detach().numpy()
        between = np.sqrt(still.var(axis=1, ddof=1).mean())
        assert made.inference_spread[model] == pytest.approx(between)
        assert made.inference_accuracy[model] == pytest.approx(np.mean(answer[model] == test.y[:64]))


def test_asking_leaves_the_network_as_it_was():
    network = prediction_noise._trained(replace(QUICK, steps=2), (0,), None)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = prediction_noise.torch.randn(1, 40, 8, dtype=network.head.weight.dtype)
    with prediction_noise.torch.no_grad():
        logits = prediction_noise._in_batches(network, x, 4, 2)
    assert logits.shape == (2, 1, 10, 8)
    assert not network.training
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_sizes_that_leave_a_rest_are_refused():
    with pytest.raises(ValueError, match=r"\[3, 7\] do not divide Config.examples, 64"):
        replace(QUICK, batch_sizes=(2, 3, 7))


def test_one_draw_has_no_spread_and_is_refused():
    with pytest.raises(ValueError, match=r"at least 2 draws, but Config\.draws is 1"):
        replace(QUICK, draws=1)
