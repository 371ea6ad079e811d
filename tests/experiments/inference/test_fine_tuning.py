from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.data import load_digits, load_drawn_digits
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.inference import drawn_cnn, fine_tuning
from normcourse.experiments.inference.fine_tuning import (
    ARMS,
    FURTHER,
    REPORT,
    SEARCH,
    Config,
    at_chosen_rate,
    run,
    target,
)

QUICK = Config(examples=160, learning_rate=0.003)


@pytest.fixture(scope="module")
def source():
    [model] = drawn_cnn.trained(drawn_cnn.Config(steps=60), seeds=[0], progress=False)
    return model


@pytest.fixture
def tuned(source, monkeypatch):
    """Fine-tune from a network that has hardly learnt, and keep what became of it."""
    seen = {}
    real = drawn_cnn.train

    def watch(model, data, config, *, seed):
        seen.update(model=model, data=data, config=config, before=deepcopy(model))
        return real(model, data, config, seed=seed)

    monkeypatch.setattr(fine_tuning, "source_network", lambda seed: source)
    monkeypatch.setattr(fine_tuning.drawn_cnn, "train", watch)
    monkeypatch.setattr(fine_tuning, "recalibrate", recalibrated := recording(fine_tuning.recalibrate))
    seen["recalibrated"] = recalibrated.calls
    return lambda config: (run(config, seeds=[0], progress=False), seen)


def recording(function):
    def call(model, batches):
        call.calls.append(len(batches[0]))
        return function(model, batches)

    call.calls = []
    return call


def norms(model):
    return [layer for layer in model if isinstance(layer, nn.BatchNorm2d)]


@pytest.mark.parametrize("arm", [*ARMS, FURTHER[1]])
def test_each_arm_treats_the_statistics_as_it_says(tuned, source, arm):
    kept = deepcopy(source.state_dict())
    result, seen = tuned(replace(QUICK, arm=arm))
    for values in (result.start, result.validation, result.test, result.recalibrated):
        assert values.shape == (1,)
        assert 0 < values[0] < 1
    before = norms(seen["before"])
    assert [layer.training for layer in before] == [arm == "training mode"] * 3
    as_it_came = torch.equal(before[0].running_mean, kept["2.running_mean"])
    assert as_it_came == (arm != "recalibrated, frozen")
    assert len(seen["recalibrated"]) == (2 if arm == "recalibrated, frozen" else 1)
    assert all(layer.weight.requires_grad == (arm != "frozen, affine too") for layer in before)
    assert all(layer.weight.requires_grad for layer in seen["before"] if isinstance(layer, nn.Conv2d))
    assert all(torch.equal(value, kept[name]) for name, value in source.state_dict().items())


@pytest.mark.parametrize(("arm", "moves"), [("training mode", True), ("frozen", False)])
def test_steps_move_the_statistics_in_training_mode_alone(tuned, source, monkeypatch, arm, moves):
    found = []
    monkeypatch.setattr(
        fine_tuning, "unfreeze_batch_norm", lambda model: found.append(deepcopy(model.state_dict()))
    )
    monkeypatch.setattr(fine_tuning, "recalibrate", lambda model, batches: None)
    tuned(replace(QUICK, arm=arm))
    [state] = found
    assert torch.equal(state["2.running_mean"], source[2].running_mean) != moves
    assert not torch.equal(state["2.weight"], source[2].weight)


def test_a_network_with_group_norm_trains_all_and_has_nothing_to_recalibrate(tuned, monkeypatch):
    model = drawn_cnn.network(0, norm=lambda channels: nn.GroupNorm(fine_tuning.GROUPS, channels)).eval()
    monkeypatch.setattr(fine_tuning, "group_network", lambda seed: model)
    result, seen = tuned(replace(QUICK, arm="GroupNorm"))
    assert result.test == result.recalibrated
    assert not seen["recalibrated"]
    assert seen["before"].training
    assert all(parameter.requires_grad for parameter in seen["before"].parameters())


def test_every_arm_gets_the_same_hundred_images(tuned):
    drawn = [tuned(replace(QUICK, arm=arm))[1]["data"] for arm in ARMS]
    assert len(drawn[0].y) == 100
    for data in drawn[1:]:
        np.testing.assert_array_equal(data.x, drawn[0].x)


def test_the_rate_follows_the_batch_size_and_the_images_are_as_many(tuned):
    for size, steps in ((2, 80), (16, 10)):
        config = tuned(replace(QUICK, batch_size=size))[1]["config"]
        assert config.learning_rate == pytest.approx(0.003 * size / 16)
        assert (config.batch_size, config.steps, config.decay) == (size, steps, True)


def test_without_a_step_recalibration_is_what_is_left(tuned):
    still, _ = tuned(replace(QUICK, arm="recalibrated, frozen", learning_rate=0.0))
    assert still.start == still.test == still.recalibrated
    frozen, _ = tuned(replace(QUICK, arm="frozen", learning_rate=0.0))
    assert frozen.start == frozen.test != frozen.recalibrated


def test_a_training_that_diverged_has_no_statistics_to_recompute(tuned):
    result, _ = tuned(replace(QUICK, arm="frozen", learning_rate=1e6))
    assert np.isnan(result.recalibrated).all()
    assert result.test < 0.2


def test_no_target_image_was_trained_on():
    near, far = (target(name) for name in fine_tuning.TARGETS)
    drawn, scanned = load_drawn_digits(), load_digits()
    np.testing.assert_array_equal(np.concatenate([near.train.y, near.validation.y]), drawn.validation.y)
    np.testing.assert_allclose(near.test.x[0].mean(), drawn.test.x[0].mean(), rtol=1e-5)
    np.testing.assert_allclose(near.test.x[0].std(), drawn.test.x[0].std() / 2, rtol=1e-5)
    images = far.test.x.reshape(-1, 16, 16)
    np.testing.assert_array_equal(images[:, 1::2, 1::2], scanned.test.x.reshape(-1, 8, 8))
    np.testing.assert_array_equal(images[:, ::2, 1::2], images[:, 1::2, ::2])


def test_the_rate_is_chosen_by_the_search_seeds_and_the_others_are_reported():
    seeds = REPORT + SEARCH
    validation = np.zeros((2, len(seeds)))
    validation[0, : len(REPORT)], validation[1, len(REPORT) :] = 1, 0.5
    record = Record(
        {"rate": (0.1, 1.0), "seed": seeds},
        {"validation": validation, "test": np.arange(22).reshape(2, 11)},
        {},
    )
    np.testing.assert_array_equal(at_chosen_rate(record, "test"), np.arange(11, 19))


@pytest.mark.parametrize(("name", "value"), [("target", "photographs"), ("arm", "thawed")])
def test_unknown_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"Config.{name} must be one of .*but got '{value}'"):
        replace(QUICK, **{name: value})
