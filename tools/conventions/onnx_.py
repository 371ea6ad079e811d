"""ONNX's answers: of the operators' schemas, and of onnxruntime."""

import re
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper

from normcourse.porting.conventions import Cell
from tools.conventions import cells
from tools.conventions.cells import BATCH

SHRINK = 1e-6
OPSET = 21  # of onnxruntime's kernels for every operator but RMSNormalization
ONE, ZERO = np.ones(1, np.float32), np.zeros(1, np.float32)


def model(
    operator: str, inputs: list[np.ndarray], outputs: int = 1, opset: int = OPSET, **attributes: Any
) -> onnx.ModelProto:
    """Return a model of one node; the first input is given at the call, the others are stored."""
    names = [f"i{place}" for place in range(len(inputs))]
    made = [f"o{place}" for place in range(outputs)]
    kind = helper.np_dtype_to_tensor_dtype(inputs[0].dtype)
    graph = helper.make_graph(
        [helper.make_node(operator, names, made, **attributes)],
        "one",
        [helper.make_tensor_value_info("i0", kind, inputs[0].shape)],
        [helper.make_empty_tensor_value_info(name) for name in made],
        [numpy_helper.from_array(array, name) for name, array in zip(names[1:], inputs[1:], strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def run(
    operator: str, inputs: list[np.ndarray], outputs: int = 1, opset: int = OPSET, **attributes: Any
) -> Any:
    """Run one operator by onnxruntime, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    text = model(operator, inputs, outputs, opset, **attributes).SerializeToString()
    session = onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"i0": inputs[0]})


def refused(*arguments: Any, **settings: Any) -> str:
    """Return why onnxruntime refuses these shapes, or nothing where it runs."""
    try:
        run(*arguments, **settings)
    except Exception as error:  # of onnxruntime's own kinds, which it does not name
        reason = str(error)
        if not re.search("dimension|shape|size|channels", reason, re.IGNORECASE):
            raise  # a fault of ours, and no answer
        return reason
    return ""


def default(operator: str, attribute: str) -> Any:
    """Return an attribute's default of the operator's newest schema."""
    return helper.get_attribute_value(onnx.defs.get_schema(operator).attributes[attribute].default_value)


def batch_norm_eps() -> Cell:
    """A running variance of 0 leaves 1 / sqrt(eps)."""
    x = np.full((1, 1), SHRINK, np.float32)
    found = run("BatchNormalization", [x, ONE, ZERO, ZERO, ZERO])[0].item()
    declared = default("BatchNormalization", "epsilon")
    return cells.eps_measured(declared, found, SHRINK, "BatchNormalization by onnxruntime, input_var 0")


def _trained() -> Any:
    """One batch in training mode."""
    return run("BatchNormalization", [BATCH, ONE, ZERO, ZERO, ONE], 3, training_mode=1)


TRAINED = "one batch, training_mode=1, by onnxruntime"


def momentum() -> Cell:
    """One update."""
    _, mean, _ = _trained()
    return cells.momentum_measured(default("BatchNormalization", "momentum"), float(mean[0]), TRAINED)


def normalizes() -> Cell:
    """The output of one batch."""
    out, _, _ = _trained()
    return cells.normalizes_measured(out, default("BatchNormalization", "epsilon"), TRAINED)


def stored() -> Cell:
    """One update."""
    _, _, variance = _trained()
    weight = 1 - default("BatchNormalization", "momentum")
    return cells.stored_measured(1.0, float(variance[0]), weight, TRAINED)


def axis() -> Cell:
    """Which axis must have as many values as the scale."""
    five = [np.ones(5, np.float32)] * 4
    taken = []
    for place in range(4):
        shape = [2, 2, 2, 2]
        shape[place] = 5
        if not refused("BatchNormalization", [np.zeros(shape, np.float32), *five]):
            taken.append(str(place))
    return Cell(", ".join(taken), "measured", "onnxruntime, 5 channels, shapes with 5 at one axis")


def state() -> Cell:
    """The inputs of a node."""
    names = [parameter.name for parameter in onnx.defs.get_schema("BatchNormalization").inputs]
    return Cell(
        f"inputs of the node: {', '.join(names)}", "read", "onnx.defs.get_schema('BatchNormalization')"
    )


def start() -> Cell:
    """None: the inputs must be given."""
    needed = [p for p in onnx.defs.get_schema("BatchNormalization").inputs if p.option.name == "Single"]
    assert len(needed) == 5
    return Cell("none: all five inputs must be given", "absent", "onnx.defs.get_schema('BatchNormalization')")


def inference() -> Cell:
    """The attribute, and its default."""
    out = run("BatchNormalization", [BATCH, ONE, ZERO, ZERO, ONE])[0]
    assert default("BatchNormalization", "training_mode") == 0
    seen = cells.behaviour(False, cells.is_by_batch(out))
    return Cell(f"training_mode=0, the default: {seen}", "measured", "one batch, by onnxruntime")


def frozen() -> Cell:
    """A node has no parameters that a gradient could leave out."""
    out, mean, _ = _trained()
    seen = cells.behaviour(float(mean[0]) != 0, cells.is_by_batch(out))
    return Cell(f"nothing to freeze; training_mode=1: {seen}", "measured", TRAINED)


def half() -> Cell:
    """Inputs of 16 bits, with the rest in 16 and in 32."""
    wide = [ONE, ZERO, ZERO, ONE]
    seen = []
    for name, rest in (("all float16", [a.astype(np.float16) for a in wide]), ("input alone", wide)):
        out = run("BatchNormalization", [BATCH.astype(np.float16), *rest])[0]
        seen.append(f"{name}: {rest[0].dtype}, {rest[2].dtype}, {out.dtype}")
    return Cell("; ".join(seen), "measured", "a float16 batch, by onnxruntime on a CPU")


def _pair(operator: str, **settings: Any) -> float:
    ones = [np.ones(2, np.float32), np.zeros(2, np.float32)][: 1 if operator.startswith("RMS") else 2]
    x = SHRINK * np.array([[1.0, -1.0]], np.float32)
    return float(np.ravel(run(operator, [x, *ones], **settings)[0])[0])


def layer_norm_eps() -> Cell:
    """A small input."""
    declared = default("LayerNormalization", "epsilon")
    found = _pair("LayerNormalization")
    return cells.eps_measured(declared, found, SHRINK, "LayerNormalization by onnxruntime on inputs of 1e-6")


def layer_norm_axis() -> Cell:
    """From this axis to the last."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    seen = []
    for place, axes in ((-1, (2,)), (1, (1, 2))):
        scale = np.ones(x.shape[place:], np.float32)
        found = run("LayerNormalization", [x, scale, 0 * scale], axis=place)[0]
        due = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
        assert np.allclose(found, due, atol=1e-3)
        seen.append(f"axis={place}: the last {len(axes)}")
    how = "LayerNormalization by onnxruntime on (2, 3, 4)"
    return Cell(
        f"{default('LayerNormalization', 'axis')}, and all after it; {', '.join(seen)}", "measured", how
    )


def layer_norm_half() -> Cell:
    """Squares that float16 cannot hold."""
    ones = np.ones(4, np.float16)
    inputs = [cells.LARGE.astype(np.float16), ones, 0 * ones]
    return cells.large_measured(
        run("LayerNormalization", inputs)[0], "LayerNormalization by onnxruntime, float16"
    )


def layer_norm_offset() -> Cell:
    """A mean far from 0."""
    ones = np.ones(4, np.float32)
    found = run("LayerNormalization", [cells.OFFSET, ones, 0 * ones])[0]
    return cells.offset_measured(found, "LayerNormalization by onnxruntime")


def rms_norm_eps() -> Cell:
    """A small input."""
    found = _pair("RMSNormalization", opset=23)
    declared = default("RMSNormalization", "epsilon")
    return cells.eps_measured(declared, found, SHRINK, "RMSNormalization by onnxruntime, opset 23")


def rms_norm_cast() -> Cell:
    """Bits of float16."""
    x, weight = (given.numpy().astype(np.float16) for given in (cells.RMS_INPUT, cells.RMS_WEIGHT))
    found = torch.from_numpy(run("RMSNormalization", [x, weight], opset=23, epsilon=1e-6)[0])
    return cells.cast_measured(
        found, torch.float16, 1e-6, "RMSNormalization by onnxruntime, float16, opset 23"
    )


def group_norm_eps() -> Cell:
    """A small input."""
    x = SHRINK * np.array([[[1.0], [-1.0]]], np.float32)
    ones = np.ones(2, np.float32)
    found = float(run("GroupNormalization", [x, ones, 0 * ones], num_groups=1)[0][0, 0, 0])
    declared = default("GroupNormalization", "epsilon")
    return cells.eps_measured(declared, found, SHRINK, "GroupNormalization by onnxruntime on inputs of 1e-6")


def group_norm_groups() -> Cell:
    """No default."""
    required = onnx.defs.get_schema("GroupNormalization").attributes["num_groups"].required
    shown = "none: it must be given" if required else "it has a default now"
    return Cell(shown, "read", "onnx.defs.get_schema('GroupNormalization')")


def group_norm_affine() -> Cell:
    """Which sizes of the scale run, at opset 18 and at opset 21."""
    x = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
    seen = []
    for opset in (18, 21):
        sizes = []
        for size in (4, 8):
            scale = np.ones(size, np.float32)
            if not refused("GroupNormalization", [x, scale, 0 * scale], opset=opset, num_groups=4):
                sizes.append(str(size))
        seen.append(f"{' or '.join(sizes) or 'no'} values at opset {opset}")
    return Cell(", ".join(seen), "measured", "GroupNormalization by onnxruntime, 8 channels, 4 groups")


def instance_norm_eps() -> Cell:
    """A small input."""
    x = SHRINK * np.array([[[1.0, -1.0]]], np.float32)
    found = float(run("InstanceNormalization", [x, ONE, ZERO])[0][0, 0, 0])
    declared = default("InstanceNormalization", "epsilon")
    return cells.eps_measured(declared, found, SHRINK, "InstanceNormalization by onnxruntime")


def instance_norm_affine() -> Cell:
    """Both are inputs that must be given."""
    needed = [
        p.name for p in onnx.defs.get_schema("InstanceNormalization").inputs if p.option.name == "Single"
    ]
    assert needed == ["input", "scale", "B"]
    return Cell("both: they must be given", "read", "onnx.defs.get_schema('InstanceNormalization')")


def dense_shape() -> Cell:
    """Both orders, by an attribute."""
    x = np.ones((1, 3), np.float32)
    orders = {(3, 5): 0, (5, 3): 1}
    runs = [
        f"{shape} with transB={flag}"
        for shape, flag in orders.items()
        if not refused("Gemm", [x, np.ones(shape, np.float32)], transB=flag)
    ]
    return Cell(f"Gemm: {', '.join(runs)}", "measured", "Gemm by onnxruntime")


def conv_shape() -> Cell:
    """The shape that runs with 4 channels of input and a kernel of 3 x 2."""
    x = np.ones((1, 4, 8, 8), np.float32)
    taken = [
        f"{shape}: {words}"
        for shape, words in (
            ((5, 4, 3, 2), "out, in, height, width"),
            ((3, 2, 4, 5), "height, width, in, out"),
        )
        if not refused("Conv", [x, np.ones(shape, np.float32)], kernel_shape=[3, 2])
    ]
    return Cell(", ".join(taken), "measured", "Conv by onnxruntime, 4 channels in, kernel_shape=[3, 2]")


def conv_same() -> Cell:
    """Windows of four numbers."""
    x = np.array([[cells.SAME_INPUT]], np.float32)
    kernel = np.array([[cells.SAME_KERNEL]], np.float32)
    seen = []
    for padding in ("SAME_UPPER", "SAME_LOWER"):
        out = run("Conv", [x, kernel], auto_pad=padding, strides=[2])[0]
        seen.append(f"{padding}: {cells.same_measured(out, padding).observed}")
    return Cell("; ".join(seen), "measured", "Conv by onnxruntime, auto_pad, strides=[2]")


def function() -> Cell:
    """None: a node is the function."""
    version = onnx.defs.get_schema("BatchNormalization").since_version
    how = "onnx.defs.get_schema('BatchNormalization')"
    return Cell(f"none: a node is one (BatchNormalization since opset {version})", "absent", how)


COLUMN = cells.column(globals())
