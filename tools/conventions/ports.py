"""A small network carried between the frameworks, and what each layer returns on either side.

conv - BatchNorm - ReLU - max pool - flatten - dense - LayerNorm - ReLU - head, on the scanned digits.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from normcourse.data import load_digits
from normcourse.porting import first_difference
from normcourse.porting.recording import Model

__all__ = ["NAMES", "differences", "images", "torch_network", "trained"]

NAMES = ("conv", "norm", "relu", "pool", "flatten", "dense", "layer_norm", "relu_2", "head")
CHANNELS, HIDDEN = 4, 16
Arrays = Mapping[str, np.ndarray]


def torch_network() -> nn.Sequential:
    """Return the network with PyTorch's defaults."""
    layers = (
        nn.Conv2d(1, CHANNELS, 3, padding="same"),
        nn.BatchNorm2d(CHANNELS),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * CHANNELS, HIDDEN),
        nn.LayerNorm(HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, 10),
    )
    network = nn.Sequential()
    for name, layer in zip(NAMES, layers, strict=True):
        network.add_module(name, layer)
    return network


def images(count: int = 4) -> torch.Tensor:
    """Return test digits, channels first."""
    return torch.from_numpy(load_digits().test.x[:count]).view(-1, 1, 8, 8)


def trained(steps: int = 400) -> nn.Sequential:
    """Return the network trained for some seconds, in inference mode."""
    torch.manual_seed(0)
    network = torch_network()
    split = load_digits().train
    x, y = torch.from_numpy(split.x).view(-1, 1, 8, 8), torch.from_numpy(split.y)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        batch = torch.randint(len(x), (32,))
        optimizer.zero_grad()
        functional.cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
    return network.eval()


def differences(one: Model, two: Model, batch: torch.Tensor, *, tolerance: float = 1e-5) -> dict[str, float]:
    """Return the difference after each layer, as a share of its largest value, to one digit."""
    found = first_difference(one, two, batch, tolerance=tolerance)
    if found:
        raise AssertionError(f"the port is wrong:\n{found}")
    return {layer.one: float(f"{layer.relative:.0e}") for layer in found.layers}
