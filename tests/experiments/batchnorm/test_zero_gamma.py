from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.experiments.batchnorm.zero_gamma import Config, StackedResidual, run, stream_sizes

QUICK = Config(blocks=2, width=8, steps=12, readings=(4, 12), rates=(0.01, 0.1), search_seeds=(9,))


def gradients(network):
    """Gradients of all parameters by name, with a random upstream gradient."""
    x = torch.randn(2, 40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits = network(x)
    upstream = torch.randn(logits.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    names, parameters = zip(*network.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(logits, parameters, upstream), strict=True))


def test_with_gamma_zero_each_block_is_the_identity():
    network = StackedResidual(40, width=8, blocks=3, seeds=[0, 1], gamma=0.0)
    _, streams = network.trace(torch.rand(2, 40, 30, dtype=torch.float64))
    for stream in streams[1:]:
        torch.testing.assert_close(stream, streams[0], rtol=0, atol=0)


def test_with_gamma_zero_the_branches_weights_have_no_gradient_and_gamma_has():
    found = gradients(StackedResidual(40, width=8, blocks=2, seeds=[0, 1], gamma=0.0))
    silent = {name for name, gradient in found.items() if not gradient.any()}
    inner = ("linear1.weight", "norm1.layer.weight", "norm1.layer.bias", "linear2.weight")
    assert silent == {f"blocks.{block}.{part}" for block in (0, 1) for part in inner}
    assert all(
        gradient.any()
        for gradient in gradients(StackedResidual(40, width=8, blocks=2, seeds=[0, 1], gamma=1.0)).values()
    )


def test_a_model_is_pytorchs_layers_and_apart_from_the_others():
    stacked = StackedResidual(40, width=8, blocks=1, seeds=[3, 4], gamma=0.7)
    x = torch.randn(2, 40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    [block] = stacked.blocks

    def layer(linear, norm):
        return nn.Sequential(linear.single(1), norm.single(1))

    stem, first, second = (
        layer(*parts)
        for parts in (
            (stacked.stem, stacked.norm),
            (block.linear1, block.norm1),
            (block.linear2, block.norm2),
        )
    )
    stream = torch.relu(stem(x[1].T))
    out = stacked.head.single(1)(stream + second(torch.relu(first(stream))))
    torch.testing.assert_close(stacked(x)[1].T, out, rtol=1e-10, atol=1e-10)


def test_gamma_changes_no_weight():
    zero, one = (StackedResidual(40, width=8, blocks=2, seeds=[5], gamma=gamma) for gamma in (0.0, 1.0))
    for name, value in zero.named_parameters():
        same = torch.equal(value, one.get_parameter(name))
        assert same != name.endswith("norm2.layer.weight")


def test_the_stream_grows_by_a_term_a_block():
    config = Config(blocks=24)
    grown = stream_sizes(config)
    assert grown.shape == (8, 25)
    # The stem's ReLU halves the mean square of a standardised feature; each branch then adds 1.
    np.testing.assert_allclose(grown.mean(axis=0), np.sqrt(1 + 2 * np.arange(25)), rtol=0.05)
    np.testing.assert_array_equal(stream_sizes(replace(config, gamma=0.0)), 1)


def test_run_chooses_on_the_search_seeds_and_reports_on_others():
    result = run(QUICK, seeds=(0, 1), progress=False)
    assert result.accuracy.shape == (2, 2)
    assert result.search.accuracy.shape == (2, 1)
    right = {"test": result.accuracy * 1000, "validation": result.search.accuracy * 800}
    for split, counts in right.items():
        np.testing.assert_allclose(counts, counts.round(), atol=1e-9, err_msg=f"not of the {split} split")
    assert result.search.rate == QUICK.rates[result.search.accuracy.mean(axis=1).argmax()]
    alone = run(QUICK, seeds=(1,), progress=False)
    np.testing.assert_array_equal(alone.accuracy[0], result.accuracy[1])
    with pytest.raises(ValueError, match=r"both hold \[9\]"):
        run(QUICK, seeds=(9,), progress=False)
