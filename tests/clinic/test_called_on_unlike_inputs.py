"""One batch norm for two domains."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import Tensor, nn

from normcourse.clinic import examine

CHECK = "called on unlike inputs"


class _Twice(nn.Module):
    """Calls a norm on each half of a batch, of which the second may be of another domain."""

    def __init__(self, norm: nn.Module, scale: float, shift: float) -> None:
        super().__init__()
        self.norm, self.scale, self.shift = norm, scale, shift

    def forward(self, x: Tensor) -> Tensor:
        one, two = x.split(len(x) // 2)
        return torch.cat([self.norm(one), self.norm(two * self.scale + self.shift * x.std())])


def _split(specimen: Specimen, scale: float, shift: float) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    if not tracking:
        return None
    specimen.model.set_submodule(tracking[0].name, _Twice(tracking[0].layer, scale, shift))
    return Planted((f"{tracking[0].name}.norm",))


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    return _split(specimen, 1, 3)


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize(("scale", "shift", "found"), [(1, 0, False), (5, 0, True), (1.1, 0.1, False)])
@pytest.mark.parametrize("name", ["ResNet", "MobileNetV2", "the course's MLP", "the course's CNN"])
def test_two_calls_on_like_inputs_are_fine(name: str, scale: float, shift: float, found: bool) -> None:
    specimen = healthy(name)
    _split(specimen, scale, shift)
    assert (CHECK in specimen.report().names) is found


class _Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU())

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        y: Tensor = self.tower(left) - self.tower(right)
        return y


@pytest.mark.parametrize("examples", [3, 6, 32])
@pytest.mark.parametrize("seed", range(5))
def test_two_towers_of_one_domain_are_fine(examples: int, seed: int) -> None:
    torch.manual_seed(seed)
    batches = [{"left": torch.randn(examples, 8), "right": torch.randn(examples, 8)} for _ in range(3)]
    assert CHECK not in examine(_Siamese(), batches, progress=False).names


def test_two_towers_of_two_domains() -> None:
    batches = [{"left": torch.randn(32, 8), "right": torch.randn(32, 8) + 2} for _ in range(3)]
    finding = examine(_Siamese(), batches, progress=False)[CHECK]
    assert finding.layers == ("tower.1",)
    assert finding.measured["calls in one pass"] == 2


def test_a_layer_norm_may_be_called_on_anything() -> None:
    model = _Siamese()
    model.tower[1] = nn.LayerNorm(8)
    batches = [{"left": torch.randn(32, 8), "right": torch.randn(32, 8) + 2}]
    assert CHECK not in examine(model, batches, progress=False).names
