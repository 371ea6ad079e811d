"""Compare a backward with finite differences of its forward."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normcourse.reference._checks import Array

__all__ = ["GradcheckReport", "InputCheck", "gradcheck"]


class InputCheck(NamedTuple):
    """One input: its name and shape, how many entries were compared, the largest relative error."""

    name: str
    shape: tuple[int, ...]
    entries: int
    error: float


@dataclass(frozen=True)
class GradcheckReport:
    """What :func:`gradcheck` found; printing it gives the table.

    Args:
        inputs: One :class:`InputCheck` for each input that has a gradient.
        tolerance: The relative error that none of them may reach.
    """

    inputs: tuple[InputCheck, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every error is below the tolerance (NaN is not)."""
        return all(check.error < self.tolerance for check in self.inputs)

    def __str__(self) -> str:
        """The table, in orders of magnitude: the digits of a rounding error differ between CPUs."""
        rows = [("input", "shape", "entries", "largest relative error")]
        for name, shape, entries, error in self.inputs:
            passed = error < self.tolerance
            size = f"< {_power_of_ten(self.tolerance)}" if passed else f"about {_power_of_ten(error)}: WRONG"
            rows.append((name, str(shape), str(entries), size))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


def gradcheck(
    forward: Callable[..., tuple[Array, Any]],
    backward: Callable[[Array, Any], Sequence[Array | None]],
    inputs: Sequence[ArrayLike],
    *,
    seed: int = 0,
    step: float | None = None,
    entries: int | None = None,
    tolerance: float = 1e-7,
    dout: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> GradcheckReport:
    r"""Compare gradients with central differences under a random upstream gradient.

    .. math::
        \frac{\partial L}{\partial x_i} \approx \frac{L(x + h e_i) - L(x - h e_i)}{2h},
        \qquad L = \sum_j \mathrm{dout}_j \, y_j

    The upstream gradient is drawn at random because a plain ``y.sum()`` cannot see anything that a norm
    does: the standardised values of a pool always sum to 0, so a backward of zeros would pass.

    The error of an input is its largest absolute error over its largest gradient. That gradient counts as
    at least the step, and the rounding noise of the differences over the tolerance, so that 0 can pass.

    Args:
        forward: ``forward(*inputs)`` gives ``(out, cache)``.
        backward: ``backward(dout, cache)`` gives one gradient per input, in order; None is skipped, and
            further Nones may follow.
        inputs: The point to check at. Copied to float64: differences need the digits.
        seed: Seeds the upstream gradient and the choice of entries.
        step: Step h for an entry of size 1 (larger entries get a step in proportion); None for the cube
            root of the machine epsilon, 6e-6, which balances truncation against rounding.
        entries: How many random entries of each input to compare; None for all.
        tolerance: The relative error that ``ok`` allows.
        dout: An upstream gradient to use in place of the random one, of the output's shape.
        names: What to call the inputs in the report; ``x``, ``gamma``, ``beta`` by default.

    Returns:
        The report, with one error per input that has a gradient.

    Raises:
        ValueError: A gradient missing, without an input, or of another shape than its input; nothing to
            compare; a ``dout`` of another shape than the output; a step or a number of entries that is not
            positive.

    Example:
        >>> from normcourse import reference as ref
        >>> x = np.random.default_rng(0).normal(size=(8, 3))
        >>> print(gradcheck(ref.batch_norm, ref.batch_norm_backward, [x]))
        input  shape   entries  largest relative error
        x      (8, 3)  24       < 1e-7
    """
    if step is not None and not step > 0:
        raise ValueError(f"step must be positive, got {step}; leave it out for a sensible one")
    if entries is not None and entries < 1:
        raise ValueError(f"entries must be at least 1, got {entries}; leave it out to compare all")
    # A stream of its own: with the very numbers that made x as dout, a norm's gradient is almost 0.
    rng = np.random.default_rng([seed, 1])
    points = [np.array(value, dtype=np.float64) for value in inputs]
    out, cache = forward(*points)
    upstream = rng.normal(size=out.shape) if dout is None else np.asarray(dout, dtype=np.float64)
    if upstream.shape != out.shape:
        raise ValueError(f"dout must have the output's shape {out.shape}, got {upstream.shape}")
    grads = _paired(backward(upstream, cache), points)
    labels = names if names is not None else _default_names(len(points))
    base = np.cbrt(np.finfo(np.float64).eps) if step is None else step
    noise = np.finfo(np.float64).eps * np.abs(upstream * out).sum() / base

    checks = []
    for name, point, grad in zip(labels, points, grads, strict=True):
        if grad is None or not point.size:
            continue
        chosen = rng.permutation(point.size)[:entries]
        numeric = _differences(lambda: np.sum(upstream * forward(*points)[0]), point, chosen, base)
        analytic = np.asarray(grad, dtype=np.float64).reshape(-1)[chosen]
        scale = max(np.abs(numeric).max(), np.abs(analytic).max(), noise / tolerance, base)
        error = float(np.abs(numeric - analytic).max() / scale)
        checks.append(InputCheck(name, point.shape, chosen.size, error))
    return GradcheckReport(tuple(checks), tolerance)


def _paired(grads: Sequence[Array | None], points: Sequence[Array]) -> list[Array | None]:
    """One gradient or None per input, or an error that says what does not fit."""
    extra = [grad for grad in grads[len(points) :] if grad is not None]
    if len(grads) < len(points) or extra:
        raise ValueError(
            f"backward must give one gradient (or None) per input, got {len(grads)} gradients, "
            f"{len(extra)} of them without an input, for {len(points)} inputs; "
            "pass what forward differentiates as inputs"
        )
    paired = list(grads[: len(points)])
    for index, (grad, point) in enumerate(zip(paired, points, strict=True)):
        if grad is not None and np.shape(grad) != point.shape:
            raise ValueError(
                f"the gradient of input {index} must have its shape {point.shape}, got {np.shape(grad)}; "
                "sum over the axes that the input was broadcast along"
            )
    if not any(grad is not None and point.size for grad, point in zip(paired, points, strict=True)):
        raise ValueError("there is nothing to compare: every gradient is None or empty")
    return paired


def _differences(loss: Callable[[], float], point: Array, chosen: NDArray[np.intp], base: float) -> Array:
    """Central differences of the loss for the chosen entries of ``point``, which it moves and restores."""
    flat = point.reshape(-1)  # shares memory: the point is a contiguous copy
    numeric = np.empty(chosen.size)
    for row, entry in enumerate(chosen):
        here = flat[entry]
        step = base * max(1.0, abs(here))
        flat[entry] = above = here + step
        loss_above = loss()
        flat[entry] = below = here - step
        numeric[row] = (loss_above - loss()) / (above - below)
        flat[entry] = here
    return numeric


def _default_names(count: int) -> list[str]:
    """The names of a norm's inputs, then numbers."""
    return [("x", "gamma", "beta")[i] if i < 3 else f"input {i}" for i in range(count)]


def _power_of_ten(value: float) -> str:
    """The nearest power of ten, as in ``1e-7``."""
    return f"1e{round(np.log10(value))}" if np.isfinite(value) else str(value)
