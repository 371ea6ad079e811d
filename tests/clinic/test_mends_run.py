"""The printed mends are code: they run on the model that they are printed for, and end what they are for."""

import importlib
from pathlib import Path

import pytest
from planting import PLANTS
from specimens import NAMES, healthy
from torch import nn

from normcourse.clinic import examine
from normcourse.clinic.checks import CHECKS
from normcourse.clinic.lines import at, each, with_imports

#: What only the caller can write out, because it stands in the data, in a forward or in a checkpoint.
FOR_THE_CALLER = {
    "affine not finite", "batches are sorted", "called on unlike inputs", "constant channels", "eps vanishes",
    "few values per statistic", "functional batch norm", "inputs scaled differently",
    "more batches than steps", "norm never called", "output not finite", "overflows float16",
    "padding in the pool", "positions as channels",
}  # fmt: skip
#: What is right after the mend only once the model has been trained on, or what is as it is meant then.
NOT_ENDED = {
    "dropout before batch norm",  # its place stays
    "gradient checkpointing",  # the switch stays on, and the momentum makes up for it
    "not synchronised",  # converts only where there are processes
    "variance zero",  # channels that truly do not vary
    "weight decay on norms",  # gives the groups of another optimizer
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", sorted({check.name for check in CHECKS} - FOR_THE_CALLER))
def test_they_run_and_end_it(check: str, name: str) -> None:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(path.stem)
    specimen = healthy(name)
    planted = PLANTS[check](specimen)
    if planted is None:
        return
    # Where the batches show what it does it is another finding: a leak.
    with_batches = check != "no running statistics"
    report = specimen.report(with_batches=with_batches, **planted.settings)
    assert check in report.names
    batches = specimen.batches
    if not with_batches:  # then the line is for tensors: no others were seen
        batches = [batch["pixel_values"] if isinstance(batch, dict) else batch for batch in batches]
    scope = {"model": specimen.model, "batches": batches, "report": report, **planted.settings}
    exec(report[check].mend, scope)
    if check not in NOT_ENDED:
        specimen.model = scope["model"]
        assert check not in specimen.report(with_batches=with_batches, **planted.settings).names


def test_how_a_layer_is_written() -> None:
    assert at("encoder.norm") == "model.encoder.norm"
    assert at("features.3") == 'model.get_submodule("features.3")'
    assert at("") == "model"
    assert each("c", ["norm"], "{layer}.eps = 1") == "model.norm.eps = 1"
    two = each("c", ["0", "1"], "{layer}.eps = 1")
    assert two == 'for name in ("0", "1"): model.get_submodule(name).eps = 1'
    many = each("c", list("01234"), "f({layer})")
    assert many == 'for name in report["c"].layers: f(model.get_submodule(name))'


def test_a_mend_of_many_layers_is_short_and_runs() -> None:
    model = nn.Sequential(*(nn.BatchNorm1d(4, momentum=0.99) for _ in range(40)))
    report = examine(model, progress=False)
    mend = report["momentum of another framework"].mend
    assert len(mend) < 150
    exec(mend, {"model": model, "report": report})
    assert {layer.momentum for layer in model} == {0.01}


def test_a_name_that_is_a_keyword() -> None:
    model = nn.ModuleDict({"class": nn.BatchNorm1d(8, momentum=0.99)})
    exec(examine(model, progress=False)["momentum of another framework"].mend, {"model": model})
    assert model["class"].momentum == 0.01


def test_imports_come_with_the_lines_and_only_where_they_are_used() -> None:
    assert with_imports("model.eval()  # not nn.Module") == "model.eval()  # not nn.Module"
    assert with_imports("m = copy.deepcopy(nn.Linear(1, 1))").splitlines()[:2] == [
        "import copy",
        "from torch import nn",
    ]
    assert "import torch\n" not in with_imports("x = old.torch.y")
