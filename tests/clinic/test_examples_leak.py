"""One example reaches another's output."""

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
    assert finding.certainty == "possible"


def test_a_model_of_one_norm() -> None:
    report = examine(nn.BatchNorm1d(3, track_running_stats=False), [torch.randn(6, 3)], progress=False)
    assert report[CHECK].layers == ("BatchNorm1d",)


def test_statistics_of_one_example_do_not_leak() -> None:
    model = nn.Sequential(nn.Conv1d(3, 4, 3), nn.InstanceNorm1d(4), nn.GroupNorm(2, 4))
    assert CHECK not in examine(model, [torch.randn(6, 3, 9)], progress=False).names
