r"""The five norms as torch functions, with the signatures of ``torch.nn.functional``.

Each function checks its input, looks its row up in the table and hands over to one helper, which computes

.. math:: y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta

with :math:`\mu` and :math:`\sigma^2` taken over the pool of that row. The variance that normalizes is always
the biased one. Values, gradients, buffers and the types of the errors are those of PyTorch.

Squares overflow: in float32 a spread from about 1e19 on has the variance infinity, and the output is beta
everywhere. PyTorch's kernels then give beta too, or NaN: ``layer_norm`` always.
"""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from normcourse._normalize import compute_dtype, normalize, track
from normcourse._watching import refuse_symbols
from normcourse.taxonomy import TAXONOMY, NormSpec

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalize each channel over the batch and all positions.

    View N C S, pooled over N S, affine over C. Training normalizes by the batch's mean and biased variance,
    and moves the running statistics in place by :math:`r \leftarrow (1 - m) \, r + m \, s`, with the
    *unbiased* variance; an empty batch leaves them alone. Evaluation normalizes by the running statistics.

    Args:
        input: Floating tensor ``(N, C, *spatial)``.
        running_mean: ``(C,)``, updated in place in training; None to keep no statistics.
        running_var: ``(C,)``, in squared units of the input; None exactly where ``running_mean`` is.
        weight: gamma, ``(C,)``.
        bias: beta, ``(C,)``.
        training: Use the batch's statistics, not the running ones.
        momentum: The share m of the new statistic; a number or a tensor without axes.
        eps: Added to the variance.

    Returns:
        Tensor of the input's shape and dtype.

    Raises:
        ValueError: The batch has one value per channel in training, eps is out of range, or only one of
            the running statistics is given; the message says which, with the shapes.
        RuntimeError: A parameter has the wrong shape or dtype, or evaluation has no running statistics.
        IndexError: The input has no channel axis.
        NotImplementedError: The input is not floating.

    Source:
        Ioffe and Szegedy 2015, arXiv 1502.03167; ``torch.nn.functional.batch_norm``.

    Example:
        >>> batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True).round(decimals=3)
        tensor([[-1.],
                [ 1.]])
    """
    _check_floating("batch_norm", input)
    _check_channels("batch_norm", input, IndexError)
    parameters = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    _check_shapes("batch_norm", input, input.shape[1:2], **parameters)
    _check_dtypes("batch_norm", input, **parameters)
    if eps < 0 or (training and eps == 0):
        raise ValueError(
            f"batch_norm needs eps > 0 in training and eps >= 0 in evaluation, but got eps={eps} with "
            f"training={training}: 1e-5 is usual"
        )
    if training and input.shape[0] * prod(input.shape[2:]) == 1:
        raise ValueError(
            "batch_norm in training needs more than one value per channel, but got input of shape "
            f"{tuple(input.shape)}: use a larger batch, or evaluation mode"
        )
    spec = TAXONOMY["BatchNorm"]
    return _with_running(spec, input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of each example over its positions.

    View N C S, pooled over S, affine over C. Running statistics, where given, track the mean over the
    examples of each one's mean and unbiased variance; they normalize only if ``use_input_stats`` is off.

    Args:
        input: Floating tensor ``(N, C, *spatial)``.
        running_mean: ``(C,)``, updated in place if ``use_input_stats``.
        running_var: ``(C,)``, in squared units of the input; None exactly where ``running_mean`` is.
        weight: gamma, ``(C,)``.
        bias: beta, ``(C,)``.
        use_input_stats: Use each example's own statistics, not the running ones.
        momentum: The share of the new statistic in the running one.
        eps: Added to the variance; a negative one is not refused, as in PyTorch, and can give NaN.

    Returns:
        Tensor of the input's shape and dtype.

    Raises:
        ValueError: There is one position per channel, or only one of the running statistics is given.
        RuntimeError: A parameter has the wrong shape or dtype, or there are no statistics to use.
        IndexError: The input has no channel axis.
        NotImplementedError: The input is not floating.

    Source:
        Ulyanov et al. 2016, arXiv 1607.08022; ``torch.nn.functional.instance_norm``.

    Example:
        >>> instance_norm(torch.tensor([[[1.0, 3.0], [10.0, 30.0]]])).round(decimals=3)
        tensor([[[-1.,  1.],
                 [-1.,  1.]]])
    """
    _check_floating("instance_norm", input)
    _check_channels("instance_norm", input, IndexError)
    running = {"running_mean": running_mean, "running_var": running_var}
    _check_shapes("instance_norm", input, input.shape[1:2], weight=weight, bias=bias, **running)
    _check_dtypes("instance_norm", input, weight=weight, bias=bias)
    if use_input_stats and prod(input.shape[2:]) == 1:
        raise ValueError(
            "instance_norm needs more than one position per channel, but got input of shape "
            f"{tuple(input.shape)}: its output would be beta everywhere"
        )
    spec = TAXONOMY["InstanceNorm"]
    return _with_running(spec, input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each group of channels of each example over its channels and positions.

    View N G K S with G x K = C, pooled over K S, affine over G K: one gamma and beta per channel. The
    biased variance, in training and evaluation alike.

    Args:
        input: Floating tensor ``(N, C, *spatial)``.
        num_groups: The groups G; G divides C.
        weight: gamma, ``(C,)``.
        bias: beta, ``(C,)``.
        eps: Added to the variance; a negative one is not refused, as in PyTorch, and can give NaN.

    Returns:
        Tensor of the input's shape and dtype.

    Raises:
        RuntimeError: The groups do not divide the channels, there is no channel axis, or a parameter has
            the wrong shape or dtype.
        ValueError: A single example has one value per group.
        NotImplementedError: The input is not floating.

    Source:
        Wu and He 2018, arXiv 1803.08494; ``torch.nn.functional.group_norm``.

    Example:
        >>> group_norm(torch.tensor([[1.0, 3.0, 10.0, 30.0]]), 2).round(decimals=3)
        tensor([[-1.,  1., -1.,  1.]])
    """
    _check_floating("group_norm", input)
    _check_channels("group_norm", input, RuntimeError)
    channels = input.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise RuntimeError(
            f"group_norm needs num_groups >= 1 that divides the channels, but got num_groups={num_groups} "
            f"for input of shape {tuple(input.shape)} with C={channels}"
        )
    _check_shapes("group_norm", input, input.shape[1:2], weight=weight, bias=bias)
    _check_dtypes("group_norm", input, weight=weight, bias=bias)
    if input.shape[0] * (channels // num_groups) * prod(input.shape[2:]) == 1:
        raise ValueError(
            f"group_norm needs more than one value per group, but got input of shape {tuple(input.shape)} "
            f"in {num_groups} groups: use fewer groups"
        )
    return normalize(TAXONOMY["GroupNorm"], input, weight, bias, eps, groups=num_groups)[0]


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each position over the trailing axes.

    View B F, pooled over F, affine over F: one gamma and beta per feature. The biased variance, in training
    and evaluation alike.

    Args:
        input: Floating tensor ``(*leading, *normalized_shape)``.
        normalized_shape: Sizes of the trailing axes to pool.
        weight: gamma, ``normalized_shape``.
        bias: beta, ``normalized_shape``.
        eps: Added to the variance; a negative one is not refused, as in PyTorch, and can give NaN.

    Returns:
        Tensor of the input's shape and dtype.

    Raises:
        RuntimeError: The input does not end in ``normalized_shape``, that is empty, or a parameter has the
            wrong shape or dtype.
        TypeError: ``normalized_shape`` is a number.
        NotImplementedError: The input is not floating.

    Source:
        Ba et al. 2016, arXiv 1607.06450; ``torch.nn.functional.layer_norm``.

    Example:
        >>> layer_norm(torch.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,)).round(decimals=3)
        tensor([[-1.,  1.],
                [-1.,  1.]])
    """
    _check_floating("layer_norm", input)
    _check_normalized_shape("layer_norm", input, normalized_shape)
    _check_shapes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    _check_dtypes("layer_norm", input, weight=weight, bias=bias)
    return normalize(TAXONOMY["LayerNorm"], input, weight, bias, eps, features=len(normalized_shape))[0]


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    r"""Divide each position by its root mean square over the trailing axes.

    .. math:: y = \gamma \, \frac{x}{\sqrt{\mathrm{mean}(x^2) + \varepsilon}}

    View B F, pooled over F, affine over F, not centred. Training and evaluation are alike.

    Args:
        input: Real floating tensor ``(*leading, *normalized_shape)``.
        normalized_shape: Sizes of the trailing axes to pool.
        weight: gamma, ``normalized_shape``.
        eps: Added to the mean of squares; None means the machine epsilon of the dtype that computes:
            float32's for half, bfloat16 and float32. A negative one is not refused, as in PyTorch.

    Returns:
        Tensor of the input's shape and dtype, and in its memory format.

    Raises:
        RuntimeError: The input does not end in ``normalized_shape``, that is empty, or the weight has the
            wrong shape.
        ValueError: The input has fewer axes than ``normalized_shape``.
        TypeError: ``normalized_shape`` is a number.
        NotImplementedError: The input is not real and floating.

    Source:
        Zhang and Sennrich 2019, arXiv 1910.07467; ``torch.nn.functional.rms_norm``.

    Example:
        >>> rms_norm(torch.tensor([[3.0, 4.0]]), (2,)).round(decimals=3)
        tensor([[0.8490, 1.1310]])
    """
    _check_floating("rms_norm", input)
    _check_normalized_shape("rms_norm", input, normalized_shape, too_short=ValueError)
    _check_shapes("rms_norm", input, normalized_shape, weight=weight)
    if eps is None:
        eps = torch.finfo(compute_dtype(input)).eps
    y = normalize(TAXONOMY["RMSNorm"], input, weight, None, eps, features=len(normalized_shape))[0]
    for rank, memory_format in ((4, torch.channels_last), (5, torch.channels_last_3d)):
        if input.dim() == rank and input.is_contiguous(memory_format=memory_format):
            y = y.contiguous(memory_format=memory_format)
    return y


def _with_running(
    spec: NormSpec,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    use_batch: bool,
    momentum: float | Tensor,
    eps: float,
) -> Tensor:
    """Normalize by the input's own statistics and track them, or by the running ones."""
    if not use_batch:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                f"{spec.name} by running statistics needs running_mean and running_var, but at least one is "
                "None: pass both, or use the input's own statistics"
            )
        return normalize(spec, x, weight, bias, eps, fixed=(running_mean, running_var))[0]
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{spec.name} needs running_mean and running_var both, or neither: one is None")
    y, mean, var = normalize(spec, x, weight, bias, eps)
    track(running_mean, running_var, mean, var, x.numel(), momentum)
    return y


