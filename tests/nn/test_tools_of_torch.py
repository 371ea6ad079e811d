"""The layers under PyTorch's compiler, exporters and tracers, and under tools that look for its classes."""

import io
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from normcourse import nn as ours

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "BatchNorm1d": (lambda: ours.BatchNorm1d(6), (8, 6)),
    "BatchNorm1d, average": (lambda: ours.BatchNorm1d(6, momentum=None), (8, 6, 5)),
    "BatchNorm2d": (lambda: ours.BatchNorm2d(6), (4, 6, 3, 2)),
    "InstanceNorm1d": (lambda: ours.InstanceNorm1d(6, affine=True, track_running_stats=True), (4, 6, 5)),
    "GroupNorm": (lambda: ours.GroupNorm(2, 6), (4, 6, 5)),
    "LayerNorm": (lambda: ours.LayerNorm(6), (4, 5, 6)),
    "RMSNorm": (lambda: ours.RMSNorm(6), (4, 5, 6)),
    "SyncBatchNorm": (lambda: ours.SyncBatchNorm(6), (8, 6)),
    "GhostBatchNorm": (lambda: ours.GhostBatchNorm(6, 4), (8, 6)),
    "BatchRenorm": (lambda: ours.BatchRenorm(6), (8, 6)),
    "DyT": (lambda: ours.DyT(6), (4, 5, 6)),
    "Derf": (lambda: ours.Derf(6), (4, 5, 6)),
}
each_layer = pytest.mark.parametrize("name", LAYERS)
each_mode = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def made(name: str, training: bool) -> tuple[nn.Module, Tensor]:
    build, shape = LAYERS[name]
    torch.manual_seed(0)
    layer = build().double().train(training)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer, 2 * torch.randn(shape, dtype=torch.float64) + 1


def results(layer: nn.Module, call: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor | None]:
    x = x.clone().requires_grad_()
    y = call(x)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype))
    return [y, x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()]


@each_layer
@each_mode
def test_compiled_as_one_graph(name: str, training: bool) -> None:
    layer, x = made(name, training)
    plain = deepcopy(layer)
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for i in range(2):
        torch.testing.assert_close(results(layer, compiled, x + i), results(plain, plain, x + i))


@each_layer
@each_mode
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "not strict"])
def test_exported(name: str, training: bool, strict: bool) -> None:
    layer, x = made(name, training)
    program = torch.export.export(deepcopy(layer), (x,), strict=strict)
    torch.testing.assert_close(program.module()(x), layer(x))


@each_layer
@each_mode
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_a_trace_can_be_saved(name: str, training: bool) -> None:
    layer, x = made(name, training)
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(deepcopy(layer), x, check_trace=False), file)
    file.seek(0)
    if name == "BatchRenorm" and training:
        layer(x)  # the trace itself has seen one batch, and the output depends on that
    torch.testing.assert_close(torch.jit.load(file)(x), layer(x))


@each_layer
@each_mode
def test_func(name: str, training: bool) -> None:
    layer, x = made(name, training)
    upstream = torch.randn(x.shape, dtype=x.dtype)

    def loss(x: Tensor) -> Tensor:
        return (layer(x) * upstream).sum()

    if training and any("running" in key for key, _ in layer.named_buffers()):
        with pytest.raises(
            RuntimeError
        ):  # as for PyTorch's batch norm: they would move within a pure function
            torch.func.grad(loss)(x)
        return
    leaf = x.clone().requires_grad_()
    torch.testing.assert_close(torch.func.grad(loss)(x), torch.autograd.grad(loss(leaf), leaf)[0])


@each_layer
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("tool", "message"),
    [(torch.fx.symbolic_trace, r"cannot be traced by torch\.fx\.symbolic_trace.*torch\.export"),
     (torch.jit.script, r"is not for torch\.jit\.script: use torch\.export")],
    ids=["symbolic_trace", "script"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_refused_is_refused_by_name(name: str, inside: bool, tool: Any, message: str) -> None:
    layer, _ = made(name, True)
    with pytest.raises(TypeError, match=f"(?i){name.split('Norm')[0]}_?norm.*{message}|{name}.*{message}"):
        tool(nn.Sequential(nn.Identity(), layer) if inside else layer)


class Whole(torch.fx.Tracer):
    """Keeps every layer of torch and of this package whole, as the refusal says."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m).__module__.startswith("normcourse.") or super().is_leaf_module(
            m, module_qualified_name
        )


@each_layer
def test_a_tracer_that_keeps_the_layers_whole_goes_through(name: str) -> None:
    layer, x = made(name, False)
    model = nn.Sequential(nn.Tanh(), layer)
    torch.testing.assert_close(torch.fx.GraphModule(model, Whole().trace(model))(x), model(x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_the_documentation_says_of_tools_that_look_for_torchs_classes() -> None:
    from torch.fx.experimental.optimization import fuse  # itself deprecated, so not for every test

    model = nn.Sequential(nn.Conv2d(3, 3, 1), ours.BatchNorm2d(3))
    before = deepcopy(model.state_dict())
    update_bn([torch.randn(4, 3, 2, 2) + 5], model)
    torch.testing.assert_close(model.state_dict(), before)
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert not any(isinstance(layer, nn.SyncBatchNorm) for layer in converted.modules())
    for refuse in (lambda m: torch.ao.quantization.fuse_modules(m, ["0", "1"]), fuse):
        with pytest.raises((AssertionError, TypeError, NotImplementedError)):
            refuse(model.eval())
    # And of what stands in their place.
    ours.recalibrate(model, [torch.randn(4, 3, 2, 2) + 5])
    assert not torch.equal(model[1].running_mean, before["1.running_mean"])
    assert isinstance(ours.SyncBatchNorm.convert_sync_batchnorm(deepcopy(model))[1], ours.SyncBatchNorm)
    assert [type(layer) for layer in ours.fold_batch_norms(model.eval()).children()] == [nn.Conv2d]
