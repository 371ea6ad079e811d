"""The record of the conventions is whole, is read as it stands, and what can be asked again says the same."""

import json
import re

import numpy as np
import pytest
import torch

from normcourse.porting import conventions, first_difference, load_conventions
from normcourse.porting.conventions import FRAMEWORKS, KINDS, RECORD, Cell, decode, encode
from tools.conventions import cells, onnx_, pytorch
from tools.conventions.cells import QUESTIONS
from tools.conventions.install import REQUIREMENTS
from tools.conventions.settling import settled
from tools.conventions.to_pytorch import back, to_pytorch
from tools.setup import CONSTRAINTS

RECORDED = load_conventions()
X = np.linspace(-2, 3, 8, dtype=np.float32).reshape(2, 4)


def test_every_question_has_an_answer_of_every_framework():
    assert {key: tuple(asked) for key, asked in QUESTIONS.items()} == dict(RECORDED.questions)
    assert set(RECORDED.cells) == set(QUESTIONS)
    for key, answers in RECORDED.cells.items():
        assert tuple(answers) == FRAMEWORKS, key
        for cell in answers.values():
            assert cell.kind in KINDS
            assert cell.observed.strip()
            assert cell.how.strip()


@pytest.mark.parametrize(
    ("observed", "kind", "how"), [("", "read", "x"), ("1", "typed", "x"), ("1", "read", "")]
)
def test_an_empty_cell_is_refused(observed, kind, how):
    with pytest.raises(ValueError, match="a cell says"):
        Cell(observed, kind, how)


def test_most_cells_were_measured_and_none_only_refused():
    kinds = [cell.kind for answers in RECORDED.cells.values() for cell in answers.values()]
    assert kinds.count("measured") > len(kinds) / 2
    # PyTorch's padding at a stride is the one thing that a library refuses.
    refused = [
        (k, f) for k, answers in RECORDED.cells.items() for f, c in answers.items() if c.kind == "refused"
    ]
    assert refused == [("conv.same", "PyTorch")]


@pytest.mark.parametrize(("framework", "column"), [("PyTorch", pytorch.COLUMN), ("ONNX", onnx_.COLUMN)])
@pytest.mark.parametrize("key", QUESTIONS)
def test_what_is_installed_here_answers_the_same(framework, column, key):
    assert column[key]() == RECORDED[key, framework]


def test_the_record_names_the_pinned_versions():
    pin = re.compile(r"^([\w-]+)==(\S+)$", re.MULTILINE)
    pins = dict(pin.findall(REQUIREMENTS.read_text(encoding="utf-8")))
    assert {name: pins[name] for name in RECORDED.versions} == dict(RECORDED.versions)
    # What the book's environment asks again is one version in both.
    book = dict(pin.findall(CONSTRAINTS.read_text(encoding="utf-8")))
    again = ("torch", "onnx", "onnxruntime", "numpy")
    assert [book[name] for name in again] == [pins[name] for name in again]


def test_it_stays_small():
    assert RECORD.stat().st_size < 150_000


def test_a_table_has_a_row_for_each_question():
    table = RECORDED.table(*RECORDED.keys("RMSNorm"))
    assert len(table.rows) == len(RECORDED.keys("RMSNorm")) == 2
    assert repr(table).splitlines() == [
        "RMSNorm: default epsilon",
        "  PyTorch: None, in float32 1.19e-07",
        "  Keras, Flax: 1e-06",
        "  ONNX: 1e-05",
        "RMSNorm: in 16 bits: rounded before or after the weight",
        "  PyTorch, Keras, Flax, ONNX: after the weight",
    ]
    assert max(map(len, repr(RECORDED.table()).splitlines())) <= 66
    html = table._repr_html_()
    assert html.count("<tr>") == 6
    assert html.count('<th scope="row">Keras, Flax</th><td title="Keras: RMSNormalization() on inputs') == 1
    with pytest.raises(KeyError, match=r"no question 'bn\.epsilon'; there are bn\.eps"):
        RECORDED["bn.epsilon", "Keras"]
    with pytest.raises(KeyError, match="no framework 'TensorFlow'; there are PyTorch"):
        RECORDED["bn.eps", "TensorFlow"]
    with pytest.raises(KeyError, match="no subject 'BN'; there are BatchNorm"):
        RECORDED.keys("BN")


def test_arrays_keep_every_bit():
    array = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    assert (decode(json.loads(json.dumps(encode(array)))) == array).all()


