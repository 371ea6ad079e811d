"""How long RMSNorm takes beside LayerNorm, on a CPU, by the code that computes them.

PyTorch has one hand-written loop for LayerNorm on a CPU, and puts RMSNorm together from several operations.
`torch.compile` writes a loop for either. The functions of this package are chains of operations for both.

A time is the machine's: the record says on which processor it was taken.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as pytorch

from normcourse import functional as package
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import Tolerance

__all__ = ["CODES", "SWEEP", "measure"]

#: Whose code runs, by the names of `SWEEP`'s axis.
CODES = ("PyTorch", "compiled", "package")

#: Texts, tokens, features: in single precision 0.2 MB, which a processor keeps at hand. With more, time goes
#: into moving memory, and differs from machine to machine and from minute to minute.
SHAPE = (1, 64, 768)


def measure(
    *, code: str, backward: bool, seeds: Sequence[int], shape: tuple[int, int, int] = SHAPE, repeats: int = 25
) -> Mapping[str, NDArray[np.float64]]:
    """Time both norms, on one thread, in single precision, with gamma (and LayerNorm's beta).

    Each is repeated by itself before the next, in one order and then in the other, because LayerNorm takes
    longer right after another norm than after itself.

    Args:
        code: A name of `CODES`; ``"compiled"`` needs a C++ compiler.
        backward: Whether the gradient of the input is computed too.
        seeds: One round for each; a round's time is the shortest of some repeats.
        shape: Of the input.
        repeats: In each round.

    Returns:
        Shape ``(seeds,)``: ``ratio``, the time of RMSNorm over that of LayerNorm by the same code, and
        ``to_layer``, the time of RMSNorm over that of PyTorch's own LayerNorm.
    """
    library: Any = package if code == "package" else pytorch
    features = shape[-1]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    gamma, beta, upstream = torch.ones(features), torch.zeros(features), torch.ones(shape)

    def layer() -> Tensor:
        out: Tensor = library.layer_norm(x, (features,), gamma, beta)
        return out

    def rms() -> Tensor:
        out: Tensor = library.rms_norm(x, (features,), gamma, 1e-5)
        return out

    def own() -> Tensor:
        return pytorch.layer_norm(x, (features,), gamma, beta)

    norms: list[Callable[[], Tensor]] = [layer, rms]
    if code == "compiled":
        norms = [torch.compile(norm) for norm in norms]
    norms.append(own)

    def seconds(norm: Callable[[], Tensor]) -> float:
        start = time.perf_counter()
        if backward:
            torch.autograd.grad(norm(), x, upstream)
        else:
            with torch.no_grad():
                norm()
        return time.perf_counter() - start

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for norm in norms:  # compiles, and warms up
            seconds(norm)
        rounds = []
        for seed in seeds:
            turns = norms if seed % 2 == 0 else norms[::-1]
            shortest = {norm: min(seconds(norm) for _ in range(repeats)) for norm in turns}
            rounds.append([shortest[norm] for norm in norms])
    finally:
        torch.set_num_threads(threads)
    layers, rmses, owns = np.array(rounds).T
    return {"ratio": rmses / layers, "to_layer": rmses / owns}


#: A factor of three either way: another processor, or one that does something else meanwhile.
_ANOTHER_MACHINE = Tolerance(0.5, "orders of magnitude", kind="magnitude")

#: Each code, forward alone and with the backward pass. It takes a minute, most of it for the compiler.
SWEEP = Sweep(
    "norm_speed",
    {"code": CODES, "backward": (False, True)},
    tuple(range(8)),
    measure,
    corner={"code": "package", "backward": False},
    tolerances={"ratio": _ANOTHER_MACHINE, "to_layer": _ANOTHER_MACHINE},
)
