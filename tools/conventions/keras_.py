"""Keras's answers, on its torch backend."""

import inspect

import keras
import numpy as np
import torch
from keras import layers, ops

from normcourse.porting.conventions import Cell
from tools.conventions import cells
from tools.conventions.cells import BATCH

SHRINK = 1e-6


def _array(value: object) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(value, "float32"))


def _built(shape: tuple[int, ...] = (4, 1), **settings: object) -> layers.BatchNormalization:
    layer = layers.BatchNormalization(**settings)
    layer.build(shape)
    return layer


def batch_norm_eps() -> Cell:
    """A running variance of 0 leaves 1 / sqrt(eps)."""
    layer = _built()
    layer.moving_variance.assign(np.zeros(1))
    found = float(_array(layer(np.full((1, 1), SHRINK)))[0, 0])
    return cells.eps_measured(layer.epsilon, found, SHRINK, "BatchNormalization(), moving_variance 0")


def _trained() -> tuple[layers.BatchNormalization, np.ndarray]:
    layer = layers.BatchNormalization()
    return layer, _array(layer(BATCH, training=True))


def momentum() -> Cell:
    """One update."""
    layer, _ = _trained()
    moved = float(_array(layer.moving_mean)[0])
    return cells.momentum_measured(layer.momentum, moved, "BatchNormalization()(batch, training=True)")


def normalizes() -> Cell:
    """The output of one batch."""
    layer, out = _trained()
    return cells.normalizes_measured(out, layer.epsilon, "BatchNormalization()(batch, training=True)")


def stored() -> Cell:
    """One update."""
    layer, _ = _trained()
    after = float(_array(layer.moving_variance)[0])
    how = "BatchNormalization()(batch, training=True)"
    return cells.stored_measured(1.0, after, 1 - layer.momentum, how)


def axis() -> Cell:
    """The axis that gamma is as long as."""
    layer = _built((2, 3, 4, 5))
    place = (2, 3, 4, 5).index(layer.gamma.shape[0])
    return Cell(f"{layer.axis}: the last" if place == 3 else str(place), "measured", "gamma for (2, 3, 4, 5)")


def state() -> Cell:
    """The weights as get_weights orders them."""
    return Cell(", ".join(w.name for w in _built().weights), "read", "BatchNormalization().weights")


def start() -> Cell:
    """The first values."""
    shown = ", ".join(cells.number(w[0]) for w in _built().get_weights())
    return Cell(shown, "read", "BatchNormalization().get_weights()")


def inference() -> Cell:
    """The argument, and its default."""
    layer = layers.BatchNormalization()
    out = _array(layer(BATCH))
    moved = float(_array(layer.moving_mean)[0]) != 0
    seen = cells.behaviour(moved, cells.is_by_batch(out))
    return Cell(f"training=False, the default of a call: {seen}", "measured", "BatchNormalization()(batch)")


def frozen() -> Cell:
    """Not trainable, but called with training=True."""
    layer = layers.BatchNormalization()
    layer.trainable = False
    out = _array(layer(BATCH, training=True))
    moved = float(_array(layer.moving_mean)[0]) != 0
    seen = cells.behaviour(moved, cells.is_by_batch(out))
    return Cell(f"trainable = False: {seen}", "measured", "the layer, then called with training=True")


def half() -> Cell:
    """Both policies."""
    seen = []
    for policy in ("bfloat16", "mixed_bfloat16"):
        layer = layers.BatchNormalization(dtype=policy)
        out = layer(BATCH, training=True)
        dtypes = (layer.gamma.dtype, layer.moving_mean.dtype, keras.backend.standardize_dtype(out.dtype))
        seen.append(f"{policy}: {', '.join(dtypes)}")
    return Cell("; ".join(seen), "measured", "BatchNormalization(dtype=policy)(batch, training=True)")


def _pair(layer: layers.Layer) -> float:
    return float(_array(layer(SHRINK * np.array([[1.0, -1.0]])))[0, 0])


def layer_norm_eps() -> Cell:
    """A small input."""
    layer = layers.LayerNormalization()
    return cells.eps_measured(layer.epsilon, _pair(layer), SHRINK, "LayerNormalization() on inputs of 1e-6")


