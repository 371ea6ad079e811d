"""Flax's answers: of NNX, today's interface, and where its names are others, of Linen."""

import inspect
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import linen, nnx

from normcourse.porting.conventions import Cell
from tools.conventions import cells
from tools.conventions.cells import BATCH

SHRINK = 1e-6
RNGS = nnx.Rngs(0)
KEY = jax.random.key(0)


def _array(value: object) -> np.ndarray:
    return np.asarray(value, dtype=np.float32)


def _declared(library: ModuleType, layer: str, name: str) -> Any:
    return inspect.signature(getattr(library, layer).__init__).parameters[name].default


def _default(layer: str, name: str) -> Any:
    """Return a default that NNX and Linen share."""
    found, other = _declared(nnx, layer, name), _declared(linen, layer, name)
    if found != other:
        raise AssertionError(f"{layer}'s {name} is {found} in NNX and {other} in Linen")
    return found


def batch_norm_eps() -> Cell:
    """A running variance of 0 leaves 1 / sqrt(eps)."""
    layer = nnx.BatchNorm(1, use_running_average=True, rngs=RNGS)
    layer.var[...] = jnp.zeros(1)
    found = float(layer(jnp.full((1, 1), SHRINK))[0, 0])
    how = "BatchNorm(1, use_running_average=True), var 0; so says Linen"
    return cells.eps_measured(_default("BatchNorm", "epsilon"), found, SHRINK, how)


def _trained(**settings: object) -> tuple[nnx.BatchNorm, np.ndarray]:
    layer = nnx.BatchNorm(1, rngs=RNGS, **settings)
    return layer, _array(layer(jnp.asarray(BATCH)))


def momentum() -> Cell:
    """One update."""
    layer, _ = _trained()
    how = "one batch through BatchNorm(1); so says Linen"
    return cells.momentum_measured(_default("BatchNorm", "momentum"), float(layer.mean[0]), how)


def normalizes() -> Cell:
    """The output of one batch."""
    layer, out = _trained()
    return cells.normalizes_measured(out, layer.epsilon, "one batch through BatchNorm(1)")


def stored() -> Cell:
    """One update."""
    layer, _ = _trained()
    return cells.stored_measured(
        1.0, float(layer.var[0]), 1 - layer.momentum, "one batch through BatchNorm(1)"
    )


def axis() -> Cell:
    """The axis that gamma is as long as, in Linen, which is not told."""
    variables = linen.BatchNorm(use_running_average=False).init(KEY, jnp.zeros((2, 3, 4, 5)))
    place = (2, 3, 4, 5).index(variables["params"]["scale"].shape[0])
    assert _default("BatchNorm", "axis") == -1
    return Cell("-1: the last" if place == 3 else str(place), "measured", "Linen's scale for (2, 3, 4, 5)")


def state() -> Cell:
    """The state's keys, which are sorted, and Linen's."""
    names = [
        ".".join(map(str, path)) for path, _ in nnx.to_flat_state(nnx.state(nnx.BatchNorm(1, rngs=RNGS)))
    ]
    variables = linen.BatchNorm(use_running_average=False).init(KEY, jnp.asarray(BATCH))
    linens = [f"{group}/{name}" for group in variables for name in variables[group]]
    how = "nnx.state(BatchNorm(1)), and linen.BatchNorm().init"
    return Cell(f"{', '.join(names)} (Linen: {', '.join(linens)})", "read", how)


def start() -> Cell:
    """The first values, in the order of the question."""
    layer = nnx.BatchNorm(1, rngs=RNGS)
    values = (layer.scale, layer.bias, layer.mean, layer.var)
    return Cell(
        ", ".join(cells.number(v[0]) for v in values), "read", "BatchNorm(1)'s scale, bias, mean, var"
    )


def inference() -> Cell:
    """The argument."""
    layer = nnx.BatchNorm(1, rngs=RNGS)
    layer.eval()
    out = _array(layer(jnp.asarray(BATCH)))
    seen = cells.behaviour(float(layer.mean[0]) != 0, cells.is_by_batch(out))
    one, other = (_declared(library, "BatchNorm", "use_running_average") for library in (nnx, linen))
    how = f"BatchNorm(1), eval(), one batch; use_running_average is {one} in NNX and {other} in Linen"
    return Cell(f"layer.eval() or use_running_average=True: {seen}", "measured", how)


def frozen() -> Cell:
    """Gradients of no parameter of the layer, but use_running_average left at False."""
    layer = nnx.BatchNorm(1, rngs=RNGS)
    nothing = nnx.DiffState(0, nnx.All(nnx.Param, nnx.PathContains("none")))

    def loss(layer: nnx.BatchNorm) -> tuple[jax.Array, jax.Array]:
        out = layer(jnp.asarray(BATCH))
        return out.sum(), out

    (_, out), gradients = nnx.value_and_grad(loss, argnums=nothing, has_aux=True)(layer)
    assert not jax.tree.leaves(gradients)
    seen = cells.behaviour(float(layer.mean[0]) != 0, cells.is_by_batch(_array(out)))
    return Cell(f"left out of the gradient: {seen}", "measured", "nnx.value_and_grad of no parameter")


def half() -> Cell:
    """Computation alone, and parameters too."""
    seen = []
    for name, settings in (
        ("dtype", {"dtype": jnp.bfloat16}),
        ("dtype and param_dtype", {"dtype": jnp.bfloat16, "param_dtype": jnp.bfloat16}),
    ):
        layer = nnx.BatchNorm(1, rngs=RNGS, **settings)
        out = layer(jnp.asarray(BATCH))
        seen.append(f"{name}: {layer.scale.dtype}, {layer.mean.dtype}, {out.dtype}")
    return Cell("; ".join(seen), "measured", "one batch through BatchNorm(1, dtype=bfloat16)")


