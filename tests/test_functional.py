"""What the torch functions promise beyond parity: derivatives, precision, transforms, identities, errors."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint

from normcourse import _normalize
from normcourse import functional as ours

# torch's forward-mode derivatives use the torch.jit.script that torch itself deprecates.
torch_warns = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

NORMS: dict[str, tuple[Callable[..., Tensor], tuple[int, ...], tuple[int, ...]]] = {
    "batch_norm": (
        lambda f, x, *affine: f.batch_norm(x, None, None, *affine, training=True), (3, 4, 2), (4,)
    ),
    "batch_norm by running": (
        lambda f, x, *affine: f.batch_norm(x, torch.arange(4.0).to(x), torch.ones(4).to(x), *affine),
        (3, 4, 2),
        (4,),
    ),
    "instance_norm": (lambda f, x, *affine: f.instance_norm(x, None, None, *affine), (2, 4, 3), (4,)),
    "group_norm": (lambda f, x, *affine: f.group_norm(x, 2, *affine), (2, 4, 3), (4,)),
    "layer_norm": (lambda f, x, *affine: f.layer_norm(x, (3,), *affine), (2, 4, 3), (3,)),
    "rms_norm": (lambda f, x, weight, _: f.rms_norm(x, (3,), weight), (2, 4, 3), (3,)),
}  # fmt: skip


def draw(name: str, dtype: torch.dtype = torch.float64) -> tuple[Callable[..., Tensor], list[Tensor]]:
    function, shape, affine = NORMS[name]
    random = torch.Generator().manual_seed(0)
    return function, [torch.randn(s, generator=random, dtype=dtype) for s in (shape, affine, affine)]


@torch_warns
@pytest.mark.parametrize("name", NORMS)
def test_first_derivatives(name: str) -> None:
    function, inputs = draw(name)
    assert torch.autograd.gradcheck(
        partial(function, ours),
        [x.requires_grad_() for x in inputs],
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


@torch_warns
@pytest.mark.parametrize("name", NORMS)
def test_second_derivatives(name: str) -> None:
    function, inputs = draw(name)
    assert torch.autograd.gradgradcheck(
        partial(function, ours), [x.requires_grad_() for x in inputs], check_fwd_over_rev=True
    )


@pytest.mark.parametrize("name", NORMS)
def test_per_example_gradients_under_vmap(name: str) -> None:
    function, (x, weight, bias) = draw(name)
    xs = torch.stack([x, 2 * x + 1, x.flip(0)])

    def loss(module: object, x: Tensor, weight: Tensor) -> Tensor:
        return function(module, x, weight, bias).pow(3).sum()

    for in_dims in ((0, None), (0, 0), (None, 0)):
        args = [t if d is None else torch.stack([t, 2 * t + 1, t.flip(0)])
                for t, d in zip((x, weight), in_dims, strict=True)]  # fmt: skip
        got = torch.func.vmap(torch.func.grad(partial(loss, ours), (0, 1)), in_dims)(*args)
        rows = [
            [a if d is None else a[i] for a, d in zip(args, in_dims, strict=True)] for i in range(len(xs))
        ]
        want = [torch.func.grad(partial(loss, torch.nn.functional), (0, 1))(*row) for row in rows]
        for mine, theirs in zip(got, zip(*want, strict=True), strict=True):
            torch.testing.assert_close(mine, torch.stack(theirs))


@pytest.mark.parametrize("name", [name for name in NORMS if name != "rms_norm"])
def test_vmap_over_biases_alone(name: str) -> None:
    function, (x, weight, bias) = draw(name)
    biases = torch.stack([bias, 2 * bias])
    got = torch.func.vmap(partial(function, ours, x, weight))(biases)
    torch.testing.assert_close(got, torch.stack([function(ours, x, weight, b) for b in biases]))


def test_export_with_any_number_of_positions() -> None:
    class Module(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return ours.group_norm(x, 2)

    positions = torch.export.Dim("positions", min=2, max=4096)
    program = torch.export.export(Module(), (torch.randn(2, 4, 6),), dynamic_shapes=({2: positions},))
    x = torch.randn(2, 4, 3000)
    torch.testing.assert_close(program.module()(x), ours.group_norm(x, 2))


@pytest.mark.parametrize("name", NORMS)
def test_large_offset_loses_no_more_digits_than_torch(name: str) -> None:
    function, (x, weight, bias) = draw(name)
    x = (x + 1e4).float()
    exact = function(torch.nn.functional, x.double(), weight, bias)
    error = (function(ours, x, weight.float(), bias.float()) - exact).abs().max()
    # One float32 step at 1e4 is 1e-3; x * scale + (beta - mean * scale) misses by more than that.
    assert error < 2e-3


def test_a_long_row_loses_no_digits() -> None:
    x = torch.randn(2, 2**20, generator=torch.Generator().manual_seed(0))
    error = (ours.layer_norm(x, (2**20,)) - torch.nn.functional.layer_norm(x.double(), (2**20,))).abs().max()
    assert error < 3e-6  # a running sum of a million squares costs more than ten times that


@pytest.mark.parametrize("create_graph", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("function", "shape", "size"),
    [(lambda x, *affine: ours.layer_norm(x, (1,), *affine), (50, 1), 1),
     (lambda x, *affine: ours.group_norm(x, 50, *affine), (3, 50), 50)],
    ids=["layer_norm", "group_norm"],
)  # fmt: skip
def test_a_pool_of_one_has_no_gradient(
    function: Callable[..., Tensor], shape: tuple[int, ...], size: int, affine: bool, create_graph: bool
) -> None:
    random = torch.Generator().manual_seed(0)
    x, upstream = (torch.randn(shape, generator=random).requires_grad_() for _ in range(2))
    parameters = [9 * torch.randn(size, generator=random) for _ in range(2 * affine)]
    y = function(x, *parameters)
    (gradient,) = torch.autograd.grad(y, x, upstream, create_graph=create_graph)
    # Exactly none: a processor that fuses x * y + z must not leave what rounding left.
    assert torch.equal(gradient, torch.zeros(shape))
    if create_graph:
        for second in torch.autograd.grad(gradient.sum(), (x, upstream)):
            assert torch.equal(second, torch.zeros(shape))


@pytest.mark.parametrize("name", NORMS)
def test_tiny_variance(name: str) -> None:
    function, (x, weight, bias) = draw(name)
    torch.testing.assert_close(
        function(ours, x * 1e-12, weight, bias), function(torch.nn.functional, x * 1e-12, weight, bias)
    )


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "group_norm", "layer_norm"])
def test_constant_input_gives_beta(name: str) -> None:
    function, (x, weight, bias) = draw(name)
    y = function(ours, torch.full_like(x, 7.0), weight, bias)
    shape = (4, 1) if len(bias) == 4 else (3,)
    torch.testing.assert_close(y, bias.view(shape).expand_as(y))


@pytest.mark.parametrize("name", NORMS)
def test_channels_last_and_strided_input(name: str) -> None:
    function, (_, weight, bias) = draw(name)
    x = torch.randn(4, 4, 5, 3, dtype=torch.float64)
    want = function(torch.nn.functional, x, weight, bias)
    torch.testing.assert_close(
        function(ours, x.to(memory_format=torch.channels_last), weight, bias), want, check_stride=False
    )
    wide = torch.randn(4, 4, 5, 6, dtype=torch.float64)
    wide[..., ::2] = x
    torch.testing.assert_close(function(ours, wide[..., ::2], weight, bias), want)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "group_norm", "rms_norm"])
def test_channels_last_output(name: str) -> None:
    function, (_, weight, bias) = draw(name)
    x = torch.randn(4, 4, 5, 3, dtype=torch.float64).to(memory_format=torch.channels_last)
    assert function(ours, x, weight, bias).is_contiguous(memory_format=torch.channels_last)
    volume = torch.randn(4, 4, 2, 5, 3, dtype=torch.float64).to(memory_format=torch.channels_last_3d)
    assert function(ours, volume, weight, bias).is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("name", [name for name in NORMS if name != "batch_norm by running"])
def test_squares_that_overflow_give_beta_where_torchs_give_beta_or_nan(name: str) -> None:
    function, inputs = draw(name)
    x, weight, bias = (tensor.float() for tensor in inputs)
    for scale, overflows in ((1e18, False), (1e20, True), (1e30, True)):
        mine, theirs = (function(module, x * scale, weight, bias) for module in (ours, torch.nn.functional))
        assert torch.equal(mine, function(ours, torch.zeros_like(x), weight, bias)) == overflows
        assert theirs.isnan().all() or not (overflows and name == "layer_norm")
        torch.testing.assert_close(
            torch.where(theirs.isnan() & overflows, theirs, mine), theirs, equal_nan=True
        )


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("block", [1, 7, 50])
def test_blocks_change_nothing(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    function, inputs = draw(name)
    inputs = [tensor.requires_grad_() for tensor in inputs]
    used = inputs[:2] if name == "rms_norm" else inputs
    upstream = torch.randn(inputs[0].shape, dtype=torch.float64)

    def run() -> list[Tensor]:
        y = function(ours, *inputs)
        return [y, *torch.autograd.grad(y, used, upstream)]

    whole = run()
    monkeypatch.setattr(_normalize, "BLOCK", block)
    torch.testing.assert_close(run(), whole)


@pytest.mark.parametrize("name", NORMS)
def test_the_fast_way_and_the_plain_one_agree(name: str) -> None:
    function, inputs = draw(name)
    inputs = [tensor.requires_grad_() for tensor in inputs]
    used = inputs[:2] if name == "rms_norm" else inputs
    upstream = torch.randn(inputs[0].shape, dtype=torch.float64)
    fast, (plain,) = (
        function(ours, *inputs),
        torch.func.vmap(partial(function, ours))(*(t[None] for t in inputs)),
    )
    torch.testing.assert_close(fast, plain, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(
        torch.autograd.grad(fast, used, upstream, retain_graph=True),
        torch.autograd.grad(fast, used, upstream, create_graph=True),
        rtol=1e-13,
        atol=1e-13,
    )


@pytest.mark.parametrize("name", NORMS)
def test_the_output_is_no_view_and_may_be_changed_in_place(name: str) -> None:
    function, inputs = draw(name)
    with torch.no_grad():  # a frozen part, say, whose output a trained one adds to
        y = function(ours, *inputs)
    y += torch.ones((), dtype=torch.float64, requires_grad=True)
    assert y.requires_grad


@pytest.mark.parametrize("name", NORMS)
def test_a_trace_by_make_fx_serves_other_sizes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, (x, weight, bias) = draw(name)
    monkeypatch.setattr(_normalize, "BLOCK", 4)
    traced = make_fx(partial(function, ours), tracing_mode="symbolic")(x, weight, bias)
    wide = torch.cat([x, 2 * x + 1, x.flip(1)])
    torch.testing.assert_close(traced(wide, weight, bias), function(ours, wide, weight, bias))


@pytest.mark.parametrize("name", NORMS)
def test_backward_on_meta(name: str) -> None:
    function, inputs = draw(name)
    x, weight, bias = (tensor.to("meta").requires_grad_() for tensor in inputs)
    function(ours, x, weight, bias).sum().backward()
    assert x.grad is not None


@torch_warns
@pytest.mark.parametrize("name", NORMS)
def test_a_dual_level_around_the_backward_alone_changes_nothing(name: str) -> None:
    function, inputs = draw(name)
    gradients = []
    for level in (nullcontext, forward_ad.dual_level):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        y = checkpoint(partial(function, ours), *leaves, use_reentrant=False)
        with level():
            y.square().sum().backward()
        gradients.append(leaves[0].grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", NORMS)
def test_gradient_under_autocast_keeps_its_digits(name: str) -> None:
    function, inputs = draw(name)
    x, weight, bias = (tensor.float().requires_grad_() for tensor in inputs)
    upstream = torch.randn_like(x)
    (want,) = torch.autograd.grad(function(ours, x, weight, bias), x, upstream)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (got,) = torch.autograd.grad(function(ours, x, weight, bias), x, upstream)
    torch.testing.assert_close(got, want)


@torch_warns
def test_forward_mode_leaves_no_tangent_in_running_statistics() -> None:
    x, tangent = torch.randn(8, 3, dtype=torch.float64), torch.randn(8, 3, dtype=torch.float64)
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    with forward_ad.dual_level():
        y = ours.batch_norm(forward_ad.make_dual(x, tangent), mean, var, training=True)
        assert forward_ad.unpack_dual(y).tangent is not None
        assert forward_ad.unpack_dual(mean).tangent is None
        assert forward_ad.unpack_dual(var).tangent is None
        moving = forward_ad.make_dual(mean, torch.ones_like(mean))  # in evaluation they are an input as any
        y = ours.batch_norm(x, moving, var)
        want = -torch.rsqrt(var + 1e-5).expand(8, 3)
        torch.testing.assert_close(forward_ad.unpack_dual(y).tangent, want)


def test_input_and_parameters_are_left_alone() -> None:
    for name in NORMS:
        function, inputs = draw(name)
        before = [t.clone() for t in inputs]
        function(ours, *inputs)
        assert all(torch.equal(a, b) for a, b in zip(inputs, before, strict=True))


def test_group_norm_of_single_channels_is_instance_norm() -> None:
    x, weight, bias = torch.randn(2, 6, 5), torch.randn(6), torch.randn(6)
    torch.testing.assert_close(
        ours.group_norm(x, 6, weight, bias), ours.instance_norm(x, None, None, weight, bias)
    )


def test_group_norm_of_one_group_pools_like_layer_norm() -> None:
    x = torch.randn(2, 6, 5)
    torch.testing.assert_close(ours.group_norm(x, 1), ours.layer_norm(x, (6, 5)))


def test_instance_norm_is_batch_norm_of_one_example() -> None:
    x = torch.randn(1, 6, 5)
    torch.testing.assert_close(ours.instance_norm(x), ours.batch_norm(x, None, None, training=True))


def test_rms_norm_of_centred_input_is_layer_norm() -> None:
    x = torch.randn(4, 6, dtype=torch.float64)
    x = x - x.mean(1, keepdim=True)
    torch.testing.assert_close(ours.rms_norm(x, (6,), eps=1e-5), ours.layer_norm(x, (6,)))


def test_rms_norm_scales_with_the_sign_and_not_the_size() -> None:
    x = torch.randn(4, 6, dtype=torch.float64)
    torch.testing.assert_close(ours.rms_norm(-3 * x, (6,), eps=0.0), -ours.rms_norm(x, (6,), eps=0.0))


def test_momentum_may_be_a_tensor() -> None:
    x, number, tensor = torch.randn(8, 3), torch.zeros(3), torch.zeros(3)
    for running, momentum in ((number, 0.25), (tensor, torch.tensor(0.25))):
        ours.batch_norm(x, running, torch.ones(3), training=True, momentum=momentum)
    assert torch.equal(number, tensor)


X, INT = torch.randn(4, 6), torch.ones(4, 6, dtype=torch.long)
Z, O, Z5, O5 = torch.zeros(6), torch.ones(6), torch.zeros(5), torch.ones(5)  # noqa: E741
ERRORS: dict[str, tuple[Callable[..., Tensor], str]] = {
    "batch_norm: no channels": (lambda f: f.batch_norm(X[0], None, None, training=True),
        r"at least 2 axes.*\(6,\)"),
    "batch_norm: integers": (lambda f: f.batch_norm(INT, None, None, training=True), "int64"),
    "batch_norm: batch of one": (lambda f: f.batch_norm(X[:1], None, None, training=True),
        r"\(1, 6\).*larger batch"),
    "batch_norm: running_mean": (lambda f: f.batch_norm(X, Z5, O), r"running_mean of shape \(6,\).*\(5,\)"),
    "batch_norm: running_var": (lambda f: f.batch_norm(X, Z, O5), r"running_var of shape \(6,\).*\(5,\)"),
    "batch_norm: weight": (lambda f: f.batch_norm(X, Z, O, O5), r"weight of shape \(6,\).*\(5,\)"),
    "batch_norm: bias": (lambda f: f.batch_norm(X, Z, O, O, O5), r"bias of shape \(6,\).*\(5,\)"),
    "batch_norm: one of two": (lambda f: f.batch_norm(X, Z, None, training=True), "both, or neither"),
    "batch_norm: none in evaluation": (lambda f: f.batch_norm(X, None, None), "pass both"),
    "batch_norm: eps of zero": (lambda f: f.batch_norm(X, None, None, training=True, eps=0.0), "eps=0.0"),
    "batch_norm: negative eps": (lambda f: f.batch_norm(X, Z, O, eps=-1.0), "eps=-1.0"),
    "batch_norm: dtype": (lambda f: f.batch_norm(X, Z, O, O.double()), "float64"),
    "batch_norm: mixed dtypes": (lambda f: f.batch_norm(X.bfloat16(), Z, O, O.bfloat16()), "bfloat16"),
    "instance_norm: one position": (lambda f: f.instance_norm(X), r"\(4, 6\)"),
    "instance_norm: integers": (lambda f: f.instance_norm(INT[..., None].expand(4, 6, 2)), "int64"),
    "instance_norm: weight": (lambda f: f.instance_norm(X[None], weight=O),
        r"weight of shape \(4,\).*\(6,\)"),
    "instance_norm: running_mean": (lambda f: f.instance_norm(X[None], Z, O),
        r"running_mean of shape \(4,\)"),
    "instance_norm: none": (lambda f: f.instance_norm(X[None], use_input_stats=False), "pass both"),
    "group_norm: no channels": (lambda f: f.group_norm(X[0], 2), "at least 2 axes"),
    "group_norm: groups": (lambda f: f.group_norm(X, 4), "num_groups=4.*C=6"),
    "group_norm: negative groups": (lambda f: f.group_norm(X, -2), "num_groups=-2"),
    "group_norm: one value": (lambda f: f.group_norm(X[:1], 6), "fewer groups"),
    "group_norm: weight": (lambda f: f.group_norm(X, 3, O5), r"weight of shape \(6,\).*\(5,\)"),
    "group_norm: bias": (lambda f: f.group_norm(X, 3, O, O5), r"bias of shape \(6,\).*\(5,\)"),
    "group_norm: integers": (lambda f: f.group_norm(INT, 3), "int64"),
    "layer_norm: shape": (lambda f: f.layer_norm(X, (5,)), r"normalized_shape=\(5,\), but got \(4, 6\)"),
    "layer_norm: too short": (lambda f: f.layer_norm(X[0], (4, 6)), r"\(4, 6\), but got \(6,\)"),
    "layer_norm: empty": (lambda f: f.layer_norm(X, ()), "at least one axis"),
    "layer_norm: number": (lambda f: f.layer_norm(X, 6), r"write \(6,\)"),
    "layer_norm: weight": (lambda f: f.layer_norm(X, (6,), O5), r"weight of shape \(6,\).*\(5,\)"),
    "layer_norm: dtype": (lambda f: f.layer_norm(X.double(), (6,), O), "float32"),
    "layer_norm: integers": (lambda f: f.layer_norm(INT, (6,)), "int64"),
    "rms_norm: shape": (lambda f: f.rms_norm(X, (5,)), r"normalized_shape=\(5,\), but got \(4, 6\)"),
    "rms_norm: too short": (lambda f: f.rms_norm(X[0], (4, 6)), r"\(4, 6\), but got \(6,\)"),
    "rms_norm: weight": (lambda f: f.rms_norm(X, (6,), O5), r"weight of shape \(6,\).*\(5,\)"),
    "rms_norm: integers": (lambda f: f.rms_norm(INT, (6,)), "int64"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_same_error_as_torch_with_a_better_message(name: str) -> None:
    call, message = ERRORS[name]
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        call(torch.nn.functional)
    with pytest.raises(theirs.type, match=message) as mine:
        call(ours)
    assert mine.type is theirs.type
    assert str(mine.value).startswith(name.split(":")[0]) or "running" in str(mine.value)
