"""Batch norms that follow the images at inference."""

from copy import deepcopy
from math import inf

import numpy as np
import pytest
import torch

from normcourse.data import Split, load_drawn_digits
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.inference import (
    adaptation,
    adaptation_streams,
    drawn_cnn,
)
from normcourse.experiments.inference.adaptation import REPORT, SEARCH, WEIGHTS, accuracy, channel, unlabelled
from normcourse.experiments.inference.adaptation_streams import SEGMENT, STREAMS, stream

TEST = load_drawn_digits().test


@pytest.fixture(scope="module")
def model():
    [network] = drawn_cnn.trained(drawn_cnn.Config(steps=60), seeds=[0], progress=False)
    return network


def test_every_shift_changes_the_light_of_the_same_examples():
    clean = unlabelled(TEST, "clean", 64)
    for shift in adaptation.SHIFTS:
        data = unlabelled(TEST, shift, 64)
        np.testing.assert_array_equal(data.y, clean.y)
        assert (data.x == clean.x).all() == (shift == "clean")
    np.testing.assert_allclose(unlabelled(TEST, "inverted", 64).x, 1 - clean.x)
    with pytest.raises(ValueError, match=r"one of clean, .*, inverted, but got 'dark'"):
        unlabelled(TEST, "dark", 64)


def test_the_ends_of_the_weights_are_inference_and_training_mode(model):
    data = unlabelled(TEST, "contrast", 64)
    before = deepcopy(model.state_dict())
    assert accuracy(model, data, size=16, weight=inf) == drawn_cnn.accuracy(model, data)
    parts = [Split(data.x[i : i + 16], data.y[i : i + 16]) for i in range(0, 64, 16)]
    found = np.mean([drawn_cnn.accuracy(deepcopy(model).train(), part) for part in parts])
    assert accuracy(model, data, size=16, weight=0) == found
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="64 examples are no multiple of 24"):
        accuracy(model, data, size=24, weight=0)


def test_measures_are_of_both_splits_and_all_weights(model, monkeypatch):
    monkeypatch.setattr(adaptation, "source_network", lambda seed: model)
    found = adaptation.measure(shift="noise", size=512, seeds=(0, 1))
    for name, count in (("validation", 512), ("test", 1024)):
        assert found[name].shape == (2, 6)
        np.testing.assert_allclose(found[name] * count, (found[name] * count).round(), atol=1e-9)
    whole = unlabelled(load_drawn_digits().validation, "noise", 512)
    assert found["validation"][1, -1] == drawn_cnn.accuracy(model, whole)


def test_only_validation_and_the_search_seeds_choose():
    seeds, shifts = REPORT + SEARCH, ("clean", "blur", "noise")
    validation = np.zeros((3, 1, len(seeds), len(WEIGHTS)))
    validation[:, :, : len(REPORT), 5] = 1  # the reported seeds would choose infinity
    validation[0, :, len(REPORT) :, 1] = 0.5
    validation[1, :, len(REPORT) :, 2] = 0.4, 0.7
    validation[2, :, len(REPORT) :, 0] = 1
    record = Record(
        {"shift": shifts, "size": (8,), "seed": seeds},
        {"validation": validation, "test": np.ones_like(validation)},
        {},
    )
    assert adaptation.chosen_weight(record, size=8, shifts=["clean"]) == 1
    assert adaptation.chosen_weight(record, size=8, shifts=["clean", "blur"]) == 4
    assert adaptation.chosen_weight(record, size=8, shifts=shifts) == 0
    with pytest.raises(ValueError, match="at least one shift"):
        adaptation.chosen_weight(record, size=8, shifts=[])


def test_a_channel_that_follows_has_the_mean_and_deviation_that_it_learnt(model):
    norm = model[2]
    found = channel(model, "inverted", 0, which=3, batches=2)
    assert found.adapted.mean() == pytest.approx(norm.bias[3].item())
    assert found.adapted.std() == pytest.approx(abs(norm.weight[3].item()), rel=1e-3)
    still = channel(model, "clean", inf, which=3, batches=2)
    np.testing.assert_array_equal(still.adapted, still.clean)
    np.testing.assert_array_equal(still.clean, found.clean)
    assert found.clean.shape == (2 * 32, 16, 16)
    np.testing.assert_allclose(found.inputs + still.inputs, 1, atol=1e-6)  # ink and paper swapped


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_holds_test_examples_with_their_labels(kind):
    data = stream(TEST, kind)
    assert len(data.y) == 10 * SEGMENT
    counts = np.bincount(data.y, minlength=10)
    assert 0.5 * SEGMENT < counts.min() <= counts.max() < 1.5 * SEGMENT
    label = {image.tobytes(): y for image, y in zip(TEST.x, TEST.y, strict=True)}
    assert [label[image.tobytes()] for image in data.x] == list(data.y)
    assert len({image.tobytes() for image in data.x}) == len(data.y)  # no class is used up
    assert (data.y[:64] != stream(TEST, kind, seed=1).y[:64]).any() == (kind != "one class")


def test_streams_differ_in_the_company_of_an_example():
    shares = {
        kind: np.stack([np.bincount(y, minlength=10) for y in stream(TEST, kind).y.reshape(10, -1)]) / SEGMENT
        for kind in STREAMS
    }
    np.testing.assert_array_equal(shares["one class"], np.eye(10))
    two = np.diag(shares["two classes"]) + np.diag(np.roll(shares["two classes"], -1, axis=1))
    np.testing.assert_array_equal(two, 1)
    assert np.diag(shares["half one class"]).mean() == pytest.approx(0.55, abs=0.05)
    assert np.diag(shares["mixed"]).mean() == pytest.approx(0.1, abs=0.03)
    runs = 1 + np.count_nonzero(np.diff(stream(TEST, "sticky").y))
    assert 10 * SEGMENT / runs == pytest.approx(10, abs=1.5)
    with pytest.raises(ValueError, match=r"one of mixed, sticky, .*, but got 'sorted'"):
        stream(TEST, "sorted")


def test_a_stream_is_changed_before_it_is_arranged(model, monkeypatch):
    monkeypatch.setattr(adaptation_streams, "source_network", lambda seed: model)
    found = adaptation_streams.measure(kind="two classes", shift="brightness", size=128, seeds=(4,))
    assert found["accuracy"].shape == (1, 6)
    brighter = adaptation.SHIFTS["brightness"](stream(TEST, "two classes").x)
    data = Split(brighter, stream(TEST, "two classes").y)
    assert found["accuracy"][0, -1] == drawn_cnn.accuracy(model, data)
