"""Mappings with keys too many, several inputs, and the lines that mend from such batches."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from normcourse.clinic import examine
from normcourse.clinic.batches import call_model, given_tensors, target_of

X, Y = torch.randn(16, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(16, dtype=torch.long)


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))


class One(nn.Module):
    """Takes its input by name, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.net = _net()

    def forward(self, pixel_values: Tensor) -> Tensor:
        y: Tensor = self.net(pixel_values)
        return y


class WithLabels(One):
    """Takes the labels as well, as models of `transformers` do, and gives the loss first."""

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:  # type: ignore[override]
        logits = self.net(pixel_values)
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


class Two(One):
    """Takes two inputs, and can do without a third."""

    def forward(self, left: Tensor, right: Tensor, scale: float = 1.0) -> Tensor:  # type: ignore[override]
        y: Tensor = self.net(left - right) * scale
        return y


def _loss(output: Any, target: Any) -> Tensor:
    logits = output["logits"] if isinstance(output, dict) else output
    labels = target["labels"] if isinstance(target, dict) else target
    return nn.functional.cross_entropy(logits, labels)


KINDS: dict[str, tuple[type[nn.Module], Any, int]] = {
    "a tuple": (One, (X, Y), 1),
    "a mapping": (One, {"pixel_values": X}, 1),
    "labels that the model does not take": (One, {"pixel_values": X, "labels": Y}, 1),
    "labels that it takes": (WithLabels, {"pixel_values": X, "labels": Y}, 2),
    "a mapping beside the target": (One, ({"pixel_values": X}, Y), 1),
    "two inputs": (Two, (X, X.flip(0), Y), 2),
    "two inputs in a tuple": (Two, ((X, X.flip(0)), Y), 2),
    "one input in a tuple": (One, ((X,), Y), 1),
    "two inputs by name": (Two, {"left": X, "right": X.flip(0), "labels": Y}, 2),
}


def _moved(model: nn.Module) -> nn.Module:
    """With running statistics that are not those of the batches."""
    model.net[1].running_mean.fill_(3.0)  # type: ignore[union-attr,index,operator]
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_each_is_run_measured_and_its_mend_works(kind: str, wrapped: bool) -> None:
    make, batch, given = KINDS[kind]
    model = _moved(make())
    if wrapped:
        model = AveragedModel(model)
    loss = None if kind == "a mapping" else _loss
    batches = [batch] * 3
    report = examine(model, batches, loss=loss, progress=False)
    ran = {"running the model on the batches", "trying the mends", "examples leak"}
    assert not ran & report.skipped.keys()
    assert len(given_tensors(model, batch)) == given
    finding = report["statistics far from the batches"]
    if loss is not None:
        assert finding.effect is not None
    exec(finding.mend, {"model": model, "batches": batches})
    assert "statistics far from the batches" not in examine(model, batches, progress=False).names


def test_keys_that_go_unused_are_said() -> None:
    report = examine(One(), [{"pixel_values": X, "labels": Y, "ids": Y}], progress=False)
    assert "does not know labels, ids" in report.skipped["the model's input"]


def test_a_mapping_of_which_no_key_is_known_is_refused_with_both_names() -> None:
    report = examine(One(), [{"x": X, "y": Y}], progress=False)
    why = report.skipped["running the model on the batches"]
    assert "has the keys x, y, but the model's forward takes pixel_values" in why


def test_the_target_follows_the_inputs() -> None:
    assert target_of(One(), (X, Y)) is Y
    assert target_of(Two(), (X, X, Y)) is Y
    assert target_of(Two(), ((X, X), Y)) is Y
    assert target_of(Two(), [X, X])[1] is X
    assert target_of(nn.Linear(4, 4), X) is X
    assert call_model(Two(), [X, X]).shape == (16, 3)


def test_a_list_of_one_is_what_the_model_takes() -> None:
    class Detector(nn.Module):
        def forward(self, images: list[Tensor]) -> Tensor:
            assert isinstance(images, list)
            return torch.stack(images)

    assert call_model(Detector(), ([X], Y)).shape == (1, 16, 4)
    assert target_of(Detector(), ([X], Y)) is Y
    assert target_of(One(), ((X,), Y)) is Y


def test_a_leak_is_asked_with_every_input_swapped() -> None:
    class Leaks(Two):
        def forward(self, left: Tensor, right: Tensor, scale: float = 1.0) -> Tensor:
            return super().forward(left, right - right.mean(0), scale)

    assert "examples leak" in examine(Leaks(), [(X, X.flip(0), Y)], progress=False).names
    assert "examples leak" not in examine(Two(), [(X, X.flip(0), Y)], progress=False).names
