"""Counters beyond the optimizer's steps."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import Tensor, nn

from normcourse.clinic import Report, examine

CHECK = "more batches than steps"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    counting = [norm for norm in norms_of(specimen, "batch") if norm.batches is not None]
    optimizer = torch.optim.AdamW(specimen.model.parameters())
    for parameter in specimen.model.parameters():
        optimizer.state[parameter]["step"] = torch.tensor(100.0)
    for norm in counting:
        counter = norm.layer.num_batches_tracked
        assert isinstance(counter, Tensor)
        counter.fill_(250)
    return Planted(tuple(norm.name for norm in counting), {"optimizer": optimizer}) if counting else None


def test_it_is_found() -> None:
    assert_found(CHECK)


def trained(kind: type[torch.optim.Optimizer], passes: int, validations: int = 0) -> tuple[str, ...]:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    optimizer = kind(model.parameters(), lr=0.01)  # type: ignore[call-arg]
    for _ in range(10):
        optimizer.zero_grad()
        sum(model(torch.randn(8, 4)).square().mean() for _ in range(passes)).backward()  # type: ignore[union-attr]
        optimizer.step()
    with torch.no_grad():
        for _ in range(validations):
            model(torch.randn(8, 4))
    report = examine(model, optimizer=optimizer, progress=False)
    return (report[CHECK].follows,) if CHECK in report.names else ()


@pytest.mark.parametrize(
    ("passes", "validations", "words"), [(1, 3, "no_grad does not stop"), (2, 0, "They are 2 for each step")]
)
def test_what_else_moved_them_is_told_by_the_count(passes: int, validations: int, words: str) -> None:
    (follows,) = trained(torch.optim.Adam, passes, validations)
    assert words in follows


def test_a_pass_for_each_step_is_silent_and_so_is_who_counts_none() -> None:
    assert trained(torch.optim.Adam, 1) == ()
    assert trained(torch.optim.SGD, 2, 5) == ()


FAR = "statistics far from the batches"


def _strayed(*, frozen: bool = False) -> Report:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model[1].requires_grad_(not frozen)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batches = [torch.randn(32, 4) for _ in range(8)]
    for x in batches * 4:
        optimizer.zero_grad()
        (model(x) - x[:, :1]).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        for x in batches * 2:
            model(x * 3 + 5)
    pairs = [(x, x[:, :1]) for x in batches]
    return examine(model, pairs, loss=nn.functional.mse_loss, optimizer=optimizer, progress=False)


def test_beside_statistics_that_strayed_it_is_the_named_cause_and_comes_first() -> None:
    report = _strayed()
    assert report.names[:2] == (CHECK, FAR)
    assert f'"{CHECK}" says what may have done it' in report[FAR].follows
    assert report[FAR].gain > 0  # tried all the same: counters say less than the other causes


def test_two_causes_are_named_and_both_come_first() -> None:
    report = _strayed(frozen=True)
    assert set(report.names[:2]) == {CHECK, "gamma frozen statistics moving"}
    assert report.names[2] == FAR
    assert "say what may have done it" in report[FAR].follows
