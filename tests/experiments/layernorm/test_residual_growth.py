import numpy as np
import pytest

from normcourse.experiments.layernorm.residual_growth import PLACES, Config, run


@pytest.fixture(scope="module", params=[0.5, 1.0])
def result(request):
    return run(Config(gain=request.param))


def of(result, place):
    row = PLACES.index(place)
    return result.stream[row], result.branch[row]


def test_shapes(result):
    assert result.stream.shape == (3, 8, 49)
    assert result.branch.shape == (3, 8, 48)


def test_without_a_norm_the_mean_square_grows_by_a_factor_a_layer(result):
    stream, branch = of(result, "no norm")
    factor = np.exp(np.log(stream[:, -1] / stream[:, 0]).mean() / 48)
    assert factor == pytest.approx(np.sqrt(1 + result.config.gain**2), rel=0.03)
    assert branch.mean() == pytest.approx(result.config.gain, rel=0.1)


def test_with_pre_norm_the_mean_square_grows_by_a_term_a_layer(result):
    stream, branch = of(result, "pre-norm")
    assert stream[:, -1].mean() == pytest.approx(np.sqrt(1 + 48 * result.config.gain**2), rel=0.05)
    assert (branch[:, -1] < branch[:, 0] / 2).all()


def test_with_post_norm_the_size_stays_one(result):
    stream, _ = of(result, "post-norm")
    np.testing.assert_allclose(stream[:, 1:], 1, atol=1e-4)


def test_seeds_do_not_touch_each_other(result):
    alone = run(result.config, seeds=[3])
    np.testing.assert_allclose(alone.stream[:, 0], result.stream[:, 3], rtol=1e-9)
