"""The remedies are the settings that their papers name, in the race of `norm_placement`."""

import numpy as np
import pytest

from normcourse.experiments.engine import language
from normcourse.experiments.layernorm import norm_placement, norm_remedies


def test_deepnorm_and_the_scaled_start_depend_on_the_depth():
    deep = norm_remedies.REMEDIES["DeepNorm"](8)
    assert deep["stream_scale"] == pytest.approx(2)  # (2 * 8) ** (1 / 4)
    assert deep["branch_gain"] == pytest.approx(64**-0.25)
    assert norm_remedies.REMEDIES["scaled start"](8)["write_gain"] == pytest.approx(0.25)


@pytest.mark.parametrize("remedy", norm_remedies.REMEDIES)
def test_a_remedy_changes_the_settings_of_the_race_and_nothing_else(remedy, monkeypatch):
    asked = []
    empty = np.zeros(1)

    def run(config, **rest):
        asked.append((config, rest["seeds"]))
        return language.Result(config, empty, np.ones(1), np.full(1, 2.0), [])

    monkeypatch.setattr(language, "run", run)
    axes = {"warm_up": 7} if "warm_up" in norm_remedies.SWEEP.axes else {}
    found = norm_remedies.measure(remedy=remedy, rate=0.5, steps=9, seeds=(4,), **axes)
    settings = norm_remedies.REMEDIES[remedy](6)
    assert asked == [(language.Config(**settings, **axes, learning_rate=0.5, steps=9), (4,))]
    assert (found["validation"], found["test"]) == (1, 2)


def test_the_answer_of_a_remedy_is_that_of_its_model():
    found = norm_remedies.sensitivity("both", layers=(1, 2), seeds=(0,))
    np.testing.assert_allclose(found, norm_placement.sensitivity("both", layers=(1, 2), seeds=(0,)))


def test_the_rates_are_those_of_the_places():
    places = norm_placement.SWEEP.axes["rate"]
    assert set(norm_remedies.SWEEP.axes["rate"]) <= set(places)
    assert set(norm_remedies.SWEEP.seeds) <= set(norm_placement.SWEEP.seeds)
