"""Submissions that attack: nothing is gained, nothing hangs, nothing leaks, and the next one fares well.

Each attack is the cell of task a (with the function f_a) beside an honest task b.
"""

import os
import re
import socket
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import numpy as np
import pytest
from attacks import HOSTILE, REFUSED, STOPPED, TAMPERING
from sandboxes import QUICK, X, kinds, program, request, working_tiers

from normcourse.grading import seccomp
from normcourse.grading.frames import LENGTHS, pack
from normcourse.grading.sandbox import Cell, Program, Request, Sandbox

pytestmark = pytest.mark.skipif(not seccomp.available(), reason="there is no filter of system calls here")

HONEST = "def f_b(x): return x + 1"
PATIENCE = 4.0  # seconds for one attack: its time limit, twice, and a new worker
REFUSALS = (
    "PermissionError",
    "OSError",
    "FileNotFoundError",
    "ProcessLookupError",
    "gaierror",
    "ValueError: not allowed",
)
ROOT = Path(__file__).parents[2]
SECRET = "a secret of the grader's environment"


@pytest.fixture(scope="module", params=working_tiers())
def box(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_SECRET", SECRET)
        with Sandbox(request.param, limits=QUICK) as made:
            made.tier = request.param
            yield made


@pytest.fixture(autouse=True)
def next_one_fares_well(box):
    """After each attack an honest submission gets its numbers, from the worker as it should be."""
    yield
    source = "import os, sys, threading\ndef f_a(x): return [x.sum(), np.add(1, 1), threading.active_count()]"
    ran = box.run(program(a="import numpy as np\n" + source))
    assert ran.status == "ok"
    assert ran.log == ""
    assert ran.outcomes["a"][0].arrays[0].tolist() == [7, 2, 1]


def attack(box, source):
    """Run an attack beside an honest task, within a bounded time."""
    start = time.monotonic()
    ran = box.run(program(a=dedent(source), b=HONEST))
    assert time.monotonic() - start < PATIENCE
    assert SECRET not in ran.log + "".join(one.message for got in ran.outcomes.values() for one in got)
    return ran


def spared(ran):
    """Return the outcome of task a, having seen that task b came to no harm."""
    np.testing.assert_array_equal(ran.outcomes["b"][0].arrays[0], X + 1)
    return ran.outcomes["a"][0]


def function(body):
    """Return the source of f_a with this body."""
    return "def f_a(x):\n" + "".join(f"    {line}\n" for line in body.splitlines())


@pytest.mark.parametrize("name", STOPPED)
def test_what_does_not_end_by_itself_is_ended(box, name):
    kind, source = STOPPED[name]
    if name == "32-bit call" and os.uname().machine != "x86_64":
        pytest.skip("x86_64 alone has these")
    ran = attack(box, source)
    assert ran.status == ("ok" if kind == "returned" else kind)
    assert spared(ran).kind == kind


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_answer_needs_is_refused(box, name):
    ran = attack(box, REFUSED[name])
    assert ran.status == "ok"
    outcome = spared(ran)
    if outcome.kind == "returned":  # by number: the results of the calls
        assert (outcome.arrays[0] == -1).all()
    else:
        assert outcome.kind == "raised"
        names = (
            "PermissionError",
            "OSError",
            "FileNotFoundError",
            "gaierror",
            "ValueError: not allowed",
            "ProcessLookupError",
            "RuntimeError: can't start new thread",
        )
        assert outcome.message.startswith(names), outcome.message


@pytest.mark.parametrize(
    "change",
    [
        "open(path, 'w')",
        "open(path, 'a')",
        "open(path, 'r+')",
        "open(path + '2', 'x')",
        "open(f'/dev/shm/{name}', 'w')",
        "open(f'/tmp/{name}', 'w')",
        "os.truncate(path, 0)",
        "os.remove(path)",
        "os.rename(path, path + '2')",
        "os.link(path, path + '2')",
        "os.symlink(path, path + '2')",
        "os.mkdir(path + '2')",
        "os.mkfifo(path + '2')",
        "os.rmdir(os.path.dirname(path))",
        "os.chmod(path, 0)",
        "os.chown(path, 1, 1)",
        "os.utime(path)",
        "os.setxattr(path, 'user.x', b'x')",
        "os.open(path, os.O_RDONLY | os.O_TRUNC)",
        "os.open(os.path.dirname(path), os.O_TMPFILE | os.O_WRONLY)",
        "np.save(path, x)",
        "np.memmap(path, mode='r+')",
        "[os.remove(os.path.join('/worker', name)) for name in os.listdir('/worker')]",
        "open(__import__('frames').__file__, 'a')",
    ],
)
def test_no_file_changes(box, tmp_path, change):
    file = tmp_path / "kept"
    file.write_text("as it was")
    before = file.stat()
    name = f"normcourse-{uuid4()}"
    ran = attack(box, function(f"import os, numpy as np\npath, name = {str(file)!r}, {name!r}\n{change}"))
    assert spared(ran).kind == "raised"
    assert file.read_text() == "as it was"
    assert (file.stat().st_mode, file.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert list(tmp_path.iterdir()) == [file]
    for folder in ("/dev/shm", "/tmp"):
        assert not Path(folder, name).exists()


READS = {
    "a module of the course": "import normcourse",
    "torch": "import torch",
    "the course by a path": f"import sys; sys.path += [{str(ROOT)!r}]; import normcourse",
    "a package of the environment": f"import sys; sys.path += {sys.path!r}; import pytest",
    "a package of Python's": "import os, sys; sys.path += [os.__file__[:-5] + 'site-packages']; import pip",
    "this file": f"open({__file__!r})",
    "other users": "import os; os.listdir('/home')",
    "the users": "open('/etc/passwd')",
    "other submissions": "import os; os.listdir('/tmp')",
}


@pytest.mark.parametrize("name", READS)
def test_bubblewrap_hides_what_is_not_the_submissions(box, name):
    if box.tier != "bubblewrap":
        pytest.skip("what the other tiers let a submission read is not promised")
    outcome = spared(attack(box, function(READS[name])))
    assert outcome.kind == "raised"
    assert outcome.message.startswith(("ModuleNotFoundError", "FileNotFoundError")), outcome.message


def test_bubblewrap_shows_no_other_folders(box):
    if box.tier != "bubblewrap":
        pytest.skip("what the other tiers let a submission read is not promised")
    python = {Path(path).resolve().parts[1] for path in (sys.executable, os.__file__)}
    ran = attack(box, "import os\nprint(*os.listdir('/'), *os.listdir('/usr'))")
    expected = {"lib", "lib64", "libraries", "dev", "proc", "usr", "worker", "bin"}
    assert set(ran.log.split()) <= expected | python


def test_the_graders_secrets_stay(box):
    """Neither its variables nor its memory, whether by its number or by looking at all processes."""
    source = f"""
    import os, glob
    texts = [repr(dict(os.environ))]
    for name in glob.glob('/proc/[0-9]*/environ'):
        try: texts.append(open(name).read())
        except OSError: pass
    print(any({SECRET[:9]!r} + {SECRET[9:]!r} in text for text in texts), 'GRADER' in texts[0])
    for name in {["environ", "mem", "maps", "fd/2"] if box.tier == "limits" else []}:
        try: open('/proc/{os.getpid()}/' + name, 'rb')
        except (PermissionError, FileNotFoundError): pass
        else: print(name)
    def f_a(x): return x
    """
    ran = attack(box, source)
    assert spared(ran).kind == "returned"
    assert ran.log == "False False\n"


def test_what_is_right_is_nowhere_inside(box):
    """All that the collector knows of, searched for the course and for a number that only the grader has."""
    source = """
    import gc, sys
    print([name for name in sys.modules if 'normcourse' in name or 'marking' in name])
    known = {name for one in gc.get_objects() if type(one) is dict for name in one if type(name) is str}
    print(known & {'refer' + 'ence', 'mis' + 'taken', 'expec' + 'ted', 'toler' + 'ance'})
    def f_a(x): return x
    """
    ran = attack(box, source)
    assert spared(ran).kind == "returned"
    assert ran.log == "[]\nset()\n"


def test_a_printed_score_is_a_print(box):
    line = '{"score": 100, "points": 100, "status": "ok"}'
    ran = attack(box, f"print('''{line}''')\ndef f_a(x): raise ValueError")
    assert spared(ran).kind == "raised"
    assert ran.log == line + "\n"


# What a function may return or raise


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_costs_its_own_task(box, name):
    kind, message, source = HOSTILE[name]
    ran = attack(box, source)
    outcome = spared(ran)
    assert (ran.status, outcome.kind) == ("ok", kind)
    assert re.match(f"(?:{message})", outcome.message), outcome.message
    outcome.message.encode()


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("np.float64(3)", np.array(3.0)),
        ("3", np.array(3.0)),
        ("True", np.array(1.0)),
        ("[[1, 2], [3, 4]]", np.array([[1.0, 2], [3, 4]])),
        ("x.astype('float16')", X),
        ("x.astype('longdouble')", X),
        ("x.astype('>f4')", X),
        ("np.array([np.nan, np.inf])", np.array([np.nan, np.inf])),
        ("np.zeros((0, 3))", np.zeros((0, 3))),
        ("np.asmatrix(x)", X[None]),
        ("np.ma.masked_array(x, x > 100)", X),
        ("x[::-1].T", X[::-1]),
        ("np.array([2**62])", np.array([2.0**62])),
    ],
)
def test_numbers_of_any_form_come_back(box, returned, expected):
    ran = attack(box, f"import numpy as np\ndef f_a(x): return {returned}")
    np.testing.assert_array_equal(spared(ran).arrays[0], expected, strict=True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("type('D', (dict,), {})(a=1)", "unreadable"),
        ("{'a': {'b': 1}}", "unreadable"),
        ("{type('S', (str,), {})('a'): 1}", "unreadable"),
        ("{'a': 1j}", "unreadable"),
        ("{'a': 10**5000}", "unreadable"),
        ("{'a': 'x' * 10**7}", "malformed"),
        ("{str(i): i for i in range(10**5)}", "malformed"),
        (r"{'a': '\ud800\x1b'}", "returned"),
        ("{'a': float('nan'), 'b': float('inf')}", "returned"),
    ],
)
def test_dictionaries_are_looked_at(box, value, kind):
    ran = box.run(Program((Cell("a", f"ANSWER = {value}"),), (Request("a", "ANSWER", None),)))
    assert kinds(ran) == {"a": [kind]}
    for entry in (ran.outcomes["a"][0].value or {}).values():
        assert isinstance(entry, float) or entry == "\ufffd\ufffd"


