"""`examine` as a whole: the model comes back, nothing is hidden, mends are measured, findings are ranked."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from leaving import same, state
from planting import PLANTS
from specimens import NAMES, Specimen, each_model, healthy, raw
from torch import Tensor, nn

from normcourse.clinic import Effect, Finding, Report, examine
from normcourse.clinic.checks import CHECKS


@each_model
def test_the_model_comes_back_as_it_was(name: str) -> None:
    specimen = healthy(name)
    specimen.model.eval() if name in ("ResNet", "BERT") else specimen.model.train()
    first = next(specimen.model.parameters())
    first.grad = torch.ones_like(first)
    before = state(specimen.model)
    specimen.report()
    assert same(state(specimen.model), before)


class Fails(nn.Module):
    """Runs a batch norm, and then fails on its third call."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.calls = nn.BatchNorm1d(3), 0

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        self.calls += 1
        if self.calls > 2:
            raise RuntimeError("out of luck")
        return y


def test_it_comes_back_after_a_failure_too_and_that_is_said() -> None:
    model, batches = Fails(), [torch.randn(8, 3) for _ in range(5)]
    before = state(model)
    report = examine(model, batches, progress=False)
    assert same(state(model), before)
    assert report.skipped["running the model on the batches"] == "RuntimeError: out of luck"
    assert "statistics never updated" in report.names  # what needs no batches is still looked at
    assert all(check.name in report.skipped for check in CHECKS if "batches" in check.needs)


@each_model
def test_no_false_alarm_on_a_healthy_model(name: str) -> None:
    report = healthy(name).report()
    assert report.names == ()
    assert not [why for why in report.skipped.values() if "fails" in why or "Error" in why]


#: What is truly so of a released architecture with random weights, and why.
TRUE = {
    "MobileNetV2": {"momentum of another framework"},  # its configuration has TensorFlow's 0.997
    "EfficientNet": {"momentum of another framework"},  # and this one 0.99
}


@each_model
def test_only_true_findings_on_a_model_as_its_library_builds_it(name: str) -> None:
    specimen = raw(name)
    tracks = any(hasattr(layer, "running_mean") for layer in specimen.model.modules())
    untouched = {"statistics never updated"} if tracks else set()  # nobody has trained it
    assert set(specimen.report().names) == untouched | TRUE.get(name, set())


def test_every_check_is_planted() -> None:
    import importlib

    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(path.stem)
    assert {check.name for check in CHECKS} == set(PLANTS)


@pytest.mark.parametrize("name", ["ResNet", "the course's CNN"])
def test_two_faults_at_once_are_both_found(name: str) -> None:
    specimen = healthy(name)
    layers = []
    for check in ("momentum of another framework", "statistics never updated"):
        planted = PLANTS[check](specimen)
        assert planted is not None
        layers.append((check, set(planted.layers)))
    report = specimen.report()
    for check, where in layers:
        assert where <= set(report[check].layers)


def test_a_report_says_all_in_text_html_and_json() -> None:
    specimen = raw("MobileNetV2")
    report = specimen.report()
    back = json.loads(json.dumps(report.to_dict()))
    assert [finding["name"] for finding in back["findings"]] == list(report.names)
    for text in (str(report), report._repr_html_()):
        for finding in report.findings:
            assert finding.name in text
            assert finding.page in text
        assert "52 norms (52 batch)" in text
        assert "no optimizer was given" in " ".join(text.split())
    assert "<details>" in report._repr_html_()
    page = report.findings[0].page  # from a page of the book, one folder deep
    assert f'<a href="../{page}.html">book/{page}</a>' in report._repr_html_()
    assert (Path(__file__).parents[2] / "book" / f"{page}.ipynb").is_file()
    with pytest.raises(KeyError, match="no finding 'leak'; there are "):
        report["leak"]


def finding(name: str, certainty: str, effect: Effect | None = None) -> Finding:
    return Finding(name, ("a",), {"share": 0.5}, "So.", "mend()", certainty, "welcome", effect=effect)


def test_a_mend_of_several_lines_is_indented_as_one() -> None:
    several = Finding("x", ("a",), {}, "So.", "one()\ntwo()", "likely", "welcome")
    assert "   mend: one()\n   two()\n   page" in str(Report((several,), {"batch": 1}, (), {}))


def test_a_remark_comes_last_however_sure() -> None:
    remark = Finding("a", ("a",), {}, "So.", "mend()", "certain", "welcome", remark=True)
    assert Report((remark, finding("b", "possible")), {"batch": 1}, (), {}).names == ("b", "a")


