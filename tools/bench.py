"""Time the norms against PyTorch and against a textbook, and stacked training against a loop: `make bench`.

Absolute times say little on a machine that does other things as well, so the candidates of a case take turns
on one thread, the clock counts the time that the processor gave to this process, and what counts is the
median over rounds of the ratio within a round, with its quartiles.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normcourse import functional
from normcourse import reference as ref
from normcourse.data import Split
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.engine.training import batch_order, train

Array = NDArray[np.float32]
Run = Callable[[], object]

IMAGES, TOKENS = (64, 64, 32, 32), (8, 512, 768)
CASES: dict[str, tuple[tuple[int, ...], Mapping[str, Any]]] = {
    "batch_norm": (IMAGES, {"running_mean": None, "running_var": None, "training": True}),
    "instance_norm": (IMAGES, {}),
    "group_norm": (IMAGES, {"num_groups": 8}),
    "layer_norm": (TOKENS, {"normalized_shape": TOKENS[-1:]}),
    "rms_norm": (TOKENS, {"normalized_shape": TOKENS[-1:]}),
}


def textbook_forward(
    x: Array, gamma: Array, beta: Array, axes: tuple[int, ...]
) -> tuple[Array, tuple[Array, ...]]:
    """Batch or layer normalization as a chain of elementary steps, each of which keeps its result."""
    mu = x.mean(axis=axes, keepdims=True)
    centred = x - mu
    squares = centred**2
    var = squares.mean(axis=axes, keepdims=True)
    std = np.sqrt(var + np.float32(1e-5))
    inverse = 1 / std
    xhat = centred * inverse
    scaled = gamma * xhat
    out = scaled + beta
    return out, (centred, std, inverse, xhat, gamma)


def textbook_backward(
    dout: Array, cache: tuple[Array, ...], axes: tuple[int, ...], affine_axes: tuple[int, ...]
) -> tuple[Array, Array, Array]:
    """Walk the chain of `textbook_forward` back, one step at a time."""
    centred, std, inverse, xhat, gamma = cache
    count = np.float32(np.prod([dout.shape[axis] for axis in axes]))
    dbeta = dout.sum(axis=affine_axes)
    dgamma = (dout * xhat).sum(axis=affine_axes)
    dxhat = dout * gamma
    dinverse = (dxhat * centred).sum(axis=axes, keepdims=True)
    dcentred = dxhat * inverse
    dstd = -dinverse / std**2
    dvar = dstd / (2 * std)
    dsquares = np.ones_like(dout) * dvar / count
    dcentred = dcentred + 2 * centred * dsquares
    dmu = -dcentred.sum(axis=axes, keepdims=True)
    dx = dcentred + np.ones_like(dout) * dmu / count
    return dx, dgamma, dbeta


def torch_runs(name: str, backward: bool) -> dict[str, Run]:
    """PyTorch's kernel and ours on the same input."""
    shape, settings = CASES[name]
    x = torch.randn(shape)
    affine = [torch.randn(settings.get("normalized_shape", shape[1:2])) for _ in range(2)]
    weights = dict(zip(("weight", "bias")[: 1 if name == "rms_norm" else 2], affine, strict=False))
    upstream = torch.randn(shape)

    def run(norm: Callable[..., Tensor]) -> Run:
        leaves = [tensor.clone().requires_grad_(backward) for tensor in (x, *weights.values())]

        def once() -> None:
            out = norm(leaves[0], **settings, **dict(zip(weights, leaves[1:], strict=True)))
            if backward:
                torch.autograd.grad(out, leaves, upstream)

        return once

    return {"ours": run(getattr(functional, name)), "theirs": run(getattr(torch.nn.functional, name))}


