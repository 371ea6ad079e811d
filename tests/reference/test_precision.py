"""Every floating dtype, large offsets, tiny variances, constant features, empty batches."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from normcourse import reference as ref

from .checks import BY_NORM, CASES, check_large_offset, check_tiny_variance

every_norm = pytest.mark.parametrize("case", BY_NORM.values(), ids=BY_NORM)


@pytest.mark.parametrize("case", [case for case in CASES if len(case.shape) > 1], ids=str)
def test_float32_at_a_large_offset(case):
    check_large_offset(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_variance_far_below_eps(case):
    check_tiny_variance(case)


def test_running_variance_at_a_large_offset():
    x = (1e4 + np.random.default_rng(0).normal(size=(256, 2))).astype(np.float32)
    running = ref.RunningStats(2, momentum=1.0, dtype=np.float32)
    ref.batch_norm(x, running=running)
    assert running.var.dtype == np.float32
    assert_allclose(running.var, x.astype(np.float64).var(0, ddof=1), rtol=1e-4)


@pytest.mark.parametrize("case", [c for name, c in BY_NORM.items() if name != "rms_norm"], ids=str)
def test_constant_input_comes_out_as_zero_with_a_finite_gradient(case):
    out, cache = case.ours(np.full(case.shape, 0.1), None, None)
    assert_allclose(out, 0, atol=1e-12)
    dx = ref.backward(np.random.default_rng(0).normal(size=case.shape), cache).dx
    assert np.isfinite(dx).all()
    assert np.abs(dx).max() > 1  # 1 / sqrt(eps) is large: the point is not a flat one


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@every_norm
def test_dtype_comes_back_as_it_went_in(case, dtype):
    x, gamma, beta = (None if v is None else v.astype(dtype) for v in case.inputs())
    out, cache = case.ours(x, gamma, beta)
    grads = ref.backward(out, cache)
    wide = np.promote_types(dtype, np.float32)
    assert {v.dtype for v in (out, *grads) if v is not None} == {np.dtype(dtype)}
    assert {v.dtype for v in (cache.xhat, cache.var, cache.rstd)} == {wide}


def test_each_gradient_has_the_dtype_of_its_own_parameter():
    x = np.ones((4, 3), np.float32) * np.arange(4, dtype=np.float32)[:, None]
    out, cache = ref.batch_norm(x, np.ones(3, np.float64), np.zeros(3, np.float16))
    grads = ref.backward(np.ones((4, 3)), cache)
    assert [v.dtype for v in (out, *grads)] == [np.float32, np.float32, np.float64, np.float16]


@every_norm
def test_float16_is_computed_in_float32(case):
    """The squares of these overflow in float16, and their sum loses all digits."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-6e4, 6e4, case.shape).astype(np.float16)
    dout = rng.normal(size=case.shape).astype(np.float16)
    half, half_cache = case.ours(x, None, None)
    full, full_cache = case.ours(x.astype(np.float32), None, None)
    assert (half == full.astype(np.float16)).all()
    dx = ref.backward(dout.astype(np.float32), full_cache).dx
    assert (ref.backward(dout, half_cache).dx == dx.astype(np.float16)).all()


def test_rms_norm_takes_the_epsilon_of_the_dtype_computed_in():
    for dtype, wide in ((np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64)):
        _, cache = ref.rms_norm(np.zeros((2, 3), dtype))
        assert_allclose(cache.rstd, np.finfo(wide).eps ** -0.5, rtol=1e-6)


@pytest.mark.parametrize(
    "forward",
    [
        lambda x, g: ref.instance_norm(x, g),
        lambda x, g: ref.instance_norm(x, g, running=ref.RunningStats(3)),
        lambda x, g: ref.batch_norm(x, g, running=ref.RunningStats(3), training=False),
        lambda x, g: ref.group_norm(x, 3, g),
        lambda x, g: ref.layer_norm(x, g, axis=1),
        lambda x, g: ref.rms_norm(x, g, axis=1),
    ],
)
def test_empty_batch_gives_empty_output_and_zero_parameter_gradients(forward):
    x = np.empty((0, 3, 5))
    out, cache = forward(x, np.ones(3))
    grads = ref.backward(out, cache)
    assert out.shape == grads.dx.shape == x.shape
    assert (grads.dgamma == np.zeros(3)).all()


def test_empty_batch_leaves_running_statistics_alone():
    running = ref.RunningStats(3)
    ref.instance_norm(np.empty((0, 3, 5)), running=running)
    assert running.num_batches_tracked == 0
    assert (running.mean == 0).all()
    assert (running.var == 1).all()


def test_nan_stays_in_its_own_pool():
    x = np.random.default_rng(0).normal(size=(4, 3))
    x[0, 0] = np.nan
    assert np.isnan(ref.batch_norm(x)[0]).any(0).tolist() == [True, False, False]
    assert np.isnan(ref.layer_norm(x)[0]).any(1).tolist() == [True, False, False, False]