def test_the_network_of_keras_runs_here():
    assert back(RECORDED.network).keys() == RECORDED.network.layers.keys()
    network = to_pytorch(RECORDED.network)
    images = torch.from_numpy(RECORDED.network.images).permute(0, 3, 1, 2)
    assert network(images).argmax(1).tolist() == list(RECORDED.network.labels)
    assert RECORDED.network.accuracy > 0.9


def test_every_port_agrees_at_every_layer():
    assert set(RECORDED.ports) == {
        "PyTorch to Keras",
        "PyTorch to Flax",
        "PyTorch to ONNX",
        "Keras to PyTorch",
    }
    for layers in RECORDED.ports.values():
        assert list(layers) == list(RECORDED.network.layers)
        assert max(layers.values()) < 1e-6


def test_rounding_leaves_the_record_as_it_is():
    kept = {"a": encode(X), "b": 3e-7, "c": {"d": "one"}, "e": [1, 2], "f": 0.5, "version": "1"}
    rounded = {"a": encode(X * (1 + 1e-6)), "b": 1e-7, "c": {"d": "one"}, "e": [1, 2], "f": 0.5}
    assert settled(kept, rounded) == {name: kept[name] for name in rounded}
    for changed in (
        {"a": encode(X + 0.1)},
        {"a": encode(X[:1])},
        {"b": 1e-3},
        {"c": {"d": "two"}},
        {"e": [1]},
    ):
        assert settled(kept, rounded | changed) == {name: kept[name] for name in rounded} | changed
    assert settled(None, rounded) == rounded


def test_a_spoilt_record_is_seen():
    kept = json.loads(RECORD.read_text(encoding="utf-8"))
    kept["network"]["weights"]["norm/gamma"] = encode(2 * decode(kept["network"]["weights"]["norm/gamma"]))
    with pytest.raises(AssertionError, match="first difference: layer 2 of 9, 'norm'"):
        back(conventions.read(kept).network)


def test_another_momentum_shows_after_one_batch_only():
    network = to_pytorch(RECORDED.network)
    network.norm.momentum = 0.99
    images = torch.from_numpy(RECORDED.network.images).permute(0, 3, 1, 2)
    assert not first_difference(RECORDED.network.layers, network, images)
    network.train()(images)
    found = first_difference(RECORDED.network.after, network, images)
    assert found.first.one == "norm"


# What judges a measurement must be able to say no.
def test_a_measurement_that_contradicts_the_declaration_stops():
    with pytest.raises(AssertionError, match=r"declares 0.001, and behaves as 1"):
        cells.eps_measured(0.001, 1e-6 / (1e-12 + 1e-5) ** 0.5, 1e-6, "it")
    with pytest.raises(AssertionError, match=r"the weight 0\.3"):
        cells.momentum_measured(0.1, 1.2, "it")
    with pytest.raises(AssertionError, match="neither variance"):
        cells.variance_named(10.0)
    with pytest.raises(AssertionError, match="no way of rounding"):
        cells.cast_measured(cells.RMS_INPUT.bfloat16(), torch.bfloat16, 1e-6, "it")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_four_orders_of_rounding_are_told_apart(dtype):
    x, rounded = cells.RMS_INPUT.to(dtype).float(), cells.RMS_WEIGHT.to(dtype)
    normalized = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)
    orders = (
        (normalized * rounded.float()).to(dtype),
        (normalized * cells.RMS_WEIGHT).to(dtype),
        normalized.to(dtype) * rounded,
        (normalized.to(dtype).float() * cells.RMS_WEIGHT).to(dtype),
    )
    named = [cells.cast_measured(order, dtype, 1e-6, "it").observed for order in orders]
    assert len(set(named)) == 4
    assert [name.split()[0] for name in named] == ["after", "after", "before", "before"]


@pytest.mark.parametrize(
    ("moved", "by_batch", "words"),
    [
        (True, True, "statistics of the batch, which also move the running ones"),
        (False, True, "statistics of the batch, which leave the running ones as they are"),
        (True, False, "running statistics, which move all the same"),
        (False, False, "running statistics, which stay"),
    ],
)
def test_a_call_is_told_in_words(moved, by_batch, words):
    assert cells.behaviour(moved, by_batch) == words


def test_a_variance_of_squares_is_seen_to_cancel():
    x = torch.from_numpy(cells.OFFSET)
    variance = x.square().mean() - x.mean().square()
    out = (x - x.mean()) / (variance.clamp(min=0) + 1e-6).sqrt()
    assert cells.offset_measured(out.numpy(), "it").observed.startswith("wrong")
    assert cells.offset_measured(np.sign(cells.OFFSET - 30000), "it").observed == "right"
