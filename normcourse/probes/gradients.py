"""How a gradient changes: when earlier layers move, and along its own direction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from normcourse.probes.watching import select, undisturbed

__all__ = ["AlongGradient", "GradientShift", "along_gradient", "gradient_shift"]

# A loss: called with a function that computes what the model would, returns a scalar tensor.
Loss = Callable[[Callable[..., Any]], Tensor]


@dataclass(frozen=True)
class GradientShift:
    """By layer, in the order of the forward pass; each array of shape ``(layers,)``.

    Attributes:
        layers: Their names.
        norm: Length of the gradient G before any layer moves.
        difference: Length of G - G', in the units of the gradient.
        cosine: Of the angle between G and G'; NaN if one of them is zero.
    """

    layers: tuple[str, ...]
    norm: NDArray[np.float64]
    difference: NDArray[np.float64]
    cosine: NDArray[np.float64]

    @property
    def relative(self) -> NDArray[np.float64]:
        """The difference over the norm; NaN where the gradient is zero."""
        missing = np.full(len(self.norm), np.nan)
        return np.asarray(np.divide(self.difference, self.norm, out=missing, where=self.norm > 0))


def gradient_shift(
    before: nn.Module, after: nn.Module, loss: Loss, *, layers: Sequence[str] | None = None
) -> GradientShift:
    r"""Measure internal covariate shift as the change of a layer's gradient when the earlier layers move.

    .. math::
        G_i = \nabla_{W_i} L(W_1, \dots, W_k), \quad
        G_i' = \nabla_{W_i} L(W_1', \dots, W_{i-1}', W_i, \dots, W_k)

    with :math:`W` the parameters before an update and :math:`W'` after it, on one and the same batch. The
    first layer has nothing before it, so its gradient does not change.

    Args:
        before: The model before the update, in the mode in which the gradient is wanted.
        after: The same model after it: a copy.
        loss: Called with a function that stands for the network, as ``lambda net: cross_entropy(net(x), y)``.
        layers: Names in the order of the forward pass; a name stands for all parameters below it. By default
            every module with parameters of its own, in the order in which the loss calls them.

    Returns:
        Norms, differences and cosines by layer. Both models, their buffers and the random state stay as they
        were; dropout draws the same masks for every gradient.

    Raises:
        ValueError: The models differ in their parameters, a layer is unknown or has no parameters, or the
            loss is not a scalar that depends on the function it is given.

    Source:
        Santurkar et al. 2018, arXiv 1805.11604, definition 2.1.

    Example:
        >>> before, after = (nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)) for _ in range(2))
        >>> for model, weight in ((before, 2.0), (after, 3.0)):
        ...     for layer in model:
        ...         _ = nn.init.constant_(layer.weight, weight), nn.init.zeros_(layer.bias)
        >>> shift = gradient_shift(before, after, lambda net: net(torch.ones(1, 1)).sum())
        >>> shift.layers, shift.difference  # the second layer's weight sees an input of 3 in place of 2
        (('0', '1'), array([0., 1.]))
    """
    old, new = _trained(before), _trained(after)
    if {name: p.shape for name, p in old.items()} != {name: p.shape for name, p in new.items()}:
        raise ValueError(
            "gradient_shift needs one network in two states, but their parameters differ in name or shape"
        )
    groups = _groups(before, loss, layers)
    _, base = _value_and_gradient(before, old, loss)
    mixed, rows = dict(old), []
    for names in groups.values():
        _, shifted = _value_and_gradient(before, mixed, loss, names)
        rows.append(_compare([base[name] for name in names], list(shifted.values())))
        mixed |= {name: new[name] for name in names}
    return GradientShift(tuple(groups), *np.array(rows).T)


@dataclass(frozen=True)
class AlongGradient:
    """The loss and its gradient at steps against the gradient; each array of shape ``(step sizes,)``.

    Attributes:
        step_sizes: The learning rates tried.
        start: The loss where the steps start.
        norm: Length of the gradient g there.
        loss: The loss after each step.
        gradient_change: Length of g(w) - g(w - step g), in the units of the gradient.
    """

    step_sizes: NDArray[np.float64]
    start: float
    norm: float
    loss: NDArray[np.float64]
    gradient_change: NDArray[np.float64]

    @property
    def relative_change(self) -> NDArray[np.float64]:
        """The change of the gradient over its length at the start."""
        return self.gradient_change / self.norm

    @property
    def smoothness(self) -> NDArray[np.float64]:
        """The change of the gradient per distance moved; the paper plots its maximum over the steps."""
        return self.gradient_change / (self.step_sizes * self.norm)


def along_gradient(model: nn.Module, loss: Loss, step_sizes: Sequence[float]) -> AlongGradient:
    r"""Walk from the parameters against the gradient, and see how loss and gradient change.

    .. math:: L(w - \eta g), \quad \lVert g(w) - g(w - \eta g) \rVert, \quad g = \nabla L(w)

    for each step size :math:`\eta`, always from the same start. On a quadratic loss whose curvature along the
    gradient is :math:`\lambda` for an eigenvector g, `AlongGradient.smoothness` is :math:`\lambda`.

    Args:
        model: Any module, in the mode in which the loss is wanted.
        loss: Called with a function that stands for the network, as ``lambda net: cross_entropy(net(x), y)``.
        step_sizes: Learning rates, positive.

    Returns:
        One value per step size. Parameters, buffers and the random state stay as they were; dropout draws the
        same masks at every step.

    Raises:
        ValueError: No step size or one that is not positive, or the loss is not a scalar that depends on the
            function it is given, or its gradient is zero.

    Source:
        Santurkar et al. 2018, arXiv 1805.11604, figure 4.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.ones_(model.weight)
        >>> walk = along_gradient(model, lambda net: 2 * net(torch.ones(1, 1)).square().sum(), [0.1, 0.25])
        >>> walk.loss.round(3), walk.smoothness.round(3)  # 2 w^2 has curvature 4, and its minimum at step 1/4
        (array([0.72, 0.  ]), array([4., 4.]))
    """
    steps = np.asarray(step_sizes, dtype=np.float64)
    if steps.ndim != 1 or not steps.size or not (steps > 0).all():
        raise ValueError(f"along_gradient needs positive step sizes, but got {step_sizes}")
    start = _trained(model)
    value, gradient = _value_and_gradient(model, start, loss)
    norm = _norm(list(gradient.values()))
    if norm == 0:
        raise ValueError("the gradient is zero: there is no direction to walk along")
    losses, changes = [], []
    for step in steps.tolist():
        moved = {name: p - step * gradient[name] for name, p in start.items()}
        there, new = _value_and_gradient(model, moved, loss)
        losses.append(there)
        changes.append(_norm([new[name] - g for name, g in gradient.items()]))
    return AlongGradient(steps, value, norm, np.array(losses), np.array(changes))


def _trained(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


def _groups(model: nn.Module, loss: Loss, layers: Sequence[str] | None) -> dict[str, list[str]]:
    """Return the names of each layer's parameters, layers in the order of the forward pass."""
    trained = _trained(model)
    chosen = select(model, layers if layers is not None else _called(model, loss))
    groups = {}
    for layer, module in chosen.items():
        own = module.named_parameters(prefix=layer, recurse=layers is not None)
        groups[layer] = [name for name, _ in own if name in trained]
    if layers is None:
        groups = {layer: names for layer, names in groups.items() if names}
    if empty := [layer for layer, names in groups.items() if not names]:
        raise ValueError(f"a gradient needs trained parameters, but {', '.join(empty)} has none")
    return groups


