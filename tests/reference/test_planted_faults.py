"""The checks can fail: each fault below is planted in the real code, and a named check must catch it."""

from dataclasses import replace

import numpy as np
import pytest

from normcourse.reference import core, norms
from normcourse.reference.running import RunningStats
from normcourse.reference.view import View
from normcourse.taxonomy import TAXONOMY

from . import checks
from .checks import BY_NORM, CASES


def restandardise(change):
    """A ``standardise`` whose own statistics go through ``change(forward, view, spec, eps)``."""
    real = core.standardise

    def faulty(view, spec, *, eps=1e-5, fixed=None):
        forward = real(view, spec, eps=eps, fixed=fixed)
        var, rstd = change(forward, view, spec, eps)
        centred = view if forward.mean is None else view - forward.mean
        return forward._replace(xhat=centred * rstd, var=var, rstd=rstd)

    return faulty


def eps_outside_the_root(forward, view, spec, eps):
    return forward.var, 1 / (np.sqrt(forward.var) + eps)


def bessel_in_the_normalization(forward, view, spec, eps):
    n = np.prod([view.shape[a] for a in spec.pool_axes])
    var = forward.var if forward.fixed else forward.var * n / (n - 1)
    return var, 1 / np.sqrt(var + eps)


def one_pass_variance(forward, view, spec, eps):
    if forward.mean is None or forward.fixed:
        return forward.var, forward.rstd
    var = (view**2).mean(spec.pool_axes, keepdims=True) - forward.mean**2
    var = np.maximum(var, 0)
    return var, 1 / np.sqrt(var + eps)


def plant_in_standardise(change):
    return lambda patch: patch.setattr(norms, "standardise", restandardise(change))


def plant_in_backward(change):
    """Plant a ``standardise_backward`` that is ``change(real, dxhat, forward, spec)``."""
    real = core.standardise_backward
    return lambda patch: patch.setattr(
        norms, "standardise_backward", lambda dxhat, forward, spec: change(real, dxhat, forward, spec)
    )


def plant_row(name, **letters):
    return lambda patch: patch.setitem(TAXONOMY._specs, name, replace(TAXONOMY[name], **letters))


def biased_running_variance(patch):
    real = RunningStats.update
    patch.setattr(
        RunningStats,
        "update",
        lambda self, mean, var, count: real(self, mean, var * (count - 1) / count, count),
    )


def reversed_momentum(patch):
    real = RunningStats.update

    def update(self, mean, var, count):
        self.momentum = 1 - self.momentum
        real(self, mean, var, count)
        self.momentum = 1 - self.momentum

    patch.setattr(RunningStats, "update", update)


def centre_once(patch):
    def once(view, axes):
        mean = view.mean(axes, keepdims=True)
        return view - mean, mean

    patch.setattr(core, "_centre", once)


def without_the_mean_term(real, dxhat, forward, spec):
    return real(dxhat, forward, replace(spec, centred=False))


def without_the_variance_term(real, dxhat, forward, spec):
    return real(dxhat, forward._replace(xhat=0 * forward.xhat), spec)


def through_fixed_statistics(real, dxhat, forward, spec):
    return real(dxhat, forward._replace(fixed=False), spec)


zero_backward = plant_in_backward(lambda real, dxhat, forward, spec: 0 * dxhat)
BATCH, GROUP = BY_NORM["batch_norm"], next(case for case in CASES if case.name == "group_norm images")
INSTANCE = BY_NORM["instance_norm"]
MIDDLE_AXIS = next(case for case in CASES if case.name.endswith("over (1,)"))

# name: how to plant it, then each check that has to catch it
FAULTS = {
    "biased running variance": (
        biased_running_variance,
        [(checks.check_running_parity, "batch_norm"), (checks.check_running_parity, "instance_norm")],
    ),
    "reversed momentum": (
        reversed_momentum,
        [(checks.check_running_parity, "batch_norm"), (checks.check_running_parity, "instance_norm")],
    ),
    "eps outside the root": (
        plant_in_standardise(eps_outside_the_root),
        [(checks.check_tiny_variance, case) for case in BY_NORM.values()] + [(checks.check_parity, BATCH)],
    ),
    "n - 1 used to normalize": (
        plant_in_standardise(bessel_in_the_normalization),
        [(checks.check_parity, case) for case in BY_NORM.values()],
    ),
    "one-pass variance": (
        plant_in_standardise(one_pass_variance),
        [(checks.check_large_offset, case) for name, case in BY_NORM.items() if name != "rms_norm"],
    ),
    "centred once": (centre_once, [(checks.check_large_offset, BATCH)]),
    "zero backward": (
        zero_backward,
        [
            (check, case)
            for check in (checks.check_parity, checks.check_gradients)
            for case in BY_NORM.values()
        ],
    ),
    "no mean term in the backward": (
        plant_in_backward(without_the_mean_term),
        [(check, BATCH) for check in (checks.check_parity, checks.check_gradients)],
    ),
    "no variance term in the backward": (
        plant_in_backward(without_the_variance_term),
        [(check, BATCH) for check in (checks.check_parity, checks.check_gradients)],
    ),
    "evaluation differentiates through its statistics": (
        plant_in_backward(through_fixed_statistics),
        [(checks.check_evaluation_gradients, "batch_norm"), (checks.check_running_parity, "instance_norm")],
    ),
    "swapped axes: no transpose into the view": (
        lambda patch: patch.setattr(View, "enter", lambda self, x: x.reshape(self.sizes)),
        [(checks.check_parity, MIDDLE_AXIS)],
    ),
    "swapped axes: interleaved groups": (
        plant_row("GroupNorm", view="NKGS"),
        [(checks.check_parity, GROUP)],
    ),
    "swapped axes: InstanceNorm pools the batch": (
        plant_row("InstanceNorm", pool="NS"),
        [(checks.check_parity, INSTANCE)],
    ),
}


@pytest.mark.parametrize(
    ("plant", "check", "argument"),
    [
        pytest.param(plant, check, argument, id=f"{name}: {check.__name__} {argument}")
        for name, (plant, catchers) in FAULTS.items()
        for check, argument in catchers
    ],
)
def test_planted_fault_is_caught(monkeypatch, plant, check, argument):
    check(argument)  # passes on the code as it is
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(argument)


@pytest.mark.parametrize("norm", ["batch_norm", "instance_norm", "group_norm", "layer_norm"])
def test_a_check_through_sum_would_pass_a_backward_of_zeros(monkeypatch, norm):
    """The standardised values of a pool sum to zero whatever the input, so sum() has no gradient to miss."""
    case = replace(BY_NORM[norm], has="")
    assert checks.gradient_report(case).ok
    zero_backward(monkeypatch)
    assert checks.gradient_report(case, dout=np.ones(case.shape)).ok
    assert not checks.gradient_report(case).ok
