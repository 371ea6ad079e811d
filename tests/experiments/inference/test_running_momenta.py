"""Several running averages of one training."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.experiments.inference import drawn_cnn, kept_statistics, running_momenta
from normcourse.experiments.inference.running_momenta import Averages

BATCHES = [torch.randn(6, 3, generator=torch.Generator().manual_seed(seed)).double() for seed in range(9)]


def tracked(batches=BATCHES):
    model = nn.BatchNorm1d(3, momentum=1.0).double()
    averages = Averages(model)
    for batch in batches:
        model(batch)
        averages.update()
    return averages


@pytest.mark.parametrize(("estimate", "momentum"), [("0.1", 0.1), ("0.001", 0.001), ("all batches", None)])
def test_each_average_is_the_one_that_a_batch_norm_of_that_momentum_keeps(estimate, momentum):
    torchs = nn.BatchNorm1d(3, momentum=momentum).double()
    for batch in BATCHES:
        torchs(batch)
    mean, variance = tracked().of(estimate)
    torch.testing.assert_close(mean, torchs.running_mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(variance, torchs.running_var, rtol=1e-12, atol=1e-12)


def test_a_corrected_average_has_no_part_of_the_start():
    mean, variance = tracked([BATCHES[0] + 5] * 4).of("0.001 corrected")
    torch.testing.assert_close(mean, BATCHES[0].mean(0) + 5)
    torch.testing.assert_close(variance, BATCHES[0].var(0))


@pytest.mark.parametrize("model", [nn.BatchNorm1d(3), nn.Linear(3, 3)])
def test_a_network_whose_batches_cannot_be_read_is_refused(model):
    with pytest.raises(ValueError, match=r"momentum=1\.0, but the model's have"):
        Averages(model)


def test_keeping_averages_leaves_the_training_as_it_is(monkeypatch):
    seen = []
    monkeypatch.setattr(running_momenta, "_accuracy", lambda model, test: seen.append(model) or 0.0)
    monkeypatch.setattr(running_momenta, "SIZES", (32,))
    result = running_momenta.run("high rate", 6, seeds=[3], progress=False)
    np.testing.assert_array_equal(result.readings, [1, 3, 6])
    plain = drawn_cnn.network(3)
    config = drawn_cnn.Config(0.1, steps=6, decay=False)
    for _ in drawn_cnn.train(plain, running_momenta.load_drawn_digits().train, config, seed=3):
        pass
    # Models are read estimate by estimate; of the last reading, the one with PyTorch's usual momentum.
    estimates = running_momenta.ESTIMATES
    usual = seen[2 * len(estimates) + estimates.index("0.1")]
    assert not usual.training
    assert seen[3 * len(estimates) - 1].training  # "batch"
    for name, value in plain.state_dict().items():
        if "num_batches" not in name:
            torch.testing.assert_close(usual.state_dict()[name], value, rtol=1e-10, atol=1e-12)


def test_offsets_are_zero_for_the_recalibrated_and_in_standard_deviations():
    precise = nn.BatchNorm2d(4, momentum=1.0).double()
    precise.running_var.fill_(4.0)
    shifted = nn.BatchNorm2d(4).double()
    shifted.running_mean.fill_(3.0)
    assert running_momenta._offset(precise, precise) == 0
    assert running_momenta._offset(shifted, precise) == pytest.approx(1.5)


def test_steps_that_cannot_be_read_are_refused():
    with pytest.raises(ValueError, match="multiple of 6; got 20"):
        running_momenta.run(steps=20)


def test_statistics_of_a_copy_are_replaced_and_the_network_keeps_its_own():
    model = drawn_cnn.network(0, norm=partial(nn.BatchNorm2d, momentum=1.0))
    own = kept_statistics.statistics_of(model)
    copy = kept_statistics.with_statistics(model, [value + 7 for value in own])
    for mine, other in zip(own, kept_statistics.statistics_of(copy), strict=True):
        torch.testing.assert_close(other, mine + 7)
    assert model.training
    assert not copy.training


@pytest.mark.parametrize("training", [False, True])
def test_accuracy_in_parts_is_that_of_all_images(training):
    test = running_momenta.load_drawn_digits().test
    test = drawn_cnn.Split(test.x[:300], test.y[:300])
    model = drawn_cnn.network(0).train(training)
    assert running_momenta._accuracy(model, test) == pytest.approx(drawn_cnn.accuracy(model, test))
