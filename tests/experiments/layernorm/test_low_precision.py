import numpy as np
import pytest
import torch

from normcourse.experiments.engine import language
from normcourse.experiments.layernorm import low_precision
from normcourse.experiments.layernorm.low_precision import ORDERS, errors, measure, moves, sizes

EACH, AFTER, WIDE = ORDERS


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_orders_are_one_formula_where_nothing_rounds(dtype):
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(4, 16, generator=generator), torch.rand(16, generator=generator)
    results = [norm(x, weight, 1e-6) for norm in ORDERS.values()]
    for result in results:
        torch.testing.assert_close(result, torch.nn.functional.rms_norm(x, (16,), weight, 1e-6))
    rounded = [norm(x.to(dtype), weight.to(dtype), 1e-6) for norm in ORDERS.values()]
    assert {result.dtype for result in rounded} == {dtype}
    assert not torch.equal(rounded[0], rounded[2])
    assert not torch.equal(rounded[1], rounded[2])


def test_float16_overflows_where_a_square_does():
    inputs = [255.0, 256.0, 6e4]
    assert sizes(EACH, torch.float16, 1e-6, inputs).tolist() == [1, 0, 0]
    assert sizes(WIDE, torch.float16, 1e-6, inputs).tolist() == [1, 1, 1]
    np.testing.assert_allclose(sizes(EACH, torch.bfloat16, 1e-6, inputs), 1, atol=0.02)


def test_an_eps_that_the_type_does_not_hold_is_no_eps():
    assert np.isinf(sizes(EACH, torch.float16, 1e-8, [1e-5])).all()
    assert sizes(EACH, torch.bfloat16, 1e-8, [1e-5])[0] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_errors_are_one_rounding_then_two_then_more(dtype):
    off = errors(dtype, features=256, rows=16, seeds=(0, 1))
    np.testing.assert_allclose(off[WIDE], 1, rtol=1e-3)
    np.testing.assert_allclose(off[AFTER], 2**0.5, rtol=0.1)
    assert (off[EACH] > off[AFTER]).all()
    assert off[EACH][0] != off[EACH][1]


def test_a_weight_moves_where_its_steps_are_wider_than_half_a_gap():
    slow, fast = moves(rate=0.001, steps=20), moves(rate=0.01, steps=20)
    assert set(slow["bfloat16"]) == {1.0}
    assert fast["bfloat16"][-1] > 1.05
    assert all(later > before for before, later in zip(slow["float32"], slow["float32"][1:], strict=False))
    assert abs(slow["bfloat16, as 1 + w"][-1] - slow["float32"][-1]) < 0.001


@pytest.mark.parametrize(
    ("arithmetic", "dtype", "order"),
    [
        ("float32", torch.float32, WIDE),
        ("float16, each step in 16 bits", torch.float16, EACH),
        ("bfloat16, float32 to the end", torch.bfloat16, WIDE),
    ],
)
def test_the_sweep_trains_models_whose_norms_all_compute_so(monkeypatch, arithmetic, dtype, order):
    asked = []

    def run(config, *, seeds, progress):
        asked.append((config, seeds))
        return language.Result(config, np.zeros(1), np.ones(1), np.full(1, 2.0), [])

    monkeypatch.setattr(language, "run", run)
    found = measure(arithmetic=arithmetic, steps=9, seeds=(4,))
    assert (found["validation"], found["test"]) == (1, 2)
    [(config, seeds)] = asked
    assert (config.steps, seeds) == (9, (4,))
    model = config.model(0)
    norms = [module for module in model.modules() if isinstance(module, low_precision.RMSNorm)]
    assert len(norms) == 2 * config.layers + 1
    assert {(norm.dtype, norm.order) for norm in norms} == {(dtype, ORDERS[order])}
    plain = language.Config(norm="rms").model(0)
    tokens = torch.zeros(2, 8, dtype=torch.int64)
    torch.testing.assert_close(model(tokens), plain(tokens), atol=0.2, rtol=0)


def test_rounding_changes_what_a_model_says():
    tokens = torch.zeros(2, 8, dtype=torch.int64)
    logits = [
        low_precision._Config(norm="rms", order=EACH, dtype=dtype).model(0)(tokens)
        for dtype in (torch.float32, torch.bfloat16)
    ]
    assert not torch.equal(*logits)
