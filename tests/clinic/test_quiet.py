"""A model comes back whatever it does while it is looked at."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from leaving import same, state
from torch import Tensor, nn

from normcourse.clinic import examine
from normcourse.clinic.quiet import copied, random_kept, untouched
from normcourse.clinic.subject import find_norms

DRAWN = np.random.rand  # from numpy's global generator
X = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))


class Plain(nn.Module):
    """A linear layer and a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.linear(x))
        return y


class Merges(Plain):
    """Adds a product to the weight in inference mode, as LoRA does, and trains nothing there."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(8, 2)), nn.Parameter(torch.randn(2, 8))
        self.merged = False

    def train(self, mode: bool = True) -> "Merges":
        super().train(mode)
        if mode == self.merged:
            self.linear.weight.data += (-1 if mode else 1) * self.a @ self.b
            self.merged = not mode
        for parameter in self.parameters():
            parameter.requires_grad = mode
        return self


class Swaps(Plain):
    """Takes another module in inference mode, as a reparametrised block does."""

    def train(self, mode: bool = True) -> "Swaps":
        super().train(mode)
        self.linear = nn.Linear(8, 8) if not mode else self.linear
        return self


class Starts(Plain):
    """Sets its parameters from the first batch, as ActNorm does, and replaces the data of one."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))
        self.initialized = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.initialized:
            with torch.no_grad():
                self.scale.copy_(1 / x.std(0))
                self.shift.data = -x.mean(0)
            self.initialized = True
        return super().forward(self.scale * (x + self.shift))


class Averages(Plain):
    """Keeps a moving average in a parameter without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Parameter(torch.zeros(8), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        self.seen.data.mul_(0.9).add_(x.mean(0))
        return super().forward(x)


class Remembers(Plain):
    """Has state of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Tensor | None = None
        self.hidden: tuple[Tensor, ...] = (torch.zeros(8),)
        self.count, self.log, self.cache, self.kinds = 0, [torch.zeros(8)], {"n": [0]}, Counter("a")
        self.generator, self.numpys = torch.Generator().manual_seed(0), np.random.default_rng(0)
        self.array = np.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        self.last, self.hidden = y, (*self.hidden, y)
        self.count += 1
        self.log[0] += 1
        self.log.append(y)
        self.cache["n"].append(self.count)
        self.cache[str(self.count)] = [1]
        self.kinds["a"] += 1
        self.array += float(torch.rand((), generator=self.generator)) + self.numpys.random()
        self.new = 1
        return y


class Draws(Plain):
    """Draws from every global generator."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + random.random() * 0 + DRAWN() * 0 + torch.rand(()) * 0


class Differentiates(Plain):
    """Runs backward in its forward pass, which adds to gradients in place."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            super().forward(x).square().sum().backward()  # type: ignore[no-untyped-call]
        return super().forward(x)


KINDS = (Merges, Swaps, Starts, Averages, Remembers, Draws, Differentiates)


def _full(model: nn.Module) -> dict[str, Any]:
    known = state(model)
    if isinstance(model, Remembers):
        known["own"] = [model.generator.get_state(), model.numpys.bit_generator.state, model.array.tolist()]
        known["kinds"] = dict(model.kinds)
    return known


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("mode", [True, False])
def test_what_it_changes_is_put_back(make: Callable[[], nn.Module], mode: bool) -> None:
    model = make().train(mode)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = _full(model)
    examine(model, [(X, X)] * 4, loss=lambda y, x: (y - x).square().mean(), progress=False)
    assert same(_full(model), before)


@pytest.mark.parametrize("make", KINDS)
def test_it_would_have_changed(make: Callable[[], nn.Module]) -> None:
    model = make().train()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = _full(model)
    model.eval()
    model(X)
    model.train() if not isinstance(model, Merges | Swaps) else None
    assert not same(_full(model), before)


def test_a_graph_that_still_waits_for_its_backward_pass() -> None:
    model = Merges().train()
    model.norm = nn.LayerNorm(8)  # type: ignore[assignment]
    loss = model(X).square().sum()
    examine(model, [X, X], progress=False)
    loss.backward()


