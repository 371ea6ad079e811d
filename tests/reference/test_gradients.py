import numpy as np
import pytest

from normcourse import reference as ref

from .checks import CASES, RUNNING, check_evaluation_gradients, check_gradients


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_agree_with_differences(case):
    check_gradients(case)


@pytest.mark.parametrize("norm", RUNNING)
def test_evaluation_gradients_agree_with_differences(norm):
    check_evaluation_gradients(norm)


def square(x):
    return x**2, x


def wrong(dout, x):
    return (dout * x,)


def right(dout, x):
    return (2 * dout * x,)


X = np.random.default_rng(0).normal(size=(4, 3))


def test_report_of_a_right_backward():
    report = ref.gradcheck(square, right, [X])
    assert report.ok
    assert str(report).splitlines()[1].split() == ["x", "(4,", "3)", "12", "<", "1e-7"]


def test_report_of_a_wrong_backward():
    report = ref.gradcheck(square, wrong, [X], names=["input"])
    assert not report.ok
    assert report.inputs[0].error == pytest.approx(0.5)
    assert "WRONG" in str(report)


def test_nan_is_not_ok():
    report = ref.gradcheck(square, lambda dout, x: (np.full_like(x, np.nan),), [X])
    assert not report.ok
    assert "nan: WRONG" in str(report)


def test_entries_are_sampled_from_the_whole_input():
    assert ref.gradcheck(square, right, [X], entries=5).inputs[0].entries == 5
    last_row_wrong = np.ones_like(X)
    last_row_wrong[-1] = 0
    report = ref.gradcheck(square, lambda dout, x: (2 * dout * x * last_row_wrong,), [X], entries=9)
    assert not report.ok


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_upstream_gradient_is_not_the_input_drawn_from_the_same_seed(seed):
    """With dout = x a norm's gradient is almost zero, and a backward of zeros would nearly pass."""
    x = np.random.default_rng(seed).normal(size=(8, 3))
    zeros = ref.gradcheck(ref.batch_norm, lambda dout, cache: (0 * dout,), [x], seed=seed)
    assert zeros.inputs[0].error > 0.5


def test_exact_zero_gradient_passes():
    assert ref.gradcheck(lambda x: (0 * x, None), lambda dout, _: (0 * dout,), [X]).ok


def test_inputs_are_left_alone_and_may_be_integers():
    x = np.arange(6).reshape(2, 3)
    assert ref.gradcheck(square, right, [x]).ok
    assert x.dtype.kind == "i"
    assert (x == np.arange(6).reshape(2, 3)).all()


@pytest.mark.parametrize(
    ("backward", "options", "message"),
    [
        (lambda dout, _: (), {}, "got 0 gradients.* for 1 inputs"),
        (lambda dout, _: (dout, dout), {}, "1 of them without an input"),
        (lambda dout, _: (dout[0],), {}, r"input 0 must have its shape \(4, 3\), got \(3,\)"),
        (lambda dout, _: (None,), {}, "nothing to compare"),
        (right, {"dout": np.ones(3)}, r"dout must have the output's shape \(4, 3\), got \(3,\)"),
        (right, {"step": 0.0}, "step must be positive, got 0.0"),
        (right, {"entries": 0}, "entries must be at least 1, got 0"),
    ],
)
def test_errors(backward, options, message):
    with pytest.raises(ValueError, match=message):
        ref.gradcheck(square, backward, [X], **options)
