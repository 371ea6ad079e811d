"""What is read from a transformer on its way, held against the model taken apart by hand."""

import numpy as np
import pytest
import torch

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.layernorm import opened_run

SMALL = {"layers": 2, "width": 16, "heads": 2}


def shown(count=4):
    return language.some_texts(load_text().validation, 32, count)


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_a_reading_is_that_of_the_model_by_hand(placement):
    model = language.Config(placement=placement, **SMALL).model(3).double().eval()
    texts = shown()
    with torch.no_grad():
        stream = [model.token(texts[:, :-1]) + model.position.weight[:32]]
        sums, written = [], []
        for branch in model.branches:
            written.append(branch.inner(branch.on_input(stream[-1])))
            sums.append(stream[-1] + written[-1])
            stream.append(branch.on_sum(sums[-1]))
    found = opened_run.read(model, texts)
    np.testing.assert_allclose(found.sums, [x.std(-1, correction=0).mean() for x in sums])
    np.testing.assert_allclose(found.sizes, [x.square().mean().sqrt() for x in stream])
    tokens = [x.flatten(0, 1) for x in stream]
    spread = [x.var(0, correction=0).sum() / x.square().mean(0).sum() for x in tokens]
    np.testing.assert_allclose(np.square(found.spread), spread)
    common = [x.mean((0, 1)).square().mean() / x.square().mean() for x in written]
    np.testing.assert_allclose(found.common, common)
    last = stream[-1].clone().requires_grad_()
    logits = model.head(model.norm(last))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten())
    (gradient,) = torch.autograd.grad(loss, last)
    np.testing.assert_allclose(found.gradient[-1], gradient.norm())


def test_what_is_kept_of_the_embedding_is_exact_where_the_branches_write_nothing():
    for placement in ("pre", "post"):
        model = language.Config(placement=placement, **SMALL).model(0)
        for name, weight in model.named_parameters():
            if name.endswith(("out.weight", "inner.2.weight")):
                torch.nn.init.zeros_(weight)
        reading = opened_run.read(model, shown())
        config = language.Config(placement=placement, **SMALL)
        opened = opened_run.Opened(config, (0,), np.array([]), (reading,), model)
        first = model.token.weight[shown()[:, :-1]] + model.position.weight[:32]
        expected = 1 / first.std(-1, correction=0).mean().item()
        np.testing.assert_allclose(opened.kept, expected, rtol=0.02)


def test_a_run_is_followed_as_the_engine_trains_it():
    config = language.Config(placement="post", steps=3, warm_up=2, **SMALL)
    opened = opened_run.follow(config, seed=1, readings=(0, 2, 3), texts=2)
    trained = language.run(config, seeds=[1], progress=False)
    np.testing.assert_allclose(opened.training, trained.training[0])
    assert len(opened.readings) == 3
    assert opened.kept.shape == (3,)
    torch.testing.assert_close(opened.model.head.weight, trained.models[0].head.weight)


def test_a_layer_that_writes_nothing_can_be_left_out():
    model = language.Config(**SMALL).model(0).eval()
    for branch in model.branches[2:]:
        for name, weight in branch.inner.named_parameters():
            if name.endswith(("out.weight", "2.weight")):
                torch.nn.init.zeros_(weight)
    found = opened_run.without_layers(model, shown())
    assert found[1] == 0
    assert found[0] != 0
    assert len(model.branches) == 4
