import json
from dataclasses import replace

import numpy as np
import pytest

from normcourse.experiments.engine.sweeps import Record, Sweep
from tools.experiments import find

SWEEPS = find()


def measured(rate, kind, seeds):
    return {
        "curve": np.array([[rate * seed, len(kind), np.pi] for seed in seeds]),
        "steps": np.array([np.inf if kind == "none" else seed for seed in seeds]),
    }


SWEEP = Sweep("made", {"rate": (0.1, 1.0), "kind": ("none", "batch")}, (3, 4, 5), measured, {})


@pytest.mark.parametrize("name", SWEEPS)
def test_a_corner_of_each_sweep_gives_its_record(name):
    sweep = SWEEPS[name]
    found = sweep.distances(sweep.measure(**sweep.corner, seeds=sweep.seeds[:2]))
    far = {what: f"{d:g}, more than {most}" for what, (d, most) in found.items() if not d <= most.amount}
    assert not far


@pytest.mark.parametrize("name", SWEEPS)
def test_tolerances_are_of_measurements_that_there_are(name):
    assert SWEEPS[name].tolerances.keys() <= SWEEPS[name].load().values.keys()


def test_a_record_has_the_settings_as_axes_and_the_seeds_as_the_last():
    record = SWEEP.run(progress=False)
    assert record.get("curve").shape == (2, 2, 3, 3)
    np.testing.assert_allclose(record.get("curve", rate=1.0, kind="batch")[:, 0], [3, 4, 5])
    np.testing.assert_allclose(record.get("curve", kind="none", seed=4)[:, 0], [0.4, 4])
    np.testing.assert_array_equal(record.get("steps", rate=0.1), [[np.inf] * 3, [3, 4, 5]])
    np.testing.assert_array_equal(record.get("steps", rate=0.1, seed=(5, 3)), [[np.inf] * 2, [5, 3]])
    np.testing.assert_array_equal(record.get("curve", kind=("batch",), seed=(4, 5)).shape, (2, 1, 2, 3))


def test_a_measurement_that_only_some_combinations_give_is_refused():
    def uneven(rate, kind, seeds):
        found = measured(rate, kind, seeds)
        return found | {"loss": np.zeros(3)} if (rate, kind) == (1.0, "none") else found

    with pytest.raises(ValueError, match=r"steps, loss at .*1.0.*'none'.*, and curve, steps at"):
        replace(SWEEP, measure=uneven).run(progress=False)


def test_a_measurement_without_a_row_for_each_seed_is_refused():
    def short(rate, kind, seeds):
        return {name: values[: 3 if rate < 1 else 2] for name, values in measured(rate, kind, seeds).items()}

    with pytest.raises(ValueError, match=r"each of 3 seeds, but made gives .*'curve': 2.* rows at .*1.0"):
        replace(SWEEP, measure=short).run(progress=False)


def test_a_record_survives_its_file():
    record = SWEEP.run(progress=False)
    text = record.dumps()
    again = Record.loads(text)
    assert again.axes == record.axes
    assert again.environment == record.environment
    assert again.dumps() == text
    for name, values in record.values.items():
        np.testing.assert_allclose(again.values[name], values, rtol=1e-5)
    json.loads(text, parse_constant=pytest.fail)  # no NaN or Infinity, which JSON does not have


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (("loss", {}), "holds curve, steps; it has no 'loss'"),
        (("steps", {"depth": 3}), "axes are rate, kind, seed; it has no 'depth'"),
        (("steps", {"rate": 0.2}), r"rate was run at \(0.1, 1.0\), not at 0.2"),
    ],
)
def test_what_was_not_run_is_said(ask, message):
    name, settings = ask
    with pytest.raises(KeyError, match=message):
        SWEEP.run(progress=False).get(name, **settings)


def test_a_record_of_other_settings_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("normcourse.experiments.engine.sweeps.FOLDER", tmp_path)
    with pytest.raises(ValueError, match="has no record yet: run `make experiments`"):
        SWEEP.load()
    SWEEP.path.write_text(SWEEP.run(progress=False).dumps(), encoding="utf-8")
    assert SWEEP.load().axes["seed"] == (3, 4, 5)
    with pytest.raises(ValueError, match="run `make experiments`"):
        replace(SWEEP, seeds=(3, 4)).load()