def _called(model: nn.Module, loss: Loss) -> list[str]:
    """Names of the modules in the order in which the loss first calls them."""
    order: dict[str, None] = {}
    handles = [
        module.register_forward_pre_hook(lambda _module, _args, name=name: order.setdefault(name))
        for name, module in model.named_modules()
    ]
    try:
        with undisturbed(model), torch.no_grad():
            loss(model)
    finally:
        for handle in handles:
            handle.remove()
    return list(order)


def _value_and_gradient(
    model: nn.Module, parameters: Mapping[str, Tensor], loss: Loss, wanted: Collection[str] | None = None
) -> tuple[float, dict[str, Tensor]]:
    """Evaluate the loss with these parameters in place of the model's, and its gradient by those wanted."""
    leaves = {
        name: p.detach().requires_grad_(wanted is None or name in wanted) for name, p in parameters.items()
    }
    moving = {name: p for name, p in leaves.items() if p.requires_grad}
    with undisturbed(model), torch.enable_grad():
        value = loss(lambda *args, **kwargs: functional_call(model, leaves, args, kwargs))
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise ValueError(
                "the loss must return a tensor with one number, but returned "
                + (f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__)
            )
        gradients: Sequence[Tensor | None] = [None] * len(moving)
        if value.requires_grad:
            gradients = torch.autograd.grad(value, list(moving.values()), allow_unused=True)
    if wanted is None and all(gradient is None for gradient in gradients):
        raise ValueError("the loss does not depend on the function it is given: call that, not the model")
    filled = (
        torch.zeros_like(p) if g is None else g for p, g in zip(moving.values(), gradients, strict=True)
    )
    return value.item(), dict(zip(moving, filled, strict=True))


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(torch.sqrt(torch.stack([tensor.double().square().sum() for tensor in tensors]).sum()))


def _compare(old: Sequence[Tensor], new: Sequence[Tensor]) -> tuple[float, float, float]:
    """Return the old norm, the norm of the difference, and the cosine."""
    a, b = (torch.cat([tensor.double().flatten() for tensor in tensors]) for tensors in (old, new))
    lengths = float(a.norm() * b.norm())
    return float(a.norm()), float((a - b).norm()), float(a @ b) / lengths if lengths else float("nan")
