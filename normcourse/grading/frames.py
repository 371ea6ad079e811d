"""Messages between grader and worker: a JSON header and the bytes of arrays, never anything that is executed.

The worker gets a copy of this file where normcourse is absent: so it imports the standard library and NumPy
alone. Whoever reads does not trust who writes: lengths, counts and shapes are checked before memory is taken.
"""

import json
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BODY", "HEADER", "FrameError", "Parser", "pack"]

LENGTHS = struct.Struct("!II")  # of the header and of the arrays, in bytes
HEADER, BODY = 4 << 20, 64 << 20  # the largest that are read
ARRAYS, RANK = 1000, 8
KINDS = {"float64": np.float64, "int64": np.int64, "bool": np.bool_}

Frame = tuple[dict[str, Any], list[NDArray[Any]]]


class FrameError(ValueError):
    """What came is not a frame; the message says why."""


def pack(header: dict[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> bytes:
    """Return the bytes of a frame; each array is float64, int64 or bool."""
    described = [{"dtype": array.dtype.name, "shape": list(array.shape)} for array in arrays]
    text = json.dumps({**header, "arrays": described}).encode()
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return LENGTHS.pack(len(text), len(body)) + text + body


class Parser:
    """Takes bytes as they come and gives out the frames that are complete.

    Args:
        header: The most bytes of a header.
        body: The most bytes of a frame's arrays.
    """

    def __init__(self, header: int = HEADER, body: int = BODY) -> None:
        self._buffer = bytearray()
        self._most = header, body

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield each frame that the data completes; raise a FrameError at the first that is none."""
        self._buffer += data
        while len(self._buffer) >= LENGTHS.size:
            header, body = LENGTHS.unpack_from(self._buffer)
            if header > self._most[0] or body > self._most[1]:
                most = " + ".join(map(str, self._most))
                raise FrameError(f"a frame of {header} + {body} bytes exceeds {most}")
            end = LENGTHS.size + header + body
            if len(self._buffer) < end:
                return
            content = bytes(self._buffer[LENGTHS.size : end])
            del self._buffer[:end]
            yield _unpack(content[:header], content[header:])


def _unpack(text: bytes, body: bytes) -> Frame:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise FrameError("a header is not JSON") from None
    described = header.pop("arrays", None) if isinstance(header, dict) else None
    if not isinstance(described, list) or len(described) > ARRAYS:
        raise FrameError(f"a header lists no arrays, or more than {ARRAYS}")
    arrays, start = [], 0
    for entry in described:
        dtype, shape = _described(entry)
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if start + size > len(body):
            raise FrameError("an array is longer than the bytes that came")
        flat = np.frombuffer(body, dtype, math.prod(shape), start) if size else np.empty(0, dtype)
        arrays.append(flat.reshape(shape).copy())
        start += size
    if start != len(body):
        raise FrameError("more bytes came than the arrays hold")
    return header, arrays


def _described(entry: Any) -> tuple[Any, tuple[int, ...]]:
    """Return dtype and shape of an array from a header, or raise a FrameError."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        raise FrameError("an array has no dtype")
    shape = entry.get("shape")
    if entry["dtype"] not in KINDS:
        raise FrameError(f"an array has a dtype that is none of {', '.join(KINDS)}")
    if not isinstance(shape, list) or len(shape) > RANK:
        raise FrameError(f"an array has no shape, or more than {RANK} axes")
    if not all(type(length) is int and 0 <= length <= BODY for length in shape):
        raise FrameError("an axis has a length that is no count")
    if math.prod(max(1, length) for length in shape) > BODY:  # NumPy refuses some of these even if empty
        raise FrameError("an array is larger than any frame")
    return KINDS[entry["dtype"]], tuple(shape)
