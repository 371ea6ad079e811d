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


class _Texts(nn.Module):
    """With an embedding of the place, so that no two paddings of a text are the same vector."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(9, 4), nn.Embedding(12, 4)
        self.norm, self.masked = nn.BatchNorm1d(4), masked

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.token(tokens) + self.place.weight
        real = tokens != 0 if self.masked else torch.ones_like(tokens, dtype=torch.bool)
        out = torch.zeros_like(x)
        out[real] = self.norm(x[real])
        return out


def _tokens(pads: int) -> torch.Tensor:
    tokens = torch.randint(1, 9, (6, 12), generator=torch.Generator().manual_seed(0))
    for row in range(6):
        tokens[row, 12 - pads + row % 2 :] = 0
    return tokens


@pytest.mark.parametrize(("pads", "masked", "found"), [(5, False, True), (5, True, False), (2, False, False)])
def test_padding_that_is_seen_in_the_tokens(pads: int, masked: bool, found: bool) -> None:
    report = examine(_Texts(masked), [_tokens(pads)], progress=False)
    assert (CHECK in report.names) == found
    if found:
        share = report[CHECK].measured[
            "share of the first batch's tokens that repeat one token at the end of a text"
        ]
        assert share == pytest.approx((3 * pads + 3 * (pads - 1)) / 72)
