"""The running statistics of single layers, left old."""

import numpy as np

from normcourse.experiments.inference import running_layers, running_momenta


def test_all_and_none_are_the_estimates_of_the_longer_runs():
    accuracy = running_layers.SWEEP.load().get("accuracy", steps=300)
    longer = running_momenta.SWEEP.load().get("accuracy", setting="high rate", steps=600)[..., 1]  # step 300
    for old, estimate in (("none", "recalibrated"), ("all", "0.1")):
        mine = accuracy[:, list(running_layers.OLD).index(old)]
        other = longer[:, running_momenta.ESTIMATES.index(estimate)]
        np.testing.assert_allclose(mine.mean(), other.mean(), atol=0.01)


def test_the_layers_and_the_kinds_each_cover_every_statistic_once():
    old = running_layers.OLD
    for names in (("layer 1", "layer 2", "layer 3"), ("means", "variances")):
        assert sorted(place for name in names for place in old[name]) == list(old["all"])
