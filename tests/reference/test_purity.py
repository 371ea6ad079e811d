"""Inputs stay as they are, outputs own their memory, and only training moves running statistics."""

import numpy as np
import pytest

from normcourse import reference as ref

from .checks import CASES


@pytest.mark.parametrize("case", CASES, ids=str)
def test_inputs_are_not_modified_and_outputs_share_no_memory(case):
    inputs = [value for value in case.inputs() if value is not None]
    before = [value.copy() for value in inputs]
    out, cache = case.ours(*case.inputs()) if len(inputs) < 3 else case.ours(*inputs)
    dout = np.random.default_rng(1).normal(size=out.shape)
    dout_before = dout.copy()
    results = [out, *(grad for grad in ref.backward(dout, cache) if grad is not None)]
    assert all((now == then).all() for now, then in zip(inputs, before, strict=True))
    assert (dout == dout_before).all()
    sources = [*inputs, dout, cache.xhat, cache.var, cache.rstd]
    assert not any(np.shares_memory(result, source) for result in results for source in sources)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backward_sees_the_forward_s_values_whatever_happens_to_its_inputs(case):
    """An optimizer updates gamma in place between the forward and a second backward."""
    x, gamma, beta = case.inputs()
    out, cache = case.ours(x, gamma, beta)
    dout = np.random.default_rng(1).normal(size=out.shape)
    expected = ref.backward(dout, cache)
    for value in (x, gamma, beta, out):
        if value is not None:
            value[...] = 7.0
    again = ref.backward(dout, cache)
    for now, then in zip(again, expected, strict=True):
        assert (now is None and then is None) or (now == then).all()


def test_evaluation_reads_running_statistics_and_owns_what_it_read():
    x = np.random.default_rng(0).normal(size=(4, 3))
    running = ref.RunningStats(3)
    _, cache = ref.batch_norm(x, running=running, training=False)
    assert running.num_batches_tracked == 0
    assert (running.mean == 0).all()
    assert not np.shares_memory(cache.mean, running.mean)
    assert not np.shares_memory(cache.var, running.var)


def test_training_updates_running_statistics_in_place():
    running = ref.RunningStats(3, momentum=1.0)
    mean, var = running.mean, running.var
    x = np.random.default_rng(0).normal(size=(4, 3))
    _, cache = ref.batch_norm(x, running=running)
    assert running.mean is mean
    assert running.var is var
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(var, x.var(0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(cache.var, x.var(0), rtol=1e-12)
