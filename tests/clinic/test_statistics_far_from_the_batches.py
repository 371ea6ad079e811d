"""Running statistics of other weights, or of other inputs."""

from functools import cache

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse.clinic import Report, examine, find_norms
from normcourse.clinic.mends import recalibrated
from normcourse.clinic.subject import Norm
from normcourse.data import load_drawn_digits
from normcourse.experiments.inference import drawn_cnn
from normcourse.nn import freeze_batch_norm

CHECK = "statistics far from the batches"


def _spoil(norm: Norm, by: float = 2.0) -> None:
    assert norm.running is not None
    mean, var = norm.running
    mean.add_(by * (var + (norm.eps or 0)).sqrt())


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[1:2]:
        _spoil(norm)
    return Planted((tracking[1].name,)) if tracking[1:] else None


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=6)


@pytest.mark.parametrize("name", ["ResNet", "MobileNetV2", "the course's CNN"])
def test_the_layers_behind_are_not_blamed(name: str) -> None:
    specimen = healthy(name)
    planted = plant(specimen)
    assert planted is not None
    found = specimen.report()[CHECK]
    assert found.layers == planted.layers
    assert found.measured["first of them that is called"] == planted.layers[0]
    assert found.certainty == "likely"
    assert found.page.endswith("02-lag-and-recalibration")


def test_the_distances_are_what_was_planted() -> None:
    specimen = healthy("the course's CNN")
    _spoil(norms_of(specimen)[1], 0.5)
    with torch.no_grad():
        norms_of(specimen)[1].layer.running_var.mul_(4)
    measured = specimen.report()[CHECK].measured
    assert measured["its means lie off by, in running standard deviations"] == pytest.approx(0.25, rel=0.05)
    assert measured["its standard deviations are off by the factor"] == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["ResNet", "RegNet", "MobileNetV2", "EfficientNet", "the course's MLP"])
def test_other_batches_of_the_same_kind_are_not_far(name: str, seed: int) -> None:
    specimen, random = healthy(name), torch.Generator().manual_seed(seed)

    def others(count: int) -> list[object]:
        batch = specimen.batches[0]
        if isinstance(batch, torch.Tensor):
            return [torch.randn(batch.shape, generator=random) for _ in range(count)]
        return [
            {key: torch.randn(x.shape, generator=random) for key, x in batch.items()} for _ in range(count)
        ]

    for count in (3, 12):
        recalibrated(specimen.model, others(count))
        for given in (others(1), others(3)):
            specimen.batches = given
            assert CHECK not in specimen.report().names


def test_what_is_frozen_or_was_never_updated_is_left_to_others() -> None:
    frozen = healthy("the course's CNN")
    plant(frozen)
    freeze_batch_norm(frozen.model)
    assert CHECK not in frozen.report().names
    new = healthy("the course's CNN")
    for norm in norms_of(new):
        norm.layer.reset_running_stats()
    assert CHECK not in new.report().names


def test_its_mend_is_measured() -> None:
    specimen = healthy("the course's CNN")
    with torch.no_grad():
        target = specimen.model.eval()(specimen.batches[0])
    plant(specimen)
    specimen.batches = [(specimen.batches[0], target)]
    effect = specimen.report(loss=nn.functional.mse_loss)[CHECK].effect
    assert effect is not None
    assert effect.after < 0.1 * effect.before


@cache
def _reader() -> nn.Module:
    [model] = drawn_cnn.trained(drawn_cnn.Config(steps=200), seeds=[0], progress=False)
    return model


def _on_digits(change: float, size: int) -> Report:
    images, _ = drawn_cnn.tensors(load_drawn_digits().test)
    images = (images + change).clip(max=1)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: 6 * size]
    return examine(_reader(), [images[some] for some in order.split(size)], progress=False)


@pytest.mark.parametrize("size", [4, 32, 128])
def test_a_network_that_has_learnt_to_read(size: int) -> None:
    assert CHECK not in _on_digits(0.0, size).names
    brighter = _on_digits(0.3, size)[CHECK]
    assert brighter.measured["first of them that is called"] == "2"
    assert brighter.certainty == "likely"
    assert brighter.page.endswith("06-test-time-adaptation")


@pytest.mark.parametrize(("momentum", "steps", "arrived"), [(0.001, 300, False), (0.1, 300, True)])
def test_statistics_that_have_not_arrived_are_called_so(momentum: float, steps: int, arrived: bool) -> None:
    model = nn.Sequential(nn.BatchNorm1d(4, momentum=momentum))
    batches = [torch.randn(32, 4) + 5 for _ in range(4)]
    for step in range(steps):
        model(batches[step % 4] - 5 * arrived)
    finding = examine(model, batches, progress=False)[CHECK]
    share = finding.measured.get("share of its statistics that is still their start, 0 and 1", 0.0)
    assert share == pytest.approx(0.0 if arrived else float((1 - model[0].running_mean / 5).mean()), abs=0.02)
    assert ("have not arrived" in finding.follows) == (not arrived)
    assert finding.page.endswith("06-test-time-adaptation" if arrived else "02-lag-and-recalibration")


def test_a_few_examples_say_nothing() -> None:
    specimen = healthy("the course's MLP")
    specimen.batches = [specimen.batches[0][:1]]
    assert CHECK not in specimen.report().names


class _Skips(nn.Module):
    """Leaves its second block out of every other pass of training."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
        self.passes = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.first(x)
        self.passes += self.training
        return y if self.training and self.passes % 2 else y + self.second(y + 3)


@pytest.mark.parametrize("skips", [False, True])
def test_branches_that_training_skips_are_named_by_their_counters(skips: bool) -> None:
    torch.manual_seed(0)
    model: nn.Module = _Skips() if skips else nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4))
    batches = [torch.randn(32, 4) for _ in range(4)]
    for x in batches * 20:
        model(x)
    _spoil(find_norms(model)[1])
    follows = examine(model, batches, progress=False)[CHECK].follows
    assert ("counted from 40 to 80 batches" in follows) == skips
    assert "dropout or branches" in follows
    assert "stochastic depth" in follows
