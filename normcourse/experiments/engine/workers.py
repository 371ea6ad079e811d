"""A function run by several processes of this machine that can talk to each other."""

import multiprocessing
import os
import pickle
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist

__all__ = ["launch"]

T = TypeVar("T")


def launch(
    task: Callable[..., T], arguments: Sequence[tuple[Any, ...]], *, timeout: float = 240.0
) -> list[T]:
    """Call a function in several new processes at once, each with its own arguments.

    Before the call each process joins one group of ``torch.distributed``: backend gloo, a file to find each
    other, the loopback interface alone, one thread. Every wait is bounded. When this function returns or
    raises, all of them have ended.

    Args:
        task: A function of a module: the processes import it anew, so it must not be one of a notebook. In a
            script, the call must be guarded by ``if __name__ == "__main__"``.
        arguments: One tuple for each process; the first is rank 0's. They are pickled.
        timeout: Seconds for all of it, the start of the processes included.

    Returns:
        What each process returned, in the order of the ranks.

    Raises:
        ValueError: There are no arguments.
        RuntimeError: A process failed; the message holds its traceback.
        TimeoutError: Not all processes answered in time.

    Example:
        >>> launch(max, [(1, 2), (3, 4)])
        [2, 4]
    """
    if not arguments:
        raise ValueError("launch starts one process for each tuple of arguments, but got none")
    context = _context()
    processes: list[BaseProcess] = []
    connections: list[Connection] = []
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "rendezvous").as_uri()
        try:
            for rank, own in enumerate(arguments):
                # Plain pickle: that of multiprocessing hands over tensors as open files, and few fit.
                job = pickle.dumps((task, own))
                ours, theirs = context.Pipe()
                place = (rank, len(arguments), meeting, timeout)
                process = context.Process(target=_work, args=(theirs, place, job), daemon=True)
                process.start()
                theirs.close()  # so that the end of the process is the end of the connection
                processes.append(process)
                connections.append(ours)
            return _answers(connections, time.monotonic() + timeout)
        except BaseException:
            for process in processes:
                process.kill()
            raise
        finally:
            for connection in connections:
                connection.close()
            for process in processes:
                process.join(2)  # the closed connection has told it to leave
                process.kill()
                process.join()


def _context() -> Any:
    """Choose how processes are started: from a fresh one that has loaded torch once, where that is safe.

    Never by forking this process, whose threads would be cut off.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["normcourse.nn", "torch._dynamo"]
    )  # the second for DistributedDataParallel
    return context


def _answers(connections: list[Connection], deadline: float) -> list[Any]:
    """Collect one answer from each process; stop at the first failure."""
    answers: dict[int, Any] = {}
    while len(answers) < len(connections):
        waiting = [connection for rank, connection in enumerate(connections) if rank not in answers]
        ready = wait(waiting, max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"{len(waiting)} of {len(connections)} processes did not answer in time")
        for connection in ready:
            rank = connections.index(connection)  # type: ignore[arg-type]
            try:
                failed, answer = pickle.loads(connections[rank].recv_bytes())
            except EOFError:
                raise RuntimeError(f"process {rank} ended without an answer") from None
            if failed:
                raise RuntimeError(f"process {rank} failed:\n{answer}")
            answers[rank] = answer
    return [answers[rank] for rank in range(len(connections))]


def _work(connection: Connection, place: tuple[int, int, str, float], job: bytes) -> None:
    """Join the group, run the task, answer, and stay until nobody needs this process any more."""
    rank, size, meeting, timeout = place
    _be_quiet()
    loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    if loopback:
        os.environ["GLOO_SOCKET_IFNAME"] = loopback[0]
    torch.set_num_threads(1)
    try:
        dist.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=size, timeout=timedelta(seconds=timeout)
        )
        task, own = pickle.loads(job)
        answer = pickle.dumps((False, task(*own)))
    except BaseException:
        answer = pickle.dumps((True, traceback.format_exc()))
    connection.send_bytes(answer)
    # A process that leaves early breaks the others' connections; ours closes the pipe when all have answered.
    connection.poll(timeout)
    if dist.is_initialized():
        dist.destroy_process_group()


def _be_quiet() -> None:
    """Send what the process writes nowhere: gloo greets on the standard output of the parent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
