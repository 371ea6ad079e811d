"""Counters beyond the optimizer's steps."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import Tensor, nn

from normcourse.clinic import examine

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
