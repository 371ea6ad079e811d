"""BatchNorm in a language model: what its pools may see, and what is asked of it."""

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.layernorm import sequences
from normcourse.experiments.layernorm.sequences import PADDING, Config

TOKENS = torch.from_numpy(np.random.default_rng(0).integers(0, 90, size=(4, 12)))


def in_double(norm, *, seed=0):
    """Return a model with random affines and running statistics, in double precision."""
    model = Config(norm).model(seed).double()
    generator = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        if tensor.dim() == 1 and tensor.is_floating_point():
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
    return model


@pytest.mark.parametrize(
    ("norm", "training", "leaks"),
    [
        ("batch", True, True),
        ("text", True, True),
        ("real", True, True),
        ("layer", True, False),
        ("batch", False, False),
        ("text", False, False),
    ],
)
def test_only_batch_statistics_leak(norm, training, leaks):
    moved = sequences.leak(in_double(norm).train(training), TOKENS, last=91)
    assert moved.shape == (11,)
    assert (moved > 1e-6).all() if leaks else (moved == 0).all()


def test_leak_leaves_the_model_as_it_was():
    model = in_double("batch").train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    sequences.leak(model, TOKENS, last=91)
    sequences.in_batches(model, TOKENS, 2)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_alone_is_batch_norm_of_one_text_after_the_other():
    model = in_double("batch").train()
    together = sequences.alone(model)(TOKENS)
    one_by_one = torch.cat([model(TOKENS[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, one_by_one, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(together, model(TOKENS))


def test_alone_keeps_the_mode_and_its_inference_is_that_of_the_model():
    model = in_double("batch").eval()
    torch.testing.assert_close(sequences.alone(model)(TOKENS), model(TOKENS), rtol=1e-10, atol=1e-10)


def test_a_batch_of_one_asks_each_text_alone():
    model = in_double("batch")
    looped = np.mean([sequences.in_batches(model, TOKENS[i : i + 1], 4) for i in range(4)])
    assert sequences.in_batches(model, TOKENS, 1) == pytest.approx(looped)


def padded(extra):
    lengths = torch.tensor([11, 5, 9, 3])  # the last token of the array is only to be predicted
    return nn.functional.pad(sequences.cut(TOKENS, lengths), (0, extra), value=PADDING)


@pytest.mark.parametrize(("norm", "moves"), [("batch", True), ("real", False), ("layer", False)])
def test_padding_moves_batch_norm_unless_it_is_left_out(norm, moves):
    model = in_double(norm).train()
    few, many = (language.loss(model, padded(extra)).item() for extra in (0, 20))
    assert (abs(few - many) > 1e-6) == moves


def test_the_real_norm_is_batch_norm_of_the_real_tokens():
    model, whole = in_double("real").train(), in_double("batch").train()
    torch.testing.assert_close(model(TOKENS), whole(TOKENS), rtol=1e-10, atol=1e-10)


def test_in_inference_mode_padding_does_not_matter():
    for norm in ("batch", "real"):
        model = in_double(norm).eval()
        few, many = (language.loss(model, padded(extra)).item() for extra in (0, 20))
        assert few == pytest.approx(many, abs=1e-12)


def test_arms_start_from_the_same_weights():
    texts, real = (dict(in_double(norm).named_parameters()) for norm in ("text", "real"))
    assert texts.keys() == real.keys()
    assert all(torch.equal(texts[name], real[name]) for name in texts)


def test_run_draws_the_lengths_that_were_asked_for():
    config = Config("layer", shortest=2, longest=4)
    batch = next(sequences.batches(config, seed=0))
    lengths = (batch != PADDING).sum(dim=1)
    assert set(lengths.tolist()) <= {2, 3, 4}
    again = next(sequences.batches(config, seed=0))
    assert torch.equal(batch, again)


def test_run_trains_each_seed_by_itself():
    both = sequences.run(Config("real", 2, 9, steps=3), seeds=[3, 4], progress=False)
    alone = sequences.run(Config("real", 2, 9, steps=3), seeds=[4], progress=False)
    np.testing.assert_array_equal(both.training[1:], alone.training)
    assert not both.models[0].training


def test_padding_has_a_token_of_its_own():
    model = Config("layer").model(0)
    assert model.inner.token.num_embeddings == len(load_text().alphabet) + 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"norm": "group"}, "norm must be one of layer, batch, text, real, but got 'group'"),
        ({"shortest": 1}, "2 <= shortest <= longest <= 33 characters, but got 1 and 33"),
        ({"shortest": 9, "longest": 8}, "but got 9 and 8"),
        ({"longest": 34}, "but got 33 and 34"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Config(**settings)
