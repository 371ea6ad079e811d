"""What several workers save, simulated in one process and held against real ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from normcourse.experiments.inference import data_parallel, saved_statistics
from normcourse.experiments.inference.data_parallel import Config
from normcourse.experiments.inference.kept_statistics import statistics_of, with_statistics

QUICK = Config(shares=(6, 6), by_class=True, steps=5, hidden=(6, 5), learning_rate=0.3, decay=True, seed=3)
CONFIGS = {
    "own": QUICK,
    "default": replace(QUICK, broadcast=True),
    "sync": replace(QUICK, norm="sync"),
}


@pytest.fixture(scope="module")
def processes():
    return data_parallel.run(CONFIGS)


def row(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()]).numpy()


@pytest.mark.parametrize("name", CONFIGS)
def test_simulated_workers_train_as_processes_do(processes, name):
    networks = saved_statistics.train(CONFIGS[name])
    assert len(networks) == 2
    for worker, network in enumerate(networks):
        np.testing.assert_allclose(row(network), processes[name].parameters[worker], atol=1e-12)


@pytest.mark.parametrize("name", ["own", "sync"])
def test_each_keeps_the_statistics_and_the_accuracy_of_its_process(processes, name):
    networks = saved_statistics.train(CONFIGS[name])
    tracked = np.stack([network[1].running_mean.numpy() for network in networks])
    np.testing.assert_allclose(tracked, processes[name].running_mean[-1], atol=1e-12)
    found = saved_statistics.run(CONFIGS[name], seeds=[QUICK.seed], progress=False)
    np.testing.assert_allclose(found.own[0], processes[name].accuracy)


def test_the_default_saves_what_worker_0_has_tracked_itself(processes):
    default, own = processes["default"], processes["own"]
    np.testing.assert_allclose(default.running_mean[:, 0], own.running_mean[:, 0], atol=1e-12)
    assert default.accuracy[0] == own.accuracy[0]
    found = saved_statistics.run(CONFIGS["default"], seeds=[QUICK.seed], progress=False)
    assert found.saved[0] == pytest.approx(default.accuracy[0])


def test_merged_variances_are_those_of_all_examples_and_averaged_ones_too_small(monkeypatch):
    kept = {}
    monkeypatch.setattr(
        saved_statistics,
        "with_statistics",
        lambda network, statistics: kept.setdefault(len(kept), statistics) and network,
    )
    saved_statistics.run(QUICK, seeds=[0], progress=False)
    tracked = [statistics_of(network)[:2] for network in saved_statistics.train(replace(QUICK, seed=0))]
    averaged, merged = kept.values()
    means, variances = (torch.stack(values) for values in zip(*tracked, strict=True))
    torch.testing.assert_close(averaged[0], means.mean(0))
    torch.testing.assert_close(averaged[1], variances.mean(0))
    second_moment = (variances + means.square()).mean(0)
    torch.testing.assert_close(merged[1], second_moment - means.mean(0).square())
    assert (merged[1] > averaged[1]).all()


def test_asking_changes_nothing_of_what_is_saved():
    networks = saved_statistics.train(QUICK)
    before = [buffer.clone() for buffer in networks[0].buffers()]
    with_statistics(networks[0], [value + 1 for value in statistics_of(networks[1])])
    saved_statistics._recalibrated(networks[0], seed=0)
    for buffer, was in zip(networks[0].buffers(), before, strict=True):
        torch.testing.assert_close(buffer, was)


def test_a_rate_is_chosen_on_the_validation_split_by_other_seeds():
    assert not set(saved_statistics.SEARCH) & set(saved_statistics.REPORT)
    record = saved_statistics.SWEEP.load()
    settings = {"held": "random parts", "share": 32, "norm": "sync"}
    found = saved_statistics.at_chosen_rate(record, "saved", **settings)
    validated = record.get("validation", seed=saved_statistics.SEARCH, **settings).mean(axis=1)
    best = record.axes["rate"][int(validated.argmax())]
    np.testing.assert_array_equal(
        found, record.get("saved", rate=best, seed=saved_statistics.REPORT, **settings)
    )


def test_uneven_shares_are_refused():
    with pytest.raises(ValueError, match=r"equal shares, but got \(2, 3\)"):
        saved_statistics.train(Config(shares=(2, 3)))
