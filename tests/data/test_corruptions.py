import numpy as np
import pytest

from normcourse.data import corruptions, load_digits

X = load_digits().test.x
ALL = {
    "brightness": lambda x: corruptions.brightness(x, 0.3),
    "contrast": lambda x: corruptions.contrast(x, 0.3),
    "noise": lambda x: corruptions.noise(x, 0.2),
    "blur": lambda x: corruptions.blur(x, 1.0),
    "invert": corruptions.invert,
}
NOTHING = {
    "brightness": lambda x: corruptions.brightness(x, 0),
    "contrast": lambda x: corruptions.contrast(x, 1),
    "noise": lambda x: corruptions.noise(x, 0),
    "blur": lambda x: corruptions.blur(x, 0),
    "twice invert": lambda x: corruptions.invert(corruptions.invert(x)),
}


@pytest.mark.parametrize("name", ALL)
def test_images_stay_images_and_the_input_stays_what_it_was(name):
    before = X.copy()
    out = ALL[name](X)
    np.testing.assert_array_equal(X, before)
    assert out.dtype == np.float32
    assert out.shape == X.shape
    assert out.min() >= 0
    assert out.max() <= 1
    assert np.abs(out - X).max() > 0.1
    np.testing.assert_array_equal(out, ALL[name](X))


@pytest.mark.parametrize("name", NOTHING)
def test_no_change_asked_for_is_no_change(name):
    np.testing.assert_allclose(NOTHING[name](X), X, atol=1e-6)


def test_what_each_does_to_mean_and_spread():
    assert corruptions.brightness(X, 0.3).mean() > X.mean() + 0.1
    grey = corruptions.contrast(X, 0.3)
    np.testing.assert_allclose(grey.mean(axis=1), X.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(grey.std(axis=1), 0.3 * X.std(axis=1), atol=1e-6)
    assert np.corrcoef(corruptions.invert(X).ravel(), X.ravel())[0, 1] == pytest.approx(-1)
    assert (corruptions.noise(X, 0.2, seed=1) != corruptions.noise(X, 0.2, seed=2)).any()


def test_blur_smears_in_both_directions_and_not_into_other_images():
    spot = np.zeros((2, 25), dtype=np.float32)
    spot[0, 12] = 1
    first, second = corruptions.blur(spot, 1.0).reshape(2, 5, 5)
    np.testing.assert_allclose(first, first.T, atol=1e-7)
    assert first[2, 3] == pytest.approx(first[1, 2])
    assert first[2, 3] > 0.05
    assert not second.any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: corruptions.invert(X[0]), r"of shape \(N, pixels\), .* got shape \(64,\); .*flattens"),
        (lambda: corruptions.invert(X[:0]), r"at least one; got shape \(0, 64\)"),
        (lambda: corruptions.brightness(X * 16, 0.1), "got 0 to 16; divide"),
        (lambda: corruptions.blur(X * np.nan, 0.1), "got nan to nan"),
        (lambda: corruptions.contrast(X, -1.0), "factor must be at least 0, but got -1.0; .* invert"),
        (lambda: corruptions.noise(X, -0.1), "noise's standard deviation must be at least 0"),
        (lambda: corruptions.blur(X, -1.0), "blur's standard deviation must be at least 0"),
        (lambda: corruptions.blur(X[:, :60], 1.0), "60 pixels are not a square"),
    ],
)
def test_bad_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
