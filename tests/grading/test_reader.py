"""Files are read by a process that may take so much and no more, and is not believed."""

import json
import resource
import time
from functools import partial

import pytest
from attacks import READING, inner

from normcourse.grading import engine, reader
from normcourse.grading.extract import Asked
from normcourse.grading.folder import OutFolder
from normcourse.grading.pieces import SCOPES, used
from normcourse.grading.reader import COSTLY, Cost, Reader
from normcourse.grading.reading import MalformedError
from tests.grading.handed_in import EXERCISE, LIMITS, RIGHT, hand_in

FORWARD = Asked("batchnorm", notebook=False, tasks={"bn.forward": ("bn_forward", "answer-bn-forward")})
RIGHT_ONE = b"bn_forward = len"
SMALL = Cost(cpu=2, wall=20, memory=200 << 20)
PATIENCE = 15  # seconds of a busy machine
EXTRACT = {
    "answers": {},
    "missing": {"bn.forward": "no"},
    "support": [],
    "imports": {},
    "notes": [],
    "nothing": "",
}


def why(one, data, asked=FORWARD):
    """Return why a file cannot be read, or what is said of its answers."""
    try:
        found = one.extract(data, asked)
        return f"{found.missing} {found.nothing}"
    except MalformedError as error:
        return str(error)


@pytest.fixture(scope="module")
def small():
    with Reader(SMALL) as made:
        yield made


@pytest.mark.parametrize("name", READING)
def test_what_is_costly_to_read_costs_itself_alone(small, name):
    file, text, said = READING[name]
    data = text().encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    assert said in why(small, data, Asked("batchnorm", file.endswith("ipynb"), FORWARD.tasks))
    assert time.monotonic() - start < PATIENCE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB
    assert small.extract(RIGHT_ONE, FORWARD).answers == {"bn.forward": "bn_forward = len"}


@pytest.mark.parametrize(("count", "apart"), [(SCOPES, True), (SCOPES + 1, False)])
def test_names_are_told_apart_until_that_takes_their_square(count, apart):
    assert ("f0" not in used(inner(count))) is apart


def test_a_file_that_there_is_no_room_for_is_told_at_once():
    with Reader(Cost(wall=PATIENCE, memory=8 << 20)) as one:
        assert why(one, b"#" * (16 << 20)) == f"{COSTLY}: it takes more than 8 MiB of memory"
        assert one.extract(RIGHT_ONE, FORWARD).answers


def test_a_class_with_a_costly_file_is_graded(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "Reader", partial(Reader, SMALL))
    attacks = {
        f"eve/{name}.{READING[name][0]}": READING[name][1]() for name in ("broken cells", "short strings")
    }
    folder = hand_in(tmp_path / "in", {"ada.py": RIGHT, **attacks, "gus.py": RIGHT + "# by gus"})
    with OutFolder(tmp_path / "out", EXERCISE.name, folder) as out:
        graded = engine.grade(EXERCISE, folder, out, tier="limits", limits=LIMITS)
    assert [(one.learner, one.status) for one in graded.results] == [
        ("ada", "ok"),
        ("eve", "malformed"),
        ("eve", "malformed"),
        ("gus", "ok"),
    ]
    assert all(one.reason.startswith(COSTLY) for one in graded.results if one.learner == "eve")
    assert not graded.failures


def instead(monkeypatch, does):
    """Let the process that reads do something else, when it has said that it is ready."""
    start = "import json, os, signal, socket, struct, time\nchannel = socket.socket(fileno=0)\n"
    monkeypatch.setattr(reader, "START", f"{start}channel.sendall(b'r')\n{does}")


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("time.sleep(60)", "it took longer than 1 s"),
        ("channel.recv(10); time.sleep(60)", "it took longer than 1 s"),
        ("channel.sendall(b'12'); time.sleep(60)", "it took longer than 1 s"),
        ("while True: channel.recv(10)", "it took longer than 1 s"),
        ("os._exit(0)", "its reading came to no end"),
        ("channel.recv(10); os._exit(3)", "its reading came to no end"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "its reading was ended by signal 9"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its reading was ended by signal 11"),
    ],
)
def test_a_process_that_hangs_or_dies_is_replaced(monkeypatch, does, said):
    with Reader(Cost(wall=1)) as one:
        with monkeypatch.context() as patch:
            instead(patch, does)
            start = time.monotonic()
            assert why(one, RIGHT_ONE * 10**6).startswith(f"{COSTLY}: {said}")
            assert time.monotonic() - start < 5
        assert one.extract(RIGHT_ONE, FORWARD).answers


