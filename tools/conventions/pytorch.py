"""PyTorch's answers."""

import inspect

import torch
from torch import nn
from torch.nn import functional

from normcourse.porting.conventions import Cell
from tools.conventions import cells
from tools.conventions.cells import BATCH

BATCH_T = torch.from_numpy(BATCH)
SHRINK = 1e-6


def batch_norm_eps() -> Cell:
    """A running variance of 0 leaves 1 / sqrt(eps)."""
    layer = nn.BatchNorm1d(1).eval()
    layer.running_var.zero_()
    found = layer(torch.full((1, 1), SHRINK)).item()
    # Of that variance, not of the input, so the deviation is not added.
    declared = layer.eps
    return cells.eps_measured(declared, found, SHRINK, "BatchNorm1d(1).eval(), running_var 0")


def _trained() -> tuple[nn.BatchNorm1d, torch.Tensor]:
    layer = nn.BatchNorm1d(1)
    return layer, layer(BATCH_T)


def momentum() -> Cell:
    """One update."""
    layer, _ = _trained()
    assert layer.momentum is not None
    return cells.momentum_measured(
        layer.momentum, layer.running_mean.item(), "one batch through BatchNorm1d(1)"
    )


def normalizes() -> Cell:
    """The output of one batch."""
    layer, out = _trained()
    return cells.normalizes_measured(out.detach().numpy(), layer.eps, "one batch through BatchNorm1d(1)")


def stored() -> Cell:
    """One update."""
    layer, _ = _trained()
    assert layer.momentum is not None
    found = layer.running_var.item()
    return cells.stored_measured(1.0, found, layer.momentum, "one batch through BatchNorm1d(1)")


def axis() -> Cell:
    """Which axis must have as many values as the layer has channels."""
    taken = []
    for place in range(4):
        shape = [2, 2, 2, 2]
        shape[place] = 5
        try:
            nn.BatchNorm2d(5)(torch.zeros(shape))
            taken.append(place)
        except (RuntimeError, ValueError):
            continue
    return Cell(", ".join(map(str, taken)), "measured", "BatchNorm2d(5) on shapes with 5 at one axis")


def state() -> Cell:
    """The state dict."""
    return Cell(", ".join(nn.BatchNorm1d(1).state_dict()), "read", "BatchNorm1d(1).state_dict()")


def start() -> Cell:
    """The first values."""
    values = list(nn.BatchNorm1d(1).state_dict().values())[:4]
    shown = ", ".join(cells.number(v.item()) for v in values)
    return Cell(shown, "read", "BatchNorm1d(1).state_dict()")


def inference() -> Cell:
    """The mode."""
    layer = nn.BatchNorm1d(1).eval()
    out = layer(BATCH_T)
    seen = cells.behaviour(layer.running_mean.item() != 0, cells.is_by_batch(out.detach().numpy()))
    return Cell(f"layer.eval(): {seen}", "measured", "one batch through BatchNorm1d(1).eval()")


def frozen() -> Cell:
    """No gradient asked for, in training mode."""
    layer = nn.BatchNorm1d(1).requires_grad_(False)
    out = layer(BATCH_T)
    seen = cells.behaviour(layer.running_mean.item() != 0, cells.is_by_batch(out.numpy()))
    return Cell(f"requires_grad_(False): {seen}", "measured", "one batch through a layer in training mode")


def _names(*dtypes: torch.dtype) -> str:
    return ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)


def half() -> Cell:
    """The layer in 16 bits, and the input alone."""
    seen = []
    for name, layer in (
        ("layer.bfloat16()", nn.BatchNorm1d(1).bfloat16()),
        ("input alone", nn.BatchNorm1d(1)),
    ):
        out = layer(BATCH_T.bfloat16())
        seen.append(f"{name}: {_names(layer.weight.dtype, layer.running_mean.dtype, out.dtype)}")
    return Cell("; ".join(seen), "measured", "one bfloat16 batch through BatchNorm1d(1)")


