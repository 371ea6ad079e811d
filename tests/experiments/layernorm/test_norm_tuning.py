from hashlib import sha256

import numpy as np
import pytest
import torch

from normcourse.data import load_text
from normcourse.experiments.layernorm.norm_tuning import PARTS, Config, choose, pretrained, run, target_text
from normcourse.models import CausalTransformer
from normcourse.nn import LayerNorm

DIGEST = "ad97bebc9647f56349fc8b9566cc31a15a683f7ca6cd1e56d9e9df8913557a7e"
QUICK = Config(pretraining=0, steps=2, layers=1)


def test_the_new_text_is_the_one_that_the_record_was_made_on():
    text = target_text()
    whole = "".join(text.alphabet[i] for part in (text.train, text.validation, text.test) for i in part)
    assert sha256(whole.encode()).hexdigest() == DIGEST


def model():
    return CausalTransformer(20, width=8, heads=2, layers=2)


def test_the_norms_are_all_norms_and_nothing_else():
    network = model()
    chosen = {id(parameter) for parameter in choose(network, "norms")}
    norms = [module for module in network.modules() if isinstance(module, LayerNorm)]
    assert len(norms) == 5
    assert chosen == {id(parameter) for norm in norms for parameter in norm.parameters()}


def test_only_the_chosen_part_is_to_be_trained():
    network = model()
    for part in PARTS:
        chosen = {id(parameter) for parameter in choose(network, part)}
        assert chosen
        assert all(p.requires_grad == (id(p) in chosen) for p in network.parameters())
    assert len(chosen) == len(list(network.parameters()))
    with pytest.raises(ValueError, match="part must be one of bias, norms, head, all, but got 'body'"):
        choose(network, "body")


def test_fine_tuning_leaves_the_pretrained_model_as_it_was():
    before = {k: v.clone() for k, v in pretrained(0, steps=0, layers=1).state_dict().items()}
    result = run(QUICK, seeds=[0])
    for name, value in pretrained(0, steps=0, layers=1).state_dict().items():
        assert torch.equal(value, before[name])
    assert result.test != result.before
    assert result.trained == 3 * 2 * 64


def test_the_new_text_speaks_the_old_alphabet():
    text = target_text()
    assert text.alphabet == load_text().alphabet
    assert np.concatenate(text[1:]).max() < len(text.alphabet)
    assert len(text.train) > 8 * len(text.test) - 10
