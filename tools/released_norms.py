"""Count in which precision a library's RMSNorms compute: `python -m tools.released_norms WHEEL`.

Download the wheel first: ``pip download --no-deps transformers``. Of each class of its models that has a
weight and normalizes one input, the code is run alone on numbers in bfloat16, and compared bit by bit with
each of `normcourse.experiments.layernorm.low_precision.ORDERS`. `normcourse.models.published.CASTS` keeps the
counts.
"""

import ast
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

import torch
from torch import nn

from normcourse.experiments.layernorm.low_precision import ORDERS

MODELS = re.compile(r"transformers/models/\w+/modeling_\w+\.py")
FEATURES = 64


def classes(wheel: str) -> Iterator[ast.ClassDef]:
    """Yield the classes of the models' files that take a root of something."""
    with ZipFile(wheel) as files:
        for name in filter(MODELS.fullmatch, files.namelist()):
            for found in ast.parse(files.read(name)).body:
                if isinstance(found, ast.ClassDef) and re.search(r"rsqrt|-0\.5", ast.unparse(found)):
                    yield found


def order(definition: ast.ClassDef) -> str:
    """Return which of `ORDERS` a class computes in, ``"another"``, or nothing if it is no such norm.

    A weight that starts at 0 is taken as what is added to 1.
    """
    definition.decorator_list = []
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional}
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, FEATURES, generator=generator).bfloat16()
    weight = (0.5 + torch.rand(FEATURES, generator=generator)).bfloat16()
    try:
        exec("from __future__ import annotations\n" + ast.unparse(definition), scope)
        layer = scope[definition.name](FEATURES).bfloat16()
        [parameter] = layer.parameters()
        shift = 1.0 - parameter.mean().item()
        with torch.no_grad():
            parameter.copy_(weight.float() - shift)
            out = layer(x)
    except Exception:  # not a norm of one input, or it needs more than PyTorch
        return ""
    if out.shape != x.shape:
        return ""
    eps = next((value for name, value in vars(layer).items() if "eps" in name), 1e-6)
    given = shift + parameter.detach().float() if shift else weight
    for name, norm in ORDERS.items():
        if torch.equal(norm(x, given, eps), out):
            return f"{name}, as 1 + w" if shift else name
    near = norm(x.float(), weight.float(), eps)
    return "another" if torch.allclose(near, out.detach().float(), atol=0.1) else ""


def count(wheel: str) -> Counter[str]:
    """Return how many classes compute in which order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Counter(found for found in map(order, classes(wheel)) if found)


if __name__ == "__main__":
    for found, times in count(sys.argv[1]).most_common():
        print(f"{times:5d}  {found}")
