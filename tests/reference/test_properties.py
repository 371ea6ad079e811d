"""What must hold for any input, tried on many (the same ones in every run)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from normcourse import reference as ref

deterministic = settings(derandomize=True, deadline=None, database=None, max_examples=40)
values = st.floats(-8, 8, allow_subnormal=False)
inputs = st.tuples(st.integers(2, 4), st.sampled_from([2, 4]), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=values)
)
seeds = st.integers(0, 2**32 - 1)
EPS = 1e-3

NORMS = {
    "batch_norm": lambda x, eps=EPS: ref.batch_norm(x, eps=eps),
    "instance_norm": lambda x, eps=EPS: ref.instance_norm(x, eps=eps),
    "group_norm": lambda x, eps=EPS: ref.group_norm(x, 2, eps=eps),
    "layer_norm": lambda x, eps=EPS: ref.layer_norm(x, eps=eps),
    "rms_norm": lambda x, eps=EPS: ref.rms_norm(x, eps=eps),
}
CENTRED = [name for name in NORMS if name != "rms_norm"]
every_norm = pytest.mark.parametrize("norm", NORMS)
every_centred_norm = pytest.mark.parametrize("norm", CENTRED)


def pool_sums(name, values):
    """Sums over each pool, on the shape ``(N, C, S)``."""
    axes = {"batch_norm": (0, 2), "group_norm": (2, 3)}.get(name, (-1,))
    if name == "group_norm":
        n, c, s = values.shape
        values = values.reshape(n, 2, c // 2, s)
    return values.sum(axes)


@every_centred_norm
@deterministic
@given(x=inputs, shift=st.floats(-100, 100))
def test_shift_changes_nothing(norm, x, shift):
    assert_allclose(NORMS[norm](x + shift)[0], NORMS[norm](x)[0], rtol=0, atol=1e-10)


def test_shift_does_change_rms_norm():
    x = np.array([[1.0, 2.0, 4.0]])
    assert np.abs(ref.rms_norm(x + 1)[0] - ref.rms_norm(x)[0]).max() > 0.1


@every_norm
@deterministic
@given(x=inputs, scale=st.floats(0.01, 100))
def test_scale_changes_nothing_if_eps_scales_along(norm, x, scale):
    """Eps has the squared units of the input: this is what "up to eps" means, exactly."""
    scaled, _ = NORMS[norm](scale * x, eps=EPS * scale**2)
    assert_allclose(scaled, NORMS[norm](x)[0], rtol=0, atol=1e-10)


@every_norm
@deterministic
@given(x=inputs)
def test_negation_negates(norm, x):
    assert (NORMS[norm](-x)[0] == -NORMS[norm](x)[0]).all()


@every_centred_norm
@deterministic
@given(x=inputs)
def test_output_has_mean_zero_and_at_most_unit_variance(norm, x):
    out, cache = NORMS[norm](x)
    assert_allclose(pool_sums(norm, out), 0, atol=1e-10)
    assert_allclose(
        pool_sums(norm, out**2) * cache.var.size / x.size, cache.var / (cache.var + EPS), atol=1e-10
    )


@every_centred_norm
@deterministic
@given(x=inputs, seed=seeds)
def test_dx_is_orthogonal_to_ones(norm, x, seed):
    dout = np.random.default_rng(seed).normal(size=x.shape)
    dx = ref.backward(dout, NORMS[norm](x)[1]).dx
    assert_allclose(pool_sums(norm, dx), 0, atol=1e-10)


@every_norm
@deterministic
@given(x=inputs, seed=seeds)
def test_dx_is_orthogonal_to_xhat_up_to_eps(norm, x, seed):
    """Moving along xhat only rescales the input: what is left is eps's share of the variance."""
    dout = np.random.default_rng(seed).normal(size=x.shape)
    _, cache = NORMS[norm](x)
    along = pool_sums(norm, ref.backward(dout, cache).dx * cache.xhat)
    left = pool_sums(norm, dout * cache.xhat) * EPS * cache.rstd**3
    assert_allclose(along, left, rtol=1e-9, atol=1e-9)


@every_norm
@deterministic
@given(x=inputs, seed=seeds)
def test_only_batch_norm_lets_examples_see_each_other(norm, x, seed):
    """Replace all examples but the first: its output and its gradient change under BatchNorm alone."""
    rng = np.random.default_rng(seed)
    other, dout = x.copy(), rng.normal(size=x.shape)
    other[1:] = rng.normal(5.0, 3.0, x[1:].shape)
    (out, cache), (changed, changed_cache) = NORMS[norm](x), NORMS[norm](other)
    first = np.abs(out[0] - changed[0]).max()
    if norm == "batch_norm":
        assert first > 1e-6
    else:
        assert first == 0
        assert (ref.backward(dout, cache).dx[0] == ref.backward(dout, changed_cache).dx[0]).all()


@deterministic
@given(x=inputs, seed=seeds)
def test_evaluation_makes_batch_norm_independent_of_the_batch(x, seed):
    rng = np.random.default_rng(seed)
    running = ref.RunningStats(x.shape[1])
    running.update(rng.normal(size=x.shape[1]), rng.uniform(0.5, 2, x.shape[1]), count=4)
    together, _ = ref.batch_norm(x, running=running, training=False)
    alone, _ = ref.batch_norm(x[:1], running=running, training=False)
    assert (together[:1] == alone).all()


@every_norm
@deterministic
@given(x=inputs, seed=seeds)
def test_order_of_the_examples_does_not_matter(norm, x, seed):
    order = np.random.default_rng(seed).permutation(len(x))
    assert_allclose(NORMS[norm](x[order])[0], NORMS[norm](x)[0][order], rtol=0, atol=1e-10)