def layer_norm_axis() -> Cell:
    """One axis, by default the last."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    due = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    layer = layers.LayerNormalization()
    assert np.allclose(_array(layer(x)), due, atol=0.05)
    return Cell(f"{layer.axis}: the last", "measured", "LayerNormalization() on (2, 3, 4)")


def layer_norm_half() -> Cell:
    """Squares that float16 cannot hold."""
    out = layers.LayerNormalization(dtype="float16")(cells.LARGE)
    return cells.large_measured(_array(out), "LayerNormalization(dtype='float16')")


def layer_norm_offset() -> Cell:
    """A mean far from 0."""
    return cells.offset_measured(_array(layers.LayerNormalization()(cells.OFFSET)), "LayerNormalization()")


def rms_norm_eps() -> Cell:
    """A small input."""
    layer = layers.RMSNormalization()
    return cells.eps_measured(layer.epsilon, _pair(layer), SHRINK, "RMSNormalization() on inputs of 1e-6")


def rms_norm_cast() -> Cell:
    """Bits of bfloat16."""
    layer = layers.RMSNormalization(epsilon=1e-6, dtype="mixed_bfloat16")
    layer.build((64, 16))
    layer.scale.assign(cells.RMS_WEIGHT.numpy())
    out = layer(cells.RMS_INPUT.bfloat16())
    how = "RMSNormalization(dtype='mixed_bfloat16')"
    return cells.cast_measured(ops.cast(out, "bfloat16").detach(), torch.bfloat16, 1e-6, how)


def group_norm_eps() -> Cell:
    """A small input."""
    layer = layers.GroupNormalization(1)
    return cells.eps_measured(layer.epsilon, _pair(layer), SHRINK, "GroupNormalization(1) on inputs of 1e-6")


def group_norm_groups() -> Cell:
    """The default."""
    return Cell(str(layers.GroupNormalization().groups), "read", "GroupNormalization().groups")


def group_norm_affine() -> Cell:
    """The shape of gamma."""
    layer = layers.GroupNormalization(4)
    layer.build((2, 3, 8))
    return Cell(f"{int(np.prod(layer.gamma.shape))} values", "read", "GroupNormalization(4).gamma")


def _no_instance_norm() -> None:
    assert not hasattr(layers, "InstanceNormalization"), "Keras has an InstanceNormalization now: ask it"


def instance_norm_eps() -> Cell:
    """A group norm with a group a channel."""
    _no_instance_norm()
    layer = layers.GroupNormalization(-1)
    found = float(_array(layer(SHRINK * np.array([[[1.0], [-1.0]]])))[0, 0, 0])
    how = "no such layer; GroupNormalization(-1) on inputs of 1e-6"
    return cells.eps_measured(layer.epsilon, found, SHRINK, how)


def instance_norm_affine() -> Cell:
    """A group norm with a group a channel."""
    _no_instance_norm()
    layer = layers.GroupNormalization(-1)
    layer.build((2, 3, 8))
    shown = "both" if len(layer.get_weights()) == 2 else "other"
    return Cell(f"{shown} (GroupNormalization(-1))", "read", "GroupNormalization(-1).get_weights()")


def dense_shape() -> Cell:
    """The kernel's shape."""
    layer = layers.Dense(5)
    layer.build((1, 3))
    return Cell(f"{tuple(layer.kernel.shape)}: in, out", "read", "Dense(5).kernel.shape")


def conv_shape() -> Cell:
    """The kernel's shape."""
    layer = layers.Conv2D(5, (3, 2))
    layer.build((1, 8, 8, 4))
    return Cell(f"{tuple(layer.kernel.shape)}: height, width, in, out", "read", "Conv2D(5, (3, 2)).kernel")


def conv_same() -> Cell:
    """Windows of four numbers."""
    layer = layers.Conv1D(1, 3, strides=2, padding="same", use_bias=False)
    layer.build((1, 4, 1))
    layer.kernel.assign(np.reshape(cells.SAME_KERNEL, (3, 1, 1)))
    out = _array(layer(np.reshape(cells.SAME_INPUT, (1, 4, 1))))
    return cells.same_measured(out, "Conv1D(1, 3, strides=2, padding='same')")


def function() -> Cell:
    """Its default."""
    default = inspect.signature(ops.batch_normalization).parameters["epsilon"].default
    how = "inspect.signature(keras.ops.batch_normalization)"
    return Cell(f"ops.batch_normalization: epsilon={default}", "read", how)


COLUMN = cells.column(globals())
