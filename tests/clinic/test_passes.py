"""What the passes see, and that they leave everything as it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from leaving import same, state
from specimens import each_model, healthy
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from normcourse.clinic import examine
from normcourse.clinic.batches import first_tensor
from normcourse.clinic.passes import Passes, run_passes
from normcourse.clinic.subject import find_norms

IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
ROWS = IMAGES[:, :, 0]  # as 6 examples of 3 channels at 8 places


def passes(model: nn.Module, *batches: Any, causal: bool = False) -> Passes:
    return run_passes(model, find_norms(model), batches, causal=causal)


@each_model
def test_a_model_comes_back_as_it_was(name: str) -> None:
    specimen = healthy(name)
    for number, module in enumerate(specimen.model.modules()):
        module.training = number % 3 > 0  # modes as nobody would set them
    for parameter in list(specimen.model.parameters())[::2]:
        parameter.requires_grad_(False)
        parameter.grad = torch.ones_like(parameter)
    before = state(specimen.model)
    specimen.report()
    assert same(before, state(specimen.model))


class _Fails(nn.Module):
    """Fails at a certain call, with dropout before it."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(), nn.BatchNorm2d(4))
        self.at, self.calls = at, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        y: Tensor = self.layers(x) * torch.rand(())
        if self.calls == self.at:
            raise RuntimeError("no more")
        return y


@pytest.mark.parametrize("at", range(1, 7))
def test_a_model_that_fails_comes_back_as_it_was(at: int) -> None:
    model = _Fails(at).train()
    before = state(model)
    report = examine(model, [IMAGES, IMAGES], progress=False)
    assert same(before, state(model))
    assert "RuntimeError: no more" in report.skipped.values()