def _pair(layer: nn.Module, channels: int = 2) -> float:
    """What a layer makes of a deviation of SHRINK: of one and its negative, spread over the channels."""
    x = SHRINK * torch.tensor([1.0, -1.0]).repeat(channels // 2)
    return layer(x[None])[0, 0].item()


def layer_norm_eps() -> Cell:
    """A small input."""
    layer = nn.LayerNorm(2)
    return cells.eps_measured(layer.eps, _pair(layer), SHRINK, "LayerNorm(2) on inputs of 1e-6")


def layer_norm_axis() -> Cell:
    """Those of the shape that it is given."""
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    seen = []
    for shape in ((4,), (3, 4)):
        assert torch.allclose(nn.LayerNorm(shape)(x), _standardised(x, len(shape)), atol=1e-4)
        seen.append(f"{shape}: the last {len(shape)}")
    how = "LayerNorm(shape) on (2, 3, 4)"
    return Cell(f"those of normalized_shape; {', '.join(seen)}", "measured", how)


def _standardised(x: torch.Tensor, count: int) -> torch.Tensor:
    axes = tuple(range(-count, 0))
    return (x - x.mean(axes, keepdim=True)) / x.var(axes, correction=0, keepdim=True).sqrt()


def layer_norm_half() -> Cell:
    """Squares that float16 cannot hold."""
    out = nn.LayerNorm(4).half()(torch.from_numpy(cells.LARGE).half())
    return cells.large_measured(out.detach().float().numpy(), "LayerNorm(4).half()")


def layer_norm_offset() -> Cell:
    """A mean far from 0."""
    out = nn.LayerNorm(4)(torch.from_numpy(cells.OFFSET))
    return cells.offset_measured(out.detach().numpy(), "LayerNorm(4)")


def rms_norm_eps() -> Cell:
    """A small input; the default is None."""
    layer = nn.RMSNorm(2)
    found = cells.eps_measured(layer.eps, _pair(layer), SHRINK, "RMSNorm(2) on inputs of 1e-6, float32")
    declared = "None, " if layer.eps is None else ""
    return Cell(f"{declared}in float32 {found.observed}", "measured", found.how)


def rms_norm_cast() -> Cell:
    """Bits of bfloat16."""
    layer = nn.RMSNorm(16, eps=1e-6)
    with torch.no_grad():
        layer.weight.copy_(cells.RMS_WEIGHT)
    out = layer.bfloat16()(cells.RMS_INPUT.bfloat16())
    return cells.cast_measured(out, torch.bfloat16, 1e-6, "RMSNorm(16).bfloat16()")


def group_norm_eps() -> Cell:
    """A small input."""
    layer = nn.GroupNorm(1, 2)
    return cells.eps_measured(layer.eps, _pair(layer), SHRINK, "GroupNorm(1, 2) on inputs of 1e-6")


def group_norm_groups() -> Cell:
    """No default."""
    default = inspect.signature(nn.GroupNorm).parameters["num_groups"].default
    shown = "none: it must be given" if default is inspect.Parameter.empty else str(default)
    return Cell(shown, "read", "inspect.signature(GroupNorm)")


def group_norm_affine() -> Cell:
    """The shape of gamma."""
    return Cell(f"{nn.GroupNorm(4, 8).weight.numel()} values", "read", "GroupNorm(4, 8).weight")


def instance_norm_eps() -> Cell:
    """A small input."""
    layer = nn.InstanceNorm1d(1)
    x = SHRINK * torch.tensor([[[1.0, -1.0]]])
    return cells.eps_measured(layer.eps, layer(x)[0, 0, 0].item(), SHRINK, "InstanceNorm1d(1)")


def instance_norm_affine() -> Cell:
    """Whether there is a gamma."""
    layer = nn.InstanceNorm2d(3)
    return Cell("none" if layer.weight is None else "both", "read", "InstanceNorm2d(3).weight")


def dense_shape() -> Cell:
    """The weight's shape."""
    return Cell(f"{tuple(nn.Linear(3, 5).weight.shape)}: out, in", "read", "Linear(3, 5).weight.shape")


def conv_shape() -> Cell:
    """The kernel's shape."""
    shape = tuple(nn.Conv2d(4, 5, (3, 2)).weight.shape)
    return Cell(f"{shape}: out, in, height, width", "read", "Conv2d(4, 5, (3, 2)).weight.shape")


def conv_same() -> Cell:
    """It refuses; a padding of 1 is on both sides."""
    try:
        nn.Conv1d(1, 1, 3, stride=2, padding="same")
    except ValueError as error:
        how = str(error)
    else:
        raise AssertionError("padding 'same' with a stride is no longer refused: ask it")
    conv = nn.Conv1d(1, 1, 3, stride=2, padding=1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[cells.SAME_KERNEL]]))
        out = conv(torch.tensor([[cells.SAME_INPUT]]))
    found = cells.same_measured(out.numpy(), "Conv1d(padding=1)")
    return Cell(f"refused; padding=1 here: {found.observed}", "refused", how)


def function() -> Cell:
    """Its defaults."""
    found = inspect.signature(functional.batch_norm).parameters
    shown = ", ".join(f"{name}={found[name].default}" for name in ("training", "momentum", "eps"))
    return Cell(f"F.batch_norm: {shown}", "read", "inspect.signature(torch.nn.functional.batch_norm)")


COLUMN = cells.column(globals())
