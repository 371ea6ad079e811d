"""Networks of chapters 3 and 4, in the states that their pages describe, get the diagnosis of the page."""

from collections.abc import Sequence
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from normcourse.clinic import Finding, Report, examine, find_norms
from normcourse.data import Split, load_drawn_digits, load_text
from normcourse.experiments.engine import language
from normcourse.experiments.inference import adaptation, drawn_cnn, fine_tuning
from normcourse.experiments.inference.adaptation import source_network
from normcourse.experiments.layernorm import sequences

FAR = "statistics far from the batches"
CHAPTER = "03-inference-statistics/"


def batches(
    split: Split, size: int = 32, count: int = 10, *, order: Tensor | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Batches of a split's examples, shuffled unless an order is given."""
    x, y = drawn_cnn.tensors(split)
    if order is None:
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    return [(x[some], y[some]) for some in order[: size * count].split(size)]


def asked(model: nn.Module, given: Sequence[tuple[Tensor, Tensor]]) -> Report:
    return examine(model, given, loss=nn.functional.cross_entropy, progress=False)


def gain(finding: Finding) -> float:
    """By which share the mend lowers the loss."""
    assert finding.effect is not None
    return 1 - finding.effect.after / finding.effect.before


@pytest.fixture(scope="module")
def digits() -> object:
    return load_drawn_digits()


def test_the_trained_network_and_its_own_digits(digits) -> None:
    assert asked(source_network(0), batches(digits.test)).names == ()


@pytest.mark.parametrize("steps", [100, 200])
def test_statistics_that_lag(steps: int, digits) -> None:
    """Page 3.2: at a high rate the averages describe a network some steps older than its weights."""
    config = drawn_cnn.Config(steps=steps, decay=False)
    [model] = drawn_cnn.trained(config, seeds=[0], progress=False)
    finding = asked(model, batches(digits.train))[FAR]
    assert finding.page == CHAPTER + "02-lag-and-recalibration"
    assert gain(finding) > 0.05


def by_class(digits) -> Tensor:
    return torch.tensor(digits.test.y).argsort(stable=True)


def test_asked_in_training_mode_on_sorted_images(digits) -> None:
    """Page 3.3: while the mode is wrong the order decides, and the statistics end as those of nines."""
    model = deepcopy(source_network(0)).train()
    sorted_batches = batches(digits.test, 32, 62, order=by_class(digits))[::6]
    finding = asked(model, sorted_batches)["batches are sorted"]
    assert (finding.certainty, finding.page) == ("likely", CHAPTER + "03-modes")
    with torch.no_grad():
        for x, _ in batches(digits.test, 8, 250, order=by_class(digits)):
            model(x)
    found = asked(model.eval(), batches(digits.test))[FAR]
    assert gain(found) > 0.3


def test_a_forgotten_eval_of_the_norms_alone(digits) -> None:
    """Page 3.3, for a part that was left in training mode."""
    model = deepcopy(source_network(0))
    model[5].train()
    finding = asked(model, batches(digits.test))["modes mixed"]
    assert (finding.layers, finding.page) == (("5",), CHAPTER + "03-modes")
    exec(finding.mend, {"model": model})
    assert asked(model, batches(digits.test)).names == ()


@pytest.mark.parametrize("shift", ["brightness", "contrast", "blur", "inverted", "noise"])
def test_another_world(shift: str, digits) -> None:
    """Page 3.6: other light gives the first norm other statistics, and new ones bring most answers back."""
    finding = asked(source_network(0), batches(adaptation.unlabelled(digits.test, shift, 320)))[FAR]
    assert finding.measured["first of them that is called"] == "2"
    assert finding.page == CHAPTER + "06-test-time-adaptation"
    assert gain(finding) > (0.5 if shift != "inverted" else 0.3)
    unchanged = batches(adaptation.unlabelled(digits.test, "clean", 320))
    assert FAR not in asked(source_network(0), unchanged).names


@pytest.mark.parametrize("size", [2, 16])
def test_fine_tuning_that_overwrites(size: int, digits) -> None:
    """Page 3.5: the statistics follow the new images; of the old ones they no longer tell."""
    data = fine_tuning.target("half contrast")
    few = Split(data.train.x[:100], data.train.y[:100])
    model = deepcopy(source_network(0)).train()
    for _ in drawn_cnn.train(model, few, drawn_cnn.Config(0.01 * size / 16, size, 1600 // size), seed=0):
        pass
    model.eval()
    assert FAR not in asked(model, batches(data.test)).names
    old = asked(model, batches(digits.test))[FAR]
    assert old.certainty == "likely"
    assert gain(old) > 0.5


def test_fine_tuning_with_gamma_held_and_statistics_not(digits) -> None:
    """Pages 3.4 and 3.5: requires_grad_(False) does not freeze a batch norm."""
    model = deepcopy(source_network(0)).train()
    for norm in find_norms(model):
        norm.layer.requires_grad_(False)
    finding = asked(model, batches(digits.test))["gamma frozen statistics moving"]
    assert finding.page == CHAPTER + "04-freezing"


def test_a_network_that_was_trained_in_inference_mode(digits) -> None:
    """Page 3.3 the other way round: model.train() was forgotten, so the weights fit a mean of 0."""
    model = drawn_cnn.network(0).eval()
    for _ in drawn_cnn.train(model, digits.train, drawn_cnn.Config(learning_rate=0.01, steps=100)):
        pass
    finding = asked(model, batches(digits.test))["statistics never updated"]
    assert "trained in inference mode throughout" in finding.follows
    assert finding.measured["of them with a gamma or beta that has moved"] == 3
    assert gain(finding) < 0
    assert "So leave it" in finding.outcome
    new = asked(drawn_cnn.network(0), batches(digits.test))["statistics never updated"]
    assert "never trained" in new.follows


def test_statistics_that_were_lost_after_training(digits) -> None:
    """Page 3.1: the buffers start anew, the weights do not."""
    model = deepcopy(source_network(0))
    for norm in find_norms(model):
        norm.layer.reset_running_stats()
    finding = asked(model, batches(digits.test))["statistics never updated"]
    assert "lost in loading" in finding.follows
    assert gain(finding) > 0.5
    model[2].num_batches_tracked.fill_(600)
    assert "set back afterwards" in asked(model, batches(digits.test))["statistics never updated"].follows


def test_a_model_trained_on_frozen_statistics_of_another_origin(digits) -> None:
    """Statistics that were loaded, and stood still while the weights moved: the finding says so."""
    model = drawn_cnn.network(0).eval()
    for norm in find_norms(model):
        norm.layer.running_mean.fill_(0.5)
    for _ in drawn_cnn.train(model, digits.train, drawn_cnn.Config(learning_rate=0.01, steps=100)):
        pass
    finding = asked(model, batches(digits.test))[FAR]
    assert "No batch was counted" in finding.follows
    assert gain(finding) < 0
    assert "No batch was counted" not in _lagging(digits).follows


def _lagging(digits) -> Finding:
    config = drawn_cnn.Config(steps=100, decay=False)
    [model] = drawn_cnn.trained(config, seeds=[0], progress=False)
    return asked(model, batches(digits.train))[FAR]


def _texts(count: int = 3, *, pad: int = 0) -> list[Tensor]:
    text = load_text()
    given = next(language.random_texts(text.validation, 24, 8 * count, seed=0))[:, :24]
    if pad:
        given = torch.cat([given, torch.full((len(given), pad), sequences.PADDING)], 1)
    return list(given.split(8))


@pytest.mark.parametrize(("norm", "found"), [("layer", False), ("batch", True), ("text", True)])
def test_a_causal_model_that_sees_the_future(norm: str, found: bool) -> None:
    """Page 4.3: with batch norm the end of a text moves its beginning, in training mode alone."""
    report = examine(sequences.Config(norm).model(0), _texts(), causal=True, progress=False)
    assert ("later positions leak" in report.names) == found
    if found:
        finding = report["later positions leak"]
        assert finding.page == "04-layernorm-for-transformers/03-sequences"
        assert "in training mode" in finding.follows
        assert len(finding.layers) == 13


@pytest.mark.parametrize(("norm", "found"), [("layer", False), ("real", False), ("batch", True)])
def test_padding_in_the_pool(norm: str, found: bool) -> None:
    """Page 4.14: three quarters of the pool are padding, unless the norm leaves it out."""
    report = examine(sequences.Config(norm).model(0), _pads(), progress=False)
    assert ("padding in the pool" in report.names) == found
    if found:
        assert report["padding in the pool"].page == "04-layernorm-for-transformers/14-padding-and-length"


def _pads() -> list[Tensor]:
    return [texts[:, :32] for texts in _texts(pad=8)]
