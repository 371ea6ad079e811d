"""What a sandbox brings back from programs that mean no harm, and how it is started."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sandboxes import QUICK, X, kinds, program, request, working_tiers

from normcourse.grading import process, sandbox, seccomp, tiers
from normcourse.grading.sandbox import (
    TIERS,
    Cell,
    Limits,
    LostError,
    Program,
    Request,
    Sandbox,
    SandboxError,
)

DOUBLE = "def f_a(x): return 2 * x"


@pytest.fixture(scope="module", params=working_tiers())
def box(request):
    with Sandbox(request.param, limits=QUICK) as made:
        yield made


def test_an_answer_is_called_with_each_of_the_inputs(box):
    inputs = ({"x": X}, {"x": X.reshape(3, 1)}, {"x": 5.0}, {"x": np.array([True, False])})
    ran = box.run(Program((Cell("a", DOUBLE),), (request("a", inputs),)))
    assert (ran.status, ran.reason, ran.log) == ("ok", "", "")
    for outcome, given in zip(ran.outcomes["a"], inputs, strict=True):
        assert outcome.kind == "returned"
        np.testing.assert_array_equal(outcome.arrays[0], 2 * given["x"])


def test_several_outputs_come_back_in_their_order(box):
    ran = box.run(Program((Cell("a", "def f_a(x): return x, x.sum(), x > 1"),), (request("a", outputs=3),)))
    arrays = ran.outcomes["a"][0].arrays
    assert [array.tolist() for array in arrays] == [[1, 2, 4], 7, [0, 1, 1]]
    assert all(array.dtype == np.float64 for array in arrays)


def test_a_dictionary_is_read(box):
    source = "import numpy as np\nANSWER = {'a': 'ü', 'b': 0.5, 'c': None, 'd': True, 'e': np.float32(2)}"
    ran = box.run(Program((Cell("d", source),), (Request("d", "ANSWER", None),)))
    assert ran.outcomes["d"][0].value == {"a": "ü", "b": 0.5, "c": None, "d": True, "e": 2.0}


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("", "missing", "nothing is called f_a"),
        ("def f_a(x): raise NotImplementedError", "not attempted", "The line with NotImplementedError .*"),
        ("def f_a(x):\n    y = x + 1\n    return y / z", "raised", "NameError: .* (line 3 of the cell)"),
        ("y = 1\n1 / 0\ndef f_a(x): return x", "raised", "ZeroDivisionError: .* (line 2 of the cell)"),
        ("def f_a(x) return x", "raised", "SyntaxError: expected ':'.*"),
        ("def f_a(x): return 'text'", "unreadable", ".*real numbers.*"),
        ("f_a = 3", "raised", "TypeError: 'int' object is not callable"),
    ],
)
def test_what_goes_wrong_is_said(box, source, kind, message):
    outcome = box.run(program(a=source, b="def f_b(x): return x"))
    assert kinds(outcome) == {"a": [kind], "b": ["returned"]}
    message = message.replace("(", r"\(").replace(")", r"\)")
    assert re.fullmatch(message, outcome.outcomes["a"][0].message)


def test_cells_share_a_namespace_and_a_failure_in_one_spares_the_others(box):
    cells = (
        Cell("support 1", "def helper(x): return x + 1"),
        Cell("support 2", "1 / 0"),
        Cell("a", "def f_a(x): return helper(x)"),
    )
    ran = box.run(Program(cells, (request("a"),)))
    np.testing.assert_array_equal(ran.outcomes["a"][0].arrays[0], X + 1)


def test_each_answer_has_the_helpers_of_its_cell(box):
    one = "N = 1\ndef helper(x): return x + N\ndef f_a(x): return helper(x)"
    other = "N = 2\ndef helper(x): return x * N\ndef f_b(x): return helper(x) + f_c(x)"
    ran = box.run(program(a=one, b=other, c="def f_c(x): return N * x"))
    np.testing.assert_array_equal(ran.outcomes["a"][0].arrays[0], X + 1)
    np.testing.assert_array_equal(ran.outcomes["b"][0].arrays[0], 4 * X)


def test_a_support_cell_that_hangs_is_left_out(box):
    cells = (Cell("support", "while True: pass"), Cell("a", DOUBLE))
    ran = box.run(Program(cells, (request("a"),)))
    assert (ran.status, kinds(ran)) == ("timeout", {"a": ["returned"]})


def test_a_function_that_hangs_leaves_its_helpers_to_others(box):
    first = "def helper(x): return x + 1\ndef f_a(x):\n    while True: pass"
    ran = box.run(program(a=first, b="def f_b(x): return helper(x)"))
    assert kinds(ran) == {"a": ["timeout"], "b": ["returned"]}
    assert ran.reason == ran.outcomes["a"][0].message == "took longer than 0.5 s"


def test_the_time_of_a_whole_submission_is_bounded():
    hangs = {f"t{number}": "while True: pass" for number in range(9)}
    with Sandbox("limits", limits=Limits(wall=0.4, total=1.0)) as box:
        ran = box.run(program(**hangs))
    assert set(map(tuple, kinds(ran).values())) == {("timeout",)}
    assert ran.outcomes["t8"][0].message == "the submission took longer than 1 s"


def test_a_time_that_runs_out_between_two_tries_is_the_submissions(monkeypatch):
    start = process.tiers.start
    with Sandbox("limits", limits=Limits(wall=0.4, total=0.6)) as box:
        box.run(program(a=DOUBLE))
        monkeypatch.setattr(process.tiers, "start", lambda *given: time.sleep(0.4) or start(*given))
        ran = box.run(program(a="while True: pass", b="def f_b(x): return x"))
    assert kinds(ran) == {"a": ["timeout"], "b": ["timeout"]}


def test_the_time_on_the_processor_is_bounded():
    with Sandbox("limits", limits=Limits(wall=10, cpu=1)) as box:
        ran = box.run(program(a="def f_a(x):\n    while True: pass"))
    assert (ran.status, ran.reason) == ("timeout", "used up its time on the processor")


def test_who_does_not_heed_the_end_of_that_time_has_used_it_up_too():
    ignore = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)"
    with Sandbox("limits", limits=Limits(wall=10, cpu=1)) as box:
        ran = box.run(program(a=f"{ignore}\ndef f_a(x):\n    while True: pass"))
    assert (ran.status, ran.reason) == ("timeout", "used up its time on the processor")


def test_the_memory_is_bounded():
    with Sandbox("limits", limits=Limits(wall=5, memory=1 << 30)) as box:
        ran = box.run(program(a="def f_a(x): return len(bytearray(5 << 28))"))
    assert ran.outcomes["a"][0].message.startswith("MemoryError")


def test_what_is_printed_comes_back_cut(box):
    printed = (
        "import sys\nprint('one')\nsys.stderr.write('two\\n')\ndef f_a(x):\n    print('three')\n    return x"
    )
    assert box.run(program(a=printed)).log == "one\ntwo\nthree\n"
    with Sandbox("limits", limits=replace(QUICK, log=5)) as small:
        assert small.run(program(a=printed)).log == "one\nt"


def test_what_is_printed_cannot_steer_a_terminal(box):
    source = r"import os; os.write(1, b'\x1b[2J\xff\x00\xe2\x80\xae!\t\n')"
    assert box.run(program(a=source)).log == "\ufffd[2J\ufffd\ufffd\ufffd!\t\n"


def test_the_worker_stays_warm_and_is_replaced_after_a_crash():
    pid = "import os\ndef f_a(x): return [os.getppid(), os.getpid()]"
    with Sandbox("limits", limits=QUICK) as box:
        first, second = (box.run(program(a=pid)).outcomes["a"][0].arrays[0] for _ in range(2))
        assert box.run(program(a="import os; os._exit(3)")).reason == "the process left with exit status 3"
        third = box.run(program(a=pid)).outcomes["a"][0].arrays[0]
    assert first[0] == second[0] != third[0]
    assert first[1] != second[1]


def test_a_worker_that_died_idle_is_replaced(box):
    box.run(program(a=DOUBLE))
    dead = box._worker._process
    dead.kill()
    dead.wait()
    assert kinds(box.run(program(a=DOUBLE))) == {"a": ["returned"]}


@pytest.mark.parametrize("tier", working_tiers())
def test_a_set_of_texts_has_the_same_order_in_every_sandbox(tier):
    source = "print(list({str(i) for i in range(99)}))"
    logs = []
    for _ in range(2):
        with Sandbox(tier, limits=QUICK) as box:
            logs.append(box.run(program(a=source)).log)
    assert logs[0] == logs[1]


def family(pid):
    """Return a process and its descendants, the eldest first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


