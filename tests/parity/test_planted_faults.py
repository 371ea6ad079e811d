"""The parity check must be able to fail: plant one fault at a time and see that it does."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cases import CASES, assert_parity

from normcourse import _normalize, functional
from normcourse.taxonomy import TAXONOMY, NormSpec

NAMED = {case.name: case for case in CASES}
Plant = Callable[[pytest.MonkeyPatch], None]


def biased_running_variance(patch: pytest.MonkeyPatch) -> None:
    def track(running_mean: Any, running_var: Any, mean: Any, var: Any, values: int, momentum: float) -> None:
        with torch.no_grad():
            running_mean.lerp_(mean.mean(0).flatten(), momentum)
            running_var.lerp_(var.mean(0).flatten(), momentum)

    patch.setattr(functional, "track", track)


def reversed_momentum(patch: pytest.MonkeyPatch) -> None:
    right = functional.track
    patch.setattr(functional, "track", lambda *args: right(*args[:-1], 1 - args[-1]))


def no_tracking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(functional, "track", lambda *args: None)


def eps_outside_the_root(patch: pytest.MonkeyPatch) -> None:
    # rsqrt(var + eps) becomes 1 / (sqrt(var) + eps); the cases with eps = 0.1 know which is which.
    patch.setattr(torch, "rsqrt", lambda total: 1 / ((total - 0.1).clamp(min=0).sqrt() + 0.1))


def backward_of_zeros(patch: pytest.MonkeyPatch) -> None:
    right = _normalize.Normalize.backward

    def backward(ctx: Any, *upstream: Any) -> tuple[Any, ...]:
        dx, *rest = right(ctx, *upstream)
        return torch.zeros_like(dx), *rest

    patch.setattr(_normalize.Normalize, "backward", staticmethod(backward))


def backward_through_the_numerator_alone(patch: pytest.MonkeyPatch) -> None:
    def backward(ctx: Any, dy: Any, *_: Any) -> tuple[Any, ...]:
        _, gamma, _, _, var = ctx.saved_tensors
        scale = torch.rsqrt(var + ctx.eps) * gamma
        return dy * scale, torch.ones_like(gamma), torch.ones_like(gamma), None, None

    patch.setattr(_normalize.Normalize, "backward", staticmethod(backward))


def gradient_without_the_pooled_sums(patch: pytest.MonkeyPatch) -> None:
    right = _normalize._weighted_sum
    patch.setattr(_normalize, "_weighted_sum", lambda *args: torch.zeros_like(right(*args)))


def last_block_left_out(patch: pytest.MonkeyPatch) -> None:
    right = _normalize._blocks
    patch.setattr(_normalize, "BLOCK", 4)
    patch.setattr(_normalize, "_blocks", lambda view, spec: list(right(view, spec))[:-1])


def pooled_over(name: str, pool: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        row = TAXONOMY[name]
        fault = NormSpec(row.name, row.view, pool, row.affine, row.centred)
        patch.setattr(functional, "TAXONOMY", {**TAXONOMY, name: fault})

    return plant


def not_centred(name: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        row = TAXONOMY[name]
        fault = NormSpec(row.name, row.view, row.pool, row.affine, not row.centred)
        patch.setattr(functional, "TAXONOMY", {**TAXONOMY, name: fault})

    return plant


FAULTS: dict[str, tuple[Plant, str]] = {
    "biased running variance": (biased_running_variance, "batch 2d train"),
    "biased running variance, instance": (biased_running_variance, "instance 4d"),
    "reversed momentum": (reversed_momentum, "batch 2d train"),
    "no tracking": (no_tracking, "batch 2d train"),
    "eps outside the root, training": (eps_outside_the_root, "batch 4d"),
    "eps outside the root, evaluation": (eps_outside_the_root, "batch 4d eval"),
    "eps outside the root, layer": (eps_outside_the_root, "layer over two"),
    "backward of zeros, batch": (backward_of_zeros, "batch 2d train"),
    "backward of zeros, layer": (backward_of_zeros, "layer"),
    "backward of zeros, rms": (backward_of_zeros, "rms plain"),
    "statistics held constant in backward": (backward_through_the_numerator_alone, "group 4d"),
    "pooled sums left out, batch": (gradient_without_the_pooled_sums, "batch 2d train"),
    "pooled sums left out, instance": (gradient_without_the_pooled_sums, "instance 4d"),
    "pooled sums left out, group": (gradient_without_the_pooled_sums, "group 4d"),
    "pooled sums left out, layer": (gradient_without_the_pooled_sums, "layer"),
    "pooled sums left out, rms": (gradient_without_the_pooled_sums, "rms"),
    "last block left out, batch": (last_block_left_out, "batch 2d train"),
    "last block left out, layer": (last_block_left_out, "layer"),
    "batch pools positions only": (pooled_over("BatchNorm", "S"), "batch 3d untracked"),
    "batch pools examples only": (pooled_over("BatchNorm", "N"), "batch 3d untracked"),
    "instance pools the batch": (pooled_over("InstanceNorm", "NS"), "instance 3d"),
    "group forgets its channels": (pooled_over("GroupNorm", "S"), "group 4d"),
    "layer pools the rows": (pooled_over("LayerNorm", "B"), "layer"),
    "rms subtracts the mean": (not_centred("RMSNorm"), "rms"),
    "layer keeps the mean": (not_centred("LayerNorm"), "layer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, case = FAULTS[fault]
    assert_parity(NAMED[case])  # it is the fault that fails, not the case
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        assert_parity(NAMED[case])