def test_each_part_is_put_back_when_another_cannot_be() -> None:
    class Odd(Plain):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "training" and value and not self.training:
                raise RuntimeError("odd")
            super().__setattr__(name, value)

    model = nn.Sequential(Plain(), Odd(), Plain())
    with pytest.raises(RuntimeError, match="odd"), untouched(model):
        model.eval()
    assert [layer.training for layer in model] == [True, False, True]
    assert model.training


def test_a_model_built_in_inference_mode() -> None:
    with torch.inference_mode():
        model = Plain()
        model.norm.running_var.add_(1)  # type: ignore[union-attr]
    before = state(model)
    report = examine(model, [X, X], progress=False)
    assert same(state(model), before)
    assert not report.skipped.get("running the model on the batches")


class Reports(nn.Module):
    """Tells a list of the caller's each time that it runs."""

    def __init__(self, calls: list[int], size: int = 0) -> None:
        super().__init__()
        self.tell = calls.append
        self.weight = nn.Parameter(torch.ones(size)) if size else None

    def forward(self, x: Tensor) -> Tensor:
        self.tell(1)
        return x


def test_layers_that_cannot_be_norms_are_not_run() -> None:
    calls: list[int] = []
    examine(nn.Sequential(Reports(calls), nn.LayerNorm(8)), progress=False)
    assert not calls


def test_without_batches_no_hook_and_no_patch_of_a_forward_runs() -> None:
    calls: list[int] = []

    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.log = nn.Parameter(torch.ones(8)), [0]

        def forward(self, x: Tensor) -> Tensor:
            self.log.append(1)
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True)) * self.weight

    layer = Scale()
    layer.register_forward_hook(lambda *_: calls.append(1))
    layer.register_forward_pre_hook(lambda *_: calls.append(1))
    layer.forward = lambda x: x[calls.append(1) or 0]  # type: ignore[method-assign,func-returns-value]
    assert examine(layer, progress=False).norms == {"rms": 1}
    assert not calls
    assert layer.log == [0]


def test_looking_for_norms_draws_nothing() -> None:
    class Random(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8))

        def forward(self, x: Tensor) -> Tensor:
            return x * random.random() * DRAWN() * torch.rand(())

    model = Random()
    before = state(model)
    find_norms(model)
    assert same(state(model), before)


def test_a_loader_that_draws_from_every_generator() -> None:
    def draws() -> Any:
        for _ in range(3):
            yield X * random.random() * DRAWN() * torch.rand(())

    model = Plain()
    before = state(model)
    examine(model, draws(), progress=False)
    assert same(state(model), before)


def test_generators_go_on_from_where_they_were() -> None:
    def drawn() -> tuple[float, float, float]:
        return random.random(), float(DRAWN()), float(torch.rand(()))

    with random_kept():
        first = drawn()
    assert drawn() == first
    assert drawn() != first


def test_a_copy_of_what_deepcopy_refuses() -> None:
    model = Remembers()
    compiled: Any = torch.compile(model, backend="eager")
    whole = nn.ModuleList([compiled])
    model(X)
    copy = copied(whole)
    assert [name for name, _ in copy.named_parameters()] == [name for name, _ in whole.named_parameters()]
    assert not {*map(id, copy.parameters())} & {*map(id, whole.parameters())}
    assert copy[0]._orig_mod.count == 1  # type: ignore[index]


def test_mends_of_a_compiled_model_that_has_run_are_tried() -> None:
    inner = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
    model: Any = torch.compile(inner, backend="eager")
    model(X)
    inner[1].running_mean.fill_(5.0)  # type: ignore[operator]
    report = examine(model, [(X, X)] * 3, loss=lambda y, x: (y - x).square().mean(), progress=False)
    assert "trying the mends" not in report.skipped
    assert report["statistics far from the batches"].effect is not None
    assert report["statistics far from the batches"].gain > 0