class Killer(threading.Thread):
    """Ends a process of a sandbox from outside while a submission runs, in so many sandboxes.

    Of the sandbox's processes the last is the submission's, the one before it the worker.
    """

    def __init__(self, box, which, times, number):
        super().__init__(daemon=True)
        self.box, self.which, self.times, self.number = box, which, times, number

    def run(self):
        until, seen = time.monotonic() + 20, {None}
        while self.times and time.monotonic() < until:
            time.sleep(0.1)
            worker = self.box._worker
            pid = getattr(worker and worker._process, "pid", None)
            found = [] if pid in seen else family(pid)
            if found and "SLEEPS" in Path(f"/proc/{found[-1]}/comm").read_text():
                os.kill(found[self.which], self.number)
                seen.add(pid)
                self.times -= 1


SLEEPS = """
import time
def f_a(x):
    import ctypes
    ctypes.CDLL(None).prctl(15, b"SLEEPS", 0, 0, 0)  # PR_SET_NAME
    time.sleep(1)
    return x + 1
"""


@pytest.mark.skipif(not seccomp.available(), reason="elsewhere there is no /proc to find the processes")
@pytest.mark.parametrize("tier", working_tiers())
@pytest.mark.parametrize(("which", "number"), [(0, 9), (-2, 9), (-2, 15), (-1, 9), (-1, 15)])
def test_what_is_killed_from_outside_is_run_again_in_a_fresh_sandbox(tier, which, number):
    with Sandbox(tier, limits=Limits(wall=5)) as box:
        killer = Killer(box, which, 1, number)
        killer.start()
        ran = box.run(program(b="def f_b(x): return x", a=SLEEPS))
        killer.join()
        assert killer.times == 0
    assert (ran.status, ran.reason, kinds(ran)) == ("ok", "", {"b": ["returned"], "a": ["returned"]})


