"""Where alpha starts, and what the search of it hands on."""

import numpy as np
import pytest

from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.layernorm import alpha_search
from normcourse.nn import DyT


@pytest.mark.parametrize("norm", ["dyt", "derf"])
def test_every_alpha_starts_where_it_is_told_to(norm):
    model = alpha_search.Config(norm=norm, alpha=0.2, layers=2, width=8, heads=2).model(0)
    alphas = [layer.alpha.item() for layer in model.modules() if isinstance(layer, DyT)]
    assert alphas == pytest.approx([0.2] * 5)  # before each branch, and before the head


def test_other_norms_have_no_alpha():
    model = alpha_search.Config(norm="layer", alpha=0.2, layers=1, width=8, heads=2).model(0)
    assert not [name for name, _ in model.named_parameters() if "alpha" in name]


def run_nothing(monkeypatch):
    asked = []

    def run(config, **rest):
        asked.append((config, rest["seeds"]))
        return language.Result(config, np.zeros(1), np.ones(1), np.full(1, 2.0), [])

    monkeypatch.setattr(language, "run", run)
    return asked


def test_the_sweep_trains_from_its_start(monkeypatch):
    asked = run_nothing(monkeypatch)
    found = alpha_search.measure(layer="derf", alpha=1.5, rate=0.1, steps=9, seeds=(4,))
    expected = alpha_search.Config(norm="derf", alpha=1.5, learning_rate=0.1, steps=9, width=32)
    assert asked == [(expected, (4,))]
    assert (found["validation"], found["test"]) == (1, 2)


@pytest.mark.parametrize("layer", alpha_search.CHOSEN)
def test_what_is_reported_is_what_was_chosen(layer, monkeypatch):
    asked = run_nothing(monkeypatch)
    alpha_search.measure_chosen(layer=layer, steps=9, seeds=(4,))
    [(config, _)] = asked
    assert (config.norm, config.alpha, config.learning_rate) == (layer, *alpha_search.CHOSEN[layer])
    assert alpha_search.best_start(alpha_search.SWEEP.load(), layer) == alpha_search.CHOSEN[layer]


def test_the_best_start_has_the_lowest_loss_of_the_search_seeds():
    axes = {"layer": ("dyt",), "alpha": (0.1, 1.0), "rate": (0.01, 0.1), "steps": (300,), "seed": (0, 1)}
    validation = np.array([[[[[2.0, 2.2]], [[1.0, np.nan]]], [[[2.1, 1.9]], [[np.inf, 1.0]]]]])
    record = Record(axes, {"validation": validation}, {})
    assert alpha_search.best_start(record, "dyt") == (1.0, 0.01)
