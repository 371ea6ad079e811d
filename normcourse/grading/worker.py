"""Runs inside the sandbox: loads the libraries once, and forks a process for each submission.

It is started as a program beside copies of frames.py, seccomp.py, calls.py and running.py, where normcourse
is absent. On its control socket the grader sends two open files for each submission: a socket to talk over,
and a pipe for what is printed. Nothing that this process knows is worth stealing: the inputs come with the
submission, and what is right never comes here.
"""

import ast
import codeop
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any

CHUNK = 1 << 16


def main() -> None:
    """Serve the grader until it goes away."""
    settings = json.loads(sys.argv[1])
    sys.path[:0] = settings["paths"]
    _load(settings["libraries"])
    calls, frames, running, seccomp = map(import_module, ("calls", "frames", "running", "seccomp"))
    if seccomp.available():
        seccomp.die_with_parent()
        seccomp.set_subreaper()
        seccomp.set_not_dumpable()
    control = _control(settings.get("control"))
    control.sendall(b"r")
    while True:
        _, files, _, _ = socket.recv_fds(control, 1, 2)
        if len(files) != 2:
            return
        child = os.fork()
        if child == 0:
            try:
                _confine(settings, files, control, seccomp)
                _serve(files[0], calls, frames, running)
            finally:
                os._exit(1)
        for file in files:
            os.close(file)
        _, status, used = os.wait4(child, 0)
        _end_descendants()
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL and used.ru_utime + used.ru_stime >= settings["cpu"]:
            code = -signal.SIGXCPU  # which it did not heed
        control.sendall(f"{code:4d}".encode())


def _load(libraries: list[str]) -> None:
    """Import the libraries, and what their first use would import, so that no submission has to."""
    # torch makes a folder for what it compiles, which here it cannot; one that exists is enough for it.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.dirname(os.path.abspath(__file__))
    for library in libraries:
        import_module(library)
    if "torch" in libraries:
        torch = sys.modules["torch"]
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # a second's worth of modules


def _control(path: str | None) -> socket.socket:
    """Return the socket to the grader: standard input, or one that waits at a path, for a container."""
    if path is None:
        return socket.socket(fileno=os.dup(0))
    control = socket.socket(socket.AF_UNIX)
    control.connect(path)
    return control


def _confine(settings: dict[str, Any], files: list[int], control: socket.socket, seccomp: ModuleType) -> None:
    """Take from this process what the submission must not have."""
    control.close()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(files[1], 1)
    os.dup2(files[1], 2)
    os.closerange(3, files[0])
    os.closerange(files[0] + 1, 256)
    limits = {
        resource.RLIMIT_CPU: (settings["cpu"], settings["cpu"] + 1),  # a signal that tells, then the end
        resource.RLIMIT_AS: (_address_space() + settings["memory"],) * 2,
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (64, 64),
    }
    for name, both in limits.items():
        try:
            resource.setrlimit(name, both)
        except (ValueError, OSError):  # macOS knows RLIMIT_AS and refuses it
            if sys.platform == "linux":
                raise
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing raises, which says more
    if seccomp.available():
        seccomp.die_with_parent()
        seccomp.drop_capabilities()
        seccomp.install()


def _address_space() -> int:
    """Return how much this process has taken: torch for graphics cards takes many GiB and uses few."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux
        return 0


def _end_descendants() -> None:
    """Kill what the submission left behind; as a subreaper this process is the parent of all of it."""
    for _ in range(1000):
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
    os._exit(2)


def _serve(channel: int, calls: ModuleType, frames: ModuleType, running: ModuleType) -> None:
    """Read one program, run it, and send what came of it, one frame for each task."""
    parser = frames.Parser()
    received: list[Any] = []
    while not received:
        received = list(parser.feed(os.read(channel, CHUNK)))
    program, arrays = received[0]

    def send(header: dict[str, Any], outputs: Any = ()) -> None:
        data = memoryview(frames.pack(header, outputs))
        while data:
            data = data[os.write(channel, data) :]

    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    errors: dict[str, str] = {}
    bound: dict[str, dict[str, Any]] = {}
    compiled = codeop.Compile()  # in which a future import holds for what follows, as in a notebook
    for cell in program["cells"]:
        send({"begin": cell["name"]})
        bound[cell["name"]] = _execute(cell, compiled, namespace, errors, running)
    for request in program["requests"]:
        send({"begin": request["task"]})
        namespace |= bound.get(request["task"], {})  # a later cell may have a helper of the same name
        outcomes = _outcomes(request, arrays, namespace, errors, calls, running)
        described: list[dict[str, Any]] = []
        sent: list[Any] = []
        for outcome in outcomes:
            if sum(array.size for array in (*sent, *outcome.arrays)) > program["elements"]:
                outcome = running.Outcome("unreadable", message="the returned arrays are too large")
            described.append(
                {
                    "kind": outcome.kind,
                    "message": outcome.message,
                    "value": outcome.value,
                    "count": len(outcome.arrays),
                }
            )
            sent += outcome.arrays
        send({"task": request["task"], "outcomes": described}, sent)
    send({"end": True})
    os._exit(0)


def _execute(
    cell: dict[str, str],
    compiled: Callable[..., CodeType],
    namespace: dict[str, Any],
    errors: dict[str, str],
    running: ModuleType,
) -> dict[str, Any]:
    """Execute a cell, note an error, and return what its names stand for now."""
    try:
        tree = ast.parse(cell["source"], cell["name"])
        code = compiled(tree, cell["name"], "exec")
        exec(code, namespace)
    except BaseException as error:
        errors[cell["name"]] = running.describe(error, frames=1)
        return {}
    return {name: namespace[name] for name in code.co_names if name in namespace}


def _outcomes(
    request: dict[str, Any],
    arrays: list[Any],
    namespace: dict[str, Any],
    errors: dict[str, str],
    calls: ModuleType,
    running: ModuleType,
) -> list[Any]:
    task, answer = request["task"], request["answer"]
    if answer not in namespace and task in errors:
        return [running.Outcome("raised", message=errors[task])] * max(1, len(request["inputs"]))
    if request["call"] is None:
        return [running.read_answer(namespace, answer)]
    outcomes = []
    for inputs in request["inputs"]:
        given = {
            name: arrays[value["array"]] if isinstance(value, dict) else value
            for name, value in inputs.items()
        }
        call = getattr(calls, request["call"])
        outcomes.append(_interrupted(running, namespace, answer, call, given, request["outputs"]))
    return outcomes


def _interrupted(
    running: ModuleType, namespace: Any, answer: str, call: Any, given: Any, outputs: int
) -> Any:
    try:
        return running.call_answer(namespace, answer, call, given, outputs)
    except KeyboardInterrupt:  # which here only the answer itself can raise
        return running.Outcome("raised", message="KeyboardInterrupt")


if __name__ == "__main__":
    main()