def _check_floating(name: str, x: Tensor) -> None:
    refuse_symbols(name, x)
    if not x.is_floating_point():
        raise NotImplementedError(
            f"{name} takes real floating input, but got {x.dtype}: convert with .float()"
        )


def _check_channels(name: str, x: Tensor, error: type[Exception]) -> None:
    if x.dim() < 2:
        raise error(
            f"{name} needs at least 2 axes, (N, C, *spatial), but got input of shape {tuple(x.shape)}: "
            "add the missing axis with unsqueeze"
        )


def _check_normalized_shape(
    name: str, x: Tensor, shape: Sequence[int], too_short: type[Exception] = RuntimeError
) -> None:
    if isinstance(shape, int):
        raise TypeError(f"{name} takes normalized_shape as a sequence, but got {shape}: write ({shape},)")
    if not len(shape):
        raise RuntimeError(f"{name} needs a normalized_shape of at least one axis, but got an empty one")
    if tuple(x.shape[-len(shape) :]) != tuple(shape):
        error = too_short if x.dim() < len(shape) else RuntimeError
        raise error(
            f"{name} needs input that ends in normalized_shape={tuple(shape)}, but got {tuple(x.shape)}: "
            "move the features last, or change normalized_shape"
        )


def _check_shapes(name: str, x: Tensor, shape: Sequence[int], **parameters: Tensor | None) -> None:
    for which, parameter in parameters.items():
        if parameter is not None and tuple(parameter.shape) != tuple(shape):
            raise RuntimeError(
                f"{name} needs {which} of shape {tuple(shape)} for input of shape {tuple(x.shape)}, but got "
                f"{tuple(parameter.shape)}: build the layer for this many channels or features"
            )


def _check_dtypes(name: str, x: Tensor, **parameters: Tensor | None) -> None:
    found = {parameter.dtype for parameter in parameters.values() if parameter is not None}
    if found and found != {x.dtype} and found != {compute_dtype(x)}:
        raise RuntimeError(
            f"{name} needs all parameters in the input's {x.dtype} or its compute dtype {compute_dtype(x)}, "
            f"but got {', '.join(sorted(map(str, found)))}: convert the layer or the input"
        )
