"""A bias before a norm that subtracts the mean."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import IMAGES, Specimen, healthy
from torch import Tensor, nn
from torch.nn import functional as F

from normcourse import nn as ours
from normcourse.clinic import examine
from normcourse.clinic.case import Case
from normcourse.clinic.passes import run_passes
from normcourse.clinic.subject import Norm

CHECK = "bias taken out"
WITH_BATCH_NORM = [*list(IMAGES)[:4], "the course's MLP", "the course's CNN"]


def feeding(specimen: Specimen) -> dict[Norm, str]:
    """Whose output each batch norm takes."""
    norms = norms_of(specimen, "batch")
    passes = run_passes(specimen.model, norms, specimen.batches)
    return dict(Case(specimen.model, norms, specimen.batches, passes).before)


def give_bias(layer: nn.Module, norm: Norm) -> None:
    layer.bias = nn.Parameter(torch.randn(norm.features, generator=torch.Generator().manual_seed(3)))
    assert norm.running is not None
    norm.running[0].add_(layer.bias.detach())


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    # Without batches the order is known in an nn.Sequential alone, so put the two layers into one.
    before = feeding(specimen)
    if not before:
        return None
    norm, name = next(iter(before.items()))
    layer = specimen.model.get_submodule(name)
    give_bias(layer, norm)
    if not isinstance(specimen.model, nn.Sequential):
        specimen.model.set_submodule(name, nn.Sequential(layer, norm.layer))
        specimen.model.set_submodule(norm.name, nn.Identity())
        name += ".0"
    return Planted((name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=len(WITH_BATCH_NORM))


@pytest.mark.parametrize("name", WITH_BATCH_NORM)
def test_in_passes_it_is_found_in_whatever_model(name: str) -> None:
    specimen = healthy(name)
    before = feeding(specimen)
    for norm, layer in before.items():
        give_bias(specimen.model.get_submodule(layer), norm)
    assert set(specimen.report()[CHECK].layers) == set(before.values())


def test_its_mend_changes_nothing_in_inference() -> None:
    specimen = healthy("the course's CNN")
    plant(specimen)
    x = specimen.batches[0]
    before = specimen.model.eval()(x)
    finding = specimen.report()[CHECK]
    exec(finding.mend, {"model": specimen.model})
    torch.testing.assert_close(specimen.model(x), before)
    assert CHECK not in specimen.report().names


class Features(nn.Module):
    """Gives what stands before its second norm as well, and first what is before all."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
        self.linear, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> dict[str, object]:
        early = self.one(x)
        late = self.linear(early)
        return {"name": "features", "maps": (early, late), "loss": self.norm(late).square().mean()}


def test_every_output_is_looked_at() -> None:
    torch.manual_seed(0)
    assert examine(Features(), [torch.randn(16, 4)], progress=False)[CHECK].layers == ("one.0",)


def test_layers_may_be_shared() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), relu, nn.Linear(4, 4), relu, nn.BatchNorm1d(4))
    for batches in (None, [torch.randn(16, 4)]):
        assert examine(model, batches, progress=False)[CHECK].layers == ("0",)


class Branched(nn.Module):
    """Uses what its first layer gives a second time, after the norm or before it."""

    def __init__(self, second: str) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        if self.second == "relu in place":
            y = F.relu(y, inplace=True)
        z = self.norm(y)
        return self.last(z + y if self.second == "added" else z)


@pytest.mark.parametrize(("second", "found"), [("no", True), ("relu in place", False), ("added", False)])
def test_a_bias_that_reaches_the_output_another_way_is_silent(second: str, found: bool) -> None:
    torch.manual_seed(0)
    report = examine(Branched(second), [torch.randn(16, 4)], progress=False)
    assert (CHECK in report.names) == found


@pytest.mark.parametrize("batches", [None, [torch.randn(8, 3, 6, 6)]])
@pytest.mark.parametrize(
    ("norm", "found"),
    [
        (nn.BatchNorm2d(4), True),
        (nn.BatchNorm2d(4, track_running_stats=False), True),
        (ours.BatchNorm2d(4), True),
        (nn.InstanceNorm2d(4), True),
        (ours.InstanceNorm2d(4), True),
        (nn.GroupNorm(2, 4), False),
        (nn.LayerNorm(4), False),
    ],
)
def test_only_norms_that_subtract_each_channels_mean(
    norm: nn.Module, found: bool, batches: list[Tensor] | None
) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm)
    assert (CHECK in examine(model, batches, progress=False).names) == found


def test_frozen_norms_do_not_take_it_out() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    ours.freeze_batch_norm(model)
    assert CHECK not in examine(model.train(), progress=False).names
    assert CHECK not in examine(model.train(), [torch.randn(8, 4)], progress=False).names


def test_a_bias_over_another_axis_than_the_norms_is_silent() -> None:
    model = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(3))
    assert CHECK not in examine(model, progress=False).names
    assert CHECK not in examine(model, [torch.randn(8, 3, 5)], progress=False).names
