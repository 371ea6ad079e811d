"""A network as an ONNX graph: written by torch, run by another runtime.

It needs the packages onnx, onnxscript and onnxruntime, which the extra ``book`` installs.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["operators", "run", "to_onnx"]


def to_onnx(model: nn.Module, example: Tensor, *, optimise: bool = True) -> bytes:
    """Write a model as an ONNX graph for batches of any size.

    Args:
        model: Takes one tensor and gives one. In training mode torch warns, and exports all the same.
        example: An input of at least two examples; only its shape and dtype count.
        optimise: Whether the exporter may simplify the graph.

    Returns:
        The ONNX file's bytes. The input is called ``x``, its first axis ``batch``.

    Example:
        >>> operators(to_onnx(nn.Linear(3, 2).eval(), torch.ones(4, 3)))
        Counter({'Gemm': 1})
    """
    with _without_chatter():
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["x"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            optimize=optimise,
            verbose=False,
        )
        assert program is not None
        written: bytes = program.model_proto.SerializeToString()
    return written


def operators(graph: bytes) -> Counter[str]:
    """Count the operators of an ONNX graph by name."""
    import onnx

    return Counter(node.op_type for node in onnx.load_from_string(graph).graph.node)


def run(graph: bytes, x: Tensor) -> NDArray[np.float32]:
    """Run an ONNX graph of one input and one output by onnxruntime, on one thread of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run(None, {"x": x.numpy()})[0]
    return found


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep back what the exporter says of packages that are not here and of torch's own old calls."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
