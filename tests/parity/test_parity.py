"""Our functions against torch's own, on the table of cases and on torch's operator samples."""

from typing import Any

import pytest
import torch
from cases import CASES, Case, assert_parity
from torch import Tensor
from torch.testing._internal.common_methods_invocations import op_db

from normcourse import functional

NAMES = functional.__all__
OPERATORS = {
    op.name.removeprefix("nn.functional."): op
    for op in op_db
    if op.name.removeprefix("nn.functional.") in NAMES and not op.variant_test_name
}
TOLERANCE = {
    torch.float64: {"rtol": 1e-9, "atol": 1e-11},
    torch.float32: {"rtol": 2e-5, "atol": 1e-4},  # one sample has 1 / sigma = 316, gamma = 8
    torch.bfloat16: {"rtol": 2e-2, "atol": 4e-2},
    torch.float16: {"rtol": 3e-3, "atol": 3e-3},
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    assert_parity(case)


def test_every_function_has_samples() -> None:
    assert sorted(OPERATORS) == sorted(NAMES)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_operator_samples(name: str, dtype: torch.dtype) -> None:
    ours, theirs = getattr(functional, name), getattr(torch.nn.functional, name)
    samples = OPERATORS[name].sample_inputs("cpu", dtype, requires_grad=True)
    # torch lets an empty input without a channel axis through batch_norm; we say what is missing.
    samples = [sample for sample in samples if name != "batch_norm" or sample.input.dim() > 1]
    assert samples
    for sample in samples:
        torch.manual_seed(0)
        want = _observe(theirs, _copy(sample.input), _copy(sample.args), _copy(sample.kwargs))
        torch.manual_seed(0)
        got = _observe(ours, _copy(sample.input), _copy(sample.args), _copy(sample.kwargs))
        torch.testing.assert_close(got, want, **TOLERANCE[dtype], msg=lambda m, s=sample: f"{s}\n{m}")


@pytest.mark.parametrize("name", [name for name in NAMES if OPERATORS[name].error_inputs_func])
def test_operator_errors(name: str) -> None:
    for error in OPERATORS[name].error_inputs("cpu"):
        sample = error.sample_input
        with pytest.raises(error.error_type):
            getattr(functional, name)(sample.input, *sample.args, **sample.kwargs)


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return type(value)(map(_copy, value)) if isinstance(value, tuple) else value


def _observe(function: Any, x: Tensor, args: Any, kwargs: Any) -> list[Tensor]:
    """Output, gradients through a random cotangent, and what is left in the buffers."""
    tensors = [t for t in (x, *args, *kwargs.values()) if isinstance(t, Tensor)]
    names = [name for name in ("running_mean", "running_var") if kwargs.get(name) is not None]
    # batch_norm's samples pass the running statistics by position.
    running = [t for t in (*args[:2], *(kwargs[n] for n in names)) if isinstance(t, Tensor)]
    for buffer in running:
        buffer.requires_grad_(False)
    y = function(x, *args, **kwargs)
    leaves = [t for t in tensors if t.requires_grad]
    gradients = torch.autograd.grad(y, leaves, torch.randn_like(y), allow_unused=True)
    return [y.detach(), *(g for g in gradients if g is not None), *(b.detach() for b in running)]
