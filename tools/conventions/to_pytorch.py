"""The network that was made in Keras, carried to PyTorch, as the page on porting does it."""

import torch
from torch import nn

from normcourse.porting import KerasNetwork
from tools.conventions.ports import CHANNELS, HIDDEN, differences, torch_network

__all__ = ["back", "to_pytorch"]


def to_pytorch(kept: KerasNetwork) -> nn.Sequential:
    """Return the network in PyTorch, in inference mode."""
    w = {name: torch.from_numpy(value) for name, value in kept.weights.items()}
    # From (height, width, channels), out to out, (channels, height, width).
    dense = w["dense/kernel"].reshape(4, 4, CHANNELS, HIDDEN).permute(3, 2, 0, 1).reshape(HIDDEN, -1)
    network = torch_network()
    network.load_state_dict(
        {
            "conv.weight": w["conv/kernel"].permute(3, 2, 0, 1),
            "conv.bias": w["conv/bias"],
            "norm.weight": w["norm/gamma"],
            "norm.bias": w["norm/beta"],
            "norm.running_mean": w["norm/moving_mean"],
            "norm.running_var": w["norm/moving_variance"],
            "norm.num_batches_tracked": torch.tensor(0),
            "dense.weight": dense,
            "dense.bias": w["dense/bias"],
            "layer_norm.weight": w["layer_norm/gamma"],
            "layer_norm.bias": w["layer_norm/beta"],
            "head.weight": w["head/kernel"].T,
            "head.bias": w["head/bias"],
        }
    )
    network.norm.eps = kept.settings["norm"]["epsilon"]
    network.norm.momentum = 1 - kept.settings["norm"]["momentum"]
    network.layer_norm.eps = kept.settings["layer_norm"]["epsilon"]
    return network.eval()


def back(kept: KerasNetwork) -> dict[str, float]:
    """Return the difference after each layer, now and after a batch of training mode."""
    network = to_pytorch(kept)
    images = torch.from_numpy(kept.images).permute(0, 3, 1, 2)
    found = differences(kept.layers, network, images)
    network.train()(images)
    differences(kept.after, network, images, tolerance=1e-4)
    return found
