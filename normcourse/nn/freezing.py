"""Freezing: batch norms that stay in evaluation mode, and so keep their running statistics."""

from torch import nn

from normcourse.nn._population import AnyBatchNorm, batch_norms, check_population

__all__ = ["freeze_batch_norm", "is_frozen", "unfreeze_batch_norm"]


def freeze_batch_norm(model: nn.Module, *, affine: bool = False) -> None:
    r"""Freeze every batch norm of a model, in place: evaluation mode now, and after ``model.train()`` too.

    .. math:: y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta

    with the running statistics, which stay as they are. No gradient flows through them: that of x is the one
    of y times :math:`\gamma / \sqrt{\sigma^2 + \varepsilon}`.

    The layers stay the objects that they are, with their parameters and their state: optimisers and
    checkpoints fit as before. The names in ``state_dict()`` are the same, and a copy of the model is frozen
    too. Loading a checkpoint into a frozen layer does set its statistics. To freeze again with another
    ``affine`` is allowed.

    Args:
        model: Holds batch norms of torch or of this package; may be one itself, or the part to freeze.
        affine: Whether gamma and beta are frozen as well. They then need no gradient, and the one that they
            have is forgotten, since an optimiser would take another step with it.

    Raises:
        ValueError: No batch norm, one without running statistics, or unusable ones; the message says which.
            The model is then as it was.

    Source:
        With ``affine=True`` it computes what ``torchvision.ops.FrozenBatchNorm2d`` does, which replaces the
        layer.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        >>> freeze_batch_norm(model)
        >>> model.train()[1].training
        False
        >>> unfreeze_batch_norm(model)
        >>> model.train()[1].training
        True
    """
    layers = batch_norms(model, tracked=False)
    if not layers:
        raise ValueError("freezing needs a batch norm, but the model has none")
    for name, layer in layers.items():
        if layer.running_mean is None or layer.running_var is None:
            raise ValueError(
                f"{name} has no running statistics: it normalizes by the batch in every mode and cannot be "
                "frozen; build it with track_running_stats=True, or freeze a part of the model without it"
            )
        check_population(name, layer.eps, layer.running_mean, layer.running_var)
    for layer in layers.values():
        _unfreeze(layer)
        trainable = {name: parameter.requires_grad for name, parameter in layer.named_parameters()}
        layer.eval()
        layer.__dict__["train"] = FrozenTrain(layer, trainable)
        if affine:
            for parameter in layer.parameters():
                parameter.requires_grad_(False).grad = None


def unfreeze_batch_norm(model: nn.Module) -> None:
    """Undo `freeze_batch_norm`, in place, for every frozen batch norm of a model.

    The layers follow ``model.train()`` and ``model.eval()`` again; until one is called they are in evaluation
    mode. Gamma and beta need a gradient where they did before. Batch norms that are not frozen are left
    alone.

    Args:
        model: Holds batch norms of torch or of this package.
    """
    for layer in batch_norms(model, tracked=False).values():
        _unfreeze(layer)


class FrozenTrain:
    """What a frozen layer has in place of its method ``train``: the mode stays.

    An object, not a closure: copying and pickling the layer then bring it along, bound to the copy.
    """

    def __init__(self, layer: nn.Module, trainable: dict[str, bool]) -> None:
        self.layer = layer
        self.trainable = trainable

    def __call__(self, mode: bool = True) -> nn.Module:
        """Leave the layer in evaluation mode and return it, as ``train`` does."""
        return self.layer


def is_frozen(layer: nn.Module) -> bool:
    """Whether `freeze_batch_norm` froze this layer."""
    return isinstance(layer.__dict__.get("train"), FrozenTrain)


def _unfreeze(layer: AnyBatchNorm) -> None:
    if is_frozen(layer):
        frozen: FrozenTrain = layer.__dict__.pop("train")
        for name, parameter in layer.named_parameters():
            parameter.requires_grad_(frozen.trainable[name])
