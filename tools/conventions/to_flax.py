"""The network in Flax NNX, carried there from PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from torch import nn

from tools.conventions.ports import CHANNELS, HIDDEN, images

__all__ = ["returned"]


def returned(network: nn.Sequential) -> dict[str, np.ndarray]:
    """Carry the network over, and return what each layer returns for four digits."""
    rngs = nnx.Rngs(0)
    w = {name: jnp.asarray(value.detach().numpy()) for name, value in network.state_dict().items()}
    conv = nnx.Conv(1, CHANNELS, (3, 3), rngs=rngs)
    norm = nnx.BatchNorm(CHANNELS, use_running_average=True, epsilon=network.norm.eps, rngs=rngs)
    dense = nnx.Linear(16 * CHANNELS, HIDDEN, rngs=rngs)
    layer_norm = nnx.LayerNorm(HIDDEN, epsilon=network.layer_norm.eps, rngs=rngs)
    head = nnx.Linear(HIDDEN, 10, rngs=rngs)
    conv.kernel[...], conv.bias[...] = w["conv.weight"].transpose(2, 3, 1, 0), w["conv.bias"]
    norm.scale[...], norm.bias[...] = w["norm.weight"], w["norm.bias"]
    norm.mean[...], norm.var[...] = w["norm.running_mean"], w["norm.running_var"]
    # From out, (channels, height, width) to (height, width, channels), out.
    kernel = w["dense.weight"].reshape(HIDDEN, CHANNELS, 4, 4).transpose(2, 3, 1, 0)
    dense.kernel[...], dense.bias[...] = kernel.reshape(-1, HIDDEN), w["dense.bias"]
    layer_norm.scale[...], layer_norm.bias[...] = w["layer_norm.weight"], w["layer_norm.bias"]
    head.kernel[...], head.bias[...] = w["head.weight"].T, w["head.bias"]
    found = {}
    value = jnp.asarray(images().permute(0, 2, 3, 1).numpy())
    for name, layer in {
        "conv": conv,
        "norm": norm,
        "relu": jax.nn.relu,
        "pool": lambda x: nnx.max_pool(x, (2, 2), (2, 2)),
        "flatten": lambda x: x.reshape(len(x), -1),
        "dense": dense,
        "layer_norm": layer_norm,
        "relu_2": jax.nn.relu,
        "head": head,
    }.items():
        value = layer(value)
        found[name] = np.asarray(value)
    return found
