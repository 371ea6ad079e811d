"""Several processes, and each with a batch of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import torch.distributed as dist
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import Report, examine

CHECK = "not synchronised"


@contextmanager
def processes(count: int) -> Iterator[None]:
    """Let torch say that this is one of so many."""
    with patch.multiple(dist, is_initialized=lambda: True, get_world_size=lambda: count):
        yield


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    alone = specimen.report

    def among_three(**settings: Any) -> Report:
        with processes(3):
            return alone(**settings)

    specimen.report = among_three  # type: ignore[method-assign]
    norms = norms_of(specimen, "batch")
    return Planted(tuple(norm.name for norm in norms)) if norms else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.fixture
def three_processes() -> Iterator[None]:
    with processes(3):
        yield


@pytest.mark.usefixtures("three_processes")
def test_it_counts_processes_and_examples() -> None:
    measured = healthy("ResNet").report()[CHECK].measured
    assert measured["processes"] == 3
    assert measured["examples in a batch of this process, fewest"] == 6


@pytest.mark.usefixtures("three_processes")
@pytest.mark.parametrize("convert", [nn.SyncBatchNorm, ours.SyncBatchNorm])
def test_synchronised_ones_are_silent(convert: type[ours.SyncBatchNorm]) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    assert CHECK in examine(model, progress=False).names
    assert CHECK not in examine(convert.convert_sync_batchnorm(model), progress=False).names


@pytest.mark.usefixtures("three_processes")
def test_frozen_ones_and_other_norms_take_no_batch() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.LayerNorm(4))
    ours.freeze_batch_norm(model)
    assert CHECK not in examine(model.train(), progress=False).names


def test_one_process_has_the_whole_batch() -> None:
    assert CHECK not in healthy("ResNet").report(with_batches=False).names
    with processes(1):
        assert CHECK not in healthy("ResNet").report(with_batches=False).names
