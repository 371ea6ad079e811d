"""The parent's side of a conversation: the worker may say what was asked for, in order, and nothing else."""

import json

import numpy as np
import pytest

from normcourse.grading.exchange import Cell, Conversation, Program, Request, as_frame, readable
from normcourse.grading.frames import LENGTHS, FrameError, Parser, pack

X = np.array([1.0, 2.0, 4.0])
PROGRAM = Program(
    (Cell("support", "import math"), Cell("a", "def f(x): return x, x"), Cell("b", "D = {}")),
    (Request("a", "f", "plain", ({"x": X}, {"x": 2.5}), 2), Request("b", "D", None)),
)


def begin(name):
    return pack({"begin": name})


def outcome(**fields):
    """Return what raised as the header of an answer has it, or with other fields."""
    return {"kind": "raised", "message": "", "value": None, "count": 0, **fields}


def answer(*outcomes, task="a", arrays=(), **fields):
    return pack({"task": task, "outcomes": outcomes, **fields}, arrays)


RETURNED = outcome(kind="returned", count=2)
ANSWER_A = answer(RETURNED, outcome(message="no"), arrays=[X, X + 1])
ANSWER_B = answer(outcome(kind="returned", value={"k": 1}), task="b")
BEGINNING = [begin("support"), begin("a"), begin("b"), begin("a")]


@pytest.fixture
def said():
    """Return a conversation in which task a is due."""
    conversation = Conversation(PROGRAM, 100)
    for frame in BEGINNING:
        assert conversation.feed(frame)
    return conversation


def test_what_was_asked_for_is_taken(said):
    assert not said.feed(ANSWER_A)
    assert said.feed(begin("b") + ANSWER_B)
    assert not said.ended
    said.feed(pack({"end": True}))
    assert said.ended
    first, second = said.outcomes["a"]
    assert (first.kind, second.kind, second.message) == ("returned", "raised", "no")
    np.testing.assert_array_equal(first.arrays, [X, X + 1])
    assert said.outcomes["b"][0].value == {"k": 1}


def test_what_is_under_way_is_known():
    said = Conversation(PROGRAM, 100)
    seen = [(said.cell, said.task)]
    for frame in [*BEGINNING, ANSWER_A, begin("b")]:
        said.feed(frame)
        seen.append((said.cell, said.task))
    cells = [("support", None), ("a", None), ("b", None)]
    assert seen == [(None, None), *cells, (None, "a"), (None, "a"), (None, "b")]


FORGED = {
    "a bad length": b"\xff" * 16,
    "a long header": LENGTHS.pack(4 << 20, 0) + b"x" * 1000,
    "a long body": LENGTHS.pack(10, 801),
    "no JSON": LENGTHS.pack(3, 0) + b"abc",
    "another task": ANSWER_B,
    "an unknown task": answer(RETURNED, RETURNED, task="c", arrays=[X] * 4),
    "a task that is no text": answer(RETURNED, RETURNED, task=["a"], arrays=[X] * 4),
    "the end": pack({"end": True}),
    "another beginning": begin("b"),
    "the same beginning": begin("a"),
    "an end after an answer": ANSWER_A + pack({"end": True}),
    "two answers": ANSWER_A + ANSWER_A,
    "more after the end": ANSWER_A + begin("b") + ANSWER_B + pack({"end": True}) + begin("a"),
    "arrays with a beginning": ANSWER_A + pack({"begin": "b"}, [X]),
    "an end that is no truth": ANSWER_A + begin("b") + ANSWER_B + pack({"end": 1.5}),
    "points": pack({"points": 100, "status": "ok"}),
    "another field": answer(RETURNED, RETURNED, arrays=[X] * 4, points=1),
    "no outcome": answer(),
    "one outcome for two": answer(RETURNED, arrays=[X] * 2),
    "outcomes of another form": pack({"task": "a", "outcomes": {"kind": "returned"}}),
    "an outcome that is none": answer(1, 2),
    "full marks": answer(outcome(kind="right"), outcome()),
    "a timeout": answer(outcome(kind="timeout"), outcome()),
    "a kind that is no text": answer(outcome(kind=[]), outcome()),
    "a long message": answer(outcome(message="x" * 2001), outcome()),
    "a message that is no text": answer(outcome(message=1), outcome()),
    "a value": answer(outcome(value={}), outcome()),
    "a value in place of arrays": answer(outcome(kind="returned", value={}), outcome()),
    "another field of an outcome": answer(outcome(points=1), outcome()),
    "more arrays": answer(RETURNED, outcome(), arrays=[X] * 3),
    "fewer arrays": answer(RETURNED, outcome(), arrays=[X]),
    "a count that is none": answer({**RETURNED, "count": True}, outcome(), arrays=[X]),
    "arrays of what raised": answer(outcome(count=2), outcome(), arrays=[X] * 2),
    "whole numbers": answer(RETURNED, outcome(), arrays=[X, np.arange(3)]),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_was_not_asked_for_is_refused(said, name):
    with pytest.raises(FrameError):
        said.feed(FORGED[name])


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {"k": []},
        {"k": {}},
        {"k": "x" * 1001},
        {"x" * 1001: 1},
        {str(n): n for n in range(1001)},
    ],
)
def test_a_dictionary_is_small_and_flat(said, value):
    said.feed(ANSWER_A + begin("b"))
    with pytest.raises(FrameError):
        said.feed(answer(outcome(kind="returned", value=value), task="b"))


def test_text_is_made_readable(said):
    said.feed(answer(outcome(message="a\x1b[2J\ud800é\n"), outcome()) + begin("b"))
    said.feed(answer(outcome(kind="returned", value={"\0": "\u202e", "n": None}), task="b"))
    assert said.outcomes["a"][0].message == "a\ufffd[2J\ufffdé\n"
    assert said.outcomes["b"][0].value == {"\ufffd": "\ufffd", "n": None}
    assert readable("γ · x̂ → 1\t") == "γ · x̂ → 1\t"


def test_a_worker_gets_the_program_and_nothing_of_what_is_right():
    [(header, arrays)] = Parser().feed(as_frame(PROGRAM, 100))
    assert [cell["name"] for cell in header["cells"]] == ["support", "a", "b"]
    assert header["requests"][0]["inputs"] == [{"x": {"array": 0}}, {"x": 2.5}]
    assert set(header["requests"][0]) == {"task", "answer", "call", "inputs", "outputs"}
    np.testing.assert_array_equal(arrays, [X])
    json.dumps(header)
