import numpy as np
import pytest
import torch

from normcourse.experiments.layernorm import winning_keys
from normcourse.models import CausalTransformer
from normcourse.reference import layer_norm


@pytest.mark.parametrize("width", [2, 6])  # by the hull, and by linear programs
def test_a_key_wins_if_it_is_the_largest_for_some_of_many_queries(width):
    rng = np.random.default_rng(0)
    keys = rng.normal(size=(10, width))
    keys = np.concatenate([keys, keys.mean(axis=0, keepdims=True)])
    found = set((keys @ rng.normal(size=(width, 50_000))).argmax(axis=0).tolist())
    assert set(np.flatnonzero(winning_keys.can_win(keys)).tolist()) == found
    assert 10 not in found


def test_on_a_sphere_every_key_wins_by_itself():
    tokens, _ = layer_norm(np.random.default_rng(0).normal(size=(20, 6)), eps=0)
    assert winning_keys.can_win(tokens).all()
    assert ((tokens @ tokens.T).argmax(axis=0) == np.arange(20)).all()


@pytest.mark.parametrize("width", [2, 8])
def test_a_norm_after_the_map_lets_every_key_win(width):
    assert winning_keys.can_win(winning_keys.drawn(width, 0, norm=True, key_norm=True)).all()


def test_the_same_tokens_and_map_are_drawn_with_and_without_a_norm():
    plain, normed = (winning_keys.drawn(3, 1, norm=norm, key_norm=False) for norm in (False, True))
    assert plain.shape == normed.shape == (winning_keys.KEYS, 3)
    assert (plain != normed).all()


def test_the_keys_of_a_model_are_those_of_its_heads():
    torch.manual_seed(0)
    model = CausalTransformer(20, context=8, width=16, layers=2, heads=8).double()
    texts = torch.randint(20, (2, 8))
    shares = winning_keys.trained(model, texts)
    assert shares.shape == (2, winning_keys.HEADS)
    x = model.branches[0].on_input(model.token(texts) + model.position.weight[:8])
    keys = model.branches[0].inner.key(x).unflatten(-1, (8, 2))[:, :, 1].detach()
    assert shares[0, 1] == np.mean([winning_keys.can_win(of).mean() for of in keys])
