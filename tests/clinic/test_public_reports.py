"""What people reported in public, made again small: what `examine` says of each, and on which page."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from planting import TABLE
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from normcourse.clinic import Finding, Report, examine
from normcourse.nn import freeze_batch_norm, recalibrate


def digits(seed: int = 0, *, shift: float = 0.0, scale: float = 1.0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(32, 8, generator=random) + shift for _ in range(4)]


def trained(batches: list[Tensor] | None = None) -> nn.Sequential:
    """A small network as after training: its running statistics are those of its batches."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4),
    )  # fmt: skip
    recalibrate(model, digits() if batches is None else batches)
    return model.train()


def eval_far_from_train() -> Report:
    return examine(trained(digits(shift=3.0)), digits(), progress=False)


def statistics_still_near_their_start() -> Report:
    model = trained()
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.reset_running_stats()
            layer.momentum = 0.001
    model(digits()[0] + 3)  # one step of 0.001 towards other statistics
    return examine(model, digits(shift=3.0), progress=False)


def validated_in_training_mode() -> Report:
    model = trained()
    for x in 10 * digits(shift=5.0):
        model(x)
    return examine(model, digits(), progress=False)


def mean_and_variance_in_each_others_place() -> Report:
    model = trained()
    norm = model[1]
    norm.running_mean, norm.running_var = norm.running_var.clone(), norm.running_mean.clone()
    return examine(model, progress=False)


def momentum_copied_as_it_is() -> Report:
    model = trained()
    model[1].momentum = 0.99
    return examine(model, progress=False)


def momentum_of_one_then_nan() -> Report:
    model = trained()
    model[1].momentum = 1.0
    model(torch.full((4, 8), float("nan")))
    return examine(model, progress=False)


def buffers_missing_after_loading() -> Report:
    state = {key: value for key, value in trained().state_dict().items() if "running" not in key}
    model = nn.Sequential(*deepcopy(list(trained())))
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.reset_running_stats()
    model.load_state_dict({k: v for k, v in state.items() if "num_batches" not in k}, strict=False)
    return examine(model, progress=False)


def averaged_weights_with_the_raw_buffers() -> Report:
    models = [trained() for _ in range(2)]
    with torch.no_grad():
        models[1][0].weight.copy_(-models[0][0].weight + 0.2)
    recalibrate(models[1], digits())
    average = AveragedModel(models[0])
    for model in models:
        average.update_parameters(model)
    return examine(average, digits(), progress=False)


class Block(nn.Module):
    gradient_checkpointing = True  # as transformers sets it

    def __init__(self) -> None:
        super().__init__()
        self.net = trained()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(self.net, x, use_reentrant=False)
        return y


def updated_twice_under_checkpointing() -> Report:
    return examine(Block(), progress=False)


class TwoDomains(nn.Module):
    """One network for photographs and for drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.net = trained()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x) + self.net(3 * x + 4)
        return y


def a_second_domain_in_a_shared_norm() -> Report:
    return examine(TwoDomains(), digits(), progress=False)


def frozen_statistics_that_were_not() -> Report:
    model = trained()
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.requires_grad_(False)  # thought to freeze it
    return examine(model.train(), progress=False)


def layer_norm_that_overflows() -> Report:
    model = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16)).half()
    with torch.no_grad():
        model[0].weight.fill_(1000.0)
    return examine(model, [torch.rand(4, 8).half() * 5 + 2], progress=False)


def instance_norm_that_differs_in_eval() -> Report:
    return examine(nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True)))


def loaded_inputs_in_another_range() -> Report:
    return examine(trained(), [255 * x for x in digits()], progress=False)


REPORTS: dict[str, tuple[Callable[[], Report], str]] = {
    "outputs in eval mode far from those in train mode": (
        eval_far_from_train, "statistics far from the batches"
    ),
    "validation worse, running statistics still near 0 and 1": (
        statistics_still_near_their_start, "statistics far from the batches"
    ),
    "validation in training mode has moved the statistics": (
        validated_in_training_mode, "statistics far from the batches"
    ),
    "weights ported with mean and variance in each other's place": (
        mean_and_variance_in_each_others_place, "statistics not finite"
    ),
    "momentum copied from Keras as it is": (momentum_copied_as_it_is, "momentum of another framework"),
    "momentum 1, then NaN": (momentum_of_one_then_nan, "statistics not finite"),
    "buffers missing after load_state_dict(strict=False)": (
        buffers_missing_after_loading, "statistics never updated"
    ),
    "EMA weights with the raw model's buffers": (
        averaged_weights_with_the_raw_buffers, "statistics far from the batches"
    ),
    "statistics updated twice under checkpointing": (
        updated_twice_under_checkpointing, "gradient checkpointing"
    ),
    "the second of two domains ruins a shared BatchNorm": (
        a_second_domain_in_a_shared_norm, "called on unlike inputs"
    ),
    "a detector's frozen statistics that were not frozen": (
        frozen_statistics_that_were_not, "gamma frozen statistics moving"
    ),
    "LayerNorm in float16 overflows": (layer_norm_that_overflows, "overflows float16"),
    "InstanceNorm with tracked statistics differs in eval": (
        instance_norm_that_differs_in_eval, "instance norm with running statistics"
    ),
    "inputs of 0 to 255 where training had 0 to 1": (
        loaded_inputs_in_another_range, "inputs scaled differently"
    ),
}  # fmt: skip


#: What a look at a model in PyTorch cannot show, and the page that answers it.
UNSEEN: dict[str, tuple[str, str]] = {
    "Keras' evaluate() differs from its training loss": (
        "no model in PyTorch", "03-inference-statistics/03-modes"
    ),
    "epsilon left at the other framework's default": (
        "any epsilon may be meant; `normcourse.porting.first_difference` with the original names the layer",
        "05-in-practice/06-porting",
    ),
    "convolution and norm fused wrongly, with groups or transposed": (
        "no norm is left; `fold_batch_norms` does it rightly", "03-inference-statistics/07-folding-and-export"
    ),
    "SyncBatchNorm with uneven last batches": (
        "each process has one part; ours counts values, as does PyTorch's",
        "03-inference-statistics/14-workers-exactly",
    ),
}  # fmt: skip


def report_row(report: str) -> str:
    """A report's row of the table in ``docs/clinic.md``."""
    make, name = REPORTS[report]
    finding: Finding = make()[name]
    return f"| {report} | {finding.name}, {finding.certainty} | `{finding.page}` |"


def unseen_row(report: str) -> str:
    """The row of a report of which a look at the model says nothing."""
    why, page = UNSEEN[report]
    return f"| {report} | nothing: {why} | `{page}` |"


@pytest.mark.parametrize("report", REPORTS)
def test_each_is_found(report: str) -> None:
    assert report_row(report) in TABLE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("report", UNSEEN)
def test_what_cannot_be_seen_has_a_page(report: str) -> None:
    assert unseen_row(report) in TABLE.read_text(encoding="utf-8").splitlines()
    assert (TABLE.parents[1] / "book" / f"{UNSEEN[report][1]}.ipynb").is_file()


def test_the_same_network_unharmed_gives_nothing() -> None:
    model = trained()
    assert examine(model, digits(), progress=False).names == ()
    freeze_batch_norm(model, affine=True)
    assert examine(model, digits(), progress=False).names == ()
