import numpy as np
import torch

from normcourse.experiments.layernorm import uncentred
from normcourse.functional import rms_norm


def test_each_model_s_features_are_normalized_by_themselves():
    norm = uncentred.StackedRMSNorm(2, 3)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(4, 6, dtype=torch.float64)
    for own in (slice(3), slice(3, 6)):
        expected = rms_norm(x[:, own], (3,), norm.weight[own], 1e-5) + norm.bias[own]
        torch.testing.assert_close(norm(x)[:, own], expected)


def test_a_seed_gives_the_same_run_in_any_company():
    config = uncentred.Config("rms", hidden=(20, 20), steps=5)
    both, alone = (uncentred.run(config, seeds=seeds) for seeds in ((3, 4), (4,)))
    np.testing.assert_allclose(both[1], alone[0])


def test_the_sweep_measures_a_fraction_for_each_seed():
    config = uncentred.Config("layer", "relu", steps=3)
    assert uncentred.run(config, seeds=(0, 1)).shape == (2,)
