"""One norm is another where their pools coincide."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from normcourse import reference as ref
from normcourse.taxonomy import TAXONOMY

TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}
RNG = np.random.default_rng(0)
X, DOUT = RNG.normal(1.0, 2.0, (2, 4, 6, 3, 5))
GAMMA, BETA = RNG.normal(size=(2, 6))


def assert_same(left, right, dout=DOUT):
    """Two forwards give one output, and their backwards one set of gradients."""
    (out, cache), (other, other_cache) = left, right
    assert_allclose(out, other, **TOLERANCE)
    for ours, theirs in zip(ref.backward(dout, cache), ref.backward(dout, other_cache), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_allclose(ours, theirs, **TOLERANCE)


def test_a_group_per_channel_is_instance_norm():
    assert_same(ref.group_norm(X, 6, GAMMA, BETA), ref.instance_norm(X, GAMMA, BETA))


def test_one_group_pools_as_layer_norm_over_all_but_the_batch():
    assert_same(ref.group_norm(X, 1), ref.layer_norm(X, axis=(1, 2, 3)))


def test_one_group_has_another_affine_than_layer_norm():
    """Per channel against per element: the same pool, other gradients."""
    wide = np.broadcast_to(GAMMA[:, None, None], X.shape[1:])
    out, cache = ref.group_norm(X, 1, GAMMA)
    other, other_cache = ref.layer_norm(X, wide, axis=(1, 2, 3))
    assert_allclose(out, other, **TOLERANCE)
    per_element = ref.backward(DOUT, other_cache).dgamma
    assert per_element.shape == X.shape[1:]
    assert_allclose(per_element.sum((1, 2)), ref.backward(DOUT, cache).dgamma, **TOLERANCE)


def test_batch_norm_of_images_is_batch_norm_of_the_matrix_of_positions():
    def matrix(images):
        return np.moveaxis(images, 1, -1).reshape(-1, 6)

    out, cache = ref.batch_norm(X, GAMMA, BETA)
    rows, row_cache = ref.batch_norm(matrix(X), GAMMA, BETA)
    assert_allclose(matrix(out), rows, **TOLERANCE)
    grads, row_grads = ref.backward(DOUT, cache), ref.backward(matrix(DOUT), row_cache)
    assert_allclose(matrix(grads.dx), row_grads.dx, **TOLERANCE)
    assert_allclose(grads.dgamma, row_grads.dgamma, **TOLERANCE)
    assert_allclose(grads.dbeta, row_grads.dbeta, **TOLERANCE)


def test_instance_norm_of_one_example_is_batch_norm():
    assert_same(ref.instance_norm(X[:1], GAMMA, BETA), ref.batch_norm(X[:1], GAMMA, BETA), dout=DOUT[:1])


def test_rms_norm_of_centred_input_is_layer_norm():
    """The outputs only: LayerNorm's gradient is centred as well."""
    centred = X - X.mean(-1, keepdims=True)
    eps = 1e-5
    out, cache = ref.rms_norm(centred, eps=eps)
    other, other_cache = ref.layer_norm(centred, eps=eps)
    assert_allclose(out, other, **TOLERANCE)
    dx = ref.backward(DOUT, cache).dx
    assert_allclose(dx - dx.mean(-1, keepdims=True), ref.backward(DOUT, other_cache).dx, **TOLERANCE)


def test_layer_norm_of_moved_axes_is_layer_norm_moved():
    out, _ = ref.layer_norm(X, GAMMA, BETA, axis=1)
    last, _ = ref.layer_norm(np.moveaxis(X, 1, -1), GAMMA, BETA)
    assert_allclose(np.moveaxis(out, 1, -1), last, **TOLERANCE)


@pytest.mark.parametrize("axis", [(1, 3), (3, 1), (-1, 1), [3, -3]])
def test_the_order_in_which_axes_are_named_does_not_matter(axis):
    gamma = RNG.normal(size=(6, 5))
    out, _ = ref.layer_norm(X, gamma, axis=axis)
    other, _ = ref.layer_norm(X, gamma, axis=(1, 3))
    assert (out == other).all()


def test_evaluation_with_the_batch_s_own_statistics_is_training_in_value_but_not_in_gradient():
    out, cache = ref.batch_norm(X, GAMMA, BETA)
    running = ref.RunningStats(6)
    running.mean[:], running.var[:] = cache.mean, cache.var
    other, other_cache = ref.batch_norm(X, GAMMA, BETA, running=running, training=False)
    assert_allclose(out, other, **TOLERANCE)
    dx, fixed_dx = ref.backward(DOUT, cache).dx, ref.backward(DOUT, other_cache).dx
    assert_allclose(fixed_dx, DOUT * (GAMMA * cache.rstd)[:, None, None], **TOLERANCE)
    assert np.abs(dx - fixed_dx).max() > 0.01


@pytest.mark.parametrize(
    ("out_and_cache", "shape", "pooled"),
    [
        (ref.batch_norm(X), (6,), (0, 2, 3)),
        (ref.instance_norm(X), (4, 6), (2, 3)),
        (ref.layer_norm(X), (4, 6, 3), (3,)),
        (ref.layer_norm(X, axis=(0, 2)), (6, 5), (0, 2)),
    ],
)
def test_cache_holds_the_statistics_without_the_pooled_axes(out_and_cache, shape, pooled):
    out, cache = out_and_cache
    assert cache.mean.shape == cache.var.shape == cache.rstd.shape == shape
    assert_allclose(cache.mean, X.mean(pooled), **TOLERANCE)
    assert_allclose(cache.var, X.var(pooled), **TOLERANCE)
    assert_allclose(cache.rstd, 1 / np.sqrt(X.var(pooled) + 1e-5), **TOLERANCE)
    assert (cache.xhat == out).all()


def test_cache_of_group_and_rms_norm():
    _, cache = ref.group_norm(X, 2)
    assert_allclose(cache.mean, X.reshape(4, 2, -1).mean(-1), **TOLERANCE)
    _, cache = ref.rms_norm(X)
    assert cache.mean is None
    assert_allclose(cache.var, np.square(X).mean(-1), **TOLERANCE)


def test_standardise_serves_a_view_directly():
    view = X.reshape(4, 6, 15)
    spec = TAXONOMY["BatchNorm"]
    forward = ref.standardise(view, spec)
    out, cache = ref.batch_norm(X)
    assert (forward.xhat.reshape(X.shape) == out).all()
    dview = ref.standardise_backward(DOUT.reshape(view.shape), forward, spec)
    assert (dview.reshape(X.shape) == ref.backward(DOUT, cache).dx).all()
