"""Gradients of new transformers by depth, and what the sweep hands on."""

import numpy as np

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.layernorm import norm_placement


def test_gradients_are_those_of_the_second_feed_forward_matrices():
    found = norm_placement.gradients("post", layers=(1, 2), seeds=(3,), texts=2)
    config = language.Config(placement="post", layers=2)
    model = config.model(3).double()
    texts = next(language.random_texts(load_text().train, 32, 2, seed=3))
    language.loss(model, texts).backward()
    expected = [model.branches[branch].inner[2].weight.grad.norm().item() for branch in (1, 3)]
    np.testing.assert_allclose(found.feed_forward[1], [expected])
    np.testing.assert_allclose(found.last, [found.feed_forward[0][:, 0], [expected[1]]])


def test_the_place_changes_the_gradients_and_the_seed_too():
    post, pre = (norm_placement.gradients(place, layers=(2,), seeds=(0, 1)).last for place in ("post", "pre"))
    assert (post > pre).all()
    assert post[0, 0] != post[0, 1]


def test_sensitivity_is_a_slope():
    far, near = (
        norm_placement.sensitivity("post", layers=(1, 2), seeds=(0, 1), texts=2, step=step)
        for step in (1e-4, 1e-5)
    )
    assert far.shape == (2, 2)
    np.testing.assert_allclose(far, near, rtol=0.01)
    assert len(np.unique(far)) == 4


def test_a_deeper_stack_answers_more_strongly_with_post_norm():
    post, pre = (norm_placement.sensitivity(p, layers=(2, 8), seeds=(0,), texts=2) for p in ("post", "pre"))
    assert post[1] / post[0] > pre[1] / pre[0]


def test_the_sweep_trains_as_told(monkeypatch):
    asked = []
    empty = np.zeros(1)

    def run(config, **rest):
        asked.append((config, rest["seeds"]))
        return language.Result(config, empty, np.ones(1), np.full(1, 2.0), [])

    monkeypatch.setattr(language, "run", run)
    found = norm_placement.measure(placement="post", warm_up=7, rate=0.5, steps=9, seeds=(4,))
    expected = language.Config(placement="post", warm_up=7, learning_rate=0.5, steps=9)
    assert asked == [(expected, (4,))]
    assert (found["validation"], found["test"]) == (1, 2)
