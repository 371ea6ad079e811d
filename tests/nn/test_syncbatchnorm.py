"""SyncBatchNorm on several processes against torch's batch norm of the whole batch, and without processes."""

import inspect
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.experiments.engine.workers import launch
from normcourse.nn import syncbatchnorm

WORKERS = 3
CHANNELS = 2
FLOAT64 = {"dtype": torch.float64}
# Sizes of the workers' batches, what follows the channels, the layer's settings, and the input's offset.
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], float]] = {
    "equal": ((4, 4, 4), (), FLOAT64, 5.0),
    "unequal": ((2, 1, 6), (), FLOAT64, 5.0),
    "one without examples": ((3, 0, 2), (3,), FLOAT64, 5.0),
    "none has any": ((0, 0, 0), (), FLOAT64, 5.0),
    "images": ((1, 2, 1), (4, 3), FLOAT64, -1.0),
    "volumes": ((1, 2, 1), (2, 3, 2), FLOAT64, -1.0),
    "average": ((4, 2, 3), (), {**FLOAT64, "momentum": None}, 5.0),
    "large eps": ((4, 2, 3), (), {**FLOAT64, "eps": 0.5}, 5.0),
    "no bias": ((4, 2, 3), (), {**FLOAT64, "bias": False}, 5.0),
    "no affine": ((4, 2, 3), (), {**FLOAT64, "affine": False}, 5.0),
    "untracked": ((4, 2, 3), (), {**FLOAT64, "track_running_stats": False}, 5.0),
    "float32, far from zero": ((64, 16, 100), (), {"dtype": torch.float32}, 3000.0),
    "bfloat16": ((4, 2, 3), (), {"dtype": torch.bfloat16}, 0.0),
}


def draw(case: str) -> list[list[tuple[Tensor, Tensor]]]:
    """Inputs and upstream gradients of three steps, one pair per worker."""
    shares, space, settings, offset = CASES[case]
    random = torch.Generator().manual_seed(0)
    steps = []
    for step in range(3):
        pairs = []
        for worker, share in enumerate(shares):
            shape = (share, CHANNELS, *space)
            x, g = (torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(2))
            x = offset + (worker + 1) * (x + worker - step)
            pairs.append((x.to(settings["dtype"]), g.to(settings["dtype"])))
        steps.append(pairs)
    return steps


def build(kind: type[nn.Module], settings: dict[str, Any]) -> nn.Module:
    layer = kind(CHANNELS, **settings)
    for parameter, value in zip(layer.parameters(), ([1.5, -0.5], [0.3, 2.0]), strict=False):
        parameter.data = torch.tensor(value, dtype=parameter.dtype)
    return layer


