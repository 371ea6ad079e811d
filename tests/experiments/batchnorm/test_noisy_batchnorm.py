from dataclasses import replace

import numpy as np
import pytest
import torch

from normcourse.experiments.batchnorm.noisy_batchnorm import Config, ShiftNoise, choose, run
from normcourse.experiments.covariate_shift.internal_shift import SEARCH
from normcourse.experiments.engine.sweeps import Record

QUICK = Config(hidden=(12, 12), readings=(2, 20), examples=40)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_noise_adds_shift_and_without_it_there_is_little(norm):
    quiet, noisy = (
        run(replace(QUICK, norm=norm, noise=noise), seeds=(0, 1), progress=False) for noise in (0.0, 1.0)
    )
    assert quiet.shift.shape == quiet.validation.shape == quiet.test.shape == (2, 2)
    assert (noisy.shift > 5 * quiet.shift).all()
    assert ((noisy.test > 0) & (noisy.test < 1)).all()


def test_a_seed_gives_the_same_run_in_any_company():
    both, alone = (run(QUICK, seeds=seeds, progress=False) for seeds in ((3, 4), (4,)))
    for name in ("validation", "test", "shift"):
        np.testing.assert_array_equal(getattr(both, name)[1], getattr(alone, name)[0])


def test_the_rate_is_chosen_by_some_seeds_and_reported_by_others():
    seeds = (*SEARCH, 0, 1)
    axes = {"activation": ("tanh",), "norm": ("batch",), "noise": (0.5,), "rate": (0.1, 0.3), "seed": seeds}
    made = {name: np.zeros((1, 1, 1, 2, 5, 2)) for name in ("validation", "test", "shift")}
    made["validation"][..., 0, :3, -1] = 0.9
    made["validation"][..., 1, 3:, -1] = 1.0  # the reported seeds like another rate
    made["test"][..., 0, 3:, -1] = [0.7, 0.8]
    made["shift"][..., 0, 3:, :] = [[1, 2], [3, 4]]
    choice = choose(Record(axes, made, {}), activation="tanh", norm="batch", noise=0.5)
    assert choice.rate == 0.1
    np.testing.assert_array_equal(choice.test, [0.7, 0.8])
    np.testing.assert_array_equal(choice.shift, [1.5, 3.5])


def test_noise_is_one_shift_and_one_stretch_for_all_examples_and_new_at_each_call():
    layer = ShiftNoise([0, 1], 500, 0.8)
    z = torch.stack([torch.full((1000,), value, dtype=torch.float64) for value in (0.0, 1.0, 2.0)])
    first, second = layer(z), layer(z)
    shift, scale = first[0], first[1] - first[0]
    torch.testing.assert_close(first[2], 2 * scale + shift)
    assert -0.8 <= shift.min() < -0.7
    assert 0.7 < shift.max() <= 0.8
    assert 1 <= scale.min() < 1.05
    assert 1.35 < scale.max() <= 1.4
    assert (first != second).any()
    assert (first[:, :500] != first[:, 500:]).any()  # the models differ
    torch.testing.assert_close(ShiftNoise([1], 500, 0.8)(z[:, :500]), first[:, 500:])


def test_there_is_no_noise_outside_training():
    layer, z = ShiftNoise([0], 3, 1.0).eval(), torch.ones(2, 3)
    assert layer(z) is z


@pytest.mark.parametrize("change", [{"norm": "layer"}, {"noise": -1.0}, {"activation": "sigmoid"}])
def test_settings_that_make_no_sense_are_refused(change):
    with pytest.raises(ValueError, match='norm must be "batch" or "none", activation one of tanh, relu, and'):
        run(replace(QUICK, **change), seeds=(0, 1), progress=False)
