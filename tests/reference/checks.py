"""The checks of the reference, as plain functions.

The real tests call them on the code as it is; test_planted_faults.py calls the same functions on broken
code and expects each to fail. They look everything up through ``ref``, so that a planted fault reaches them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose

from normcourse import reference as ref

TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}


@dataclass(frozen=True)
class Case:
    """A norm on one shape: ``ours`` and ``theirs`` take ``(x, gamma, beta)``."""

    name: str
    shape: tuple[int, ...]
    parameter_shape: tuple[int, ...]
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    has: str = "gamma beta"

    def inputs(self, seed: int = 0) -> list[np.ndarray | None]:
        rng = np.random.default_rng(seed)
        x = rng.normal(3.0, 2.0, self.shape)
        return [x] + [
            rng.normal(size=self.parameter_shape) if p in self.has else None for p in ("gamma", "beta")
        ]

    def __str__(self) -> str:
        return self.name


def batch(name: str, shape: tuple[int, ...], has: str = "gamma beta") -> Case:
    return Case(
        f"batch_norm {name}",
        shape,
        (shape[1],),
        lambda x, g, b: ref.batch_norm(x, g, b),
        lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True),
        has,
    )


def instance(name: str, shape: tuple[int, ...], has: str = "gamma beta") -> Case:
    return Case(
        f"instance_norm {name}",
        shape,
        (shape[1],),
        lambda x, g, b: ref.instance_norm(x, g, b),
        lambda x, g, b: F.instance_norm(x, weight=g, bias=b),
        has,
    )


def group(name: str, shape: tuple[int, ...], groups: int, has: str = "gamma beta") -> Case:
    return Case(
        f"group_norm {name}",
        shape,
        (shape[1],),
        lambda x, g, b: ref.group_norm(x, groups, g, b),
        lambda x, g, b: F.group_norm(x, groups, g, b),
        has,
    )


def over_axes(norm: str, shape: tuple[int, ...], axis: tuple[int, ...], has: str = "gamma beta") -> Case:
    """LayerNorm or RMSNorm over any axes; torch gets them moved to the end and moved back."""
    axes, last = tuple(sorted(a % len(shape) for a in axis)), tuple(range(-len(axis), 0))
    sizes = tuple(shape[a] for a in axes)

    def ours(x, g, b):
        return ref.layer_norm(x, g, b, axis=axis) if norm == "layer_norm" else ref.rms_norm(x, g, axis=axis)

    def theirs(x, g, b):
        moved = torch.movedim(x, axes, last)
        out = F.layer_norm(moved, sizes, g, b) if norm == "layer_norm" else F.rms_norm(moved, sizes, g)
        return torch.movedim(out, last, axes)

    return Case(f"{norm} {shape} over {axis}", shape, sizes, ours, theirs, has)


CASES = [
    batch("matrix", (8, 3)),
    batch("sequence", (5, 3, 4)),
    batch("images", (4, 3, 5, 2)),
    batch("volumes", (2, 3, 2, 3, 2)),
    batch("two examples", (2, 4)),
    batch("one example with positions", (1, 3, 6)),
    batch("no affine", (4, 3, 5), has=""),
    batch("gamma only", (4, 3, 5), has="gamma"),
    batch("beta only", (4, 3, 5), has="beta"),
    instance("sequence", (4, 3, 5)),
    instance("images", (2, 3, 4, 5)),
    instance("no affine", (2, 3, 4, 5), has=""),
    group("matrix", (4, 6), 2),
    group("images", (3, 6, 2, 4), 3),
    group("one group", (3, 4, 5), 1),
    group("a group per channel", (3, 4, 5), 4),
    group("no affine", (3, 4, 5), 2, has=""),
    over_axes("layer_norm", (7,), (-1,)),
    over_axes("layer_norm", (4, 7), (-1,)),
    over_axes("layer_norm", (2, 3, 4), (1, 2)),
    over_axes("layer_norm", (2, 3, 4), (1,)),
    over_axes("layer_norm", (2, 3, 4), (-1, 0)),
    over_axes("layer_norm", (2, 3, 4), (-1,), has=""),
    over_axes("rms_norm", (4, 7), (-1,), has="gamma"),
    over_axes("rms_norm", (2, 3, 4), (2, 0), has="gamma"),
    over_axes("rms_norm", (2, 3, 4), (1,), has=""),
]
BY_NORM = {case.name.split()[0]: case for case in reversed(CASES)}  # the first case of each norm
RUNNING = {"batch_norm": (6, 3, 4), "instance_norm": (6, 3, 4)}


def check_parity(case: Case) -> None:
    """Output and all gradients are torch's, in float64, under a random upstream gradient."""
    inputs = case.inputs()
    tensors = [None if v is None else torch.tensor(v, requires_grad=True) for v in inputs]
    expected = case.theirs(*tensors)
    out, cache = case.ours(*inputs)
    assert_allclose(out, expected.detach(), **TOLERANCE)
    dout = np.random.default_rng(1).normal(size=out.shape)
    expected.backward(torch.tensor(dout))
    for ours, tensor in zip(ref.backward(dout, cache), tensors, strict=True):
        if tensor is None:
            assert ours is None
        else:
            assert ours.shape == tuple(tensor.shape)
            assert_allclose(ours, tensor.grad, **TOLERANCE)


