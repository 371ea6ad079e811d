"""`BatchNorm1d(T)` on (N, T, F)."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import TEXTS, Specimen
from torch import Tensor, nn

from normcourse.clinic import examine

CHECK = "positions as channels"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    if specimen.name not in {*TEXTS, "the course's transformer"}:
        return None  # of a picture nobody knows which axis its positions are on
    norm = next(norm for norm in norms_of(specimen) if not norm.name.endswith(("q_norm", "k_norm")))
    specimen.model.set_submodule(norm.name, nn.BatchNorm1d(12))
    return Planted((norm.name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=6)


class _Tokens(nn.Module):
    def __init__(self, norm: nn.Module, *, channels_second: bool = False, convolution: bool = False) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(9, 4), norm
        self.convolution = nn.Conv1d(4, 4, 3) if convolution else nn.Identity()
        self.channels_second = channels_second or convolution

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        y: Tensor = self.norm(self.convolution(x.mT) if self.channels_second else x)
        return y


TOKENS = [torch.randint(0, 9, (8, 6)) for _ in range(3)]


@pytest.mark.parametrize(
    ("model", "certainty"),
    [
        (_Tokens(nn.BatchNorm1d(6)), "likely"),
        (_Tokens(nn.BatchNorm1d(4), channels_second=True), None),
        (_Tokens(nn.BatchNorm1d(4), convolution=True), None),
        (_Tokens(nn.LayerNorm(4)), None),
    ],
)
def test_tokens(model: nn.Module, certainty: str | None) -> None:
    found = {finding.name: finding for finding in examine(model, TOKENS, progress=False)}
    assert (found[CHECK].certainty if CHECK in found else None) == certainty


@pytest.mark.parametrize(
    ("before", "certainty"),
    [
        ([nn.Linear(3, 5)], "possible"),
        ([nn.Linear(3, 5), nn.ReLU(), nn.Dropout()], "possible"),
        ([nn.Linear(3, 5), nn.LayerNorm(5)], "possible"),
        ([nn.Conv1d(6, 6, 1)], None),
        ([nn.Linear(3, 5), nn.Flatten(), nn.Unflatten(1, (6, 5))], None),
    ],
)
def test_what_stands_before_it_says_where_the_features_are(
    before: list[nn.Module], certainty: str | None
) -> None:
    model = nn.Sequential(*before, nn.BatchNorm1d(6))
    report = examine(model, [torch.randn(8, 6, 3) for _ in range(3)], progress=False)
    assert (report[CHECK].certainty if CHECK in report.names else None) == certainty
    if certainty:
        assert report[CHECK].measured["its channels, on axis 1"] == 6
        assert report[CHECK].measured["features on the last axis"] == 5


def test_two_axes_and_pictures_are_silent() -> None:
    rows = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
    assert CHECK not in examine(rows, [torch.randn(8, 3)], progress=False).names
    picture = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert CHECK not in examine(picture, [torch.randn(8, 3, 9, 9)], progress=False).names


def test_its_mend_fits() -> None:
    finding = examine(_Tokens(nn.BatchNorm1d(6)), TOKENS, progress=False)[CHECK]
    scope: dict[str, object] = {"nn": nn}
    exec(finding.mend, scope)
    norm = scope["norm"]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm(torch.randn(8, 6, 4).mT).mT.shape == (8, 6, 4)
