"""`first_difference` names the layer of a planted fault and what it looks like, and leaves models alone."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.porting import first_difference


def convolutional(**settings):
    """Return a network with statistics, gammas and betas of its own, in training mode."""
    torch.manual_seed(0)
    network = nn.Sequential()
    for name, layer in (
        ("conv", nn.Conv2d(3, 6, 3, padding=1)),
        ("norm", nn.BatchNorm2d(6, eps=1e-3, momentum=0.5)),
        ("relu", nn.ReLU(**settings)),
        ("down", nn.Conv2d(6, 6, 3, stride=2, padding=1)),
        ("group", nn.GroupNorm(2, 6)),
        ("flatten", nn.Flatten()),
        ("dense", nn.Linear(6 * 4 * 4, 12)),
        ("layer_norm", nn.LayerNorm(12)),
        ("square", nn.Linear(12, 12)),
        ("rms", nn.RMSNorm(12, eps=1e-6)),
        ("head", nn.Linear(12, 5)),
    ):
        network.add_module(name, layer)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.copy_(0.5 + torch.rand(parameter.shape))
        for _ in range(5):
            network(images())
    return network


def images():
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 0.3


def recorded(network, channels_last=True):
    """Return what another framework would have recorded, in its layout."""
    value, found = images(), {}
    with torch.no_grad():
        for name, layer in deepcopy(network).eval().named_children():
            value = layer(value)
            found[name] = value.numpy().copy()
    if channels_last:
        size = found["flatten"].shape
        last = found["group"].transpose(0, 2, 3, 1)
        found = {name: v.transpose(0, 2, 3, 1) if v.ndim > 2 else v for name, v in found.items()}
        found["flatten"] = last.reshape(size)
    return found


def exchange(one, two):
    kept = one.clone()
    one.copy_(two)
    two.copy_(kept)


# By name: the fault, the layer that it is at, and what its look says.
FAULTS = {
    "another epsilon": (lambda n: setattr(n.norm, "eps", 1e-5), "norm", "eps=0.001 in place of 1e-05"),
    "mean and variance exchanged": (
        lambda n: exchange(n.norm.running_mean, n.norm.running_var),
        "norm",
        "running mean and variance in each other's place",
    ),
    "a deviation for the variance": (
        lambda n: n.norm.running_var.sqrt_(),
        "norm",
        "running variance squared",
    ),
    "statistics not loaded": (lambda n: n.norm.reset_running_stats(), "norm", "still 0 and 1"),
    "other statistics": (
        lambda n: n.norm.running_var.mul_(1.3),
        "norm",
        "a factor and an offset for each channel",
    ),
    "gamma and beta exchanged": (
        lambda n: exchange(n.norm.weight, n.norm.bias),
        "norm",
        "gamma and beta in each other's place",
    ),
    "kernel with height and width exchanged": (
        lambda n: n.conv.weight.copy_(n.conv.weight.transpose(2, 3).clone()),
        "conv",
        "height and width of its kernel exchanged",
    ),
    "kernel turned": (
        lambda n: n.conv.weight.copy_(n.conv.weight.flip(2, 3)),
        "conv",
        "kernel turned round",
    ),
    "channels in and out exchanged": (
        lambda n: n.down.weight.copy_(n.down.weight.transpose(0, 1).clone()),
        "down",
        "channels in and out",
    ),
    "channels in another order": (
        lambda n: (n.down.weight.copy_(n.down.weight.flip(0)), n.down.bias.copy_(n.down.bias.flip(0))),
        "down",
        "the same channels in another order",
    ),
    "a missing bias": (lambda n: n.head.bias.zero_(), "head", "an offset for each channel"),
    "columns of the other order": (
        lambda n: n.dense.weight.copy_(
            n.dense.weight.view(12, 6, 4, 4).permute(0, 2, 3, 1).reshape(12, -1).clone()
        ),
        "dense",
        "given its input in the order of one",
    ),
    "a square weight not transposed": (
        lambda n: n.square.weight.copy_(n.square.weight.T.clone()),
        "square",
        "weight transposed",
    ),
    "a gamma stored less 1": (lambda n: n.rms.weight.sub_(1), "rms", "1 + its weight"),
    "another epsilon of the last norm": (lambda n: setattr(n.rms, "eps", 1e-3), "rms", "eps=1e-06"),
    "other groups": (lambda n: setattr(n.group, "num_groups", 3), "group", None),
}


# Of a fault of the flatten's order there is something to see only where the orders differ.
ORDERED = [name for name in FAULTS if name != "columns of the other order"]


@pytest.mark.parametrize(
    ("fault", "channels_last"),
    [*((name, True) for name in FAULTS), *((name, False) for name in ORDERED)],
)
def test_a_fault_is_found_at_its_layer(fault, channels_last):
    plant, layer, words = FAULTS[fault]
    right = convolutional().eval()
    wrong = deepcopy(right)
    with torch.no_grad():
        plant(wrong)
    found = first_difference(recorded(right, channels_last), wrong, images())
    assert found
    assert (found.first.one, found.first.two) == (layer, layer)
    assert found.first.relative > found.tolerance
    if words:
        assert any(words in look for look in found.looks), found.looks
    assert f"first difference: layer {found.first.place} of 11, '{layer}'" in repr(found)


@pytest.mark.parametrize("fault", ORDERED)
def test_two_modules_are_told_apart_as_well(fault):
    plant, layer, _ = FAULTS[fault]
    right = convolutional().eval()
    wrong = deepcopy(right)
    with torch.no_grad():
        plant(wrong)
    assert first_difference(right, wrong, images()).first.one == layer
    # The other way round the fault is in one, and a change of one may mend it.
    assert first_difference(wrong, recorded(right), images()).first.one == layer


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
def test_a_right_port_has_no_difference(channels_last, inplace):
    network = convolutional(inplace=inplace)
    found = first_difference(recorded(network, channels_last), network, images())
    assert not found
    assert found.first is None
    assert len(found.layers) == 11
    assert repr(found).startswith("no difference in 11 layers")
    layouts = {layer.one: layer.layout for layer in found.layers if layer.layout}
    assert set(layouts) == ({"conv", "norm", "relu", "down", "group", "flatten"} if channels_last else set())


def test_a_cube_is_compared_in_its_own_layout_behind_a_fault_too():
    network = nn.Sequential(nn.BatchNorm2d(4, eps=1e-3), nn.ReLU(), nn.Flatten())
    cube = torch.rand(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network[0].running_var.fill_(0.05)
        due = network.eval()(cube).reshape(2, 4, 4, 4).permute(0, 2, 3, 1)
        network[0].eps = 1e-5
    found = first_difference({"norm": due, "relu": due, "flatten": due.flatten(1)}, network, cube)
    assert found.first.one == "norm"
    assert all(0.001 < layer.relative < 0.02 for layer in found.layers)


def test_training_momentum_and_epsilon_below_the_tolerance_do_not_count():
    network = convolutional()
    other = deepcopy(network).eval()
    other.norm.momentum = 0.9
    other.norm.eps *= 1 + 1e-6
    assert not first_difference(network, other, images())
    assert first_difference(network, other, images(), tolerance=1e-9)


def test_dropout_and_identities_do_not_count():
    network = convolutional()
    other = nn.Sequential()
    for name, layer in deepcopy(network).named_children():
        other.add_module(name, layer)
        other.add_module(f"after_{name}", nn.Dropout(0.5) if name in ("relu", "dense") else nn.Identity())
    assert not first_difference(network, other, images())


def test_padding_of_tensorflow_at_a_stride_is_named():
    conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    with torch.no_grad():
        due = nn.functional.conv2d(
            nn.functional.pad(images(), (0, 1, 0, 1)), conv.weight, conv.bias, stride=2
        )
    found = first_difference({"conv": due}, nn.Sequential(conv), images())
    assert "as TensorFlow pads 'same'" in found.looks[0]


@pytest.mark.parametrize(
    ("layer", "due", "words"),
    [
        (nn.GELU(), nn.GELU("tanh"), 'approximate="tanh"'),
        (nn.LeakyReLU(0.01), nn.LeakyReLU(0.3), "negative_slope=0.3 in place of 0.01"),
        (nn.LayerNorm(6), nn.RMSNorm(6, eps=1e-5), "no mean subtracted"),
        (nn.RMSNorm(6, eps=1e-5), nn.LayerNorm(6, bias=False), "the mean subtracted"),
        (nn.BatchNorm1d(6), nn.BatchNorm1d(6, track_running_stats=False), "batch's own statistics"),
    ],
)
def test_other_layers_are_tried(layer, due, words):
    x = torch.randn(32, 6, generator=torch.Generator().manual_seed(0)) + 1
    found = first_difference(nn.Sequential(due), nn.Sequential(layer), x, tolerance=1e-5)
    assert words in found.looks[0]


X = np.random.default_rng(0).normal(size=(6, 5, 4))


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        (X, -X, "the other sign"),
        (X, X.transpose(1, 0, 2), "axes in the order (1, 0, 2)"),
        (X, X[:, ::-1], "the same channels in another order"),
        (X, X.reshape(6, -1)[:, ::-1].reshape(X.shape), "the same numbers in another order"),
        (np.maximum(X, 0), X, "two is not rectified"),
        (X, np.maximum(X, 0), "two is rectified"),
        (X, 2 * X, "a factor takes two to one: factor 0.5"),
        (X, X + 3, "an offset takes two to one: offset -3"),
        (X, X * np.arange(1, 6)[:, None], "a factor for each channel (axis 1 of one)"),
        (X, X * np.arange(1, 5), "a factor for each channel (axis 2 of one)"),
        (X, X * np.arange(1, 5) + 1, "a factor and an offset for each channel (axis 2 of one)"),
        (X, np.where(X > 1, np.nan, X), "values that are not finite"),
        (X, X[:, :3], "two has the shape (6, 3, 4), one (6, 5, 4)"),
    ],
)
def test_arrays_alone_are_looked_at(one, two, words):
    found = first_difference({"a": one}, {"b": two})
    assert words in " ".join(found.looks)
    assert (found.first.one, found.first.two) == ("a", "b")


def test_noise_looks_like_nothing():
    two = X + 0.01 * np.random.default_rng(1).normal(size=X.shape)
    assert first_difference({"a": X}, {"a": two}).looks == ()


def test_the_same_values_that_are_not_finite_are_no_difference():
    spoilt = np.where(X > 1, np.inf, np.where(X < -1, np.nan, X))
    assert not first_difference({"a": spoilt}, [("a", spoilt.copy())])


class Branch(nn.Module):
    """Two layers, and a sum between them that is no layer."""

    def __init__(self, factor=1.0, last=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.factor, self.last = nn.Linear(4, 4), nn.Linear(4, 4), factor, last

    def forward(self, x):
        return self.last * self.second(x + self.factor * self.first(x))


def test_a_difference_between_layers_is_told_as_one():
    x = torch.eye(4)
    assert not first_difference(Branch(), Branch(), x)
    found = first_difference(Branch(), Branch(0.5), x)
    assert found.first.one == "second"
    assert found.looks == ("its inputs differ already: look between 'first' and 'second', outside of layers",)
    found = first_difference(Branch(), Branch(last=0.5), x)
    assert found.first.one == "(output)"
    assert "factor 2" in found.looks[0]


def test_calls_that_cannot_be_paired_are_shown():
    network = convolutional()
    kept = recorded(network)
    del kept["relu"], kept["flatten"]
    with pytest.raises(ValueError, match="one makes 9, two 11") as error:
        first_difference(kept, network, images())
    assert "They part at call 3, where one has 'down' (4, 4, 4, 6)" in str(error.value)
    assert "two has 'relu' (4, 6, 8, 8)" in str(error.value)
    pairs = {name: name for name in kept}
    assert not first_difference(kept, network, images(), pairs=pairs)
    with torch.no_grad():
        network.norm.running_mean.add_(1)
    assert first_difference(kept, network, images(), pairs=pairs).first.two == "norm"


def test_pairs_may_name_containers():
    one = nn.Sequential(convolutional(), nn.ReLU())
    assert not first_difference(one, deepcopy(one), images(), pairs={"0": "0", "1": "1"})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (({}, {}), "nothing to compare"),
        (({"a": X}, nn.Linear(4, 4)), "needs a batch"),
    ],
)
def test_misuse_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        first_difference(*arguments)


def test_an_unknown_name_is_named():
    with pytest.raises(ValueError, match="no layer is called 'b'; there are 'a'"):
        first_difference({"a": X}, {"a": X}, pairs={"a": "b"})
    with pytest.raises(ValueError, match="no layer is called 'nrom'; there are 'conv', 'norm'"):
        first_difference(convolutional(), convolutional(), images(), pairs={"norm": "nrom"})


def test_keyword_arguments_and_a_layer_called_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, *, x):
            return self.fc(self.fc(x))

    network = Twice()
    found = first_difference(network, deepcopy(network), {"x": torch.eye(4)})
    assert [layer.one for layer in found.layers] == ["fc", "fc (call 2)"]


def state(network):
    return (
        {name: value.clone() for name, value in network.state_dict().items()},
        [module.training for module in network.modules()],
        [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()],
        [parameter.grad for parameter in network.parameters()],
        torch.get_rng_state(),
    )


def same(one, two):
    tensors = [one[0].keys() == two[0].keys(), *(torch.equal(one[0][name], two[0][name]) for name in one[0])]
    return all(tensors) and one[1:4] == two[1:4] and torch.equal(one[4], two[4])


@pytest.mark.parametrize("fails", [False, True])
def test_models_are_left_as_they_were(fails):
    one = convolutional().train()
    one.norm.eval()  # a mode of its own
    two = deepcopy(one)
    with torch.no_grad():
        two.norm.running_var.sqrt_()
    if fails:
        two.head = nn.Linear(13, 5)
    before = state(one), state(two)
    if fails:
        with pytest.raises(RuntimeError):
            first_difference(one, two, images())
    else:
        assert first_difference(one, two, images())
    assert same(state(one), before[0])
    assert same(state(two), before[1])
    one.norm.running_mean.add_(1)
    assert not same(state(one), before[0])
