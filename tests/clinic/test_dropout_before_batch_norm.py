"""Dropout whose variance the running statistics keep."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "dropout before batch norm"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[1:2]:
        specimen.model.set_submodule(norm.name, nn.Sequential(nn.Dropout(0.3), norm.layer))
    return Planted((f"{tracking[1].name}.1",)) if tracking[1:] else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("name", ["ResNet", "the course's CNN"])
def test_in_passes_too(name: str) -> None:
    specimen = healthy(name)
    planted = plant(specimen)
    assert planted is not None
    assert specimen.report()[CHECK].layers == planted.layers


def line(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), *layers)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (line(nn.Dropout(0.2), nn.Linear(4, 4), nn.BatchNorm1d(4)), ("5",)),
        (line(nn.Dropout(0.2), nn.Linear(4, 4), nn.ReLU(), ours.BatchNorm1d(4)), ("6",)),
        (line(nn.Dropout(0.2), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 4), nn.BatchNorm1d(4)), ("4",)),
        (line(nn.Dropout(0.2), nn.LayerNorm(4), nn.Linear(4, 4), nn.BatchNorm1d(4)), ()),
        (line(nn.Dropout(0.0), nn.Linear(4, 4), nn.BatchNorm1d(4)), ()),
        (line(nn.AlphaDropout(0.2), nn.Linear(4, 4), nn.BatchNorm1d(4)), ()),
        (line(nn.Dropout(0.2), nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)), ()),
        (line(nn.Dropout(0.2), nn.Linear(4, 4)), ()),
    ],
)
@pytest.mark.parametrize("batches", [None, [torch.ones(8, 4)]])
def test_what_may_stand_between(
    model: nn.Module, found: tuple[str, ...], batches: list[torch.Tensor] | None
) -> None:
    report = examine(model, batches, progress=False)
    assert (report[CHECK].layers if CHECK in report.names else ()) == found


def block(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), *layers)


def test_from_block_to_block() -> None:
    drop = nn.Dropout(0.2)
    assert examine(nn.Sequential(block(drop), block(drop)), progress=False)[CHECK].layers == ("1.1",)
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), drop), nn.BatchNorm1d(4))
    assert examine(model, progress=False)[CHECK].layers == ("1",)


def test_layers_may_be_shared() -> None:
    drop, relu = nn.Dropout(0.2), nn.ReLU()
    model = line(relu, nn.BatchNorm1d(4), drop, nn.Linear(4, 4), relu, drop, relu, nn.BatchNorm1d(4))
    for batches in (None, [torch.randn(8, 4)]):
        assert examine(model, batches, progress=False)[CHECK].layers == ("10",)


def test_statistics_that_stand_still_do_not_follow_it() -> None:
    model = line(nn.Dropout(0.2), nn.Linear(4, 4), nn.BatchNorm1d(4))
    ours.freeze_batch_norm(model)
    assert CHECK not in examine(model.train(), progress=False).names


def test_the_shift_is_measured_and_its_mend_takes_it_away() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(1, momentum=None), nn.Linear(1, 1))
    for _ in range(20):
        model(torch.randn(500, 1))
    x = torch.randn(500, 1)
    with torch.no_grad():
        target = model[2](nn.BatchNorm1d(1)(x))
    report = examine(model, [(x, target)], loss=nn.functional.mse_loss, progress=False)
    finding = report[CHECK]
    ratio = finding.measured["running variance over that of your batches without dropout, largest median"]
    assert ratio == pytest.approx(2, rel=0.15)  # 1 / (1 - p)
    assert finding.effect is not None
    assert finding.effect.after < 0.1 * finding.effect.before


def _trained(others: float) -> tuple[nn.Sequential, list[torch.Tensor]]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    batches = [torch.randn(64, 8) for _ in range(4)]
    for x in 20 * batches:
        model(others + x)
    return model, batches


def test_it_does_not_outlive_its_mend() -> None:
    model, batches = _trained(0.0)
    finding = examine(model, batches, progress=False)[CHECK]
    assert (finding.certainty, finding.remark) == ("likely", False)
    exec(finding.mend, {"model": model, "batches": batches})
    after = examine(model, batches, progress=False)[CHECK]
    assert (after.certainty, after.remark, after.mending) == ("possible", True, None)


def test_it_is_not_the_cause_where_a_norm_before_it_departs_too() -> None:
    model, batches = _trained(3.0)
    finding = examine(model, batches, progress=False)[CHECK]
    assert finding.certainty == "possible"
    assert "something else moved" in finding.follows
