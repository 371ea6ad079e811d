"""A later position reaches an earlier one."""

from collections.abc import Callable

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import CAUSAL, Specimen, healthy
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.clinic import examine, find_norms

CHECK = "later positions leak"


class _OverPositions(nn.Module):
    """A layer norm of each example as a whole."""

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(like.clone())

    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(1, x.dim()))
        var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(var + 1e-5) * self.weight


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    if specimen.name not in CAUSAL:
        return None
    norm = norms_of(specimen, "layer", "rms")[1]
    assert norm.gamma is not None
    specimen.model.set_submodule(norm.name, _OverPositions(norm.gamma))
    return Planted((norm.name,), {"causal": True})


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_a_model_without_a_mask() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.norm(x)
            return y + y.mean(1, keepdim=True)

    finding = examine(Mixed(), [torch.randn(4, 6, 4)], causal=True, progress=False)[CHECK]
    assert finding.layers == ("Mixed",)
    assert "mask" in finding.follows


class _Pools(nn.Module):
    """Lets the mean of all positions into each, and holds a layer for that."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inside(x)
        return y + y.mean(1, keepdim=True)


def test_the_first_module_is_named_where_no_norm_is_the_place() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Sequential(_Pools()), nn.LayerNorm(4))
    finding = examine(model, [torch.randn(4, 6, 4)], causal=True, progress=False)[CHECK]
    assert finding.layers == ("2.0",)
    assert finding.certainty == "certain"


@pytest.mark.parametrize("layers", [1, 2])
def test_a_batch_norm_leaks_in_training_mode_alone(layers: int) -> None:
    from normcourse.models import CausalTransformer

    torch.manual_seed(0)
    model = CausalTransformer(50, context=12, width=16, heads=2, layers=layers, norm="batch")
    batches = [torch.randint(1, 50, (6, 12)) for _ in range(3)]
    finding = examine(model, batches, causal=True, progress=False)[CHECK]
    assert finding.layers == tuple(norm.name for norm in find_norms(model))
    assert finding.certainty == "likely"
    assert "in training mode" in finding.follows
    exec(finding.mend, {"model": model, "nn": nn})
    assert CHECK not in examine(model, batches, causal=True, progress=False).names


def test_its_mend_ends_the_leak_through_a_norm() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm((6, 4)), nn.Linear(4, 4))
    batches = [torch.randn(5, 6, 4)]
    finding = examine(model, batches, causal=True, progress=False)[CHECK]
    assert finding.layers == ("1",)
    mend = examine(model, batches, progress=False)["layer norm over several axes"].mend
    exec(mend, {"model": model, "nn": nn})
    assert CHECK not in examine(model, batches, causal=True, progress=False).names


@pytest.mark.parametrize("name", ["BERT", "GPT-2"])
def test_where_nobody_says_causal_nothing_is_said(name: str) -> None:
    specimen = healthy(name)
    report = specimen.report(causal=False)
    assert CHECK not in report.names
    assert report.skipped[CHECK] == "causal=True was not given"


def test_what_is_not_causal_leaks_if_it_is_said_to_be() -> None:
    assert CHECK in healthy("BERT").report(causal=True).names


class _Conv(nn.Module):
    """A causal convolution, between the two orders of the axes."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.into, self.norm, self.conv = nn.Linear(3, 8), norm, nn.Conv1d(8, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.into(x).mT)
        z: Tensor = self.conv(nn.functional.pad(y, (2, 0))).mT
        return z


def test_a_norm_with_the_positions_on_axis_2_is_named() -> None:
    finding = examine(_Conv(nn.GroupNorm(2, 8)), [torch.randn(6, 12, 3)], causal=True, progress=False)[CHECK]
    assert finding.layers == ("norm",)
    assert CHECK not in examine(_Conv(nn.Identity()), [torch.randn(6, 12, 3)], causal=True).names


class _Padded(nn.Module):
    """Takes (N, C, L); ahead, it sees what follows too."""

    def __init__(self, *, ahead: bool = False, hidden: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 8, 3)
        self.pad = (1, 1) if ahead else (2, 0)
        self.by_function = hidden

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x, self.pad)
        if self.by_function:  # so that nothing says which axis holds the channels
            return nn.functional.conv1d(x, self.conv.weight, self.conv.bias)
        y: Tensor = self.conv(x)
        return y


def test_channels_second_are_seen_and_judged_so() -> None:
    x = [torch.randn(6, 8, 20)]
    assert CHECK not in examine(_Padded(), x, causal=True, progress=False).names
    finding = examine(_Padded(ahead=True), x, causal=True, progress=False)[CHECK]
    assert finding.measured["axis of the positions"] == 2
    assert finding.certainty == "likely"  # the convolution gets more positions than there are
    assert "No layer inside" not in finding.follows


def test_where_nothing_says_the_axis_it_is_only_possible() -> None:
    finding = examine(_Padded(hidden=True), [torch.randn(6, 8, 20)], causal=True, progress=False)[CHECK]
    assert finding.certainty == "possible"
    assert "on axis 2 nothing leaks" in finding.follows


class _Channels(nn.Module):
    """A causal network of (N, C, T) with norms inside; takes (N, T)."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.first, self.n1 = nn.Conv1d(1, 8, 3), make()
        self.second, self.n2 = nn.Conv1d(8, 8, 3), make()

    def forward(self, x: Tensor) -> Tensor:
        y = self.n1(self.first(nn.functional.pad(x[:, None], (2, 0))))
        z: Tensor = self.n2(self.second(nn.functional.pad(y, (2, 0))))
        return z


@pytest.mark.parametrize(
    "make",
    [
        lambda channels: nn.LayerNorm(12),
        lambda channels: nn.RMSNorm(12),
        lambda channels: nn.LayerNorm((channels, 12)),
        lambda channels: nn.GroupNorm(2, channels),
        lambda channels: nn.BatchNorm1d(channels),
        lambda channels: ours.BatchNorm1d(channels),
    ],
)
@pytest.mark.parametrize("check", [CHECK, "layer norm without channels", "layer norm over several axes"])
def test_with_channels_first_its_mend_is_another_layer_that_ends_the_leak(
    make: Callable[[int], nn.Module], check: str
) -> None:
    torch.manual_seed(0)
    model = _Channels(lambda: make(8))
    batches = [torch.randn(6, 12) for _ in range(3)]
    report = examine(model, batches, causal=True, progress=False)
    assert report[CHECK].layers == ("n1", "n2")
    if check not in report.names:
        return
    exec(report[check].mend, {"model": model})
    assert model(batches[0]).shape == (6, 8, 12)
    assert not {CHECK, check} & set(examine(model, batches, causal=True, progress=False).names)


def test_a_norm_along_positions_without_features_gets_no_line_that_leaks_again() -> None:
    mend = examine(nn.LayerNorm(12), [torch.randn(6, 12)], causal=True, progress=False)[CHECK].mend
    assert mend.startswith("# ")
    assert "last axis" in mend


def test_the_layer_that_leaks_is_not_proposed_where_channels_and_positions_are_as_many() -> None:
    class Predicts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.out = nn.Conv1d(1, 12, 1), nn.BatchNorm1d(12), nn.Conv1d(12, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.out(self.norm(self.conv(x[:, None])))
            return y[:, 0]

    torch.manual_seed(0)
    model = Predicts()
    batches = [torch.randn(6, 12) for _ in range(3)]
    exec(examine(model, batches, causal=True, progress=False)[CHECK].mend, {"model": model})
    assert CHECK not in examine(model, batches, causal=True, progress=False).names
