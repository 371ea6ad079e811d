"""Ghost batch norm, batch renormalization and dynamic tanh."""

import pytest
import torch
from torch import nn

from normcourse import nn as ours


def test_ghosts_are_batch_norm_of_each_slice() -> None:
    x = 3 * torch.randn(8, 3, 2, 2) + 1
    ghost, plain = ours.GhostBatchNorm(3, ghost_batch_size=4), ours.BatchNorm2d(3)
    got = ghost(x)
    torch.testing.assert_close(got, torch.cat([plain(x[:4]), plain(x[4:])]))
    for name, buffer in plain.named_buffers():  # the running statistics take the ghosts one after the other
        torch.testing.assert_close(ghost.get_buffer(name), buffer)


def test_ghosts_see_only_their_own_slice() -> None:
    x, ghost = torch.randn(8, 3), ours.GhostBatchNorm(3, ghost_batch_size=4)
    moved = torch.cat([x[:4], x[4:] + 100 * torch.randn(4, 3)])
    assert torch.equal(ghost(x)[:4], ghost(moved)[:4])


@pytest.mark.parametrize(("batch", "sizes"), [(8, [4, 4]), (9, [5, 4]), (11, [6, 5]), (3, [3]), (4, [4])])
def test_a_remainder_makes_ghosts_larger(batch: int, sizes: list[int]) -> None:
    x, ghost, plain = torch.randn(batch, 3), ours.GhostBatchNorm(3, ghost_batch_size=4), ours.BatchNorm1d(3)
    torch.testing.assert_close(ghost(x), torch.cat([plain(part) for part in x.split(sizes)]))
    assert ghost.num_batches_tracked == len(sizes)


def test_ghosts_in_evaluation_are_batch_norm() -> None:
    x, ghost, plain = torch.randn(8, 3), ours.GhostBatchNorm(3, ghost_batch_size=2), ours.BatchNorm1d(3)
    ghost(x)
    plain.load_state_dict(ghost.state_dict(), strict=True)
    torch.testing.assert_close(ghost.eval()(x), plain.eval()(x))


def test_ghost_errors() -> None:
    with pytest.raises(ValueError, match="at least 1, but got 0"):
        ours.GhostBatchNorm(3, ghost_batch_size=0)
    with pytest.raises(ValueError, match="more than one value"):
        ours.GhostBatchNorm(3, ghost_batch_size=1)(torch.randn(4, 3))
    with pytest.raises(ValueError, match=r"2D or 3D or 4D or 5D.*1D"):
        ours.GhostBatchNorm(3, ghost_batch_size=1)(torch.randn(3))


def renorm(x: torch.Tensor, layer: ours.BatchRenorm, mean: torch.Tensor, var: torch.Tensor) -> torch.Tensor:
    """Algorithm 1 of the paper, word for word."""
    mean_b, sigma_b = x.mean(0), (x.var(0, correction=0) + layer.eps).sqrt()
    sigma = (var + layer.eps).sqrt()
    r = (sigma_b.detach() / sigma).clamp(1 / layer.r_max, layer.r_max)
    d = ((mean_b.detach() - mean) / sigma).clamp(-layer.d_max, layer.d_max)
    return ((x - mean_b) / sigma_b * r + d) * layer.weight + layer.bias


@pytest.mark.parametrize(("r_max", "d_max"), [(1.0, 0.0), (1.1, 0.2), (3.0, 5.0), (100.0, 100.0)])
def test_renorm_is_the_papers_algorithm(r_max: float, d_max: float) -> None:
    layer = ours.BatchRenorm(3, r_max, d_max).double()
    plain = nn.BatchNorm1d(3).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    for _ in range(3):
        x = (2 * torch.randn(6, 3, dtype=torch.float64) + 1).requires_grad_()
        cotangent = torch.randn_like(x)
        want = renorm(x, layer, layer.running_mean.clone(), layer.running_var.clone())
        got = layer(x)
        torch.testing.assert_close(got, want)
        leaves = [x, layer.weight, layer.bias]
        torch.testing.assert_close(
            torch.autograd.grad(got, leaves, cotangent), torch.autograd.grad(want, leaves, cotangent)
        )
        plain(x)
        for name, buffer in plain.named_buffers():
            torch.testing.assert_close(layer.get_buffer(name), buffer)


