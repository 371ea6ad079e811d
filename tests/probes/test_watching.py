"""Hooks that record layers, and running a model without leaving a trace."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.probes import undisturbed, watch


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 2), ours.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 2)
    )


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


X = torch.linspace(-1, 1, 45).view(5, 1, 3, 3)


def test_inputs_and_outputs_of_layers_chosen_by_name_or_type() -> None:
    model = network()
    with watch(model, "0") as convolved, watch(model, (nn.Linear, nn.ReLU), what="input") as seen:
        out = model(X)
    np.testing.assert_array_equal(convolved["0"][0], model[0](X).detach())
    assert list(seen) == ["2", "4"]
    np.testing.assert_array_equal(model[4](torch.from_numpy(seen["4"][0])).detach(), out.detach())


def test_what_was_recorded_is_not_overwritten_in_place() -> None:
    model = network()
    with watch(model, "1") as normalized, watch(model, "2", what="input") as before_relu:
        model(X)
    assert normalized["1"][0].min() < 0
    np.testing.assert_array_equal(before_relu["2"][0], normalized["1"][0])


def test_one_array_for_each_call_in_order() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    with watch(model, "0", what="input") as seen:
        for value in (0.0, 1.0):
            model(torch.full((1, 2), value))
    assert [array[0, 0] for array in seen["0"]][::2] == [0.0, 1.0]
    assert len(seen["0"]) == 4


def test_recording_stops_with_the_block() -> None:
    model = network()
    with watch(model, nn.Linear) as seen:
        pass
    model(X)
    assert seen == {"4": []}
    assert hooks(model) == 0


@pytest.mark.parametrize("what", ["input", "output"])
def test_hooks_are_gone_after_an_error(what: str) -> None:
    model = network()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), watch(model, nn.Module, what=what):
        model(torch.ones(2, 1, 5, 5))
    assert hooks(model) == 0


def test_the_model_itself_may_be_watched_and_half_precision_too() -> None:
    model = nn.Linear(1, 1, dtype=torch.bfloat16)
    with watch(model, "") as seen:
        model(torch.ones(2, 1, dtype=torch.bfloat16))
    assert seen[""][0].dtype == np.float32


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


NAMED = nn.Sequential(OrderedDict(first=nn.Linear(1, 1), pair=Pair()))


@pytest.mark.parametrize(
    ("layers", "what", "error", "message"),
    [
        ("fc1", "output", ValueError, "no layer 'fc1'; it has '', 'first', 'pair'"),
        (["first", "fc2", "fc3"], "output", ValueError, "no layer 'fc2', 'fc3'"),
        (nn.Conv2d, "output", ValueError, "no layer of .*Conv2d.*; it has Linear, Pair, Sequential"),
        ([], "output", ValueError, "no layer was chosen"),
        ("first", "gradient", ValueError, 'must be "input" or "output", but got \'gradient\''),
        ("pair", "output", TypeError, "the output of 'pair' must be a tensor, but is tuple"),
    ],
)
def test_errors_say_what_there_is(layers, what, error, message) -> None:
    with pytest.raises(error, match=message), watch(NAMED, layers, what=what):
        NAMED(torch.ones(1, 1))
    assert hooks(NAMED) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_undisturbed_puts_back_buffers_modes_and_random_state(fails: bool) -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), ours.BatchNorm1d(2), nn.Dropout())
    model[1].eval()
    old = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    try:
        with undisturbed(model):
            model.train()
            model(torch.randn(4, 2))
            assert model[1].num_batches_tracked == 1
            if fails:
                raise OSError
    except OSError:
        assert fails
    assert all(torch.equal(value, old[name]) for name, value in model.state_dict().items())
    assert [layer.training for layer in model] == [True, False, True]
    assert torch.equal(torch.get_rng_state(), state)


def test_undisturbed_puts_back_buffers_that_were_replaced_added_or_removed() -> None:
    class Restless(nn.BatchNorm1d):
        def forward(self, input: Tensor) -> Tensor:
            self.running_mean = self.running_mean + 1  # another tensor
            self.running_var.zero_()
            self.register_buffer("seen", input.detach())
            self.num_batches_tracked = None
            return input

    layer = Restless(2)
    mean, var = layer.running_mean, layer.running_var
    with undisturbed(nn.Sequential(layer)):
        layer(torch.ones(4, 2))
        assert set(dict(layer.named_buffers())) == {"running_mean", "running_var", "seen"}
    assert layer.running_mean is mean
    assert layer.running_var is var
    assert mean.tolist() == [0, 0]
    assert var.tolist() == [1, 1]
    assert layer.num_batches_tracked == 0
    assert list(dict(layer.named_buffers())) == ["running_mean", "running_var", "num_batches_tracked"]
