import numpy as np
import pytest
import torch

from normcourse.experiments.layernorm import norm_speed


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("code", ["PyTorch", "package"])  # the compiler takes half a minute
def test_times_are_compared_round_by_round(code, backward):
    threads = torch.get_num_threads()
    found = norm_speed.measure(code=code, backward=backward, seeds=(0, 1), shape=(1, 4, 16), repeats=2)
    assert {name: values.shape for name, values in found.items()} == {"ratio": (2,), "to_layer": (2,)}
    assert all(np.isfinite(values).all() and (values > 0).all() for values in found.values())
    assert torch.get_num_threads() == threads
