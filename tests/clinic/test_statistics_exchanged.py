"""Statistics that were written into other layers."""

import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse.clinic import examine

CHECK = "statistics exchanged"
FAR = "statistics far from the batches"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for number, one in enumerate(tracking):
        for other in tracking[number + 1 :]:
            if one.running is None or other.running is None or not 8 <= one.features == other.features:
                continue
            far = (one.running[0] - other.running[0]).square() / torch.minimum(
                one.running[1], other.running[1]
            )
            if far.mean() < 1:
                continue  # alike enough that nobody can tell
            for a, b in zip(one.running, other.running, strict=True):
                a_before = a.clone()
                a.copy_(b)
                b.copy_(a_before)
            return Planted((one.name, other.name))
    return None


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=3)


def _deep() -> tuple[nn.Sequential, list[torch.Tensor]]:
    torch.manual_seed(0)
    layers = [[nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU()] for _ in range(12)]
    model = nn.Sequential(*(layer for block in layers for layer in block))
    batches = [torch.randn(64, 16) for _ in range(6)]
    for _ in range(10):
        for x in batches:
            model(x)
    return model, batches


def test_names_that_were_sorted_as_text() -> None:
    model, batches = _deep()
    assert examine(model, batches, progress=False).names == ("bias taken out",)
    norms = [layer for layer in model if isinstance(layer, nn.BatchNorm1d)]
    held = [norm.running_mean.clone() for norm in norms], [norm.running_var.clone() for norm in norms]
    for norm, source in zip(norms, sorted(range(12), key=str), strict=True):
        norm.running_mean.copy_(held[0][source])
        norm.running_var.copy_(held[1][source])
    report = examine(model, batches, progress=False)
    assert report.names[:2] == (CHECK, FAR)
    assert len(report[CHECK].layers) == 10
    assert CHECK in report[FAR].follows
    exec(report[CHECK].mend, {"model": model, "batches": batches})
    assert not {CHECK, FAR} & set(examine(model, batches, progress=False).names)


def test_other_departures_are_not_called_so() -> None:
    model, batches = _deep()
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.running_mean.add_(1.0)
    report = examine(model, batches, progress=False)
    assert FAR in report.names
    assert CHECK not in report.names
    specimen = healthy("ResNet")
    assert CHECK not in specimen.report().names