# The worker's own parts


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_gains_nothing(box, name):
    """Whatever comes of it, a task that it spoils is not one that it answers."""
    ran = attack(box, dedent(TAMPERING[name]) + "def f_a(x): return 2 * x")
    for task, right in (("a", 2 * X), ("b", X + 1)):
        [outcome] = ran.outcomes[task]
        assert outcome.kind in (
            "returned",
            "missing",
            "raised",
            "unreadable",
            "timeout",
            "crash",
            "malformed",
        )
        if outcome.kind == "returned" and "numpy" not in name:
            np.testing.assert_array_equal(outcome.arrays[0], right)


def test_one_submission_leaves_nothing_to_the_next(box):
    """Neither a changed module, a variable of the environment, a folder nor a random state."""
    leave = """
    import builtins, os, random, sys, numpy as np
    np.left = builtins.left = sys.left = os.environ['LEFT'] = '1'
    random.seed(1)
    os.chdir('/proc')
    os.umask(0o777)
    sys.path.append('left')
    np.seterr(all='raise')
    """
    look = """
    import builtins, os, random, sys, numpy as np
    print(hasattr(np, 'left'), hasattr(builtins, 'left'), hasattr(sys, 'left'), 'LEFT' in os.environ)
    print(random.random() == random.Random(1).random(), os.getcwd() == '/proc', os.umask(0) == 0o777)
    print('left' in sys.path, np.geterr()['over'])
    """
    attack(box, leave)
    assert attack(box, look).log == "False False False False\nFalse False False\nFalse warn\n"


