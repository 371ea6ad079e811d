"""Adaptation: batch norms whose statistics follow the batches at inference, without labels or gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import inf, prod

from torch import Tensor, nn

from normcourse import functional
from normcourse.nn._population import AnyBatchNorm, batch_norms, check_population
from normcourse.nn.batchnorm import BatchNorm

__all__ = ["adapt_batch_norm"]


@contextmanager
def adapt_batch_norm(model: nn.Module, source_weight: float) -> Iterator[None]:
    r"""Let a model's batch norms mix the running statistics with the batch's, until the ``with`` block ends.

    .. math:: \mu = \frac{N \mu_s + n \mu_B}{N + n}, \quad
        \sigma^2 = \frac{N \sigma_s^2 + n \sigma_B^2}{N + n}

    with the running statistics :math:`\mu_s, \sigma_s^2`, the mean and the biased variance :math:`\mu_B,
    \sigma_B^2` of the batch over N and S, and the number n of its examples (not of its values). N = 0 is the
    batch alone, as in training; N = infinity is evaluation. This variance leaves out the distance between
    the two means, so it is not that of N and n examples put together.

    Nothing of the model changes, the running statistics included. Gradients flow through the batch's. Batch
    norms without running statistics use the batch as ever.

    Args:
        model: Holds batch norms of torch or of this package, in evaluation mode when it is called.
        source_weight: N, how many examples the running statistics count as: at least 0, may be infinite.

    Raises:
        ValueError: A negative weight or NaN, no batch norm with running statistics, or unusable ones. When
            the model is called: a batch norm in training mode, or one value per channel at N = 0.

    Source:
        Schneider et al. 2020, arXiv 2006.16971; Nado et al. 2020, arXiv 2006.10963, for N = 0.

    Example:
        >>> import torch
        >>> layer = nn.BatchNorm1d(1).eval()  # running mean 0 and variance 1
        >>> x = torch.tensor([[1.0], [3.0]])  # mean 2, variance 1
        >>> for weight in (0, 2, inf):
        ...     with adapt_batch_norm(layer, weight):
        ...         print(weight, layer(x).flatten().round(decimals=3).tolist())
        0 [-1.0, 1.0]
        2 [0.0, 2.0]
        inf [1.0, 3.0]
    """
    if not source_weight >= 0:  # so worded, it refuses NaN as well
        raise ValueError(
            f"source_weight counts examples and must be at least 0, but got {source_weight}: 0 is the batch "
            "alone, math.inf the running statistics alone"
        )
    layers = batch_norms(model, tracked=True)
    if not layers:
        raise ValueError("adaptation needs a batch norm with running statistics, but the model has none")
    for name, layer in layers.items():
        check_population(name, layer.eps, *_running(layer))
    # In place of a hook on the output, so that other hooks see what the layer now gives.
    before = {layer: layer.__dict__.get("forward") for layer in layers.values()}
    try:
        for name, layer in layers.items():
            layer.__dict__["forward"] = partial(_adapted, name, layer, source_weight)
        yield
    finally:
        for layer, forward in before.items():
            if forward is None:
                del layer.__dict__["forward"]
            else:
                layer.__dict__["forward"] = forward


def _adapted(name: str, layer: AnyBatchNorm, source_weight: float, input: Tensor) -> Tensor:
    """Normalize the input of one layer by the mixed statistics."""
    if layer.training:
        raise ValueError(f"{name} is in training mode, but only inference adapts: call model.eval() first")
    check_rank = layer._check_rank if isinstance(layer, BatchNorm) else layer._check_input_dim
    check_rank(input)
    mean, var = _running(layer)
    examples, values = len(input), input.shape[0] * prod(input.shape[2:])
    if source_weight == 0 and values == 1:
        raise ValueError(
            f"{name} needs more than one value per channel where the batch counts alone, but got input of "
            f"shape {tuple(input.shape)}: use a larger batch, or a source_weight above 0"
        )
    if values and source_weight != inf:
        share = examples / (source_weight + examples)
        own = input.to(mean.dtype).transpose(0, 1).flatten(1)
        own_mean = own.mean(1)
        own_var = (own - own_mean.unsqueeze(1)).square().mean(1)
        mean, var = mean.lerp(own_mean, share), var.lerp(own_var, share)
    return functional.batch_norm(input, mean, var, layer.weight, layer.bias, eps=layer.eps)


def _running(layer: AnyBatchNorm) -> tuple[Tensor, Tensor]:
    return layer.get_buffer("running_mean"), layer.get_buffer("running_var")
