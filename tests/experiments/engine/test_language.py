"""Training of language models: the texts they see, the loss, the warm-up."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.experiments.engine import language

TINY = language.Config(layers=1, width=8, heads=2, length=8, steps=5)


def test_random_texts_are_pieces_of_the_text():
    batch = next(language.random_texts(np.arange(50), 8, 100, seed=0))
    assert batch.shape == (100, 9)
    assert (batch.diff(dim=1) == 1).all()
    assert batch.min() == 0  # the ends of the text are within reach
    assert batch.max() == 49


def test_a_seed_draws_the_same_texts():
    first, second, other = (
        torch.stack(list(islice(language.random_texts(np.arange(500), 8, 4, seed=seed), 3)))
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_loss_predicts_the_next_character():
    texts = torch.tensor([[0, 1, 2, 0], [2, 0, 1, 2]])
    knows = lambda tokens: 50 * nn.functional.one_hot((tokens + 1) % 3, 3).double()  # noqa: E731
    assert language.loss(knows, texts).item() == pytest.approx(0, abs=1e-12)
    guesses = lambda tokens: torch.zeros(*tokens.shape, 3)  # noqa: E731
    assert language.loss(guesses, texts).item() == pytest.approx(np.log(3))


def test_the_rate_rises_evenly_and_then_stays():
    model = nn.Embedding(3, 3)
    batches, sizes = torch.tensor([[0, 1, 2]]).expand(8, 1, 3), []
    before = model.weight.detach().clone()
    for _ in language.train(model, batches, learning_rate=0.01, warm_up=4):
        sizes.append((model.weight - before).abs().max().item())
        before = model.weight.detach().clone()
    # At a nearly constant gradient a step of Adam is about as long as its rate.
    np.testing.assert_allclose(sizes, 0.01 * np.array([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1]), rtol=0.1)


def test_run_gives_a_row_a_seed_and_the_same_whatever_the_company():
    both = language.run(TINY, seeds=[3, 4], progress=False)
    alone = language.run(TINY, seeds=[4], progress=False)
    assert both.training.shape == (2, 5)
    np.testing.assert_array_equal(both.training[1:], alone.training)
    np.testing.assert_array_equal(both.test[1:], alone.test)
    assert both.test[0] != both.validation[0]
    assert not both.models[0].training


def test_parts_are_not_mixed_up():
    result = language.run(TINY, seeds=[0], progress=False)
    text = language.load_text()
    with torch.no_grad():
        for part, found in ((text.validation, result.validation), (text.test, result.test)):
            assert language.loss(result.models[0], language.some_texts(part, 8)).item() == found[0]


def test_a_training_that_breaks_down_stops():
    result = language.run(
        language.Config(norm="none", layers=2, steps=6, learning_rate=1e30), seeds=[0], progress=False
    )
    assert np.isfinite(result.training[0, 0])
    assert np.isnan(result.training[0, -1])
    assert not np.isfinite(result.test[0])
