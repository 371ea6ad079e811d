"""One example reaches another's output."""

import random

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import Tensor, nn

from normcourse.clinic import examine

CHECK = "examples leak"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    batch_norms = norms_of(specimen, "batch")
    for norm in batch_norms[1:3]:
        norm.layer.track_running_stats = False
        norm.layer.running_mean = norm.layer.running_var = None
    return Planted(tuple(norm.name for norm in batch_norms[1:3])) if batch_norms[1:] else None


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_its_mend_is_measured() -> None:
    specimen = healthy("the course's CNN")
    with torch.no_grad():
        specimen.batches = [(x, specimen.model.eval()(x)) for x in specimen.batches]
    plant(specimen)
    effect = specimen.report(loss=nn.functional.mse_loss)[CHECK].effect
    assert effect is not None
    assert effect.after < 0.2 * effect.before


class _OverExamples(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(-1)).flip(-1) if x.dim() < 3 else super().forward(x - x.mean(0))


def test_a_norm_that_pools_over_examples_by_its_own_code() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4), _OverExamples(4))
    (finding,) = [
        f for f in examine(model, [torch.randn(6, 5, 4)], progress=False).findings if f.name == CHECK
    ]
    assert finding.layers == ("3",)
    assert finding.certainty == "likely"
    assert "running statistics" not in finding.follows


class _Similarities(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inside(x)
        return y @ y.T


def test_a_matrix_of_similarities_is_only_possibly_a_fault() -> None:
    finding = examine(_Similarities(), [torch.randn(6, 4)], progress=False)[CHECK]
    assert finding.layers == ("_Similarities",)
    assert "matrix of similarities" in finding.follows
    assert finding.certainty == "possible"


class _ByFunction(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(x, None, None, training=True)


class _ByHand(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.before(x)
        z: Tensor = self.after((y - y.mean(0)) / y.std(0))
        return z


@pytest.mark.parametrize(("inner", "words"), [(_ByHand, "first module"), (_ByFunction, "batch_norm")])
def test_the_first_module_is_named_where_no_norm_is_the_place(inner: type[nn.Module], words: str) -> None:
    class Block(nn.Module):
        """No leaf, so that what it does is not tried with random numbers."""

        def __init__(self) -> None:
            super().__init__()
            self.inner, self.last = inner(), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.inner(x))  # type: ignore[no-any-return]

    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), Block(), nn.LayerNorm(4))
    finding = examine(model, [torch.randn(6, 4)], progress=False)[CHECK]
    assert finding.layers == ("2.inner",)
    assert words in finding.follows or finding.certainty == "likely"


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5, 5)])
def test_its_mend_runs_and_ends_the_leak(shape: tuple[int, ...]) -> None:
    norms = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    model = nn.Sequential(*(norms(4, track_running_stats=False) for _ in range(2)))
    with torch.no_grad():
        model[0].weight.fill_(3.0)
    batches = [torch.randn(shape) for _ in range(3)]
    exec(examine(model, batches, progress=False)[CHECK].mend, {"model": model, "batches": batches, "nn": nn})
    assert bool((model[0].weight == 3).all())
    assert model[1].running_mean is not None
    assert not {CHECK, "statistics never updated"} & set(examine(model, batches, progress=False).names)


def test_a_model_of_one_norm() -> None:
    report = examine(nn.BatchNorm1d(3, track_running_stats=False), [torch.randn(6, 3)], progress=False)
    assert report[CHECK].layers == ("BatchNorm1d",)


def test_statistics_of_one_example_do_not_leak() -> None:
    model = nn.Sequential(nn.Conv1d(3, 4, 3), nn.InstanceNorm1d(4), nn.GroupNorm(2, 4))
    assert CHECK not in examine(model, [torch.randn(6, 3, 9)], progress=False).names


class _Noisy(nn.Module):
    def __init__(self, *, python: bool = False) -> None:
        super().__init__()
        self.inside, self.python = nn.Linear(4, 4), python

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inside(x)
        return y + (random.random() if self.python else torch.randn_like(y))


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_noise_is_no_leak(causal: bool, python: bool) -> None:
    report = examine(_Noisy(python=python), [torch.randn(6, 5, 4)], causal=causal, progress=False)
    assert not {CHECK, "later positions leak"} & set(report.names)


def test_what_differs_each_time_is_said() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.calls = nn.Linear(4, 4), [0]

        def forward(self, x: Tensor) -> Tensor:
            self.calls[0] += 1
            y: Tensor = self.inside(x) + self.calls[0]
            return y

    report = examine(Counts(), [torch.randn(6, 4)], progress=False)
    assert CHECK not in report.names
    assert "same batch gives another output each time" in report.skipped[CHECK]


def test_one_number_for_the_batch_is_no_output_of_an_example() -> None:
    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            return (self.norm(x) - x).square().mean().expand(len(x))

    report = examine(Loss(), [torch.randn(6, 4)], progress=False)
    assert CHECK not in report.names
    assert "the same everywhere" in report.skipped[CHECK]


def test_its_mend_keeps_what_the_layer_had() -> None:
    norm = nn.BatchNorm2d(4, eps=1e-3, momentum=0.2, affine=False, track_running_stats=False)
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), norm).double().eval()
    batches = [torch.randn(8, 3, 5, 5).double() for _ in range(3)]
    exec(examine(model, batches, progress=False)[CHECK].mend, {"model": model, "batches": batches})
    new = model[1]
    assert (new.eps, new.momentum, new.affine, new.training) == (1e-3, 0.2, False, False)
    assert new.running_mean.dtype == torch.float64
