"""Channels whose running variance is zero."""

import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import Report, examine

CHECK = "variance zero"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[:1]:
        assert norm.gamma is not None
        norm.layer.get_buffer("running_var")[norm.gamma.abs().argmax()] = 0
    return Planted((tracking[0].name,)) if tracking else None


def _layer(mean: float, var: list[float], gamma: float = 1.0) -> nn.Module:
    layer = ours.BatchNorm1d(len(var))
    with torch.no_grad():
        layer.weight[0] = gamma
        layer.running_mean.fill_(mean)
        layer.running_var.copy_(torch.tensor(var))
    return layer


def _examine(layer: nn.Module, batches: list[torch.Tensor] | None = None) -> Report:
    return examine(layer, batches, progress=False)


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_one_channel_is_possible_and_all_are_certain() -> None:
    one = _examine(_layer(0.0, [0.0, 1.0, 2.0]))[CHECK]
    assert one.certainty == "possible"
    assert abs(float(one.measured["largest factor in inference mode"]) - 1e5**0.5) < 0.01
    assert _examine(_layer(0.0, [0.0, 0.0, 0.0]))[CHECK].certainty == "certain"


def test_a_channel_whose_gamma_went_to_zero_with_it_is_sound() -> None:
    assert CHECK not in _examine(_layer(0.0, [0.0, 1.0, 2.0], gamma=1e-6)).names


def test_small_variances_among_small_ones_are_sound() -> None:
    # A signal that is small altogether is a matter of epsilon, not of these statistics.
    assert CHECK not in _examine(_layer(1.0, [1e-9, 1e-7, 1e-6])).names


def test_a_layer_that_is_constant_on_the_batches_too_is_sound() -> None:
    layer = _layer(1.0, [0.0, 0.0, 0.0])
    assert CHECK not in _examine(layer).names
    assert CHECK not in _examine(layer, [torch.ones(4, 3)]).names
    varied = torch.arange(12.0).view(4, 3)
    assert _examine(layer, [varied])[CHECK].certainty == "certain"


def test_its_mend_is_measured() -> None:
    specimen = healthy("the course's CNN")
    with torch.no_grad():
        target = specimen.model.eval()(specimen.batches[0])
    specimen.batches = [(specimen.batches[0], target)]
    plant(specimen)
    effect = specimen.report(loss=nn.functional.mse_loss)[CHECK].effect
    assert effect is not None
    assert effect.after < 0.1 * effect.before