def numpy_runs(name: str, backward: bool) -> dict[str, Run]:
    """Our NumPy reference and the textbook on the same input."""
    shape, _ = CASES[name]
    images = name == "batch_norm"
    rng = np.random.default_rng(0)
    x, upstream = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    gamma, beta = (rng.standard_normal(shape[1] if images else shape[-1], dtype=np.float32) for _ in range(2))
    axes, affine_axes = ((0, 2, 3), (0, 2, 3)) if images else ((2,), (0, 1))
    wide = (1, -1, 1, 1) if images else (1, 1, -1)
    norm, norm_backward = getattr(ref, name), getattr(ref, f"{name}_backward")

    def ours() -> None:
        _, cache = norm(x, gamma, beta)
        if backward:
            norm_backward(upstream, cache)

    def textbook() -> None:
        _, cache = textbook_forward(x, gamma.reshape(wide), beta.reshape(wide), axes)
        if backward:
            textbook_backward(upstream, cache, axes, affine_axes)

    return {"ours": ours, "theirs": textbook}


def training_runs(norm: str, optimiser: str, *, models: int = 8, steps: int = 40) -> dict[str, Run]:
    """Train some seeds as one stack, and one by one as PyTorch's modules with PyTorch's optimisers."""
    rng, seeds = np.random.default_rng(0), range(models)
    data = Split(rng.random((1200, 64), dtype=np.float32), rng.integers(0, 10, 1200))
    order = batch_order(1200, 60, steps, seeds)
    x, y = torch.from_numpy(data.x).double(), torch.from_numpy(data.y)
    optimisers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}

    def stack() -> StackedMLP:
        return StackedMLP((64, 100, 100, 100, 10), seeds=seeds, norm=norm, gain=2**0.5)

    def ours() -> None:
        for _ in train(stack(), data, order, [0.01] * models, optimiser=optimiser):
            pass

    singles = [stack().single(model) for model in range(models)]

    def loop() -> None:
        for model, single in enumerate(singles):
            optimizer = optimisers[optimiser](single.parameters(), lr=0.01)
            for index in order[:, model]:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(single(x[index]), y[index]).backward()
                optimizer.step()

    return {"ours": ours, "theirs": loop}


def compare(runs: Mapping[str, Run], rounds: int) -> tuple[float, float, str]:
    """Median milliseconds of ours and of theirs; median and quartiles of their ratio round by round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for warm_up in (True, *[False] * rounds):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if not warm_up:
                times[name].append(1e3 * (time.process_time() - start))
    ratios = [ours / theirs for ours, theirs in zip(times["ours"], times["theirs"], strict=True)]
    low, middle, high = quantiles(ratios, n=4)
    return median(times["ours"]), median(times["theirs"]), f"{middle:8.2f}{low:8.2f} to {high:.2f}"


def main() -> None:
    """Print one line per norm and pass, and one per kind of training."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds per case (15)")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(
        "norms in float32, training in float64; one thread, processor time; "
        f"median of {rounds} rounds; below 1 ours is faster"
    )
    print(f"{'ours':26}{'theirs':18}{'pass':18}{'ours':>9}{'theirs':>11}{'ratio':>8}  quartiles")
    torch.manual_seed(0)
    for title, theirs, make, names in (
        ("functional", "torch", torch_runs, tuple(CASES)),
        ("reference", "textbook NumPy", numpy_runs, ("batch_norm", "layer_norm")),
    ):
        for name in names:
            for backward in (False, True):
                ours_ms, theirs_ms, ratio = compare(make(name, backward), rounds)
                passes = "forward+backward" if backward else "forward"
                figures = f"{ours_ms:6.1f} ms{theirs_ms:8.1f} ms{ratio}"
                print(f"{f'{title}.{name}':26}{theirs:18}{passes:18}{figures}")
    for norm, optimiser in (("none", "sgd"), ("batch", "sgd"), ("batch", "adam"), ("layer", "sgd")):
        ours_ms, theirs_ms, ratio = compare(training_runs(norm, optimiser), rounds)
        figures = f"{ours_ms:6.0f} ms{theirs_ms:8.0f} ms{ratio}"
        print(f"{f'8 seeds, norm {norm}':26}{'a loop of modules':18}{f'40 steps, {optimiser}':18}{figures}")


if __name__ == "__main__":
    main()
