"""The questions, and how a number is judged."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from normcourse.porting.conventions import Cell

# By key: what each framework's module calls its answer, the subject, and the question.
_ROWS = {
    "bn.eps": ("batch_norm_eps", "BatchNorm", "default epsilon"),
    "bn.momentum": ("momentum", "BatchNorm", "default momentum, and what it is the weight of"),
    "bn.normalizes": ("normalizes", "BatchNorm", "variance that a training batch is divided by"),
    "bn.stored": ("stored", "BatchNorm", "variance that goes into the running variance"),
    "bn.axis": ("axis", "BatchNorm", "axis of the channels"),
    "bn.state": ("state", "BatchNorm", "names, in the order in which they are saved"),
    "bn.start": ("start", "BatchNorm", "first gamma, beta, mean and variance"),
    "bn.inference": ("inference", "BatchNorm", "how inference mode is asked for"),
    "bn.frozen": ("frozen", "BatchNorm", "frozen, and called for training"),
    "bn.half": ("half", "BatchNorm", "in 16 bits: dtype of gamma, running mean, output"),
    "ln.eps": ("layer_norm_eps", "LayerNorm", "default epsilon"),
    "ln.axis": ("layer_norm_axis", "LayerNorm", "axes that are pooled"),
    "ln.half": ("layer_norm_half", "LayerNorm", "float16 inputs of 300, whose squares overflow"),
    "ln.offset": ("layer_norm_offset", "LayerNorm", "float32 inputs of 30000 plus or minus 1"),
    "rms.eps": ("rms_norm_eps", "RMSNorm", "default epsilon"),
    "rms.cast": ("rms_norm_cast", "RMSNorm", "in 16 bits: rounded before or after the weight"),
    "gn.eps": ("group_norm_eps", "GroupNorm", "default epsilon"),
    "gn.groups": ("group_norm_groups", "GroupNorm", "default number of groups"),
    "gn.affine": ("group_norm_affine", "GroupNorm", "gamma of 8 channels in 4 groups has"),
    "in.eps": ("instance_norm_eps", "InstanceNorm", "default epsilon"),
    "in.affine": ("instance_norm_affine", "InstanceNorm", "gamma and beta by default"),
    "dense.shape": ("dense_shape", "Around the norms", "weight of a linear layer from 3 to 5"),
    "conv.shape": ("conv_shape", "Around the norms", "kernel of 3 x 2 places from 4 channels to 5"),
    "conv.same": ("conv_same", "Around the norms", "padding 'same' with stride 2: zeros before, after"),
    "function": ("function", "Around the norms", "the function beside the layer"),
}
QUESTIONS = {key: (subject, question) for key, (_, subject, question) in _ROWS.items()}  # rows of the table
Column = Mapping[str, Callable[[], Cell]]


def column(answers: Mapping[str, Any]) -> Column:
    """Return, by question, the functions that answer it: of a framework's module, all that it defines."""
    if missing := [name for name, _, _ in _ROWS.values() if name not in answers]:
        raise AssertionError(f"{answers['__name__']} does not answer {', '.join(missing)}")
    return {key: answers[name] for key, (name, _, _) in _ROWS.items()}


BATCH = np.array([[1.0], [3.0], [3.0], [9.0]], dtype=np.float32)
MEAN, BIASED, UNBIASED = 4.0, 9.0, 12.0  # of that batch


def number(value: float) -> str:
    """Return three digits, without those that say nothing."""
    return f"{float(value):.3g}"


def near(one: float, two: float) -> bool:
    """Return whether two numbers are the same to a hundredth."""
    return bool(abs(one - two) <= 0.01 * max(abs(one), abs(two)))


def eps_measured(declared: float | None, ones: float, shrink: float, how: str) -> Cell:
    """Judge an epsilon: `ones` is what the layer makes of an input whose deviation is `shrink`.

    A deviation d becomes d / sqrt(d * d + eps). What the library declares must say the same.
    """
    found = (shrink / ones) ** 2 - shrink**2
    if declared is not None and not near(found, declared):
        raise AssertionError(f"{how}: it declares {declared}, and behaves as {found}")
    return Cell(number(found if declared is None else declared), "measured", how)


def momentum_measured(declared: float, moved: float, how: str) -> Cell:
    """Judge a momentum: `moved` is where one batch of mean `MEAN` takes a running mean of 0."""
    weight = moved / MEAN
    if near(weight, declared):
        return Cell(f"{number(declared)}: the weight of the new batch", "measured", how)
    if near(weight, 1 - declared):
        return Cell(f"{number(declared)}: the weight of the old value", "measured", how)
    raise AssertionError(f"{how}: a momentum of {declared} gave a batch the weight {weight}")


