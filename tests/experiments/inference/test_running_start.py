"""The first steps of a new network, read by several averages."""

import numpy as np

from normcourse.experiments.inference import running_momenta, running_start

ESTIMATES = running_momenta.ESTIMATES


def at(estimate, setting):
    accuracy = running_start.SWEEP.load().get("accuracy", setting=setting, steps=60)
    return accuracy[:, ESTIMATES.index(estimate)]


def test_after_one_batch_a_corrected_average_and_the_plain_mean_are_that_batch():
    offsets = running_start.SWEEP.load().get("offset", steps=6)[..., 0]  # at step 1
    one, other = (offsets[..., ESTIMATES.index(name)] for name in ("0.001 corrected", "all batches"))
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_the_trainings_are_those_of_the_longer_runs():
    assert running_start.SWEEP.axes["setting"] == running_momenta.SWEEP.axes["setting"]
    assert at("recalibrated", "low rate").shape == (8, 3)  # seeds; steps 10, 30, 60