def _pair(layer: nnx.Module) -> float:
    return float(layer(SHRINK * jnp.array([[1.0, -1.0]]))[0, 0])


def layer_norm_eps() -> Cell:
    """A small input."""
    declared, found = _default("LayerNorm", "epsilon"), _pair(nnx.LayerNorm(2, rngs=RNGS))
    return cells.eps_measured(declared, found, SHRINK, "LayerNorm(2) on inputs of 1e-6; so says Linen")


def layer_norm_axis() -> Cell:
    """By default the last."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    due = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    assert np.allclose(_array(nnx.LayerNorm(4, rngs=RNGS)(x)), due, atol=1e-3)
    declared = _default("LayerNorm", "reduction_axes")
    return Cell(f"{declared}: the last", "measured", "LayerNorm(4) on (2, 3, 4)")


def layer_norm_half() -> Cell:
    """Squares that float16 cannot hold."""
    layer = nnx.LayerNorm(4, dtype=jnp.float16, rngs=RNGS)
    return cells.large_measured(
        _array(layer(jnp.asarray(cells.LARGE, jnp.float16))), "LayerNorm(4, dtype=float16)"
    )


def layer_norm_offset() -> Cell:
    """A mean far from 0."""
    return cells.offset_measured(
        _array(nnx.LayerNorm(4, rngs=RNGS)(jnp.asarray(cells.OFFSET))), "LayerNorm(4)"
    )


def rms_norm_eps() -> Cell:
    """A small input."""
    declared, found = _default("RMSNorm", "epsilon"), _pair(nnx.RMSNorm(2, rngs=RNGS))
    return cells.eps_measured(declared, found, SHRINK, "RMSNorm(2) on inputs of 1e-6; so says Linen")


def rms_norm_cast() -> Cell:
    """Bits of bfloat16."""
    layer = nnx.RMSNorm(16, epsilon=1e-6, dtype=jnp.bfloat16, rngs=RNGS)
    layer.scale[...] = jnp.asarray(cells.RMS_WEIGHT.numpy())
    out = layer(jnp.asarray(cells.RMS_INPUT.numpy(), jnp.bfloat16))
    found = torch.from_numpy(_array(out).copy())
    return cells.cast_measured(found, torch.bfloat16, 1e-6, "RMSNorm(16, dtype=bfloat16)")


def group_norm_eps() -> Cell:
    """A small input."""
    declared, found = _default("GroupNorm", "epsilon"), _pair(nnx.GroupNorm(2, 1, rngs=RNGS))
    return cells.eps_measured(declared, found, SHRINK, "GroupNorm(2, 1) on inputs of 1e-6; so says Linen")


def group_norm_groups() -> Cell:
    """The default."""
    return Cell(str(_default("GroupNorm", "num_groups")), "read", "inspect.signature(GroupNorm); Linen's too")


def group_norm_affine() -> Cell:
    """The shape of gamma."""
    return Cell(f"{nnx.GroupNorm(8, 4, rngs=RNGS).scale.size} values", "read", "GroupNorm(8, 4).scale")


def instance_norm_eps() -> Cell:
    """A small input."""
    layer = nnx.InstanceNorm(1, rngs=RNGS)
    found = float(layer(SHRINK * jnp.array([[[1.0], [-1.0]]]))[0, 0, 0])
    declared = _default("InstanceNorm", "epsilon")
    return cells.eps_measured(declared, found, SHRINK, "InstanceNorm(1) on inputs of 1e-6; so says Linen")


def instance_norm_affine() -> Cell:
    """Whether there is a gamma."""
    both = _default("InstanceNorm", "use_scale") and _default("InstanceNorm", "use_bias")
    return Cell("both" if both else "none", "read", "inspect.signature(InstanceNorm); Linen's too")


def dense_shape() -> Cell:
    """The kernel's shape."""
    return Cell(f"{nnx.Linear(3, 5, rngs=RNGS).kernel.shape}: in, out", "read", "Linear(3, 5).kernel.shape")


def conv_shape() -> Cell:
    """The kernel's shape."""
    shape = nnx.Conv(4, 5, (3, 2), rngs=RNGS).kernel.shape
    return Cell(f"{shape}: height, width, in, out", "read", "Conv(4, 5, (3, 2)).kernel.shape")


def conv_same() -> Cell:
    """Windows of four numbers."""
    layer = nnx.Conv(1, 1, 3, strides=2, padding="SAME", use_bias=False, rngs=RNGS)
    layer.kernel[...] = jnp.reshape(jnp.array(cells.SAME_KERNEL), (3, 1, 1))
    out = layer(jnp.reshape(jnp.array(cells.SAME_INPUT), (1, 4, 1)))
    return cells.same_measured(_array(out), "Conv(1, 1, 3, strides=2, padding='SAME')")


def function() -> Cell:
    """JAX's own."""
    default = inspect.signature(jax.nn.standardize).parameters["epsilon"].default
    out = _array(jax.nn.standardize(jnp.asarray(BATCH), axis=0))
    divided = cells.normalizes_measured(out, default, "jax.nn.standardize").observed
    how = "jax.nn.standardize(batch, axis=0)"
    return Cell(f"jax.nn.standardize: epsilon={default}, variance {divided}", "measured", how)


COLUMN = cells.column(globals())