@pytest.mark.parametrize(
    "told",
    [
        *(b"{", b"[" * 100_000, b"\xff", b"[]", b"3", b"{}", b"null"),
        EXTRACT | {"more": 1},
        {name: value for name, value in EXTRACT.items() if name != "notes"},
        EXTRACT | {"missing": {}},
        EXTRACT | {"missing": {"bn.forward": 3}},
        EXTRACT | {"missing": {"bn.forward": "no", "bn.backward": "no"}},
        EXTRACT | {"answers": {"bn.forward": "x"}},
        EXTRACT | {"answers": {"bn.backward": "x"}},
        EXTRACT | {"answers": {"bn.forward": ["x"]}, "missing": {}},
        EXTRACT | {"answers": ["bn.forward"], "missing": {}},
        EXTRACT | {"support": "x"},
        EXTRACT | {"support": [3]},
        EXTRACT | {"support": ["x"] * 10_001},
        EXTRACT | {"imports": [["a", "b"]]},
        EXTRACT | {"imports": {"a": None}},
        EXTRACT | {"notes": {"a": "b"}},
        EXTRACT | {"notes": ["x" * 10_001]},
        EXTRACT | {"nothing": None},
        {"malformed": {}},
        {"malformed": "x" * 10_001},
    ],
    ids=lambda told: str(told)[:60],
)
def test_what_the_process_says_is_looked_at(monkeypatch, told):
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    with Reader(Cost(wall=5)) as one:
        with monkeypatch.context() as patch:
            instead(
                patch,
                f"channel.sendall(struct.pack('!I', {len(text)}) + {text!r})\ntime.sleep(9)",
            )
            assert why(one, RIGHT_ONE) == f"{COSTLY}: what came of it is no extract"
        assert one.extract(RIGHT_ONE, FORWARD).answers


def test_an_extract_that_is_too_long_is_not_taken_in(monkeypatch):
    instead(
        monkeypatch,
        "channel.sendall(struct.pack('!I', 1 << 31))\nwhile True: channel.sendall(bytes(1 << 20))",
    )
    with Reader(Cost(wall=5)) as one:
        assert why(one, RIGHT_ONE) == f"{COSTLY}: its code comes to more than 16 MiB"


def test_what_the_process_may_say_is_taken_over(monkeypatch):
    text = json.dumps(EXTRACT)
    instead(
        monkeypatch, f"channel.sendall(struct.pack('!I', {len(text)}) + {text.encode()!r})\ntime.sleep(9)"
    )
    with Reader(Cost(wall=5)) as one:
        assert one.extract(RIGHT_ONE, FORWARD).missing == {"bn.forward": "no"}


def test_a_fault_of_the_reading_itself_is_no_learners(tmp_path, monkeypatch):
    told = json.dumps({"fault": "planted"})
    instead(
        monkeypatch, f"channel.sendall(struct.pack('!I', {len(told)}) + {told.encode()!r})\ntime.sleep(9)"
    )
    with pytest.raises(RuntimeError, match="planted"), Reader() as one:
        one.extract(RIGHT_ONE, FORWARD)
    monkeypatch.setattr(reader, "START", "1 / 0")
    folder = hand_in(tmp_path / "in", {"ada.py": RIGHT})
    with OutFolder(tmp_path / "out", EXERCISE.name, folder) as out:
        graded = engine.grade(EXERCISE, folder, out, tier="limits", limits=LIMITS)
    assert graded.results[0].status == "not graded"
    assert "the process that reads submissions does not start" in graded.failures[0]


@pytest.fixture
def started(monkeypatch):
    """The processes that were started."""
    started, popen = [], reader.subprocess.Popen
    monkeypatch.setattr(reader.subprocess, "Popen", lambda *a, **k: started.append(1) or popen(*a, **k))
    return started


def test_many_files_are_read_by_one_process(started):
    with Reader() as one:
        for number in range(100):
            one.extract(RIGHT_ONE + b"# %d" % number, FORWARD)
    assert len(started) == 1


def test_a_process_that_is_left_with_much_memory_gives_way_to_another(monkeypatch, started):
    """As one is whose parser ran out of memory, on Python 3.13."""
    kept = "import normcourse.grading.reading as reading\nkept, read = [], reading._text\n"
    kept += "reading._text = lambda data: kept.append(bytes(30 << 20)) or read(data)\n"
    keeps = reader.START.replace("from normcourse", f"{kept}from normcourse")
    monkeypatch.setattr(reader, "START", keeps)
    with Reader(Cost(memory=50 << 20)) as one:
        for _ in range(3):
            assert one.extract(RIGHT_ONE, FORWARD).answers
    assert len(started) == 3
