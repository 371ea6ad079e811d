"""The layers as drop-ins for torch's: construction, state, behaviour over training, copies and transforms."""

import inspect
import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing._internal.common_modules import module_db

from normcourse import nn as ours

CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = {
    "BatchNorm1d": ("BatchNorm1d", (3,), {}, (8, 3)),
    "BatchNorm1d, L": ("BatchNorm1d", (3,), {"momentum": 0.4, "eps": 0.1}, (8, 3, 5)),
    "BatchNorm1d, average": ("BatchNorm1d", (3,), {"momentum": None}, (8, 3)),
    "BatchNorm1d, untracked": ("BatchNorm1d", (3,), {"track_running_stats": False}, (8, 3)),
    "BatchNorm1d, no bias": ("BatchNorm1d", (3,), {"bias": False}, (8, 3)),
    "BatchNorm2d, plain": ("BatchNorm2d", (3,), {"affine": False}, (4, 3, 5, 2)),
    "BatchNorm3d": ("BatchNorm3d", (3,), {}, (4, 3, 2, 3, 2)),
    "InstanceNorm1d": ("InstanceNorm1d", (3,), {}, (4, 3, 5)),
    "InstanceNorm1d, no batch": (
        "InstanceNorm1d", (3,), {"affine": True, "track_running_stats": True}, (3, 5)
    ),
    "InstanceNorm2d": ("InstanceNorm2d", (3,), {"affine": True, "bias": False}, (4, 3, 5, 2)),
    "InstanceNorm2d, tracked": (
        "InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (4, 3, 5, 2)
    ),
    "InstanceNorm3d": (
        "InstanceNorm3d", (3,), {"track_running_stats": True, "momentum": 0.3}, (4, 3, 2, 3, 2)
    ),
    "GroupNorm": ("GroupNorm", (2, 6), {}, (4, 6, 5)),
    "GroupNorm, no bias": ("GroupNorm", (2, 6), {"bias": False, "eps": 0.1}, (4, 6, 5, 2)),
    "GroupNorm, plain": ("GroupNorm", (2, 6), {"affine": False}, (4, 6)),
    "LayerNorm": ("LayerNorm", (6,), {}, (4, 5, 6)),
    "LayerNorm, two axes": ("LayerNorm", ([5, 6],), {"bias": False}, (4, 5, 6)),
    "LayerNorm, plain": ("LayerNorm", ((6,),), {"elementwise_affine": False}, (4, 6)),
    "RMSNorm": ("RMSNorm", (6,), {}, (4, 5, 6)),
    "RMSNorm, eps": ("RMSNorm", ((5, 6),), {"eps": 0.1, "elementwise_affine": False}, (4, 5, 6)),
}  # fmt: skip
CLASSES = sorted({name for name, *_ in CASES.values()})
INFOS = {info.module_cls.__name__: info for info in module_db if info.module_cls.__name__ in CLASSES}
each_case = pytest.mark.parametrize("case", CASES)
each_class = pytest.mark.parametrize("name", CLASSES)


def build(case: str, library: Any, **more: Any) -> nn.Module:
    name, args, kwargs, _ = CASES[case]
    torch.manual_seed(0)
    layer: nn.Module = getattr(library, name)(*args, **{"dtype": torch.float64, **kwargs, **more})
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def draw(case: str, count: int = 1) -> list[Tensor]:
    random = torch.Generator().manual_seed(1)
    shape = CASES[case][-1]
    return [i + (i + 1) * torch.randn(shape, generator=random, dtype=torch.float64) for i in range(count)]


def assert_same_state(mine: nn.Module, theirs: nn.Module) -> None:
    a, b = mine.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    for key in a:
        torch.testing.assert_close(a[key], b[key], msg=lambda m, k=key: f"{k}: {m}")


@each_class
def test_signature(name: str) -> None:
    mine, theirs = (inspect.signature(getattr(library, name)).parameters for library in (ours, nn))
    assert [(p.name, p.kind, p.default) for p in mine.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


@each_class
def test_not_torchs_own_class(name: str) -> None:
    assert not issubclass(getattr(ours, name), getattr(nn, name))


@each_case
def test_repr_and_initial_state(case: str) -> None:
    mine, theirs = build(case, ours), build(case, nn)
    assert repr(mine) == repr(theirs)
    for layer in (mine, theirs):
        layer.reset_parameters()
    assert_same_state(mine, theirs)
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]


