"""Attention logits of a running transformer, and what the sweep hands on."""

import numpy as np
import pytest
import torch

from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.layernorm import norm_arena
from normcourse.models import CausalTransformer


def small(**settings):
    return CausalTransformer(7, context=6, width=8, heads=2, layers=2, **settings)


TEXTS = torch.randint(7, (3, 6), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("qk_norm", [False, True])
def test_the_largest_logit_is_that_of_the_softmax(qk_norm, monkeypatch):
    model, seen = small(qk_norm=qk_norm), []
    softmax = torch.Tensor.softmax

    def spy(self, dim):
        seen.append(self[self.isfinite()].abs().max().item())
        return softmax(self, dim)

    monkeypatch.setattr(torch.Tensor, "softmax", spy)
    assert norm_arena.attention_logit(model, TEXTS) == pytest.approx(max(seen))


def test_a_model_that_broke_down_has_infinite_logits():
    model = small()
    model.token.weight.data.fill_(torch.nan)
    assert norm_arena.attention_logit(model, TEXTS) == np.inf


@pytest.mark.parametrize("arm", norm_arena.ARMS)
def test_the_sweep_trains_the_arm(arm, monkeypatch):
    asked = []

    def run(config, **rest):
        asked.append((config, rest["seeds"]))
        return language.Result(config, np.zeros(1), np.ones(1), np.full(1, 2.0), [config.model(0)])

    monkeypatch.setattr(language, "run", run)
    found = norm_arena.measure(arm=arm, rate=0.5, steps=9, seeds=(4,))
    expected = language.Config(**norm_arena.ARMS[arm], learning_rate=0.5, steps=9, width=32)
    assert asked == [(expected, (4,))]
    assert (found["validation"], found["test"]) == (1, 2)
    assert found["attention"].shape == (1,)


def test_the_rate_is_that_of_the_lowest_validation_loss_of_the_search_seeds():
    axes = {"arm": ("a", "b"), "rate": (0.1, 0.2, 0.3), "steps": (300,), "seed": (*norm_arena.SEARCH, 0)}
    validation = np.array(
        [
            [[[2.0, 2.2, 1.0]], [[2.1, 1.9, 9.0]], [[1.0, np.nan, 0.1]]],  # a break-down counts as infinite
            [[[2.0, 2.0, 9.0]], [[np.inf, 2.0, 1.0]], [[3.0, 3.0, 0.1]]],
        ]
    )
    record = Record(axes, {"validation": validation, "test": -validation}, {})
    assert [norm_arena.chosen_rate(record, arm) for arm in "ab"] == [0.2, 0.1]
