"""Texts beside padding: the real tokens are the same, whatever stands beside them."""

import numpy as np
import pytest
import torch

from normcourse.experiments.engine import language
from normcourse.experiments.layernorm import padded_texts
from normcourse.experiments.layernorm.sequences import PADDING, Config, shortened

TEXTS = torch.from_numpy(np.random.default_rng(0).integers(0, 90, size=(8, 8)))


@pytest.mark.parametrize(("norm", "moves"), [("batch", True), ("real", False), ("layer", False)])
def test_only_a_pool_that_holds_padding_is_moved_by_it(norm, moves):
    losses = padded_texts.beside_padding(Config(norm).model(0).double(), TEXTS)
    assert losses.shape == (len(padded_texts.PADS),)
    assert (np.ptp(losses) > 1e-6) == moves


def test_without_padding_it_is_the_loss_of_the_texts():
    model = Config("layer").model(0).double().eval()
    with torch.no_grad():
        plain = language.loss(model, TEXTS)
    assert padded_texts.beside_padding(model, TEXTS)[0] == pytest.approx(plain.item())


def test_three_quarters_of_the_tokens_are_padding():
    config = Config("layer", *padded_texts.LENGTHS)
    texts = shortened(torch.zeros(20_000, 33, dtype=torch.int64), config, np.random.default_rng(0))
    assert (texts[:, :-1] == PADDING).double().mean().item() == pytest.approx(0.75, abs=0.005)
