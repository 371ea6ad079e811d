"""Data that nobody shuffled."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import Tensor, nn

from normcourse.clinic import Report, examine
from normcourse.data import load_drawn_digits
from normcourse.experiments.inference import drawn_cnn

CHECK = "batches are sorted"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm.name for norm in norms_of(specimen, "batch") if norm.tracks]
    if not tracking:
        return None
    random = torch.Generator().manual_seed(3)

    def of_one_kind(x: Tensor) -> Tensor:
        return x + torch.nn.functional.interpolate(
            torch.randn(1, *x.shape[1:-1], 8, generator=random).reshape(1, 1, -1),
            x[0].numel(),
        ).reshape(1, *x.shape[1:])

    specimen.batches = [
        of_one_kind(batch) if isinstance(batch, Tensor) else {key: of_one_kind(x) for key, x in batch.items()}
        for batch in specimen.batches
    ]
    return Planted(tuple(tracking))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=6)


def _digits(order: Tensor, size: int) -> Report:
    images, _ = drawn_cnn.tensors(load_drawn_digits().test)
    return examine(drawn_cnn.network(0), list(images[order].split(size))[:10], progress=False)


@pytest.mark.parametrize(("size", "ratio"), [(8, 1.26), (32, 1.62), (128, 3.38)])
def test_digits_sorted_by_class(size: int, ratio: float) -> None:
    labels = torch.tensor(load_drawn_digits().test.y)
    by_class = labels.argsort(stable=True)[:: max(1, len(labels) // (10 * size))]
    measured = _digits(by_class, size)[CHECK].measured
    assert measured[
        "variance of the batches' means, as a multiple of that of random batches"
    ] == pytest.approx(ratio, abs=0.01)
    assert measured["examples in a random batch whose mean varies as much"] == pytest.approx(
        size / ratio, 0.01
    )


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_digits_are_not_sorted(seed: int) -> None:
    count = len(load_drawn_digits().test.y)
    assert CHECK not in _digits(torch.randperm(count, generator=torch.Generator().manual_seed(seed)), 8).names


def test_too_few_batches_and_models_without_batch_norm_are_left_alone() -> None:
    two = healthy("the course's MLP")
    plant(two)
    two.batches = two.batches[:2]
    assert CHECK not in two.report().names
    steps = [torch.randn(8, 3) + 9 * step for step in range(4)]
    assert CHECK in examine(nn.BatchNorm1d(3), steps, progress=False).names
    assert CHECK not in examine(nn.LayerNorm(3), steps, progress=False).names
    assert CHECK not in examine(nn.BatchNorm1d(3), [steps[0]] * 4, progress=False).names


def test_targets_and_columns_that_do_not_vary_are_passed_over() -> None:
    x = torch.randn(4, 8, 3, generator=torch.Generator().manual_seed(0))
    x[..., 0] = 5.0
    targets = torch.arange(4.0)[:, None].expand(4, 8)
    assert CHECK not in examine(nn.BatchNorm1d(3), list(zip(x, targets, strict=True)), progress=False).names
    assert CHECK not in examine(nn.BatchNorm1d(3), [torch.ones(8, 3)] * 4, progress=False).names


def test_sequences_of_several_lengths_do_not_break_it() -> None:
    lengths = [torch.randn(4, 3, length) for length in (5, 7, 300, 9)]
    assert CHECK not in examine(nn.BatchNorm1d(3), lengths, progress=False).names


def test_two_kinds_that_alternate_are_found_and_called_so() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8)).train()
    finding = examine(model, [torch.randn(16, 4) + number % 2 for number in range(8)], progress=False)[CHECK]
    assert "two kinds alternate" in finding.follows
    assert "one module whose forward makes these calls" in finding.follows
