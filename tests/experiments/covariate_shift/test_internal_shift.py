from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from normcourse.data import load_mnist1d
from normcourse.experiments.covariate_shift import internal_shift
from normcourse.experiments.covariate_shift.internal_shift import (
    REPORT,
    SEARCH,
    Config,
    recorded,
    recorded_ratios,
    run,
)
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.engine.training import batch_order

QUICK = Config(hidden=(12, 12, 12), readings=(1, 3, 20), examples=40, learning_rate=0.3)
BY_LAYER = ("moments", "distribution", "gradient", "cosine", "paired")
BY_READING = ("loss_range", "gradient_change", "smoothness", "accuracy")


@pytest.fixture(scope="module")
def result():
    return run(QUICK, seeds=(0, 1, 2), progress=False)


def test_shapes_and_ranges(result):
    for arm in (result.plain, result.batch_norm):
        for name in BY_LAYER:
            assert getattr(arm, name).shape == (3, 3, 3)
        for name in BY_READING:
            assert getattr(arm, name).shape == (3, 3)
            assert (getattr(arm, name) > 0).all()
        assert arm.inputs.shape == (3, 3, 40)
        assert (np.abs(arm.cosine) <= 1 + 1e-12).all()
        # Moving example by example is the longest way, whatever the unit: so for the medians over units.
        assert (arm.paired >= arm.moments).all()


def test_the_first_step_is_that_of_a_plain_network(result):
    data, seed = load_mnist1d(), 1
    sizes = (40, *QUICK.hidden, 10)
    net = StackedMLP(sizes, seeds=[seed], norm="batch", activation="tanh", gain=1.0).single(0).train()
    fixed = torch.tensor(data.validation.x[:40], dtype=torch.float64)
    own = torch.from_numpy(batch_order(3200, 64, 1, [seed])[0, 0])
    x, y = torch.tensor(data.train.x, dtype=torch.float64)[own], torch.tensor(data.train.y)[own]
    inner = nn.Sequential(*list(net)[:3])  # what the second layer receives
    before = inner(fixed).detach().numpy()
    cross_entropy(net(x), y).backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= QUICK.learning_rate * parameter.grad
    after = inner(fixed).detach().numpy()
    moved = np.hypot(after.mean(0) - before.mean(0), after.std(0) - before.std(0)) / before.std(0)
    np.testing.assert_allclose(result.batch_norm.moments[1, 0, 0], np.median(moved))
    far = np.abs(np.sort(after, axis=0) - np.sort(before, axis=0)).mean(0) / before.std(0)
    np.testing.assert_allclose(result.batch_norm.distribution[1, 0, 0], np.median(far))


def test_a_seed_gives_the_same_measures_in_any_company(result):
    alone = run(QUICK, seeds=(2,), progress=False)
    for name in (*BY_LAYER, *BY_READING):
        np.testing.assert_allclose(getattr(alone.plain, name)[0], getattr(result.plain, name)[2])


def test_ratio_is_of_the_means_over_the_chosen_readings(result):
    made = replace(result, plain=replace(result.plain, gradient=np.ones((3, 3, 3)) * [[[1], [2], [4]]]))
    made = replace(made, batch_norm=replace(made.batch_norm, gradient=np.full((3, 3, 3), 6.0)))
    assert made.ratio("gradient", last=3).estimate == 6 / 1.5
    assert made.ratio("gradient", first=3).estimate == 6 / 3
    assert made.ratio("gradient", first=20).estimate == 6 / 4


def test_recorded_ratios_leave_out_the_seeds_of_the_search_and_compare_own_best_rates():
    seeds, rates = (*SEARCH, 0, 1), (0.03, 0.1, 0.3, 1.0)
    axes = {"activation": ("tanh", "relu"), "rate": rates, "norm": ("none", "batch"), "seed": seeds}
    shape = (2, 4, 2, 5, len(Config().readings))
    values, accuracy = np.ones(shape), np.zeros(shape)
    values[:, :, 1] = np.array([2.0, 3.0, 4.0, 5.0])[None, :, None, None]  # BatchNorm, by rate
    values[:, 2, 0, :, :4] = 0.5  # plain at rate 0.3, early
    values[..., :3, :] = 100.0
    accuracy[0, 2, 0], accuracy[0, 1, 1], accuracy[1, 1] = 1, 1, 1
    record = Record(axes, {"gradient": values, "accuracy": accuracy}, {})
    found = recorded_ratios(record, "gradient")
    assert list(found) == [
        "tanh, rate 0.03", "tanh, rate 0.1", "tanh, rate 0.3", "tanh, best (0.3, 0.1)",
        "relu, rate 0.03", "relu, rate 0.3", "relu, best (0.1, 0.1)",
    ]  # fmt: skip
    early, late = found["tanh, best (0.3, 0.1)"].values()
    assert (early.estimate, late.estimate) == (6.0, 3.0)
    assert list(found["tanh, rate 0.3"]) == ["steps 1 to 30", "steps 100 to 400"]
    assert found["relu, rate 0.3"]["steps 100 to 400"] == (4.0, 4.0, 4.0)


def test_a_recorded_result_is_that_of_its_setting_and_of_the_seeds_to_report():
    seeds, rates, norms = (*SEARCH, *REPORT), (0.1, 0.3), ("none", "batch")
    axes = {"activation": ("tanh", "relu"), "rate": rates, "norm": norms, "seed": seeds}
    shape = (2, 2, 2, len(seeds), len(Config().readings))
    values = {
        name: np.arange(np.prod(shape), dtype=float).reshape(shape) for name in (*BY_LAYER, *BY_READING)
    }
    found = recorded(Record(axes, values, {}), activation="relu", rate=0.3)
    assert (found.config.activation, found.config.learning_rate) == ("relu", 0.3)
    for norm, arm in enumerate((found.plain, found.batch_norm)):
        kept = values["paired"][1, 1, norm, len(SEARCH) :]
        np.testing.assert_array_equal(arm.paired[:, :, 0], kept)
        np.testing.assert_array_equal(arm.accuracy, kept)
    assert found.ratio("gradient").estimate == found.ratio("accuracy").estimate


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "sigmoid"}, "must be one of tanh, relu, but got 'sigmoid'"),
        ({"readings": (3, 3)}, r"readings must rise, from 1 or more, but got \(3, 3\)"),
        ({"readings": (0, 3)}, "readings must rise"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        run(replace(QUICK, **change), seeds=(0, 1), progress=False)


def test_the_sweep_keeps_means_over_layers(result, monkeypatch):
    monkeypatch.setattr(internal_shift, "Config", lambda: QUICK)
    kept = internal_shift._sweep("tanh", QUICK.learning_rate, "none", (0, 1, 2))
    assert set(kept) == {*BY_LAYER, *BY_READING}
    np.testing.assert_allclose(kept["gradient"], result.plain.gradient.mean(axis=2))
    np.testing.assert_allclose(kept["smoothness"], result.plain.smoothness)