def check_running_parity(norm: str, momentum: float | None = 0.3) -> None:
    """Three batches in training, then one in evaluation: outputs, buffers and gradients are torch's."""
    rng = np.random.default_rng(2)
    shape = RUNNING[norm]
    layer = (torch.nn.BatchNorm1d if norm == "batch_norm" else torch.nn.InstanceNorm1d)(
        shape[1], momentum=momentum, affine=True, track_running_stats=True, dtype=torch.float64
    )
    gamma, beta = rng.normal(size=(2, shape[1]))
    layer.load_state_dict({"weight": torch.tensor(gamma), "bias": torch.tensor(beta)}, strict=False)
    running = ref.RunningStats(shape[1], momentum)
    for training in (True, True, True, False):
        x, dout = rng.normal(2.0, 3.0, (2, *shape))
        tensor = torch.tensor(x, requires_grad=True)
        expected = layer.train(training)(tensor)
        out, cache = with_running(norm, x, gamma, beta, running=running, own=training)
        assert_allclose(out, expected.detach(), **TOLERANCE)
        assert_allclose(running.mean, layer.running_mean, **TOLERANCE)
        assert_allclose(running.var, layer.running_var, **TOLERANCE)
        if norm == "batch_norm":  # torch's InstanceNorm never counts its batches
            assert running.num_batches_tracked == layer.num_batches_tracked
        layer.zero_grad()
        expected.backward(torch.tensor(dout))
        for ours, theirs in zip(
            ref.backward(dout, cache), (tensor.grad, layer.weight.grad, layer.bias.grad), strict=True
        ):
            assert_allclose(ours, theirs, **TOLERANCE)


def with_running(norm: str, x, gamma=None, beta=None, *, running, own: bool):
    """BatchNorm or InstanceNorm with running statistics: ``own`` is training or use_input_stats."""
    if norm == "batch_norm":
        return ref.batch_norm(x, gamma, beta, running=running, training=own)
    return ref.instance_norm(x, gamma, beta, running=running, use_input_stats=own)


def gradient_report(case: Case, **options: Any) -> ref.GradcheckReport:
    """The case under ``ref.gradcheck``, with the parameters that it has as inputs."""
    inputs = case.inputs()
    present = [i for i, value in enumerate(inputs) if value is not None]

    def forward(*values):
        arguments: list[Any] = [None, None, None]
        for i, value in zip(present, values, strict=True):
            arguments[i] = value
        return case.ours(*arguments)

    def backward(dout, cache):
        grads = ref.backward(dout, cache)
        return [grads[i] for i in present]

    return ref.gradcheck(forward, backward, [inputs[i] for i in present], **options)


def check_gradients(case: Case) -> None:
    """Every gradient agrees with central differences."""
    report = gradient_report(case)
    assert report.ok, str(report)


def check_evaluation_gradients(norm: str) -> None:
    """With running statistics, the gradients agree with central differences too."""
    rng = np.random.default_rng(3)
    running = ref.RunningStats(3)
    running.update(rng.normal(size=3), rng.uniform(0.5, 2.0, 3), count=9)
    inputs = [rng.normal(size=RUNNING[norm]), rng.normal(size=3), rng.normal(size=3)]
    report = ref.gradcheck(
        lambda *values: with_running(norm, *values, running=running, own=False), ref.backward, inputs
    )
    assert report.ok, str(report)


def check_large_offset(case: Case) -> None:
    """Float32 at an offset of 1e4 is as good as its input, and a constant there comes out as beta.

    The oracle is the formula in float64 on the same float32 numbers.
    """
    shape = tuple(4 * size if axis == 0 else size for axis, size in enumerate(case.shape))
    x = (1e4 + np.random.default_rng(4).normal(size=shape)).astype(np.float32)
    exact, _ = case.ours(x.astype(np.float64), None, None)
    out, _ = case.ours(x, None, None)
    assert out.dtype == np.float32
    assert_allclose(out, exact, rtol=0, atol=1e-4)
    if "rms" not in case.name:
        constant, _ = case.ours(np.full(shape, 12345.678, np.float32), None, None)
        assert_allclose(constant, 0, rtol=0, atol=1e-3)


def check_tiny_variance(case: Case) -> None:
    """A variance far below eps: the output is x - mu over sqrt(eps), as torch gives it."""
    x = 1e-6 * np.random.default_rng(5).normal(size=case.shape)
    out, _ = case.ours(x, None, None)
    assert_allclose(out, case.theirs(torch.tensor(x), None, None), rtol=1e-9, atol=1e-14)