@each_case
def test_training_then_evaluation(case: str) -> None:
    mine, theirs = build(case, ours), build(case, nn)
    optimisers = [
        torch.optim.SGD([*m.parameters(), nn.Parameter(torch.zeros(1))], lr=0.1) for m in (mine, theirs)
    ]
    for training in (True, True, True, False, True, False):
        for x in draw(case, 2):
            cotangent = torch.randn_like(x)
            seen = []
            for layer, optimiser in zip((mine, theirs), optimisers, strict=True):
                layer.train(training)
                leaf = x.clone().requires_grad_()
                optimiser.zero_grad()
                y = layer(leaf)
                y.backward(cotangent)
                optimiser.step()
                seen.append((y, leaf.grad))
            torch.testing.assert_close(*seen)
            assert_same_state(mine, theirs)


@each_case
def test_state_dict_loads_both_ways(case: str) -> None:
    mine, theirs = build(case, ours), build(case, nn)
    for x in draw(case, 2):
        mine(x)
    theirs.load_state_dict(mine.state_dict(), strict=True)
    fresh = build(case, ours)
    fresh.load_state_dict(theirs.state_dict(), strict=True)
    assert_same_state(fresh, mine)
    assert mine.state_dict()._metadata[""] == theirs.state_dict()._metadata[""]


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_checkpoint_from_before_the_counter(device: str) -> None:
    layer = ours.BatchNorm1d(3, device=device)
    old = {k: v for k, v in ours.BatchNorm1d(3).state_dict().items() if k != "num_batches_tracked"}
    layer.load_state_dict(old, strict=True, assign=True)
    assert layer.num_batches_tracked == 0
    new = ours.BatchNorm1d(3).state_dict()
    del new["num_batches_tracked"]
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        layer.load_state_dict(new, strict=True)


def test_reset_running_stats() -> None:
    layer = ours.BatchNorm1d(3)
    layer(torch.randn(8, 3))
    layer.reset_running_stats()
    assert_same_state(layer, nn.BatchNorm1d(3))


@each_case
def test_copies(case: str) -> None:
    layer = build(case, ours)
    (x,) = draw(case)
    layer(x)
    copies = [deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    y = layer(x)
    for copy in copies:
        torch.testing.assert_close(copy(x), y)
        assert_same_state(copy, layer)


@each_case
def test_meta_device(case: str) -> None:
    layer = build(case, ours, device="meta")
    (x,) = draw(case)
    y = layer(x.to("meta"))
    assert y.is_meta
    assert y.shape == x.shape
    assert y.dtype == x.dtype


@pytest.mark.parametrize("case", [case for case in CASES if build(case, ours).state_dict()])
@pytest.mark.parametrize("training", [True, False])
def test_vmap_over_stacked_models(case: str, training: bool) -> None:
    models = [build(case, ours, dtype=torch.float64).train(training) for _ in range(3)]
    for i, model in enumerate(models):
        for tensor in [*model.parameters(), *model.buffers()]:
            tensor.data += i
    parameters, buffers = torch.func.stack_module_state(models)
    (x,) = draw(case)

    def call(parameters: Any, buffers: Any, x: Tensor) -> Tensor:
        return torch.func.functional_call(models[0], (parameters, buffers), (x,))

    got = torch.func.vmap(call, (0, 0, None))(parameters, buffers, x)
    torch.testing.assert_close(got, torch.stack([model(x) for model in models]))
    for name, stacked in buffers.items():
        torch.testing.assert_close(stacked, torch.stack([model.get_buffer(name) for model in models]))


@each_case
@pytest.mark.parametrize("training", [True, False])
def test_export(case: str, training: bool) -> None:
    layer = build(case, ours).train(training)
    (x,) = draw(case)
    program = torch.export.export(deepcopy(layer), (x,), strict=False)
    torch.testing.assert_close(program.module()(x), layer(x))


@each_class
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.filterwarnings("ignore:.*num_features:UserWarning")
def test_module_samples(name: str, training: bool, dtype: torch.dtype) -> None:
    inputs = INFOS[name].module_inputs_func(
        INFOS[name], device="cpu", dtype=dtype, requires_grad=True, training=training
    )
    assert inputs
    for sample in inputs:
        args, kwargs = sample.constructor_input.args, {**sample.constructor_input.kwargs, "dtype": dtype}
        (x,) = sample.forward_input.args
        outputs = []
        for library in (ours, nn):
            layer = getattr(library, name)(*args, **kwargs).train(training)
            leaf = x.detach().clone().requires_grad_()
            y = layer(leaf)
            torch.manual_seed(0)
            y.backward(torch.randn_like(y))
            outputs.append([y, leaf.grad, *(p.grad for p in layer.parameters()), *layer.buffers()])
        torch.testing.assert_close(*outputs, rtol=2e-5, atol=2e-5)


@each_class
def test_module_sample_errors(name: str) -> None:
    info = INFOS[name]
    if info.module_error_inputs_func is None:
        assert "Instance" in name or name in ("LayerNorm", "RMSNorm")
        return
    for error in info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
    ):
        sample = error.module_error_input

        def run(built: Any = sample.constructor_input, called: Any = sample.forward_input) -> None:
            getattr(ours, name)(*built.args, **built.kwargs)(*called.args, **called.kwargs)

        with pytest.raises(error.error_type):
            run()


