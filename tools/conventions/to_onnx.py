"""The network as an ONNX graph, written node by node, and run by onnxruntime."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tools.conventions.ports import NAMES, images

__all__ = ["returned"]


def returned(network: nn.Sequential) -> dict[str, np.ndarray]:
    """Carry the network over, and return what each node returns for four digits."""
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    norm = [f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    nodes = {
        "conv": ("Conv", ["conv.weight", "conv.bias"], {"pads": [1, 1, 1, 1]}),
        "norm": ("BatchNormalization", norm, {"epsilon": network.norm.eps}),
        "relu": ("Relu", [], {}),
        "pool": ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        "flatten": ("Flatten", [], {}),
        "dense": ("Gemm", ["dense.weight", "dense.bias"], {"transB": 1}),
        "layer_norm": (
            "LayerNormalization",
            ["layer_norm.weight", "layer_norm.bias"],
            {"epsilon": network.layer_norm.eps},
        ),
        "relu_2": ("Relu", [], {}),
        "head": ("Gemm", ["head.weight", "head.bias"], {"transB": 1}),
    }
    before = dict(zip(NAMES, ("x", *NAMES), strict=False))
    used = {name for _, names, _ in nodes.values() for name in names}
    graph = helper.make_graph(
        [
            helper.make_node(operator, [before[name], *names], [name], **attributes)
            for name, (operator, names, attributes) in nodes.items()
        ],
        "ported",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_empty_tensor_value_info(name) for name in NAMES],
        [numpy_helper.from_array(value, name) for name, value in weights.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(NAMES, session.run(list(NAMES), {"x": images().numpy()}), strict=True))
