"""A norm that no batch reaches."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import Tensor, nn

from normcourse.clinic import examine

CHECK = "norm never called"


class _PassedBy(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return x


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norm = norms_of(specimen)[-1]
    specimen.model.set_submodule(norm.name, _PassedBy(norm.layer))
    return Planted((f"{norm.name}.norm",))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=15)


def test_a_norm_that_holds_nothing_may_idle() -> None:
    model = nn.Sequential(nn.Linear(4, 4), _PassedBy(nn.LayerNorm(4, elementwise_affine=False)))
    assert CHECK not in examine(model, [torch.randn(6, 4)], progress=False).names


def test_a_layer_whose_weights_go_into_a_function() -> None:
    class Fused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.layer_norm(x, (4,), self.norm.weight, self.norm.bias)

    assert CHECK not in examine(Fused(), [torch.randn(6, 4)], progress=False).names


def test_a_fused_encoder_calls_its_norms() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    assert CHECK not in examine(model, [torch.randn(6, 5, 8)], progress=False).names


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_scripted_model() -> None:
    model = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval())
    assert CHECK not in examine(model, [torch.randn(6, 4)], progress=False).names