class _FailsItself(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("no more")


def test_hooks_of_a_layer_that_fails_are_taken_away() -> None:
    model, x = nn.Sequential(nn.Linear(8, 8), _FailsItself(8)), torch.randn(4, 8)
    before = state(model)
    with pytest.raises(RuntimeError, match="no more"):
        passes(model, x)
    assert same(before, state(model))


def test_hooks_of_others_stay_and_run() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    model[1].register_forward_pre_hook(lambda _, args: (args[0] + 100,))
    hooks = dict(model[1]._forward_pre_hooks)
    seen = passes(model, IMAGES)
    assert dict(model[1]._forward_pre_hooks) == hooks
    assert seen.calls[0].largest < 50  # what the layer is given, before hooks that were there


# What the norms see.


def test_the_moments_of_channels() -> None:
    model = nn.BatchNorm2d(3)
    call = passes(model, IMAGES * 2 + 1).calls[0]
    assert call.shape == (6, 3, 8, 8)
    assert call.values == 6 * 64
    torch.testing.assert_close(call.mean, (IMAGES * 2 + 1).mean((0, 2, 3)))
    torch.testing.assert_close(call.var, (IMAGES * 2).var((0, 2, 3), correction=0))
    assert call.largest == pytest.approx(float((IMAGES * 2 + 1).abs().max()))
    assert call.square == float("inf")


@pytest.mark.parametrize("make", [nn.LayerNorm, nn.RMSNorm])
def test_the_smallest_row(make: type[nn.Module]) -> None:
    x = torch.randn(4, 5, 8)
    x[2, 3] = 1e-3 * torch.randn(8) + (0.01 if make is nn.LayerNorm else 0)
    row = x[2, 3]
    due = row.var(correction=0) if make is nn.LayerNorm else row.square().mean()
    assert passes(make(8), x).calls[0].square == pytest.approx(float(due), rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_type(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).to(dtype)
    seen = passes(model, IMAGES.to(dtype))
    assert not seen.failed
    assert seen.calls[0].mean.shape == (4,)


def test_positions_that_hold_thesame() -> None:
    x = ROWS.transpose(1, 2).repeat_interleave(2, 0).transpose(1, 2).clone()
    x[:, :, 5:] = 0
    assert passes(nn.BatchNorm1d(3), x).calls[0].repeated == pytest.approx(3 / 8)


class _Calls(nn.Module):
    """Calls a norm in a certain way."""

    def __init__(self, call: Callable[[nn.Module, Tensor], Tensor], norm: nn.Module) -> None:
        super().__init__()
        self.call, self.norm = call, norm

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self.norm, x)


@pytest.mark.parametrize(
    ("call", "calls"),
    [
        (lambda norm, x: norm(input=x), 1),
        (lambda norm, x: norm(norm(x)), 2),
        (lambda norm, x: x, 0),
        (lambda norm, x: norm(x[:0]).sum() + x, 0),  # nothing to see
    ],
)
def test_calls_of_every_kind(call: Callable[[nn.Module, Tensor], Tensor], calls: int) -> None:
    assert len(passes(_Calls(call, nn.LayerNorm(8)), torch.randn(4, 8)).calls) == calls


def test_functions_are_counted_outside_of_layers() -> None:
    def call(norm: nn.Module, x: Tensor) -> Tensor:
        y: Tensor = norm(x)
        return nn.functional.layer_norm(torch.layer_norm(y, (8,)), (8,)) + nn.functional.rms_norm(y, (8,))

    for norm in (nn.LayerNorm(8), nn.GroupNorm(2, 8), nn.BatchNorm1d(8)):
        counted = passes(_Calls(call, norm), torch.randn(4, 8), torch.randn(4, 8)).functions
        assert counted == {"layer_norm": 2, "rms_norm": 1}


class _Standardises(nn.Conv2d):
    """Standardises its weights by a norm's function."""

    def forward(self, x: Tensor) -> Tensor:
        weight = nn.functional.batch_norm(self.weight.flatten(1)[None], None, None, training=True)
        return nn.functional.conv2d(x, weight.view_as(self.weight))


def test_standardised_weights_are_no_norm_called_as_a_function() -> None:
    assert not passes(nn.Sequential(_Standardises(3, 8, 3), nn.GroupNorm(4, 8)), IMAGES).functions


# Whose output they take.


def _producer(*layers: nn.Module) -> str | None:
    return passes(nn.Sequential(nn.Conv2d(3, 4, 1), *layers), IMAGES).calls[0].producer


def test_the_layer_before() -> None:
    assert _producer(nn.BatchNorm2d(4)) == "0"
    assert _producer(nn.ReLU(), nn.BatchNorm2d(4)) == "1"
    assert _producer(nn.ReLU(inplace=True), nn.BatchNorm2d(4)) == "1"
    assert _producer(nn.Sequential(nn.Conv2d(4, 4, 1)), nn.BatchNorm2d(4)) == "1.0"


def test_what_code_changed_comes_from_elsewhere() -> None:
    model = _Calls(lambda norm, x: norm(x + 1), nn.BatchNorm2d(3))
    assert passes(nn.Sequential(nn.Conv2d(3, 3, 1), model), IMAGES).calls[0].producer is None


# Models and outputs of every kind.


@dataclass
class _Output:
    y: Tensor


@pytest.mark.parametrize(
    "output",
    [
        lambda y: y,
        lambda y: (y, None),
        lambda y: [torch.zeros(6, dtype=torch.long), y],
        lambda y: {"count": 3, "inside": {"y": [y]}},
        lambda y: _Output(y),
    ],
)
def test_outputs_of_every_kind(output: Callable[[Tensor], Any]) -> None:
    seen = passes(_Calls(lambda norm, x: output(norm(x)), nn.BatchNorm2d(3)), IMAGES)
    assert not seen.failed
    assert seen.disagreement is not None


def test_an_output_without_a_tensor_is_said() -> None:
    with pytest.raises(TypeError, match="holds no tensor, but is range"):
        first_tensor(range(3))
    report = examine(_Calls(lambda _, x: range(3), nn.BatchNorm2d(3)), [IMAGES], progress=False)
    assert "range" in report.skipped["running the model on the batches"]


def _generated() -> Iterator[Any]:
    yield (IMAGES, torch.zeros(6))
    yield [IMAGES, torch.zeros(6)]


def test_batches_from_a_generator() -> None:
    report = examine(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), _generated(), progress=False)
    assert not {"running the model on the batches", "training mode"} & report.skipped.keys()


def test_models_that_wrap_others() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    seen = passes(nn.DataParallel(inner), IMAGES)
    assert (seen.calls[0].norm.name, seen.calls[0].producer) == ("module.1", "module.0")


def test_the_fused_encoder_calls_its_norms() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    assert len(passes(nn.TransformerEncoder(layer, 2), torch.randn(4, 5, 8)).calls) == 4


def test_in_inference_mode_of_autograd() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    with torch.inference_mode():
        seen = passes(model, IMAGES + 0)
    assert not seen.failed
    assert bool((model[1].running_mean == 0).all())


# Leaks, and the two modes.


def test_a_leak_between_examples_and_where_it_begins() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False), nn.BatchNorm2d(4)
    )
    leak = passes(model, IMAGES).examples
    assert leak is not None
    assert leak.layer == "2"
    assert leak.change > 0.01


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm2d(3), nn.GroupNorm(1, 3), nn.InstanceNorm2d(3), nn.LayerNorm(8)]
)
def test_norms_that_keep_to_one_example(layer: nn.Module) -> None:
    seen = passes(nn.Sequential(nn.Conv2d(3, 3, 1), layer), IMAGES)
    assert seen.examples is None
    assert not seen.failed


def test_too_few_examples_are_said() -> None:
    assert "3 examples" in passes(nn.BatchNorm2d(3), IMAGES[:2]).failed["examples leak"]


def test_what_training_mode_cannot_run_is_said() -> None:
    seen = passes(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), torch.randn(1, 3))
    assert "more than 1 value" in seen.failed["training mode"]
    assert len(seen.calls) == 1


