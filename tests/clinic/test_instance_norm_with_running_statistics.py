"""Instance norms that differ between the modes."""

import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "instance norm with running statistics"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    batch = [norm for norm in norms_of(specimen, "batch") if type(norm.layer) is nn.BatchNorm2d]
    for norm in batch[:1]:  # as someone would who trains for style
        layer = nn.InstanceNorm2d(norm.features, affine=True, track_running_stats=True)
        layer.running_mean.normal_()
        specimen.model.set_submodule(norm.name, layer)
    return Planted((batch[0].name,)) if batch else None


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_ours_too_and_its_mend_makes_the_modes_alike() -> None:
    x = 5 * torch.randn(8, 3, 20) + 3
    model = nn.Sequential(ours.InstanceNorm1d(3, track_running_stats=True))
    target = model(x).detach()
    finding = examine(model, [(x, target)], loss=nn.functional.mse_loss, progress=False)[CHECK]
    assert finding.effect is not None
    assert finding.effect.after < 1e-6 < 0.1 < finding.effect.before


def test_one_that_tracks_nothing_is_left_alone() -> None:
    assert CHECK not in examine(nn.Sequential(nn.InstanceNorm1d(3), ours.InstanceNorm1d(3))).names
