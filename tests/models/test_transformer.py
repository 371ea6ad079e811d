"""The transformer: causal, cached alike, and built of the parts that its settings name."""

from itertools import product

import pytest
import torch
from torch import nn

from normcourse.models import NORMS, PLACEMENTS, Cache, CausalTransformer, generate
from normcourse.models.transformer import Attention, Branch


def small(**settings):
    return CausalTransformer(11, context=12, width=8, heads=2, layers=2, **settings).double()


def texts(length=12, count=3):
    return torch.randint(11, (count, length), generator=torch.Generator().manual_seed(0))


EVERY = list(product(NORMS, PLACEMENTS, (False, True)))


@pytest.mark.parametrize(("norm", "placement", "qk_norm"), EVERY)
def test_a_later_token_never_moves_an_earlier_logit(norm, placement, qk_norm):
    model, tokens = small(norm=norm, placement=placement, qk_norm=qk_norm).eval(), texts()
    other = tokens.clone()
    other[:, 7:] = (other[:, 7:] + 1) % 11
    same, moved = (model(tokens) - model(other)).abs().split([7, 5], dim=1)
    assert same.max() == 0
    assert moved.max() > 1e-3


@pytest.mark.parametrize(("norm", "placement", "qk_norm"), EVERY)
def test_the_cache_gives_the_logits_of_the_full_pass(norm, placement, qk_norm):
    model, tokens = small(norm=norm, placement=placement, qk_norm=qk_norm).eval(), texts()
    cache: Cache = {}
    parts = [model(piece, cache) for piece in tokens.split([5, 1, 3, 1, 2], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens), rtol=1e-12, atol=1e-12)


def test_attention_is_that_of_torch():
    x = torch.randn(3, 12, 8, dtype=torch.float64)
    ours, theirs = Attention(8, 2, False).double(), nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    state = {
        "in_proj_weight": torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]),
        "out_proj.weight": ours.out.weight,
    }
    theirs.double().load_state_dict(state)
    mask = nn.Transformer.generate_square_subsequent_mask(12, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x, x, x, attn_mask=mask, need_weights=False)[0])


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("pre", lambda x, f, norm: x + f(norm(x))),
        ("post", lambda x, f, norm: norm(x + f(x))),
        ("output", lambda x, f, norm: x + norm(f(x))),
        ("both", lambda x, f, norm: x + norm(f(norm(x)))),
    ],
)
def test_the_places_of_the_norm(placement, expected):
    x, inner = torch.randn(2, 3, 8), nn.Linear(8, 8)
    norm = nn.LayerNorm(8)
    torch.testing.assert_close(Branch(inner, 8, "layer", placement)(x), expected(x, inner, norm))


def test_the_stream_and_the_branch_are_scaled_before_the_sum():
    x, inner, norm = torch.randn(2, 3, 8), nn.Linear(8, 8), nn.LayerNorm(8)
    deep = Branch(inner, 8, "layer", "post", stream_scale=1.5)
    torch.testing.assert_close(deep(x), norm(1.5 * x + inner(x)))
    scaled = Branch(inner, 8, "layer", "both", layer_scale=0.1)
    torch.testing.assert_close(scaled(x), x + 0.1 * norm(inner(norm(x))))
    assert scaled.layer_scale.shape == (8,)
    assert scaled.layer_scale.requires_grad


def test_the_gains_scale_the_matrices_that_the_papers_name():
    first = dict(small().named_parameters())
    for name, value in small(branch_gain=0.5, write_gain=0.25).named_parameters():
        match name.split(".")[2:]:
            case ["inner", "out" | "2", "weight"]:
                factor = 0.125
            case ["inner", "value" | "0", "weight"]:
                factor = 0.5
            case _:
                factor = 1
        torch.testing.assert_close(value, factor * first[name])


def test_factors_that_start_at_one_change_nothing():
    plain, scaled = small(), small(layer_scale=1.0)
    assert torch.equal(plain(texts()), scaled(texts()))
    assert len(list(scaled.parameters())) == len(list(plain.parameters())) + 4


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_norm_stands_before_the_head_unless_the_stream_is_normalized(placement):
    model = small(placement=placement)
    assert isinstance(model.norm, nn.Identity) == (placement == "post")


def test_batch_norm_pools_all_tokens_of_all_texts():
    x = torch.randn(4, 5, 8, dtype=torch.float64) * 3 + 1
    out = NORMS["batch"](8).double()(x)
    torch.testing.assert_close(out.mean(dim=(0, 1)), torch.zeros(8, dtype=torch.float64))
    torch.testing.assert_close(out.var(dim=(0, 1), correction=0), torch.ones(8).double(), rtol=1e-4, atol=0)


def test_queries_and_keys_have_root_mean_square_one():
    layer = Attention(8, 2, True)
    seen = []
    layer.key_norm.register_forward_hook(lambda own, args, out: seen.append(out))
    layer(torch.randn(2, 3, 8) * 100)
    torch.testing.assert_close(seen[0].square().mean(-1), torch.ones(2, 2, 3))


def test_a_seed_starts_from_the_same_weights_whatever_the_norm_and_its_place():
    first = dict(small().named_parameters())
    for norm, placement, qk_norm in EVERY:
        for name, value in small(norm=norm, placement=placement, qk_norm=qk_norm).named_parameters():
            if "norm" not in name and "on_" not in name:
                assert torch.equal(value, first[name])
    assert not torch.equal(small(seed=1).head.weight, first["head.weight"])


def test_the_stream_starts_at_size_one():
    model = CausalTransformer(500, width=64)
    stream = model.token.weight[:, None] + model.position.weight
    assert stream.square().mean().item() == pytest.approx(1, rel=0.02)


def test_generation_is_the_same_with_and_without_a_cache():
    model = small().eval()
    with_cache, without = (generate(model, texts(3), 9, seed=4, cached=cached) for cached in (True, False))
    assert torch.equal(with_cache, without)
    assert with_cache.shape == (3, 12)
    assert torch.equal(with_cache[:, :3], texts(3))
    assert not torch.equal(with_cache, generate(model, texts(3), 9, seed=5))


def test_generation_without_temperature_takes_the_likeliest():
    model, tokens = small().eval(), texts(3)
    assert torch.equal(generate(model, tokens, 1, temperature=0)[:, -1], model(tokens)[:, -1].argmax(-1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: small(norm="bath"),
            "norm must be one of layer, rms, batch, dyt, derf, none, but got 'bath'",
        ),
        (lambda: small(placement="mid"), "placement must be one of pre, post, output, both"),
        (lambda: CausalTransformer(11, width=10, heads=4), "4 heads do not divide width 10"),
        (lambda: small()(texts(13)), "a text of 13 tokens does not fit into the context of 12"),
        (lambda: generate(small(), texts(), 1, temperature=-1), "must not be negative, but got -1"),
        (lambda: generate(small(), texts(0), 1), "a text to continue has at least one token"),
    ],
)
def test_errors_say_what_to_mend(call, message):
    with pytest.raises(ValueError, match=message):
        call()
