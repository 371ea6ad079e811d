"""One batch norm under several names."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import Tensor, nn

from normcourse.clinic import examine

CHECK = "norm in several places"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    pairs = [(a, b) for i, a in enumerate(tracking) for b in tracking[i + 1 :] if a.features == b.features]
    if not pairs:
        return None
    first, second = pairs[0]
    specimen.model.set_submodule(second.name, first.layer)
    return Planted((first.name,))


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("name", ["ResNet", "MobileNetV2", "the course's MLP"])
def test_in_passes_it_is_called_twice(name: str) -> None:
    specimen = healthy(name)
    planted = plant(specimen)
    finding = specimen.report()[CHECK]
    assert planted is not None
    assert finding.layers == planted.layers
    assert finding.certainty == "likely"
    assert finding.measured["calls in one pass"] == 2


def test_its_mend_is_measured() -> None:
    torch.manual_seed(0)
    first, second, shared = nn.Linear(4, 8), nn.Linear(8, 8), nn.BatchNorm1d(8, momentum=None)
    with torch.no_grad():
        second.weight.mul_(4)
    model = nn.Sequential(first, shared, nn.ReLU(), second, shared)
    x = torch.randn(64, 4)
    target = model(x).detach()
    report = examine(model, [(x, target)], loss=nn.functional.mse_loss, progress=False)
    effect = report[CHECK].effect
    assert effect is not None
    assert effect.after < 0.1 * effect.before
    assert model[1] is model[4]


class Aliased(nn.Module):
    """Holds its norm under two names and calls it once."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.norm = self.layers[1]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


def test_two_names_for_one_place_are_silent_where_it_is_seen() -> None:
    assert CHECK not in examine(Aliased(), [torch.randn(8, 4)], progress=False).names


def test_a_shared_block_is_named_and_its_mend_is_not_tried() -> None:
    block = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
    model = nn.Sequential(block, block)
    assert examine(model, progress=False)[CHECK].certainty == "possible"
    report = examine(model, [torch.randn(8, 4)], loss=lambda y, _: y.square().mean(), progress=False)
    assert report[CHECK].certainty == "likely"
    assert report[CHECK].effect is None


@pytest.mark.parametrize("norm", [nn.LayerNorm(4), nn.BatchNorm1d(4, track_running_stats=False)])
def test_without_running_statistics_it_is_silent(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(4, 4), norm, nn.Linear(4, 4), norm)
    assert CHECK not in examine(model, progress=False).names
