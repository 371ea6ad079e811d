"""Keras' 0.99 in PyTorch."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, raw
from torch import nn

from normcourse.clinic import examine

CHECK = "momentum of another framework"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[:1]:
        norm.layer.momentum = 0.99
    return Planted((tracking[0].name,)) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize(("name", "momentum"), [("MobileNetV2", 0.997), ("EfficientNet", 0.99)])
def test_two_released_models_have_it(name: str, momentum: float) -> None:
    # Their configurations give TensorFlow's numbers to PyTorch's layer: a true finding.
    assert raw(name).report()[CHECK].measured["momentum, the weight of the newest batch"] == momentum


def test_each_gets_its_own() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4, momentum=0.6), nn.BatchNorm1d(4, momentum=0.999))
    exec(examine(model, progress=False)[CHECK].mend, {"model": model})
    assert [norm.momentum for norm in model] == [0.4, 0.001]


class Decay(nn.Module):
    """Calls the weight of the old value its decay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.decay, self.eps = 0.01, 1e-5
        self.weight = nn.Parameter(torch.ones(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(0), x.var(0, correction=0)
            with torch.no_grad():
                self.running_mean.mul_(self.decay).add_((1 - self.decay) * mean)
                self.running_var.mul_(self.decay).add_((1 - self.decay) * var)
        return self.weight * (x - mean) * torch.rsqrt(var + self.eps)


def test_an_own_class_is_mended_by_its_own_attribute() -> None:
    model = nn.Sequential(nn.Linear(8, 8), Decay(8))
    exec(examine(model, progress=False)[CHECK].mend, {"model": model})
    assert model[1].decay == 0.99
    assert not hasattr(model[1], "momentum")
    assert CHECK not in examine(model, progress=False).names