def variance_named(value: float) -> str:
    """Return which variance of the batch this is."""
    for name, due in (("biased (by N)", BIASED), ("unbiased (by N - 1)", UNBIASED)):
        if near(value, due):
            return name
    raise AssertionError(f"{value} is neither variance of the batch")


def stored_measured(before: float, after: float, weight: float, how: str) -> Cell:
    """Judge which variance moved the running one from `before` to `after` with this weight of the batch."""
    return Cell(variance_named((after - (1 - weight) * before) / weight), "measured", how)


def normalizes_measured(output: np.ndarray, eps: float, how: str) -> Cell:
    """Judge by which variance the batch was divided."""
    first = float(np.ravel(output)[0])
    return Cell(variance_named(((BATCH[0, 0] - MEAN) / first) ** 2 - eps), "measured", how)


def behaviour(moved: bool, by_batch: bool) -> str:
    """Return in words what a call did."""
    return (
        f"{'statistics of the batch' if by_batch else 'running statistics'}, which {_move(moved, by_batch)}"
    )


def _move(moved: bool, by_batch: bool) -> str:
    if by_batch:
        return "also move the running ones" if moved else "leave the running ones as they are"
    return "move all the same" if moved else "stay"


def is_by_batch(output: np.ndarray) -> bool:
    """Return whether the output of `BATCH` was normalized by its own statistics, and not by (0, 1)."""
    return bool(abs(float(np.mean(output))) < 0.1)


# What an RMSNorm in 16 bits is given: the mean square is not 1, and no weight is.
_GENERATOR = torch.Generator().manual_seed(0)
RMS_INPUT = 3 * torch.randn(64, 16, generator=_GENERATOR)
RMS_WEIGHT = 0.5 + torch.rand(16, generator=_GENERATOR)


def cast_measured(output: torch.Tensor, dtype: torch.dtype, eps: float, how: str) -> Cell:
    """Judge, bit by bit, where an RMSNorm rounds to 16 bits."""
    x = RMS_INPUT.to(dtype).float()
    normalized = x * torch.rsqrt(x.square().mean(1, keepdim=True) + eps)
    rounded, weight = RMS_WEIGHT.to(dtype), RMS_WEIGHT
    ways = {
        "after the weight": (normalized * rounded.float()).to(dtype),
        "after the weight, which stays in 32 bits": (normalized * weight).to(dtype),
        "before the weight, and again after it": normalized.to(dtype) * rounded,
        "before the weight, which stays in 32 bits": (normalized.to(dtype).float() * weight).to(dtype),
    }
    agreeing = {name: (output.to(dtype) == way).float().mean().item() for name, way in ways.items()}
    best = max(agreeing, key=lambda name: agreeing[name])
    # Another order of the sum may turn a last bit here and there; another rounding turns many.
    others = [share for name, share in agreeing.items() if name != best]
    if agreeing[best] < 0.97 or max(others) > agreeing[best] - 0.05:
        raise AssertionError(f"{how}: no way of rounding is like it: {agreeing}")
    return Cell(best, "measured", how)


def same_measured(output: np.ndarray, how: str) -> Cell:
    """Judge padding from an input (1, 2, 4, 8) and a kernel (1, 10, 100), with stride 2."""
    values = [round(float(v)) for v in np.ravel(output)]
    # With no zero in front the first window is (1, 2, 4); with one it is (0, 1, 2).
    known = {421: "0, 1", 210: "1, 0"}
    if len(values) != 2 or values[0] not in known:
        raise AssertionError(f"{how}: unforeseen windows {values}")
    return Cell(known[values[0]], "measured", how)


SAME_INPUT, SAME_KERNEL = (1.0, 2.0, 4.0, 8.0), (1.0, 10.0, 100.0)
LARGE = np.array([[300.0, -300.0, 300.0, -300.0]])


def large_measured(output: np.ndarray, how: str) -> Cell:
    """Judge whether squares that float16 cannot hold were summed in more bits."""
    finite = np.isfinite(output).all() and abs(abs(float(np.ravel(output)[0])) - 1) < 0.01
    seen = "right: summed in 32 bits" if finite else f"wrong: {float(np.ravel(output)[0]):.3g} instead of 1"
    return Cell(seen, "measured", how)


OFFSET = np.array([[30001.0, 29999.0, 30001.0, 29999.0]], dtype=np.float32)


def offset_measured(output: np.ndarray, how: str) -> Cell:
    """Judge whether the variance survives a mean far from 0, as that of E[x * x] - E[x] ** 2 does not."""
    # Keras's epsilon of 0.001 leaves 0.9995.
    right = abs(float(np.ravel(output)[0]) - 1) < 0.01
    return Cell("right" if right else "wrong: E[x^2] - E[x]^2 has cancelled", "measured", how)
