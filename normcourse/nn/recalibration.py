"""Recalibration: population statistics over many batches, in place of the moving average of training."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from normcourse.nn._population import AnyBatchNorm, batch_norms, check_population
from normcourse.nn.freezing import is_frozen

__all__ = ["recalibrate"]


def recalibrate(model: nn.Module, batches: Iterable[Tensor | Sequence[Tensor]]) -> None:
    r"""Recompute the running statistics of every batch norm in a model, in place.

    .. math:: \mu = \frac{1}{n} \sum_B n_B \mu_B, \quad
        \sigma^2 = \frac{1}{n - 1} \sum_B n_B \left(\sigma_B^2 + (\mu_B - \mu)^2\right)

    Each batch counts with its number of values :math:`n_B` per channel, so batches may differ in size. This
    is the law of total variance, and the unbiased variance of all values at once, which is what a batch norm
    tracks. (The paper weights equal batches and does not correct by n - 1.)

    While the batches run, batch norms with running statistics normalize by the batch, as in the paper; every
    other layer is in evaluation mode, since that is where the statistics will be used: no dropout. No
    gradient is taken. Afterwards every layer is back in the mode it was in; after an error the old statistics
    are back too. Momentum is not used; ``num_batches_tracked`` ends as the number of batches seen.

    Args:
        model: Holds batch norms of torch or of this package.
        batches: Inputs of the model, each a tensor or a tuple or list whose first item is the input, such as
            ``(x, y)``.

    Raises:
        ValueError: There are no batches, no batch norm with running statistics, a frozen one, one that no
            batch reached, fewer than two values per channel, or statistics that are not finite; the message
            says which.
        TypeError: A batch is neither a tensor nor a tuple or list.

    Source:
        Wu and Johnson 2021, arXiv 2105.07576 (PreciseBN).

    Example:
        >>> model = nn.BatchNorm1d(1)
        >>> recalibrate(model, [torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0], [8.0]])])
        >>> model.running_mean, model.running_var
        (tensor([4.]), tensor([10.]))
    """
    layers = batch_norms(model, tracked=True)
    if not layers:
        raise ValueError("recalibrate needs a batch norm with running statistics, but the model has none")
    if frozen := [name for name, layer in layers.items() if is_frozen(layer)]:
        raise ValueError(
            f"{frozen[0]} is frozen, so its statistics must stay: call unfreeze_batch_norm first, and freeze "
            "again afterwards"
        )
    with _batch_norms_in_training(model, list(layers.values())) as pools:
        seen = 0
        for batch in batches:
            if not isinstance(batch, Tensor | tuple | list):
                raise TypeError(
                    f"each batch must be a tensor or a tuple of them, but got {type(batch).__name__}"
                )
            model(batch if isinstance(batch, Tensor) else batch[0])
            seen += 1
        if not seen:
            raise ValueError(
                "recalibrate got no batches: pass at least one, and no generator that is used up"
            )
        found = {name: pools[layer].statistics(name, layer.eps) for name, layer in layers.items()}
        for name, layer in layers.items():
            _store(layer, *found[name], seen)


class _Pool:
    """Number, mean and sum of squared deviations of all values per channel, merged batch by batch."""

    def __init__(self) -> None:
        self.n = 0
        self.mean = self.deviation = torch.zeros(())

    def add(self, x: Tensor) -> None:
        values = x.detach().double().transpose(0, 1).flatten(1)
        if not values.shape[1]:
            return
        mean = values.mean(1)
        delta = mean - self.mean
        n = self.n + values.shape[1]
        share = values.shape[1] / n
        within = (values - mean.unsqueeze(1)).square().sum(1)
        self.deviation = self.deviation + within + delta.square() * self.n * share
        self.mean, self.n = self.mean + delta * share, n

    def statistics(self, name: str, eps: float) -> tuple[Tensor, Tensor]:
        if self.n < 2:
            raise ValueError(
                f"{name} saw {self.n} values per channel, but a variance needs two: does the model call it, "
                "with batches that are not empty?"
            )
        mean, var = self.mean, self.deviation / (self.n - 1)
        check_population(f"after the batches, {name}", eps, mean, var)
        return mean, var


@contextmanager
def _batch_norms_in_training(
    model: nn.Module, layers: list[AnyBatchNorm]
) -> Iterator[dict[AnyBatchNorm, _Pool]]:
    """Let batch norms alone train, without gradients, and pool what they are given; then put all back."""
    modes = {module: module.training for module in model.modules()}
    old = {layer: {name: buffer.clone() for name, buffer in layer.named_buffers()} for layer in layers}
    pools = {layer: _Pool() for layer in layers}
    hooks = [layer.register_forward_pre_hook(lambda own, args: pools[own].add(args[0])) for layer in layers]
    try:
        with torch.no_grad():
            model.eval()
            for layer in layers:
                layer.train()
            yield pools
    except BaseException:
        for layer, buffers in old.items():
            for name, buffer in buffers.items():
                layer.get_buffer(name).copy_(buffer)
        raise
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training


def _store(layer: AnyBatchNorm, mean: Tensor, var: Tensor, batches: int) -> None:
    for name, value in (("running_mean", mean), ("running_var", var)):
        layer.get_buffer(name).copy_(value)
    if layer.num_batches_tracked is not None:
        layer.num_batches_tracked.fill_(batches)
