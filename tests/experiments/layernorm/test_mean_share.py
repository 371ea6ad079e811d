import numpy as np
import pytest
import torch

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.layernorm import mean_share
from normcourse.models import CausalTransformer
from normcourse.nn import LayerNorm, RMSNorm

QUICK = {"hidden": (20, 20), "steps": 3}


def test_the_share_is_the_squared_cosine_with_the_vector_of_ones():
    x = torch.randn(4, 7, 5, dtype=torch.float64)
    for dim in (1, 2):
        cosine = torch.nn.functional.cosine_similarity(x, torch.ones_like(x), dim=dim)
        torch.testing.assert_close(mean_share.mean_share(x, dim), cosine**2)


def test_a_vector_that_points_anywhere_has_one_share_in_its_features():
    x = torch.randn(20_000, 10, generator=torch.Generator().manual_seed(0))
    assert mean_share.mean_share(x).mean() == pytest.approx(1 / 10, rel=0.03)


@pytest.mark.parametrize(("placement", "expected"), [("before", 0.01), ("after", 1 / np.pi)])
def test_relu_gives_a_new_network_s_activations_a_mean(placement, expected):
    """The mean of a rectified Gaussian is 1/sqrt(2 pi), its mean square 1/2."""
    result = mean_share.run(mean_share.Config(placement=placement, steps=1), seeds=range(4), progress=False)
    np.testing.assert_allclose(result.start.mean(axis=0), expected, rtol=0.5 if expected < 0.1 else 0.1)


def test_training_starts_from_the_same_networks_in_any_company():
    config = mean_share.Config(**QUICK)
    both = mean_share.run(config, seeds=(3, 4), progress=False)
    alone = mean_share.run(config, seeds=(4,), progress=False)
    np.testing.assert_allclose(both.end[1], alone.end[0], rtol=1e-9)
    assert (both.start != both.end).all()
    assert both.start.shape == both.end.shape == (2, 2)
    assert both.accuracy.shape == (2,)


@pytest.fixture(scope="module")
def texts():
    return language.some_texts(load_text().test, 8, 4)


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_the_other_norm_is_what_it_says(norm, texts):
    """A model with the other norm and the same weights has that loss, and the model itself is as before."""
    small = {"context": 8, "width": 16, "layers": 2}
    size = len(load_text().alphabet)
    model = CausalTransformer(size, norm=norm, **small).eval()
    other = CausalTransformer(size, norm={"layer": "rms", "rms": "layer"}[norm], **small).eval()
    for module in (module for module in model.modules() if isinstance(module, LayerNorm | RMSNorm)):
        torch.nn.init.normal_(module.weight)  # beta stays 0: RMSNorm has none
    other.load_state_dict(model.state_dict(), strict=False)
    before = language.loss(model, texts).item()
    expected = language.loss(other, texts).item()
    assert mean_share.other_norm(model, texts) == pytest.approx(expected, rel=1e-6)
    assert expected != before
    assert language.loss(model, texts).item() == before


def test_without_the_mean_beta_is_still_added(texts):
    model = CausalTransformer(len(load_text().alphabet), context=8, width=16, layers=1).eval()
    plain = mean_share.other_norm(model, texts)
    torch.nn.init.normal_(model.norm.bias)
    assert mean_share.other_norm(model, texts) != plain


def test_a_sweep_measures_each_norm_of_the_stream(monkeypatch):
    def quick(config, *, seeds, progress):
        return run(
            language.Config(norm=config.norm, layers=2, length=8, steps=1), seeds=seeds, progress=False
        )

    run = language.run
    monkeypatch.setattr(language, "run", quick)
    measured = mean_share.measure(norm="layer", steps=1, seeds=(0, 1))
    assert {name: values.shape for name, values in measured.items()} == {
        "share": (2, 5),
        "size": (2, 5),
        "test": (2,),
        "swapped": (2,),
    }
    assert (measured["share"] < 1).all()
    np.testing.assert_allclose(
        measured["size"][:, 0], 1, atol=0.15
    )  # token and position make a sum of size 1