@pytest.mark.skipif(not seccomp.available(), reason="elsewhere there is no /proc to find the processes")
@pytest.mark.parametrize(
    ("which", "reason"), [(-1, "its process was ended by SIGKILL"), (-2, "its sandbox ended")]
)
def test_what_is_killed_twice_is_no_crash_of_the_submission(which, reason):
    with Sandbox("limits", limits=Limits(wall=5)) as box:
        killer = Killer(box, which, 2, 9)
        killer.start()
        with pytest.raises(LostError, match=f"{reason}, and in a fresh sandbox {reason}"):
            box.run(program(a=SLEEPS))
        killer.join()
        assert kinds(box.run(program(a=DOUBLE))) == {"a": ["returned"]}


def test_a_program_that_no_process_takes_is_no_fault_of_the_submission(monkeypatch):
    with Sandbox("limits", limits=QUICK) as box:
        box.run(program(a=DOUBLE))
        with monkeypatch.context() as patch:  # as where there is no memory or number for a new process
            patch.setattr(process.Worker, "hand_over", lambda self, *_: self._process.kill())
            with pytest.raises(LostError, match="its sandbox ended"):
                box.run(program(a=DOUBLE))
        with monkeypatch.context() as patch:  # as on a machine that has too much to do
            patch.setattr(process.Worker, "hand_over", lambda *_: time.sleep(QUICK.wall))
            patch.setattr(sandbox, "as_frame", lambda *_: b"")
            with pytest.raises(LostError, match="nothing of it was run"):
                box.run(program(a=DOUBLE))