def test_renorm_with_closed_bounds_is_batch_norm() -> None:
    x = torch.randn(8, 3, 5)
    torch.testing.assert_close(ours.BatchRenorm(3, 1.0, 0.0)(x), ours.BatchNorm1d(3)(x))


def test_renorm_with_open_bounds_trains_as_it_evaluates() -> None:
    x, layer = 2 * torch.randn(8, 3) + 1, ours.BatchRenorm(3, 1e6, 1e6)
    before = ours.BatchNorm1d(3).eval()
    torch.testing.assert_close(layer(x), before(x))


def test_renorm_bounds_are_attributes() -> None:
    x, layer = 2 * torch.randn(8, 3) + 1, ours.BatchRenorm(3, 1.0, 0.0, momentum=0.0)
    tight = layer(x)
    layer.r_max, layer.d_max = 3.0, 5.0
    assert not torch.allclose(layer(x), tight)


def test_renorm_without_affine_and_in_evaluation() -> None:
    x, layer, plain = torch.randn(8, 3), ours.BatchRenorm(3, affine=False), ours.BatchNorm1d(3, affine=False)
    torch.testing.assert_close(layer(x), renorm_plain(x))
    plain.load_state_dict(layer.state_dict(), strict=True)
    torch.testing.assert_close(layer.eval()(x), plain.eval()(x))


def renorm_plain(x: torch.Tensor) -> torch.Tensor:
    """From mean 0 and variance 1, within the bounds: the input itself, but for eps."""
    return x / (1 + 1e-5) ** 0.5


def test_renorm_errors() -> None:
    for r_max, d_max in ((0.5, 1.0), (1.0, -1.0)):
        with pytest.raises(ValueError, match="r_max >= 1 and d_max >= 0"):
            ours.BatchRenorm(3, r_max, d_max)
    with pytest.raises(RuntimeError, match=r"\(4,\)"):
        ours.BatchRenorm(3)(torch.randn(2, 4))
    with pytest.raises(ValueError, match="more than one value"):
        ours.BatchRenorm(3)(torch.randn(1, 3))


def test_dynamic_tanh() -> None:
    x, layer = torch.randn(4, 5, 6, dtype=torch.float64), ours.DyT((5, 6), alpha_init=0.8).double()
    torch.testing.assert_close(layer(x), torch.tanh(0.8 * x))
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    torch.testing.assert_close(layer(x), torch.tanh(0.8 * x) * layer.weight + layer.bias)
    assert torch.autograd.gradcheck(layer, (x.requires_grad_(),))
    assert sorted(name for name, _ in layer.named_parameters()) == ["alpha", "bias", "weight"]
    layer.reset_parameters()
    assert layer.alpha.item() == pytest.approx(0.8)


def test_dynamic_erf() -> None:
    x, layer = torch.randn(4, 5, 6, dtype=torch.float64), ours.Derf((5, 6), alpha_init=0.8).double()
    torch.testing.assert_close(layer(x), torch.erf(0.8 * x))
    for parameter in (layer.weight, layer.bias, layer.shift):
        nn.init.normal_(parameter)
    torch.testing.assert_close(layer(x), torch.erf(0.8 * x + layer.shift) * layer.weight + layer.bias)
    assert torch.autograd.gradcheck(layer, (x.requires_grad_(),))
    assert sorted(name for name, _ in layer.named_parameters()) == ["alpha", "bias", "shift", "weight"]
    layer.reset_parameters()
    assert (layer.alpha.item(), layer.shift.item()) == (pytest.approx(0.8), 0)


@pytest.mark.parametrize("make", [ours.DyT, ours.Derf])
def test_a_squashing_layer_refuses_other_features(make) -> None:
    with pytest.raises(RuntimeError, match=rf"{make.__name__} needs .*\(6,\), but got \(4, 5\)"):
        make(6)(torch.randn(4, 5))


def test_variants_print_their_settings() -> None:
    assert "ghost_batch_size=4" in repr(ours.GhostBatchNorm(3, ghost_batch_size=4))
    assert "r_max=3.0, d_max=5.0" in repr(ours.BatchRenorm(3))
    assert repr(ours.DyT(6)) == "DyT((6,), alpha_init=0.5)"
    assert repr(ours.Derf(6, alpha_init=0.8)) == "Derf((6,), alpha_init=0.8)"
