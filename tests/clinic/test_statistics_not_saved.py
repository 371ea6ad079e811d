"""Running statistics that no checkpoint holds, in batch norms of other classes."""

from copy import deepcopy

import pytest
import torch
from leaving import same, state
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import Tensor, nn

from normcourse.clinic import examine, find_norms

CHECK = "statistics not saved"


class Textbook(nn.Module):
    """A batch norm as a textbook writes it: plain tensors, and the mode is whether gradients are on."""

    def __init__(self, features: int, axes: int) -> None:
        super().__init__()
        shape = (1, features, *[1] * (axes - 2))
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.moving_mean, self.moving_var = torch.zeros(shape), torch.ones(shape)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            over = [axis for axis in range(x.dim()) if axis != 1]
            mean = x.mean(over, keepdim=True)
            var = ((x - mean) ** 2).mean(over, keepdim=True)
            self.moving_mean = (0.9 * self.moving_mean + 0.1 * mean).detach()
            self.moving_var = (0.9 * self.moving_var + 0.1 * var).detach()
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * (x - mean) / torch.sqrt(var + 1e-5) + self.beta


class ByMode(nn.Module):
    """Updates in place, under other names, with a momentum that is the weight of the old value."""

    def __init__(self, features: int, *, buffers: bool = False) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(features))  # multiplies by 1 + scale
        self.momentum = 0.95
        for name, value in (("mu", torch.zeros(features)), ("sigma2", torch.ones(features))):
            self.register_buffer(name, value) if buffers else setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        view = (1, -1, *[1] * (x.dim() - 2))
        mean, var = self.mu, self.sigma2
        if self.training:
            over = [axis for axis in range(x.dim()) if axis != 1]
            mean, var = x.mean(over), x.var(over, correction=0)
            with torch.no_grad():
                self.mu.mul_(self.momentum).add_((1 - self.momentum) * mean)
                self.sigma2.mul_(self.momentum).add_((1 - self.momentum) * x.var(over))
        y: Tensor = (x - mean.view(view)) * (var.view(view) + 1e-5).rsqrt() * (1 + self.scale).view(view)
        return y


class Tracks(nn.BatchNorm1d):
    """What a user derives from PyTorch's layer is that layer."""


class FromScratch(nn.Module):
    """As a tutorial writes it, with buffers of the usual names."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(0), x.var(0, correction=0)
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean.detach()
            self.running_var = 0.9 * self.running_var + 0.1 * var.detach()
        return self.weight * (x - mean) / (var + 1e-5).sqrt() + self.bias


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    if not tracking:
        return None
    axes = 2 if isinstance(tracking[0].layer, nn.BatchNorm1d | type(None)) else 4
    if specimen.name == "the course's MLP":
        axes = 2
    specimen.model.set_submodule(tracking[0].name, Textbook(tracking[0].features, axes))
    specimen.model.set_submodule(tracking[1].name, ByMode(tracking[1].features))
    return Planted((tracking[0].name, tracking[1].name))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=6)


def test_what_was_recognised() -> None:
    model = nn.Sequential(Textbook(4, 2), ByMode(4), ByMode(4, buffers=True), FromScratch(4), Tracks(4))
    norms = find_norms(model)
    assert [norm.kind for norm in norms] == ["batch"] * 5
    assert all(norm.tracks and not norm.fixed for norm in norms)
    assert [norm.momentum for norm in norms] == pytest.approx([0.1, 0.05, 0.05, 0.1, 0.1], rel=0.02)
    assert [norm.offset for norm in norms] == [0, 1, 1, 0, 0]
    assert [norm.own and norm.own.by_gradients for norm in norms] == [True, False, False, False, None]
    assert norms[0].own is not None
    assert (norms[0].own.gamma, norms[0].own.beta) == ("gamma", "beta")
    assert norms[0].gamma is not None
    assert norms[0].gamma.shape == (4,)
    assert examine(model, progress=False)[CHECK].layers == ("0", "1")


def test_the_weight_of_the_old_value_is_no_momentum_of_another_framework() -> None:
    assert "momentum of another framework" not in examine(ByMode(4), progress=False).names


def _batches(shift: float) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(32, 4, generator=random) + shift for _ in range(4)]


@pytest.mark.parametrize("make", [lambda: Textbook(4, 2), lambda: ByMode(4), lambda: FromScratch(4)])
def test_its_statistics_are_compared_and_left_as_they_were(make: object) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), make()).train()  # type: ignore[operator]
    for x in 30 * _batches(0.0):
        model(x)
    before, held = state(model), deepcopy(vars(model[1]))
    assert set(examine(model, _batches(0.0), progress=False).names) <= {CHECK, "bias taken out"}
    far = examine(model, _batches(3.0), progress=False)["statistics far from the batches"]
    assert far.layers == ("1",)
    assert (
        float(far.measured["outputs of the two modes differ by, in standard deviations of the outputs"]) > 0.5
    )
    assert "recalibrate() knows" in far.mend
    assert same(before, state(model))
    for name, value in held.items():
        if isinstance(value, Tensor):
            assert torch.equal(getattr(model[1], name), value)


def test_never_updated() -> None:
    assert "statistics never updated" in examine(nn.Sequential(Textbook(4, 2)), progress=False).names


def test_its_mend_saves_them() -> None:
    model = nn.Sequential(Textbook(4, 2), nn.Sequential(ByMode(4))).train()
    assert "0.moving_mean" not in model.state_dict()
    exec(examine(model, progress=False)[CHECK].mend, {"model": model})
    model(torch.randn(8, 4))
    assert bool((model.state_dict()["0.moving_mean"] != 0).all())
    assert "1.0.sigma2" in model.state_dict()
    assert CHECK not in examine(model, progress=False).names


class Broken(Textbook):
    """Has the names, and does something else."""

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * x + self.moving_mean


def test_what_only_has_the_names_is_said_to_be_unexamined() -> None:
    report = examine(nn.Sequential(nn.Linear(4, 4), Broken(4, 2)), [torch.randn(6, 4)], progress=False)
    assert not report.norms
    assert "moving_mean and moving_var" in report.skipped["the layer 1"]
    assert "the layer 1" in str(report)


class Forgetful(nn.Module):
    """Pools the batch in both modes, and holds nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / x.std(0)


def test_one_without_statistics_or_parameters_is_found_where_it_leaks() -> None:
    model = nn.Sequential(nn.Linear(4, 4), Forgetful())
    assert not examine(model, progress=False).norms  # what holds no vector is not asked what it does
    assert examine(model, [torch.randn(8, 4)], progress=False)["examples leak"].layers == ("1",)


class OverFeatures(nn.Module):
    """Not batch norms: each looks a little like one."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("std", torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        if self.what == "fixed":
            return (x - self.mean) / self.std
        axis = {"instance": tuple(range(2, x.dim())), "row": (1,), "all": tuple(range(x.dim()))}[self.what]
        return (x - x.mean(axis, keepdim=True)) / (x.std(axis, keepdim=True) + 1e-5)


@pytest.mark.parametrize("what", ["fixed", "instance", "row", "all"])
def test_what_pools_otherwise_is_none(what: str) -> None:
    assert not find_norms(nn.Sequential(OverFeatures(what)))
