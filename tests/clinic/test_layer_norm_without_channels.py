"""`LayerNorm(W)` on (N, C, H, W)."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import IMAGES, Specimen
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.clinic import examine
from normcourse.clinic.passes import run_passes

CHECK = "layer norm without channels"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    if specimen.name not in {*list(IMAGES)[:5], "the course's CNN"}:
        return None  # no norm takes what a convolution made
    norms = norms_of(specimen)
    calls = run_passes(specimen.model, norms, specimen.batches[:1]).calls
    for call in calls:
        if call.producer is not None and len(call.shape) == 4 and call.shape[-1] > 1:
            specimen.model.set_submodule(call.norm.name, nn.LayerNorm(call.shape[-1]))
            return Planted((call.norm.name,))
    norm = norms[0]  # ConvNeXt's own class, of channels first, after the first convolution
    width = calls[0].shape[-1]
    specimen.model.set_submodule(norm.name, nn.LayerNorm(width))
    return Planted((norm.name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=5)


@pytest.mark.parametrize("library", [nn, ours])
@pytest.mark.parametrize(
    ("shape", "certainty", "share"),
    [((6,), "likely", 6), ((6, 6), "possible", 36), ((4, 6, 6), None, 0)],
)
def test_which_axes(shape: tuple[int, ...], certainty: str | None, share: int, library: object) -> None:
    layer = library.LayerNorm(shape)  # type: ignore[attr-defined]
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), layer)
    report = examine(model, [torch.randn(8, 3, 8, 8)], progress=False)
    assert (report[CHECK].certainty if CHECK in report.names else None) == certainty
    if certainty:
        assert report[CHECK].layers == ("2",)
        assert report[CHECK].measured["values that share one mean"] == share


def test_along_a_sequence() -> None:
    model = nn.Sequential(nn.Conv1d(3, 4, 3), nn.RMSNorm(6))
    assert examine(model, [torch.randn(8, 3, 8)], progress=False)[CHECK].certainty == "possible"


class _ChannelsLast(nn.Module):
    """As ConvNeXt does it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 6, 3), nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.convolution(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return y


class _ChannelsFirst(nn.LayerNorm):
    """Brings the channels last by itself, as the released class does."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_a_class_that_brings_them_last_is_silent_even_where_width_and_channels_are_one_number() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3), _ChannelsFirst(6))
    assert CHECK not in examine(model, [torch.randn(8, 3, 8, 8)], progress=False).names


@pytest.mark.parametrize(
    "model",
    [_ChannelsLast(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(2), nn.Linear(36, 6), nn.LayerNorm(6))],
)
def test_channels_that_were_brought_last_are_silent(model: nn.Module) -> None:
    assert CHECK not in examine(model, [torch.randn(8, 3, 8, 8)], progress=False).names


def test_its_mend_runs_and_ends_it() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm(6), nn.Conv2d(4, 5, 1), nn.LayerNorm(6))
    batches = [torch.randn(8, 3, 8, 8)]
    exec(examine(model, batches, progress=False)[CHECK].mend, {"model": model, "nn": nn})
    assert [layer.num_channels for layer in model if isinstance(layer, nn.GroupNorm)] == [4, 5]
    assert CHECK not in examine(model, batches, progress=False).names


def test_frequencies_are_only_possibly_a_fault() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.LayerNorm(40))
    finding = examine(model, [torch.randn(6, 1, 30, 40)], progress=False)["layer norm without channels"]
    assert finding.certainty == "possible"
    assert "speech" in finding.follows


def test_in_a_causal_model_its_mend_pools_no_positions() -> None:
    model = nn.Sequential(nn.ConstantPad2d((0, 0, 2, 0), 0.0), nn.Conv2d(1, 4, (3, 1)), nn.LayerNorm(9))
    batches = [torch.randn(6, 1, 7, 9)]  # frames on axis 2, frequencies last
    finding = examine(model, batches, causal=True, progress=False)[CHECK]
    assert "GroupNorm" not in finding.mend
    exec(finding.mend, {"model": model})
    x = batches[0].clone()
    x[:, :, -1] += 1
    assert torch.equal(model(x)[:, :, :-1], model(batches[0])[:, :, :-1])
