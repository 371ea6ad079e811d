"""Sequences that were filled up to one length."""

import pytest
import torch
from planting import Planted, assert_found, plants
from specimens import Specimen
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.clinic import Report, examine

CHECK = "padding in the pool"


class OverTokens(nn.Module):
    """A batch norm of tokens, for ``(N, L, F)``."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        normalized: Tensor = self.norm(x.mT).mT
        return normalized


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    # Where tokens get a vector of their position before the first norm, no two that are padding are alike.
    if specimen.name not in ("Llama", "Qwen3", "Gemma"):
        return None
    specimen.model.layers[0].input_layernorm = OverTokens(nn.BatchNorm1d(16))
    for batch in specimen.batches:
        batch["input_ids"][:, 8:] = 0
    return Planted(("layers.0.input_layernorm.norm",))


def test_it_is_found() -> None:
    assert_found(CHECK)


def _texts(padding: int, *, letters: int = 50, norm: type[nn.Module] = nn.BatchNorm1d) -> Report:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(letters, 8), OverTokens(norm(8)), nn.ReLU(), OverTokens(norm(8)))
    tokens = torch.randint(1, letters, (8, 20))
    tokens[:, 20 - padding :] = 0
    return examine(model, [tokens], progress=False)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, ours.BatchNorm1d])
def test_the_share_is_measured(norm: type[nn.Module]) -> None:
    found = _texts(8, norm=norm)[CHECK]
    assert found.layers == ("1.norm", "3.norm")
    share = found.measured["largest share of the positions of the first batch that hold one vector"]
    assert share == pytest.approx(0.4)


def test_neighbours_are_left_alone() -> None:
    assert CHECK not in _texts(0).names
    assert CHECK not in _texts(2).names
    assert CHECK not in _texts(20).names  # nothing but padding: another fault
    assert CHECK not in examine(nn.BatchNorm1d(8), [torch.zeros(8, 8)], progress=False).names