def test_there_is_no_other_process_to_see(box):
    if box.tier == "limits":
        pytest.skip("processes are seen there, though not touched")
    ran = attack(box, "import os\nprint(sum(name.isdigit() for name in os.listdir('/proc')))")
    assert int(ran.log) <= 4  # bubblewrap's two, the worker, and itself


# Forged answers

FIND = """
import os, stat, time
found = [fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')]
[channel] = [fd for fd in found if stat.S_ISSOCK(os.fstat(fd).st_mode)]
def say(data):
    data = memoryview(data)
    while data: data = data[os.write(channel, data):]
"""


def returned(count, task="b"):
    """Return the frame of an answer that the worker might give for a task."""
    outcome = {"kind": "returned", "message": "", "value": None, "count": count}
    return pack({"task": task, "outcomes": [outcome]}, [X] * count)


FORGED = {  # test_exchange has more of them
    "a bad length": b"\xff" * 16,
    "no JSON": LENGTHS.pack(3, 0) + b"abc",
    "another task": returned(1),
    "points": pack({"points": 100, "status": "ok"}),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_answer_is_malformed(box, name):
    ran = attack(box, FIND + f"def f_a(x):\n    say({FORGED[name]!r}); os._exit(0)")
    assert ran.status == "malformed"
    assert spared(ran).kind == "malformed"


def test_a_frame_that_never_ends_is_a_timeout(box):
    ran = attack(box, FIND + f"def f_a(x):\n    say({LENGTHS.pack(1000, 1000)!r}); time.sleep(100)")
    assert (ran.status, spared(ran).kind) == ("timeout", "timeout")


def test_a_well_formed_answer_is_an_answer_and_no_more(box):
    """It can say for its own task what its function could have returned: numbers, which are then judged."""
    ran = attack(box, FIND + f"def f_a(x):\n    say({returned(1, 'a')!r}); os._exit(0)")
    np.testing.assert_array_equal(spared(ran).arrays[0], X)
    assert ran.status == "crash"


def test_answers_to_all_tasks_and_a_process_that_stays(box):
    """They count; the process goes."""
    script = returned(1, "a") + pack({"begin": "b"}) + returned(1, "b") + pack({"end": True})
    ran = attack(box, FIND + f"def f_a(x):\n    say({script!r}); time.sleep(100)")
    assert ran.status == "ok"
    assert kinds(ran) == {"a": ["returned"], "b": ["returned"]}


def test_beginnings_without_end_do_not_prolong_its_time(box):
    begin = pack({"begin": "a"})
    ran = attack(box, FIND + f"def f_a(x):\n    while True: say({begin!r}); time.sleep(0.01)")
    assert spared(ran).kind == "malformed"


def test_the_socket_of_one_submission_is_not_that_of_the_next(box):
    """Nothing is open in a submission but its own three, its socket, and what it opens itself."""
    look = "import os\nprint(sorted(fd for fd in range(256) if os.path.exists(f'/proc/self/fd/{fd}')))"
    first, second = (attack(box, look).log for _ in range(2))
    assert first == second
    assert first.count(",") == 3


def test_the_grader_takes_no_memory_for_what_is_only_announced(box):
    ran = attack(
        box,
        FIND + "def f_a(x):\n    say(b'\\0\\0\\0\\x10\\0\\x7f\\xff\\xff'); say(b'x' * 10**5); os._exit(0)",
    )
    assert spared(ran).kind == "crash"


def test_attacks_side_by_side_do_not_mix(box):
    results = []

    def work(source, kind):
        with Sandbox(box.tier, limits=QUICK) as own:
            results.append(spared(own.run(program(a=source, b=HONEST))).kind == kind)

    threads = [
        threading.Thread(target=work, args=("while True: pass", "timeout")),
        threading.Thread(target=work, args=(function("return x"), "returned")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True, True]


def test_an_attack_in_a_support_cell_spares_the_answers(box):
    cells = (Cell("support", "import os; os._exit(1)"), Cell("b", HONEST))
    ran = box.run(Program(cells, (request("b"),)))
    assert (ran.status, kinds(ran)) == ("crash", {"b": ["returned"]})


def test_no_connection_from_inside_reaches_a_port_of_this_machine(box):
    if box.tier == "limits":
        pytest.skip("there the filter alone refuses sockets, which another test sees")
    with socket.create_server(("127.0.0.1", 0)) as server:
        ran = attack(box, "print(open('/proc/net/tcp').read())")
        assert f"{server.getsockname()[1]:04X}" not in ran.log
