"""Frames: what is packed comes back, and nothing else passes."""

import contextlib
import json
import tracemalloc

import numpy as np
import pytest

from normcourse.grading.frames import BODY, HEADER, LENGTHS, FrameError, Parser, pack

ARRAYS = [np.arange(6.0).reshape(2, 3), np.array(7), np.array([True, False]), np.empty((0, 4)), np.array(0.5)]


def frame(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def with_array(body=b"", **described):
    return frame({"arrays": [{"dtype": "float64", "shape": [2], **described}]}, body)


def test_what_is_packed_comes_back():
    [(header, arrays)] = Parser().feed(pack({"task": "a", "n": [1, None]}, ARRAYS))
    assert header == {"task": "a", "n": [1, None]}
    for array, sent in zip(arrays, ARRAYS, strict=True):
        assert array.dtype == sent.dtype
        assert array.shape == sent.shape
        assert array.flags.writeable
        np.testing.assert_array_equal(array, sent)


def test_what_is_not_finite_comes_back():
    sent = np.array([np.nan, np.inf, -0.0])
    [(_, [array])] = Parser().feed(pack({}, [sent]))
    assert array.tobytes() == sent.tobytes()


def test_a_frame_may_come_in_pieces():
    data = pack({"n": 1}, ARRAYS) + pack({"n": 2})
    parser = Parser()
    frames = [one for start in range(len(data)) for one in parser.feed(data[start : start + 1])]
    assert [header["n"] for header, _ in frames] == [1, 2]
    assert len(list(Parser().feed(data))) == 2


def test_an_array_in_another_order_of_memory_comes_back():
    sent = np.arange(6.0).reshape(2, 3).T
    [(_, [array])] = Parser().feed(pack({}, [sent]))
    np.testing.assert_array_equal(array, sent)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (LENGTHS.pack(HEADER + 1, 0), "exceeds"),
        (LENGTHS.pack(10, BODY + 1), "exceeds"),
        (b"\xff" * 8, "exceeds"),
        (frame(b"not json"), "not JSON"),
        (frame(b"\xff\xfe"), "not JSON"),
        (frame(b"[" * 100_000), "not JSON"),
        (frame(b"1" * 5000), "not JSON"),
        (frame([1]), "lists no arrays"),
        (frame({}), "lists no arrays"),
        (frame({"arrays": "x"}), "lists no arrays"),
        (frame({"arrays": [{}] * 1001}), "more than 1000"),
        (frame({"arrays": [1]}), "no dtype"),
        (with_array(dtype="object"), "none of"),
        (with_array(dtype="<U10"), "none of"),
        (with_array(dtype=[]), "no dtype"),
        (with_array(shape=3), "no shape"),
        (with_array(shape=[1] * 9), "more than 8"),
        (with_array(shape=[-1]), "no count"),
        (with_array(shape=[True]), "no count"),
        (with_array(shape=[2.0]), "no count"),
        (with_array(shape=[10**30]), "no count"),
        (with_array(shape=[BODY, BODY, BODY]), "larger than any"),
        (with_array(b"\0" * 15), "longer than the bytes"),
        (with_array(b"\0" * 17), "more bytes"),
        (with_array(shape=[0, BODY, BODY, BODY, BODY]), "larger than any"),
        (frame({"arrays": []}, b"x"), "more bytes"),
    ],
)
def test_what_is_no_frame_is_refused(data, says):
    with pytest.raises(FrameError, match=says):
        list(Parser().feed(data))


def test_a_reader_may_bound_the_length():
    data = pack({"n": 1}, [np.zeros(10)])
    assert len(list(Parser(header=100, body=80).feed(data))) == 1
    with pytest.raises(FrameError, match=r"exceeds 100 \+ 79"):
        list(Parser(header=100, body=79).feed(data))


def test_memory_is_taken_for_what_came_only():
    tracemalloc.start()
    list(Parser().feed(LENGTHS.pack(HEADER, BODY) + b"x" * 100))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_damaged_frames_raise_nothing_else():
    rng = np.random.default_rng(0)
    whole = pack({"task": "a", "outcomes": [{"kind": "returned"}]}, ARRAYS)
    for _ in range(3000):
        damaged = bytearray(whole)
        for place in rng.integers(8, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        with contextlib.suppress(FrameError):
            list(Parser().feed(bytes(damaged)))