def test_the_start_of_a_sandbox_takes_nothing_of_a_submissions_time(monkeypatch):
    start = process.tiers.start
    monkeypatch.setattr(process.tiers, "start", lambda *given: time.sleep(0.6) or start(*given))
    with Sandbox("limits", limits=Limits(wall=0.5, total=0.5)) as box:
        assert box.run(program(a=DOUBLE)).status == "ok"


def test_an_interrupt_passes_and_leaves_a_usable_sandbox(monkeypatch):
    with Sandbox("limits", limits=QUICK) as box:
        with monkeypatch.context() as patch:
            patch.setattr(sandbox, "_heard", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                box.run(program(a=DOUBLE))
        assert kinds(box.run(program(a=DOUBLE))) == {"a": ["returned"]}


def test_sandboxes_work_side_by_side():
    found = []

    def work(number):
        with Sandbox("limits", limits=QUICK) as box:
            for _ in range(5):
                ran = box.run(program(a=f"def f_a(x): return x + {number}"))
                found.append((ran.outcomes["a"][0].arrays[0] == X + number).all())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 10


def test_nothing_is_left_when_a_sandbox_closes():
    with Sandbox("limits", limits=QUICK) as box:
        box.run(program(a=DOUBLE))
        worker = box._worker
        pid, folder = worker._process.pid, worker._folder
        assert folder.exists()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


GRADER = """
import threading, time
from sandboxes import program
from normcourse.grading.sandbox import Limits, Sandbox

box = Sandbox("limits", limits=Limits(wall=60))
box.run(program(a=""))
worker = box._worker._process.pid
threading.Thread(target=box.run, args=(program(a="while True: pass"),), daemon=True).start()
children = ""
while not children:
    time.sleep(0.01)
    children = open(f"/proc/{worker}/task/{worker}/children").read()
print(worker, children, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not seccomp.available(), reason="elsewhere a submission goes on until its time is over")
def test_a_submission_ends_with_the_grader():
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", GRADER], stdout=subprocess.PIPE, env=environment) as grader:
        processes = [int(number) for number in grader.stdout.readline().split()]
        grader.kill()
    assert len(processes) == 2
    until = time.monotonic() + 5
    while any(Path(f"/proc/{number}").exists() for number in processes):
        assert time.monotonic() < until, "a process lives on"
        time.sleep(0.05)


def test_folders_of_killed_graders_go_and_others_stay(tmp_path, monkeypatch):
    """Neither that of a grader that lives, nor one of another program, nor what a link leads to."""
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / process.HELD).write_text("")
    (tmp_path / "normcourse-linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "normcourse-thesis").mkdir()
    (tmp_path / "normcourse-thesis" / "chapter").write_text("mine")
    others = {path.name for path in tmp_path.iterdir()}

    def folders():
        process.sweep.cache_clear()
        process.sweep()
        return {path.name for path in tmp_path.iterdir()} - others

    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", GRADER], stdout=subprocess.PIPE, env=environment) as grader:
        assert grader.stdout.readline()
        assert len(folders()) == 1
        grader.kill()
    left = {path.name for path in tmp_path.iterdir()} - others
    assert len(left) == 1
    process.sweep.cache_clear()
    with Sandbox("limits", limits=QUICK) as box:
        box.run(program(a=DOUBLE))
        own = {path.name for path in tmp_path.iterdir()} - others
        assert len(own) == 1
        assert own != left
        assert folders() == own
    assert folders() == set()
    assert (tmp_path / "normcourse-thesis" / "chapter").exists()
    assert (tmp_path / "elsewhere" / process.HELD).exists()


@pytest.mark.parametrize("tier", working_tiers())
def test_torch_is_there_where_it_is_allowed(tier):
    pytest.importorskip("torch")
    source = "import torch\ndef f_a(x): return torch.from_numpy(x).requires_grad_() * 2"
    with Sandbox(tier, libraries=("numpy", "torch"), limits=Limits(wall=20)) as box:
        ran = box.run(program(a=source))
    np.testing.assert_array_equal(ran.outcomes["a"][0].arrays[0], 2 * X)


@pytest.mark.parametrize("tier", working_tiers())
def test_an_answer_that_asks_torch_for_more_threads_has_one(tier):
    """A refused thread would end the process: libgomp gives up."""
    pytest.importorskip("torch")
    body = "torch.set_num_threads(4)\n    a = torch.ones(400, 400, requires_grad=True)"
    source = (
        f"import torch\ndef f_a(x):\n    {body}\n    (a @ a).relu().sum().backward()\n    return a.grad.sum()"
    )
    with Sandbox(tier, libraries=("numpy", "torch"), limits=Limits(wall=20)) as box:
        ran = box.run(program(a=source))
    assert (ran.status, kinds(ran)) == ("ok", {"a": ["returned"]})


# How it is started


def test_a_library_that_is_absent_is_named():
    with (
        pytest.raises(SandboxError, match="no-such-library is not installed"),
        Sandbox("limits", libraries=("no-such-library",)) as box,
    ):
        box.run(program(a=DOUBLE))


def test_an_unknown_tier_is_named():
    with pytest.raises(SandboxError, match="no tier 'chroot'; choose one of bubblewrap, docker, limits"):
        Sandbox("chroot").run(program(a=DOUBLE))


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_works_or_says_why_not(tier):
    reason = sandbox.probe(tier)
    if reason:
        pytest.skip(reason)


def test_the_limits_tier_works_everywhere():
    assert sandbox.probe("limits") == ""


def test_the_strictest_tier_that_works_is_chosen(monkeypatch):
    monkeypatch.setattr(sandbox, "probe", lambda tier: "" if tier in ("docker", "limits") else f"no {tier}")
    assert sandbox.strictest() == "docker"
    monkeypatch.setattr(sandbox, "probe", lambda tier: "" if tier == "limits" else f"no {tier}")
    with pytest.raises(SandboxError, match=r"no bubblewrap; no docker\. .*--isolation limits"):
        sandbox.strictest()


def test_a_tier_that_cannot_start_gives_its_last_words(monkeypatch):
    line = [sys.executable, "-c", "import sys; sys.exit('no user namespaces')"]
    monkeypatch.setattr(tiers, "start", lambda *_: tiers.Start(line, {}))
    with pytest.raises(SandboxError, match=r"limits does not work here: .*no user namespaces"):
        Sandbox("limits").run(program(a=DOUBLE))


def test_bubblewrap_shows_python_and_the_libraries_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tiers.shutil, "which", lambda name: f"/usr/bin/{name}")
    start = tiers.start("bubblewrap", tmp_path, ("numpy",), Limits())
    assert start.environment == {}
    line = start.command
    assert {"--unshare-all", "--die-with-parent", "--new-session", "--clearenv"} <= set(line)
    assert "--bind" not in line
    shown = {line[i + 2]: line[i + 1] for i, word in enumerate(line) if word == "--ro-bind"}
    libraries = {name for name in shown if name.startswith("/libraries/")}
    assert "/libraries/numpy" in libraries
    assert all("numpy" in name.lower() for name in libraries)
    assert shown["/worker"] == str(tmp_path)
    assert not any(path in ("/", "/home", "/root", "/usr", "/etc", "/tmp") for path in shown)


def test_requirements_come_along():
    pytest.importorskip("torch")
    names = {path.name for path in tiers._paths(("torch",))}
    assert {"torch", "sympy", "jinja2"} <= names
    assert not names & {"numpy", "normcourse", "matplotlib", "pytest"}


def test_docker_gets_no_rights(tmp_path, monkeypatch):
    monkeypatch.setattr(tiers.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("NORMCOURSE_IMAGE", "some/image:1")
    monkeypatch.setenv("SECRET", "x")
    start = tiers.start("docker", tmp_path, ("numpy",), Limits(memory=1 << 30))
    text = " ".join(start.command)
    for words in ("--network none", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"):
        assert words in text
    for words in (
        "--env PYTHONHASHSEED=0",
        "--pids-limit",
        "--memory 2147483648",
        "--user 65534:65534",
        f"{tmp_path}:/worker:ro",
    ):
        assert words in text
    image = start.command.index("some/image:1")
    assert start.command[image + 1] == "python"
    assert "--privileged" not in text
    assert "SECRET" not in start.environment
    assert json.loads(start.command[-1])["control"] == "/worker/control"
    assert start.stop == ("/usr/bin/docker", "kill", tmp_path.name)


def test_docker_says_what_it_misses(monkeypatch, tmp_path):
    monkeypatch.delenv("NORMCOURSE_IMAGE", raising=False)
    monkeypatch.setattr(tiers.shutil, "which", lambda _: "/usr/bin/docker")
    with pytest.raises(SandboxError, match="NORMCOURSE_IMAGE"):
        tiers.start("docker", tmp_path, ("numpy",), Limits())
    monkeypatch.setattr(tiers.shutil, "which", lambda _: None)
    for tier in ("docker", "bubblewrap"):
        with pytest.raises(SandboxError, match=f"{tier} is not installed"):
            tiers.start(tier, tmp_path, ("numpy",), Limits())


CLIENT = """#!{python}
# Stands for docker: runs the container's command here, with the paths of the mounted folder.
import os, sys
if sys.argv[1] == "kill":
    sys.exit(open({killed!r}, "a").write(sys.argv[2]) and 0)
folder = sys.argv[sys.argv.index("--volume") + 1].split(":")[0]
command = sys.argv[sys.argv.index("image") + 1 :]
command[-2:] = command[-2].replace("/worker/", folder + "/"), command[-1].replace('"/worker', '"' + folder)
os.execv({python!r}, [{python!r}, *command[1:]])
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    client = tmp_path / "docker"
    client.write_text(CLIENT.format(python=sys.executable, killed=str(tmp_path / "killed")))
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NORMCOURSE_IMAGE", "image")
    return client


def test_the_worker_of_a_container_calls_back(docker):
    with Sandbox("docker", limits=QUICK) as box:
        ran = box.run(program(a="while True: pass", b="def f_b(x): return x"))
    assert kinds(ran) == {"a": ["timeout"], "b": ["returned"]}
    assert (docker.parent / "killed").read_text().count("normcourse-") == 2


def test_a_container_that_does_not_start_is_no_long_wait(docker):
    docker.write_text("#!/bin/sh\necho Cannot connect to the Docker daemon >&2\nexit 1\n")
    with pytest.raises(SandboxError, match="Cannot connect to the Docker daemon"):
        Sandbox("docker", limits=QUICK).run(program(a=DOUBLE))


def test_a_machine_without_the_filter_says_so(monkeypatch):
    assert not seccomp.available() or sandbox.caveat("limits") == ""
    monkeypatch.setattr(sandbox.seccomp, "available", lambda: False)
    assert "no filter" in sandbox.caveat("limits")
    assert sandbox.caveat("docker") == ""


def test_every_tier_is_explained():
    assert all(f"``{tier}``" in tiers.__doc__ for tier in TIERS)
    assert all((Path(process.__file__).parents[1] / file).exists() for file in process.FILES)
