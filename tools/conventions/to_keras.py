"""The network in Keras: carried there from PyTorch, and made and trained there."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

from normcourse.data import load_digits
from normcourse.porting.conventions import encode
from tools.conventions.ports import CHANNELS, HIDDEN, NAMES, Arrays, images

__all__ = ["made", "returned", "to_keras"]


def keras_network(**epsilons: float) -> keras.Sequential:
    """Return the network, with Keras's defaults where no epsilon is given."""
    given = {name: {"epsilon": value} for name, value in epsilons.items()}
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(CHANNELS, 3, padding="same", name="conv"),
            layers.BatchNormalization(name="norm", **given.get("norm", {})),
            layers.ReLU(name="relu"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(HIDDEN, name="dense"),
            layers.LayerNormalization(name="layer_norm", **given.get("layer_norm", {})),
            layers.ReLU(name="relu_2"),
            layers.Dense(10, name="head"),
        ]
    )


def to_keras(network: nn.Sequential) -> keras.Sequential:
    """Carry the network from PyTorch to Keras."""
    ported = keras_network(norm=network.norm.eps, layer_norm=network.layer_norm.eps)
    w = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    # From out, (channels, height, width) to (height, width, channels), out.
    dense = w["dense.weight"].reshape(HIDDEN, CHANNELS, 4, 4).transpose(2, 3, 1, 0).reshape(-1, HIDDEN)
    weights = {
        "conv": [w["conv.weight"].transpose(2, 3, 1, 0), w["conv.bias"]],
        "norm": [w[f"norm.{name}"] for name in ("weight", "bias", "running_mean", "running_var")],
        "dense": [dense, w["dense.bias"]],
        "layer_norm": [w["layer_norm.weight"], w["layer_norm.bias"]],
        "head": [w["head.weight"].T, w["head.bias"]],
    }
    for name, arrays in weights.items():
        ported.get_layer(name).set_weights(arrays)
    return ported


def returned(network: keras.Sequential, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each layer returns in inference mode."""
    found = {}
    value = keras.ops.convert_to_tensor(x)
    for name in NAMES:
        value = network.get_layer(name)(value, **({"training": False} if name == "norm" else {}))
        found[name] = keras.ops.convert_to_numpy(value).copy()
    return found


def channels_last(x: torch.Tensor) -> np.ndarray:
    """Return images as Keras takes them."""
    return np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())


def _trained(epochs: int = 15) -> keras.Sequential:
    keras.utils.set_random_seed(0)
    network = keras_network()
    split = load_digits().train
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(3e-3), loss)
    network.fit(split.x.reshape(-1, 8, 8, 1), split.y, batch_size=32, epochs=epochs, verbose=0)
    return network


def made(weights: Arrays | None) -> dict[str, object]:
    """Return the record of the network that is made in Keras.

    Args:
        weights: Of an earlier record, to run again; without them the network is trained.
    """
    network = _trained() if weights is None else keras_network()
    named = {
        f"{layer.name}/{variable.name}": variable for layer in network.layers for variable in layer.weights
    }
    for name, value in (weights or {}).items():
        named[name].assign(value)
    kept = {name: encode(keras.ops.convert_to_numpy(variable)) for name, variable in named.items()}
    four, test = images(), load_digits().test
    x = channels_last(four)
    answers = np.argmax(network.predict(test.x.reshape(-1, 8, 8, 1), verbose=0), axis=1)
    before = returned(network, x)
    network(x, training=True)
    norm, layer_norm = network.get_layer("norm"), network.get_layer("layer_norm")
    return {
        "weights": kept,
        "settings": {
            "norm": {"epsilon": norm.epsilon, "momentum": norm.momentum},
            "layer_norm": {"epsilon": layer_norm.epsilon},
        },
        "images": encode(x),
        "labels": test.y[: len(x)].tolist(),
        "layers": {name: encode(value) for name, value in before.items()},
        "after": {name: encode(value) for name, value in returned(network, x).items()},
        "accuracy": round(float((answers == test.y).mean()), 3),
    }
