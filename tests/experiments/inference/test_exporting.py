import warnings

import numpy as np
import pytest
import torch
from torch import nn

from normcourse import nn as ours
from normcourse.experiments.inference.exporting import operators, run, to_onnx


def network(bn):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), bn, nn.ReLU(), nn.Linear(4, 3))
    with torch.no_grad():
        for _ in range(30):
            model(torch.randn(32, 5) + 0.5)
    return model.eval()


X = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))


def test_the_numbers_are_torchs_for_any_batch_and_nothing_is_said(capfd):
    model = network(nn.BatchNorm1d(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph = to_onnx(model, X[:2])
    assert capfd.readouterr() == ("", "")
    for rows in (1, 2, 7):
        np.testing.assert_allclose(run(graph, X[:rows]), model(X[:rows]).detach(), rtol=1e-5, atol=1e-6)


def test_the_exporter_folds_the_batch_norm_that_it_knows():
    model = network(nn.BatchNorm1d(4))
    assert operators(to_onnx(model, X, optimise=False))["BatchNormalization"] == 1
    plain = {"Gemm": 2, "Relu": 1}
    assert operators(to_onnx(model, X)) == plain
    unknown = network(ours.BatchNorm1d(4))
    assert operators(to_onnx(unknown, X)) != plain
    assert operators(to_onnx(ours.fold_batch_norms(unknown), X)) == plain


def test_training_mode_warns_and_one_written_by_hand_keeps_the_batch():
    for bn, keeps in ((nn.BatchNorm1d(4), False), (ours.BatchNorm1d(4), True)):
        model = network(bn)
        expected = model(X).detach()
        with pytest.warns(UserWarning, match="training mode"):
            graph = to_onnx(model.train(), X)
        assert np.allclose(run(graph, X), expected, atol=1e-5) != keeps
        assert np.allclose(run(graph, X)[:1], run(graph, X[:1]), atol=1e-5) != keeps
