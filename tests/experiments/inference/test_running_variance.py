"""Biased against unbiased running variance."""

import numpy as np
import pytest
import torch

from normcourse.experiments.batchnorm import batch_size
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.inference import running_variance

QUICK = batch_size.Config("batch", 4, hidden=(8,), examples=400)


def test_only_the_running_variance_of_the_copy_changes():
    network = batch_size.trained(QUICK, [0.6, 0.6], [0, 1])
    changed = running_variance.with_variance(network, 0.75)
    for name, value in network.state_dict().items():
        factor = 0.75 if name.endswith("running_var") else 1
        torch.testing.assert_close(changed.state_dict()[name], factor * value, rtol=0, atol=0)
    assert not changed.training


def test_the_factor_of_a_batch_turns_the_average_into_that_of_biased_variances():
    network = StackedMLP((5, 8, 3), seeds=[0], norm="batch", gain=1.0)
    x = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(0)).double()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.momentum = 1.0
    network(x)
    inputs = network.linear[0](x)
    [biased] = [
        layer.running_var
        for layer in running_variance.with_variance(network, 3 / 4).modules()
        if isinstance(layer, torch.nn.BatchNorm1d)
    ]
    torch.testing.assert_close(biased, inputs[0].var(dim=1, correction=0))


@pytest.mark.parametrize(
    ("norm", "factor", "message"),
    [("batch", 0.0, "above 0.* got 0.0"), ("layer", 0.5, r"torch\.nn\.BatchNorm1d, but this one has none")],
)
def test_what_cannot_be_changed_is_refused(norm, factor, message):
    network = StackedMLP((5, 8, 3), seeds=[0], norm=norm, gain=1.0)
    with pytest.raises(ValueError, match=message):
        running_variance.with_variance(network, factor)


def test_both_variances_are_tested_on_the_same_networks(monkeypatch):
    monkeypatch.setattr(batch_size, "trained", lambda config, rates, seeds: trained(rates, seeds))
    rates = []

    def trained(given, seeds):
        rates.append(given)
        return StackedMLP((64, 8, 10), seeds=seeds, norm="batch", gain=1.0)

    found = running_variance.measure(size=2, seeds=[0, 1, 2])
    [chosen] = set(batch_size.SWEEP.load().get("rate", norm="batch", size=2))
    assert rates == [[chosen] * 3]
    assert {name: values.shape for name, values in found.items()} == {
        f"{which}_{what}": (3,) for which in ("biased", "unbiased") for what in ("loss", "error")
    }
    assert not np.allclose(found["biased_loss"], found["unbiased_loss"])
