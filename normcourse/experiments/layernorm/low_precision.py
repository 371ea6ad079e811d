"""RMSNorm in numbers of 16 bits: which inputs it normalizes, how far it is off, whether a training minds.

PyTorch computes in float16 and bfloat16 on every CPU: where the processor has no such arithmetic, each
operation is done in float32 and its result rounded.

Source:
    Micikevicius et al., Mixed Precision Training, 2018, arXiv 1710.03740, section 3.3, which asks for sums in
    float32.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import nats
from normcourse.models import CausalTransformer
from normcourse.nn import RMSNorm

__all__ = [
    "ORDERS",
    "SWEEP",
    "errors",
    "in_float32",
    "in_its_own_type",
    "measure",
    "moves",
    "sizes",
    "weight_after_cast",
]


def in_its_own_type(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Normalize as the formula is written, so that each operation is rounded to the type of ``x``.

    Example:
        >>> in_its_own_type(torch.tensor([300.0, -300.0], dtype=torch.float16), torch.ones(()), 1e-6).tolist()
        [0.0, -0.0]
    """
    return weight.to(x.dtype) * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps))


def weight_after_cast(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Normalize in float32, go back to the type of ``x``, and multiply there, as Llama's code does."""
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return weight.to(x.dtype) * wide.to(x.dtype)


def in_float32(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Do all in float32 and go back at the end, as OLMo 2's code does, and PyTorch's own.

    Example:
        >>> in_float32(torch.tensor([300.0, -300.0], dtype=torch.float16), torch.ones(()), 1e-6).tolist()
        [1.0, -1.0]
    """
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (weight.float() * wide).to(x.dtype)


#: Three orders of the same operations, by what they do.
ORDERS: Mapping[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "each step in 16 bits": in_its_own_type,
    "float32, weight after the cast": weight_after_cast,
    "float32 to the end": in_float32,
}


def sizes(order: str, dtype: torch.dtype, eps: float, inputs: Sequence[float]) -> NDArray[np.float64]:
    """Return the root mean square of what comes out for inputs of several sizes, half of them negative.

    Args:
        order: A name of `ORDERS`.
        dtype: Of the input and the output.
        eps: Added to the mean square.
        inputs: Root mean squares; each is the size of all 64 features.

    Example:
        >>> sizes("each step in 16 bits", torch.float16, 1e-6, [1.0, 300.0]).tolist()
        [1.0, 0.0]
    """
    signs = torch.ones(64)
    signs[::2] = -1
    x = (torch.tensor(inputs)[:, None] * signs).to(dtype)
    out = ORDERS[order](x, torch.ones(64), eps).double()
    return out.square().mean(-1).sqrt().numpy()


def errors(
    dtype: torch.dtype, *, features: int = 1024, rows: int = 64, seeds: Sequence[int] = range(8)
) -> Mapping[str, NDArray[np.float64]]:
    """Measure how far each order is from the exact result, in roundings.

    One rounding is what the exact result is off when it is written down in ``dtype``: the error that cannot
    be avoided. Inputs and weights are what ``dtype`` holds, and so exact themselves.

    Args:
        dtype: A type of 16 bits.
        features: Normal, of size 1, with weights between 0.5 and 1.5.
        rows: Normalized apart.
        seeds: Of inputs and weights.

    Returns:
        For each of `ORDERS` the root mean square of the relative error over that of one rounding,
        ``(seeds,)``.
    """
    found: dict[str, list[float]] = {order: [] for order in ORDERS}
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(rows, features, generator=generator).to(dtype)
        weight = (0.5 + torch.rand(features, generator=generator)).to(dtype)
        wide = x.double()
        exact = weight.double() * wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        one = _size(exact.to(dtype).double() / exact - 1)
        for order, norm in ORDERS.items():
            found[order].append(_size(norm(x, weight, 1e-6).double() / exact - 1) / one)
    return {order: np.array(values) for order, values in found.items()}


def _size(error: Tensor) -> float:
    return error[error.isfinite()].square().mean().sqrt().item()


def moves(*, rate: float = 0.001, steps: int = 200, target: float = 1.1) -> Mapping[str, list[float]]:
    """Let Adam draw one weight from 1 towards a target, with the weight stored in three ways.

    Args:
        rate: Adam's learning rate, about the size of each step.
        steps: Of Adam.
        target: Where the squared distance is least.

    Returns:
        The weight before the first step and after each, by how it is stored.
    """
    found = {}
    for name, dtype, centre in (
        ("float32", torch.float32, 0.0),
        ("bfloat16", torch.bfloat16, 0.0),
        ("bfloat16, as 1 + w", torch.bfloat16, 1.0),
    ):
        stored = nn.Parameter(torch.tensor(1.0 - centre, dtype=dtype))
        optimiser = torch.optim.Adam([stored], lr=rate)
        values = [1.0]
        for _ in range(steps):
            weight = centre + stored.float()
            optimiser.zero_grad()
            (weight - target).square().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            values.append(centre + stored.item())
        found[name] = values
    return found


class _RoundedNorm(RMSNorm):
    """RMS norm in a type of its own, between a stream and branches in float32."""

    def __init__(self, features: int, order: str, dtype: torch.dtype) -> None:
        super().__init__(features, eps=1e-5)
        self.order, self.dtype = ORDERS[order], dtype

    def forward(self, input: Tensor) -> Tensor:
        assert self.weight is not None
        assert self.eps is not None
        return self.order(input.to(self.dtype), self.weight, self.eps).float()


@dataclass(frozen=True)
class _Config(language.Config):
    order: str = ""
    dtype: torch.dtype = torch.float32

    def model(self, seed: int) -> CausalTransformer:
        model = super().model(seed)
        for name, module in list(model.named_modules()):
            if isinstance(module, RMSNorm):
                parent, _, own = name.rpartition(".")
                features = module.normalized_shape[-1]
                setattr(model.get_submodule(parent), own, _RoundedNorm(features, self.order, self.dtype))
        return model


def measure(*, arithmetic: str, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Train a language model whose norms compute so, for `SWEEP`; losses in nats per character, ``(seeds,)``.

    Args:
        arithmetic: ``"float32"``, or a type of 16 bits and, after a comma, a name of `ORDERS`.
        steps: Of training.
        seeds: Of the weights and of the texts.
    """
    name, _, order = arithmetic.partition(", ")
    config = _Config(norm="rms", steps=steps, order=order or "float32 to the end", dtype=getattr(torch, name))
    result = language.run(config, seeds=seeds, progress=False)
    return {"test": result.test, "validation": result.validation}


#: Norms in float32, with each step rounded, and with the sums wide, in three minutes.
#: The runs of ten steps are there for the test.
SWEEP = Sweep(
    "low_precision",
    {
        "arithmetic": (
            "float32",
            "bfloat16, each step in 16 bits",
            "bfloat16, float32 to the end",
            "float16, each step in 16 bits",
        ),
        "steps": (10, 300),
    },
    tuple(range(5)),
    measure,
    corner={"arithmetic": "bfloat16, each step in 16 bits", "steps": 10},
    tolerances={"test": nats(0.03), "validation": nats(0.03)},
)