def passes(layer: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> list[list[Tensor]]:
    """Outputs, gradients and buffers after each of several training steps."""
    seen = []
    for x, g in batches:
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        gradients = torch.autograd.grad(y, [leaf, *layer.parameters()], g)
        seen.append([y.detach(), *gradients, *(buffer.clone() for buffer in layer.buffers())])
    return seen


def joined(parts: list[list[Tensor]], parameters: int) -> list[Tensor]:
    """What the workers have together: outputs and input gradients in a row, gradients of parameters added."""
    batchwise, rest = parts[0][:2], parts[0][2 + parameters :]
    cat = [torch.cat([part[i] for part in parts]) for i in range(len(batchwise))]
    added = [sum(part[2 + i] for part in parts) for i in range(parameters)]
    assert all(torch.equal(a, b) for part in parts for a, b in zip(part[2 + parameters :], rest, strict=True))
    return [*cat, *added, *rest]


@contextmanager
def fault(name: str | None) -> Iterator[None]:
    """Break SyncBatchNorm in one of the ways that are easy to write."""
    merge, all_reduce = syncbatchnorm._merge, dist.all_reduce
    if name == "the workers' means count alike":
        syncbatchnorm._merge = lambda parts: _with_counts(merge, parts)
    elif name == "the variance between the workers left out":
        syncbatchnorm._merge = lambda parts: _without_between(merge, parts)
    elif name == "E[x^2] - E[x]^2":
        syncbatchnorm._merge = _by_squares
    elif name == "no sum over the workers in the backward pass":
        dist.all_reduce = lambda tensor, group=None: None
    elif name == "a mean in place of the sum in the backward pass":
        dist.all_reduce = lambda tensor, group=None: (all_reduce(tensor, group=group), tensor.div_(WORKERS))
    try:
        yield
    finally:
        syncbatchnorm._merge, dist.all_reduce = merge, all_reduce


FAULTS = {  # and a case that shows each
    "the workers' means count alike": "unequal",
    "the variance between the workers left out": "equal",
    "E[x^2] - E[x]^2": "float32, far from zero",
    "no sum over the workers in the backward pass": "equal",
    "a mean in place of the sum in the backward pass": "equal",
}


def _with_counts(merge: Any, parts: Tensor) -> Any:
    n, _, var = merge(parts)
    return n, parts[:, :CHANNELS].mean(0).view(1, -1, 1), var


def _without_between(merge: Any, parts: Tensor) -> Any:
    n, mean, _ = merge(parts)
    return n, mean, (parts[:, CHANNELS:-1].sum(0) / n).view(1, -1, 1)


def _by_squares(parts: Tensor) -> Any:
    means, deviations, counts = parts[:, :CHANNELS], parts[:, CHANNELS:-1], parts[:, -1:]
    n = counts.sum()
    mean = (counts * means).sum(0) / n
    var = (deviations + counts * means.square()).sum(0) / n - mean.square()
    return int(n), mean.view(1, -1, 1), var.view(1, -1, 1)


def work(rank: int) -> dict[str, Any]:
    """All that one worker does; the same on every rank."""
    found: dict[str, Any] = {}
    for case in CASES:
        layer = build(ours.SyncBatchNorm, CASES[case][2])
        found[case] = passes(layer, [step[rank] for step in draw(case)])
    for name, case in FAULTS.items():
        with fault(name):
            layer = build(ours.SyncBatchNorm, CASES[case][2])
            found[name] = passes(layer, [step[rank] for step in draw(case)])
    found["errors"] = {name: message(call) for name, call in REFUSED.items()}
    found["alone"] = alone(rank)
    found["pair"] = pair(rank)
    return found


def message(call: Any) -> str:
    try:
        call(dist.get_rank())
    except (ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def twice(rank: int) -> None:
    x = torch.randn(2, 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(ours.SyncBatchNorm(1)(x).square().sum(), x, create_graph=True)
    torch.autograd.grad(gradient.sum(), x)


REFUSED = {
    "one value": lambda rank: ours.SyncBatchNorm(1)(torch.ones(int(rank == 0), 1)),
    "channels": lambda rank: ours.SyncBatchNorm(1)(torch.ones(2, 2)),
    "rank": lambda rank: ours.SyncBatchNorm(1)(torch.ones(2)),
    "dtype": lambda rank: ours.SyncBatchNorm(1)(torch.ones(2, 1).double()),
    "second derivative": twice,
}


def alone(rank: int) -> list[Tensor]:
    """Rank 0 evaluates while the others do nothing: it would wait for ever if it sent anything."""
    x = torch.tensor([[1.0], [4.0]])
    if rank:
        return []
    tracked = ours.SyncBatchNorm(1, track_running_stats=True).eval()
    untracked = ours.SyncBatchNorm(1, track_running_stats=False).eval()
    return [tracked(x), untracked(x)]


def pair(rank: int) -> tuple[Tensor, str]:
    """Ranks 0 and 1 share statistics; rank 2 is not in their group."""
    group = dist.new_group([0, 1])
    layer = ours.SyncBatchNorm(1, process_group=group)
    x = torch.tensor([[1.0], [2.0]]) + 10 * rank
    return (torch.empty(0), message(lambda _: layer(x))) if rank == 2 else (layer(x).detach(), "")


@pytest.fixture(scope="module")
def seen() -> list[dict[str, Any]]:
    return launch(work, [(rank,) for rank in range(WORKERS)])


def both(seen: list[dict[str, Any]], name: str, case: str) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """What the workers have together after each step, and torch's batch norm of the whole batch."""
    whole = build((nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[len(CASES[case][1])],
                  CASES[case][2])  # fmt: skip
    batches = [tuple(map(torch.cat, zip(*pairs, strict=True))) for pairs in draw(case)]
    parameters = len(list(whole.parameters()))
    for step, want in enumerate(passes(whole, batches)):
        yield joined([worker[name][step] for worker in seen], parameters), want


TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-3, torch.bfloat16: 0.05}


@pytest.mark.parametrize("case", CASES)
def test_it_is_batch_norm_of_the_whole_batch(seen, case):
    tolerance = TOLERANCE[CASES[case][2]["dtype"]]
    for got, want in both(seen, case, case):
        torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_seen(seen, name):
    case = FAULTS[name]
    tolerance = TOLERANCE[CASES[case][2]["dtype"]]
    got, want = zip(*both(seen, name, case), strict=True)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(got, want, rtol=10 * tolerance, atol=10 * tolerance)


def test_evaluation_asks_nobody(seen):
    tracked, untracked = seen[0]["alone"]
    torch.testing.assert_close(tracked, nn.BatchNorm1d(1).eval()(torch.tensor([[1.0], [4.0]])))
    torch.testing.assert_close(untracked, torch.tensor([[-1.0], [1.0]]), atol=1e-5, rtol=0)


def test_a_group_shares_statistics_and_outsiders_are_told(seen):
    together = torch.cat([seen[0]["pair"][0], seen[1]["pair"][0]])
    x = torch.tensor([[1.0], [2.0], [11.0], [12.0]])
    torch.testing.assert_close(together, nn.BatchNorm1d(1)(x).detach())
    assert "process 2, which is not in its process_group" in seen[2]["pair"][1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("one value", "ValueError: SyncBatchNorm in training needs more than one value"),
        ("channels", r"RuntimeError: batch_norm needs weight of shape (2,)"),
        ("rank", "ValueError: SyncBatchNorm takes 2D or 3D or 4D or 5D input, but got 1D"),
        ("dtype", "RuntimeError: batch_norm needs all parameters in the input's torch.float64"),
        ("second derivative", "RuntimeError"),
    ],
)
def test_every_worker_refuses_and_none_waits(seen, name, said):
    assert all(said in worker["errors"][name] for worker in seen), seen[0]["errors"][name]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 2), (5, 2, 3), (2, 2, 3, 4), (2, 2, 2, 3, 4)], ids=str)
