"""Each error names the invariant, what came and the way out; a failing call changes nothing."""

import numpy as np
import pytest

from normcourse import reference as ref

X = np.random.default_rng(0).normal(size=(4, 6, 5))
ONE = np.ones((1, 6))
NAN = float("nan")


def stats(mean=0.0, var=1.0, channels=6):
    running = ref.RunningStats(channels)
    running.mean[:], running.var[:] = mean, var
    return running


def backward_of(dout):
    return ref.backward(dout, ref.batch_norm(X)[1])


ERRORS = {
    "rank of batch_norm": (
        lambda: ref.batch_norm(X[0, 0]),
        r"\(N, C\) or \(N, C, \*spatial\), got \(5,\); add",
    ),
    "rank of instance_norm": (lambda: ref.instance_norm(ONE), r"\(N, C, \*spatial\).* got \(1, 6\); add"),
    "rank of group_norm": (lambda: ref.group_norm(X[0, 0], 1), r"\(N, C\) or .* got \(5,\)"),
    "rank of layer_norm": (lambda: ref.layer_norm(np.array(1.0)), r"axis must name .* shape \(\), got -1"),
    "gamma": (
        lambda: ref.batch_norm(X, np.ones(5)),
        r"gamma must have shape \(6,\) for an input of shape \(4, 6, 5\), got \(5,\); reshape gamma",
    ),
    "beta": (lambda: ref.group_norm(X, 2, None, np.ones(2)), r"beta must have shape \(6,\).* got \(2,\)"),
    "gamma that would broadcast": (lambda: ref.instance_norm(X, np.ones(1)), r"\(6,\).* got \(1,\)"),
    "gamma of layer_norm": (
        lambda: ref.layer_norm(X, np.ones((5, 6)), axis=(1, 2)),
        r"\(6, 5\).* got \(5, 6\)",
    ),
    "gamma of rms_norm": (lambda: ref.rms_norm(X, np.ones(6)), r"gamma must have shape \(5,\).* got \(6,\)"),
    "channels of running": (
        lambda: ref.batch_norm(X, running=stats(channels=5)),
        r"must have shape \(6,\).* got mean \(5,\) and variance \(5,\); make them with RunningStats\(6\)",
    ),
    "groups": (lambda: ref.group_norm(X, 4), "divide the channels, got C = 6 and num_groups = 4; choose"),
    "no groups": (lambda: ref.group_norm(X, 0), "num_groups = 0"),
    "batch of one": (
        lambda: ref.batch_norm(ONE),
        r"at least 2 values, got 1 .* shape \(1, 6\); pass a larger",
    ),
    "one position": (lambda: ref.instance_norm(X[:, :, :1]), r"at least 2 values, got 1 .* \(4, 6, 1\)"),
    "empty batch": (lambda: ref.batch_norm(X[:0]), r"at least 2 values, got 0 .* shape \(0, 6, 5\)"),
    "empty group": (lambda: ref.group_norm(X[:, :, :0], 2), "at least 1 value, got 0"),
    "empty axis": (lambda: ref.layer_norm(X[:, :, :0]), "at least 1 value, got 0"),
    "negative eps": (lambda: ref.batch_norm(X, eps=-1e-5), "eps must be a finite number >= 0, got -1e-05"),
    "NaN eps": (lambda: ref.layer_norm(X, eps=NAN), "eps .* got nan"),
    "infinite eps": (lambda: ref.rms_norm(X, eps=float("inf")), "eps .* got inf"),
    "axis out of range": (lambda: ref.layer_norm(X, axis=3), r"between -3 and 2 .* \(4, 6, 5\), got 3"),
    "no axis": (lambda: ref.layer_norm(X, axis=()), r"at least one axis .* got \(\)"),
    "axis twice": (lambda: ref.rms_norm(X, axis=(1, -2)), r"each axis once, got \(1, -2\)"),
    "shape of dout": (
        lambda: backward_of(X[0]),
        r"dout must have the output's shape \(4, 6, 5\), got \(6, 5\); pass the gradient",
    ),
    "no running": (lambda: ref.batch_norm(X, training=False), r"running=None; pass RunningStats\(6\)"),
    "no running in instance_norm": (lambda: ref.instance_norm(X, use_input_stats=False), "running=None"),
    "NaN in running": (
        lambda: ref.batch_norm(X, running=stats(mean=NAN), training=False),
        "finite, got mean",
    ),
    "negative running variance": (
        lambda: ref.batch_norm(X, running=stats(var=-1.0), training=False),
        "running statistics must have a variance >= 0, got .*; recompute it",
    ),
    "momentum above 1": (lambda: ref.RunningStats(6, momentum=1.1), "between 0 and 1 or None, got 1.1"),
    "negative momentum": (lambda: ref.RunningStats(6, momentum=-0.1), "momentum .* got -0.1"),
    "NaN momentum": (lambda: ref.RunningStats(6, momentum=NAN), "momentum .* got nan"),
    "no channels": (lambda: ref.RunningStats(0), "at least 1, got 0"),
    "update of one value": (lambda: stats().update(np.zeros(6), np.ones(6), count=1), "count = 1"),
    "update with a negative variance": (
        lambda: stats().update(np.zeros(6), -np.ones(6), count=4),
        "the batch's statistics must have a variance >= 0",
    ),
    "update of unequal shapes": (lambda: stats().update(np.zeros(6), np.ones(1), count=4), r"\(6,\), \(1,\)"),
}


@pytest.mark.parametrize(("call", "message"), ERRORS.values(), ids=ERRORS)
def test_value_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ref.batch_norm(np.ones((4, 6), int)), r"x must hold floating.* got dtype int64; convert"),
        (lambda: ref.layer_norm(np.ones((4, 6), complex)), "x must hold floating.* complex128"),
        (lambda: ref.batch_norm(X, np.ones(6, int)), "gamma must hold floating"),
        (lambda: backward_of(np.ones(X.shape, int)), "dout must hold floating"),
        (lambda: ref.RunningStats(6, dtype=np.int32), "int32"),
    ],
)
def test_type_errors(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def with_infinity():
    x = X.copy()
    x[0, 5, 0] = np.inf  # the last channel: the others would have been updated before it
    return x


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    "call",
    [
        lambda running: ref.batch_norm(X, None, np.ones(5), running=running),
        lambda running: ref.batch_norm(X, running=running, eps=-1.0),
        lambda running: ref.batch_norm(X[:1, :, :1], running=running),
        lambda running: ref.batch_norm(with_infinity(), running=running),
        lambda running: ref.instance_norm(with_infinity(), running=running),
        lambda running: running.update(np.full(6, 1e200), np.full(6, 1e200), count=4),
    ],
    ids=["beta", "eps", "batch of one", "infinity", "infinity in instance_norm", "overflow"],
)
def test_failing_update_changes_nothing(call):
    running = ref.RunningStats(6, dtype=np.float32)
    running.update(np.arange(6.0), np.arange(6.0), count=3)
    mean, var = running.mean.copy(), running.var.copy()
    with pytest.raises(ValueError, match="must"):
        call(running)
    assert (running.mean == mean).all()
    assert (running.var == var).all()
    assert running.num_batches_tracked == 1
