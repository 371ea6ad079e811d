"""NaN in what a model gives."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import Tensor, nn

from normcourse.clinic import examine

CHECK = "output not finite"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    # Attention hides the NaN of a query in some processors' kernels: a key nobody attends to.
    outside = [norm for norm in norms_of(specimen) if not norm.name.endswith(("q_norm", "k_norm"))]
    norm = next(norm for norm in outside if norm.gamma is not None)
    with torch.no_grad():
        getattr(norm.layer, "weight")[0] = float("nan")  # noqa: B009
    return Planted((norm.name,))


def test_it_is_found() -> None:
    assert_found(CHECK)


class WithoutEps(nn.Module):
    """An RMSNorm as one writes it, without epsilon."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x / x.square().mean(-1, keepdim=True).sqrt()


def test_a_row_of_padding_in_a_norm_without_epsilon() -> None:
    model = nn.Sequential(nn.Linear(4, 8, bias=False), WithoutEps(8), nn.Linear(8, 2))
    good, padded = torch.randn(6, 4), torch.randn(6, 4)
    padded[2] = 0
    report = examine(model, [good, padded], progress=False)
    assert report.norms == {"rms": 1}
    assert report[CHECK].layers == ("1",)
    assert CHECK not in examine(model, [good], progress=False).names


@pytest.mark.parametrize("where", ["input", "layer"])
def test_what_is_not_a_norm(where: str) -> None:
    model, x = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8)), torch.randn(6, 4)
    if where == "input":
        x[0, 0] = float("inf")
    else:
        model[0].weight.data[0, 0] = float("nan")
    finding = examine(model, [x], progress=False)[CHECK]
    assert finding.layers == (("Sequential",) if where == "input" else ("0",))


class _ByKeyword(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.log(-self.first(input=x).abs())
        return self.norm(input=y)  # type: ignore[no-any-return]


def test_what_is_given_by_keyword_counts() -> None:
    finding = examine(_ByKeyword(), [torch.randn(6, 4)], progress=False)[CHECK]
    assert finding.layers == ("_ByKeyword",)
    assert "no layer inside" in finding.follows


class _Masked(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.first, self.value = nn.Linear(4, 4), value

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.first(x)
        return y.masked_fill(x > 0, self.value)


@pytest.mark.parametrize(("value", "certainty"), [(-torch.inf, "possible"), (torch.nan, "certain")])
def test_masked_logits_are_only_possibly_a_fault(value: float, certainty: str) -> None:
    finding = examine(_Masked(value), [torch.randn(6, 4)], progress=False)[CHECK]
    assert finding.certainty == certainty
    assert ("masked logits" in finding.follows) == (certainty == "possible")


def test_a_mask_of_minus_infinity_does_not_hide_the_layer() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            mask = torch.full((5, 5), -torch.inf).triu(1)
            y: Tensor = self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]
            return y

    model = Attends()
    with torch.no_grad():
        model.attention.in_proj_bias[0] = torch.nan
    finding = examine(model, [torch.randn(6, 5, 4)], progress=False)[CHECK]
    assert finding.layers == ("attention",)