def test_only_batch_norms_train() -> None:
    seen: list[tuple[bool, bool]] = []

    def call(norm: nn.Module, x: Tensor) -> Tensor:
        seen.append((model.training, norm.training))
        y: Tensor = norm(x)
        return y

    model = _Calls(call, nn.BatchNorm2d(3)).train()
    assert len(passes(model, IMAGES, IMAGES).training) == 2
    assert seen[:2] == [(False, False)] * 2
    assert seen[-2:] == [(False, True)] * 2


def test_how_far_the_modes_lie_apart() -> None:
    model = nn.BatchNorm2d(3, affine=False)
    near = passes(model, IMAGES).disagreement
    model.running_mean.fill_(5)  # type: ignore[union-attr]
    far = passes(model, IMAGES).disagreement
    assert near is not None
    assert far is not None
    assert near < 0.2 < 4 < far


def test_layers_that_hand_on_or_have_parts() -> None:
    assert _producer(nn.Identity(), nn.BatchNorm2d(4)) == "0"
    assert _producer(nn.Dropout(), nn.BatchNorm2d(4)) == "1"
    assert _producer(weight_norm(nn.Conv2d(4, 4, 1)), nn.BatchNorm2d(4)) == "1"


@pytest.mark.parametrize("change", [torch.relu_, lambda y: y.add_(1)])
def test_what_code_changed_in_place_comes_from_elsewhere(change) -> None:
    model = _Calls(lambda norm, x: norm(change(x)), nn.BatchNorm2d(3))
    assert passes(nn.Sequential(nn.Conv2d(3, 3, 1), model), IMAGES).calls[0].producer is None


def test_a_loss_before_the_rest() -> None:
    model = _Calls(lambda norm, x: (norm(x).square().mean(), norm(x)), nn.BatchNorm2d(3))
    seen = passes(model, IMAGES)
    assert not seen.failed


def test_rows_of_a_norm_over_several_axes() -> None:
    x = torch.randn(4, 3, 8, 8)
    x[:, :, 0] = 0
    due = float(x.flatten(1).var(1, correction=0).min())
    assert passes(nn.LayerNorm((3, 8, 8)), x).calls[0].square == pytest.approx(due, rel=1e-4)


def test_an_output_without_positions_is_no_leak() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Flatten(), nn.Linear(40, 3))
    seen = passes(model, torch.randn(4, 5, 8), causal=True)
    assert seen.later is None
    assert "of 5 positions" in seen.failed["later positions leak"]


def test_a_leak_before_a_norm_is_not_its_own() -> None:
    model = _Calls(lambda norm, x: norm(x + x.mean(0)), nn.LayerNorm(8))
    leak = passes(model, torch.randn(4, 5, 8)).examples
    assert leak is not None
    assert leak.layer == ""
    leak = passes(
        _Calls(lambda norm, x: norm(x + x.mean(1, keepdim=True)), nn.LayerNorm(8)),
        torch.randn(4, 5, 8),
        causal=True,
    ).later
    assert leak is not None
    assert leak.layer == ""


def test_compiled_models_run_as_written() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    model = torch.compile(inner, backend="eager")
    model(IMAGES)
    seen = run_passes(model, find_norms(model), [IMAGES, IMAGES])
    assert [call.producer for call in seen.calls] == ["_orig_mod.0"] * 2


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_torchscript_made_comes_back_as_it_was() -> None:
    model = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))).train()
    report = examine(model, [torch.randn(6, 3)], progress=False)
    assert model.training
    assert "ScriptModules" in report.skipped["running the model on the batches"]


def test_a_loader_that_shuffles_leaves_the_generator() -> None:
    data = torch.utils.data.TensorDataset(torch.randn(20, 3))
    loader = torch.utils.data.DataLoader(data, batch_size=5, shuffle=True)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    before = state(model)
    examine(model, loader, progress=False)
    assert same(before, state(model))


def test_layers_that_wait_for_their_size() -> None:
    model = nn.Sequential(nn.LazyConv2d(3, 1), nn.LazyBatchNorm2d())
    assert examine(model, progress=False).norms == {"batch": 1}
    report = examine(model, [IMAGES], progress=False)
    assert "lazy layers" in report.skipped["running the model on the batches"]
    assert isinstance(model[1].weight, nn.parameter.UninitializedParameter)


class _Waits(nn.Module):
    """A layer of one's own that waits for its size."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.UninitializedParameter()


def test_layers_of_ones_own_that_wait_for_their_size() -> None:
    assert examine(nn.Sequential(_Waits(), nn.LayerNorm(8)), progress=False).norms == {"layer": 1}


def test_a_model_that_takes_gradients_inside() -> None:
    def energy(norm: nn.Module, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(norm(x).square().sum(), x)[0]

    model, x = _Calls(energy, nn.LayerNorm(8)), torch.randn(4, 8)
    before = state(model)
    assert len(passes(model, x).calls) == 1
    assert same(before, state(model))