def test_what_costs_most_comes_first_then_what_is_surest() -> None:
    ranked = Report(
        (
            finding("d", "possible"),
            finding("c", "certain"),
            finding("b", "possible", Effect("loss", 2.0, 1.5)),
            finding("a", "likely", Effect("loss", 2.0, 0.5)),
            finding("e", "certain", Effect("loss", 2.0, 2.5)),
        ),
        {"batch": 1}, (), {},
    )  # fmt: skip
    # A mend that makes things worse is no reason to come last.
    assert ranked.names == ("a", "b", "c", "e", "d")
    assert "So leave it" in str(ranked)
    assert "stochastic depth" in str(ranked)
    assert len(ranked) == len(list(ranked)) == 5
    assert str(ranked.findings[0].effect) == "loss falls from 2 to 0.5"


@pytest.mark.parametrize(("after", "advised"), [(1.5, True), (2.5, False)])
def test_a_mend_that_raised_the_loss_is_not_printed(after: float, advised: bool) -> None:
    one = replace(finding("x", "likely", Effect("loss", 2.0, after)), mend="call_me()")
    report = Report((one,), {"batch": 1}, (), {})
    for text in (str(report), report._repr_html_()):
        assert ("call_me()" in text) == advised
        assert ("So leave it" in text) == (not advised)


def test_bad_input_is_refused_with_the_reason() -> None:
    model = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="no batches: pass at least one"):
        examine(model, [])
    with pytest.raises(ValueError, match="a loss but no batches"):
        examine(model, loss=nn.functional.mse_loss)
    with pytest.raises(ValueError, match="certainty must be one of"):
        finding("x", "sure")


def test_one_batch_in_place_of_a_list_is_refused() -> None:
    x = torch.randn(8, 3)
    with pytest.raises(TypeError, match=r"list of batches, but got one tensor: write \[x\]"):
        examine(nn.BatchNorm1d(3), x)
    with pytest.raises(TypeError, match="list of batches, but got one mapping"):
        examine(nn.BatchNorm1d(3), {"input": x})


@pytest.mark.parametrize("batch", [(), [], torch.zeros(0, 3), (torch.zeros(0, 3), 1)])
def test_empty_batches_stop_no_check_that_needs_none(batch: Any) -> None:
    report = examine(nn.BatchNorm1d(3), [batch], progress=False)
    assert not [why for why in report.skipped.values() if "fails" in why]
    assert "statistics never updated" in report.names
    why = report.skipped["running the model on the batches"]
    assert "empty" in why or "no example" in why
    assert "norm never called" in report.skipped


def test_an_optimizer_of_another_model_is_said_in_the_first_lines() -> None:
    model, other = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    report = examine(model, optimizer=torch.optim.AdamW(other.parameters()), progress=False)
    assert "has none of the model's parameters" in str(report).split("\n\n")[0].replace("\n   ", " ")
    optimizers = {check.name for check in CHECKS if "optimizer" in check.needs}
    assert optimizers <= report.skipped.keys()
    assert not optimizers & {*report.checked, *report.names}
    report = examine(model, optimizer=torch.optim.AdamW(model.parameters()), progress=False)
    assert optimizers <= {*report.checked}


@pytest.mark.parametrize("training", [True, False])
def test_the_head_says_the_mode(training: bool) -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.LayerNorm(3)).train(training)
    for batches in (None, [torch.randn(8, 3)] * 2):
        report = examine(model, batches, progress=False)
        mode = "training" if training else "inference"
        assert str(report).startswith(f"2 norms (1 batch, 1 layer), given in {mode} mode;")
        assert report.to_dict()["training"] is training


@pytest.mark.parametrize("value", [1.0, float("nan"), float("inf"), 0.0])
def test_a_loss_that_does_not_change_stays(value: float) -> None:
    unchanged = finding("x", "likely", Effect("loss", value, value * (1 + 1e-6)))
    assert str(unchanged.effect) == f"loss stays at {value:.3g}"
    assert unchanged.gain == 0
    assert "So leave it" not in unchanged.outcome


def test_batches_of_every_kind() -> None:
    x, y = torch.randn(8, 3) + 9, torch.randn(8, 3)
    for batch in (x, (x, y), [x, y], {"input": x}):
        report = examine(nn.BatchNorm1d(3), (b for b in [batch] * 3), progress=False)
        assert not report.skipped.get("running the model on the batches")


def test_a_model_without_norms_and_one_on_meta() -> None:
    assert examine(nn.Linear(3, 3), [torch.randn(4, 3)], progress=False).names == ()
    report = examine(nn.Sequential(nn.BatchNorm1d(3, device="meta")), progress=False)
    assert report.norms == {"batch": 1}


def test_the_specimens_are_what_they_say() -> None:
    assert len(NAMES) == 15
    assert isinstance(deepcopy(healthy("Gemma")), Specimen)
