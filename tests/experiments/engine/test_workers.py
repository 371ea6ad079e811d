import multiprocessing
import os
import time

import pytest
import torch
import torch.distributed as dist

from normcourse.experiments.engine.workers import launch


def total(value):
    together = torch.tensor(value)
    dist.all_reduce(together)
    return dist.get_rank(), together.item(), torch.get_num_threads(), os.environ.get("GLOO_SOCKET_IFNAME")


def one_fails(rank):
    if rank == 1:
        raise ArithmeticError("planted")
    dist.barrier()


def one_dies(rank):
    if rank == 1:
        os._exit(3)
    dist.barrier()


def shout():
    os.write(1, b"on the standard output")
    os.write(2, b"on the standard error")


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    assert not multiprocessing.active_children()


def test_each_process_answers_in_its_place_and_talks_to_the_others():
    answers = launch(total, [(1.0,), (2.0,)])
    assert [answer[:3] for answer in answers] == [(0, 3.0, 1), (1, 3.0, 1)]
    assert {name for *_, name in answers} <= {"lo", "lo0"}


def test_tensors_go_both_ways_in_any_number():
    many = [torch.full((2,), float(i)) for i in range(400)]
    (back,) = launch(sum, [(many,)])
    torch.testing.assert_close(back, torch.full((2,), 399 * 200.0))


def test_a_failure_is_reported_and_ends_all():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"(?s)process 1 failed:.*ArithmeticError: planted"):
        launch(one_fails, [(0,), (1,)])
    assert time.monotonic() - start < 30


def test_a_death_is_reported_and_ends_all():
    with pytest.raises(RuntimeError, match=r"process [01] (ended without an answer|failed)"):
        launch(one_dies, [(0,), (1,)])


def test_no_answer_in_time_ends_all():
    with pytest.raises(TimeoutError, match="2 of 2 processes did not answer in time"):
        launch(time.sleep, [(60,), (60,)], timeout=0.5)


def test_the_processes_print_nothing_here(capfd):
    launch(shout, [()])
    assert capfd.readouterr() == ("", "")


def test_no_arguments():
    with pytest.raises(ValueError, match="got none"):
        launch(total, [])
