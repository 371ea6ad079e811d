"""Carry a network from one framework to another, and see where the port first differs.

:func:`first_difference` compares two models layer by layer, or a model and what another framework's layers
returned. :func:`load_conventions` gives what PyTorch, Keras, Flax and ONNX were observed to do.
"""

from normcourse.porting.conventions import Cell, Conventions, KerasNetwork, Table, load_conventions
from normcourse.porting.difference import Comparison, Layer, first_difference

__all__ = [
    "Cell",
    "Comparison",
    "Conventions",
    "KerasNetwork",
    "Layer",
    "Table",
    "first_difference",
    "load_conventions",
]