Call = Callable[[Any], Any]
ERRORS: dict[str, tuple[Call, str]] = {
    "rank of BatchNorm1d": (lambda t: t.BatchNorm1d(3)(torch.ones(2, 3, 4, 4)),
        r"2D or 3D.*4D.*\(2, 3, 4, 4\)"),
    "rank of BatchNorm2d": (lambda t: t.BatchNorm2d(3)(torch.ones(2, 3)), r"4D.*2D.*\(2, 3\)"),
    "rank of BatchNorm3d": (lambda t: t.BatchNorm3d(3)(torch.ones(2, 3)), r"5D.*2D.*\(2, 3\)"),
    "channels": (lambda t: t.BatchNorm1d(3)(torch.ones(2, 4)), r"\(4,\).*\(2, 4\).*\(3,\)"),
    "channels in evaluation": (lambda t: t.BatchNorm1d(3).eval()(torch.ones(2, 4)),
        r"\(4,\).*\(2, 4\).*\(3,\)"),
    "batch of one": (lambda t: t.BatchNorm1d(3)(torch.ones(1, 3)), r"more than one value.*\(1, 3\)"),
    "integers": (lambda t: t.BatchNorm1d(3)(torch.ones(2, 3, dtype=torch.long)), "int64"),
    "double input": (lambda t: t.BatchNorm1d(3)(torch.ones(2, 3).double()), "float64.*float32"),
    "rank of InstanceNorm1d": (lambda t: t.InstanceNorm1d(3)(torch.ones(1, 2, 3, 4)), "2D or 3D.*4D"),
    "rank of InstanceNorm2d": (lambda t: t.InstanceNorm2d(3)(torch.ones(2, 3)), "3D or 4D.*2D"),
    "rank of InstanceNorm3d": (lambda t: t.InstanceNorm3d(3)(torch.ones(2, 3)), "4D or 5D.*2D"),
    "channels with affine": (lambda t: t.InstanceNorm1d(3, affine=True)(torch.ones(2, 4, 5)),
        "3 channels.*with 4"),
    "one position": (lambda t: t.InstanceNorm1d(3)(torch.ones(2, 3, 1)), r"\(2, 3, 1\)"),
    "groups": (lambda t: t.GroupNorm(4, 6), "num_groups=4 and num_channels=6"),
    "channels of GroupNorm": (lambda t: t.GroupNorm(2, 6)(torch.ones(2, 4)), r"\(4,\).*\(2, 4\).*\(6,\)"),
    "features": (lambda t: t.LayerNorm(6)(torch.ones(2, 4)), r"\(6,\), but got \(2, 4\)"),
    "no features": (lambda t: t.LayerNorm(())(torch.ones(3)), "at least one axis, but got an empty one"),
    "features of RMSNorm": (lambda t: t.RMSNorm(6)(torch.ones(2, 4)), r"\(6,\), but got \(2, 4\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_same_error_as_torch_with_a_better_message(name: str) -> None:
    call, message = ERRORS[name]
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        call(nn)
    with pytest.raises(theirs.type, match=message) as mine:
        call(ours)
    assert mine.type is theirs.type


def test_other_channels_without_affine_are_a_warning_as_in_torch() -> None:
    for library in (nn, ours):
        with pytest.warns(UserWarning, match="num_features"):
            library.InstanceNorm1d(3)(torch.randn(2, 4, 5))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_input_with_float_parameters(dtype: torch.dtype) -> None:
    x = torch.randn(8, 3).to(dtype)
    mine, theirs = ours.BatchNorm1d(3), nn.BatchNorm1d(3)
    torch.testing.assert_close(mine(x), theirs(x))
    assert_same_state(mine, theirs)