def test_without_a_group_it_is_batch_norm(shape, training):
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(shape)]
    mine, theirs = (build(k, FLOAT64).train(training) for k in (ours.SyncBatchNorm, kind))
    random = torch.Generator().manual_seed(0)
    batches = [
        tuple(torch.randn(shape, generator=random, dtype=torch.float64) for _ in "xg") for _ in range(3)
    ]
    torch.testing.assert_close(passes(mine, batches), passes(theirs, batches))


def test_signature_state_and_print_are_torchs():
    mine, theirs = (inspect.signature(library.SyncBatchNorm).parameters.values() for library in (ours, nn))
    assert [(p.name, p.kind, p.default) for p in mine] == [(p.name, p.kind, p.default) for p in theirs]
    assert repr(ours.SyncBatchNorm(3)) == repr(nn.SyncBatchNorm(3))
    nn.SyncBatchNorm(3).load_state_dict(ours.SyncBatchNorm(3).state_dict(), strict=True)
    layer = build(ours.SyncBatchNorm, FLOAT64)
    for copy in (deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(copy.state_dict(), layer.state_dict())


def test_conversion_keeps_parameters_buffers_and_mode():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.BatchNorm1d(4, eps=0.1, momentum=None)
            self.again = nn.Sequential(self.first, nn.ReLU(), ours.BatchNorm2d(3, affine=False))
            self.ghost = ours.GhostBatchNorm(4, 2)
            self.plain = nn.BatchNorm1d(4, track_running_stats=False, bias=False).eval()
            self.norm = nn.LayerNorm(4)

    model, before = Model(), Model()
    model.load_state_dict(before.state_dict())
    identities = {name: id(tensor) for name, tensor in model.state_dict(keep_vars=True).items()}
    assert ours.SyncBatchNorm.convert_sync_batchnorm(model) is model
    assert {name: id(tensor) for name, tensor in model.state_dict(keep_vars=True).items()} == identities
    assert [type(layer) for layer in (model.first, model.again[2], model.plain)] == [ours.SyncBatchNorm] * 3
    assert model.first is model.again[0]
    assert (model.first.eps, model.first.momentum) == (0.1, None)
    assert (model.first.training, model.plain.training) == (True, False)
    assert model.plain.running_mean is model.plain.bias is model.again[2].weight is None
    assert (type(model.ghost), type(model.norm)) == (ours.GhostBatchNorm, nn.LayerNorm)
    x = torch.randn(6, 4)
    torch.testing.assert_close(model.first(x), before.first(x))


def test_conversion_of_a_layer_gives_a_layer():
    group = object()
    layer = ours.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm3d(2), group)
    assert (type(layer), layer.process_group) == (ours.SyncBatchNorm, group)
    assert ours.SyncBatchNorm.convert_sync_batchnorm(layer).process_group is None
    relu = nn.ReLU()
    assert ours.SyncBatchNorm.convert_sync_batchnorm(relu) is relu


def test_folding_and_recalibration_take_it():
    layer = ours.SyncBatchNorm(2)
    ours.recalibrate(layer, [torch.randn(5, 2)])
    linear, x = nn.Linear(3, 2), torch.randn(4, 3)
    torch.testing.assert_close(ours.fold_batch_norm(linear, layer.eval())(x), layer(linear(x)))
