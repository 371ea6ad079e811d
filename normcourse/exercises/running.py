"""Try an answer and bring back numbers or a reason, whatever the answer does.

The grader's worker gets this module as text, where normcourse is absent: so it imports the standard
library and NumPy alone.
"""

import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Outcome", "call_answer", "describe", "read_answer"]

MESSAGE = 500  # characters of an exception that are worth showing
STUB = "The line with NotImplementedError was reached: put your answer in its place."
KINDS = {"U": "text", "S": "bytes", "c": "complex numbers", "O": "objects", "M": "dates", "m": "times"}


@dataclass(frozen=True)
class Outcome:
    """What came of one call.

    Attributes:
        kind: ``returned``; ``missing`` (no such name); ``not attempted`` (the stub still stands); ``raised``;
            ``unreadable`` (not what was asked for); or, from a grader, ``timeout``, ``crash``, ``malformed``.
        arrays: What was returned, as float64, if arrays were asked for; empty where it was None.
        value: What was read, if a dictionary was asked for.
        message: The reason, where there is one.
    """

    kind: str
    arrays: tuple[NDArray[np.float64], ...] = ()
    value: dict[str, Any] | None = None
    message: str = ""


def call_answer(
    namespace: Mapping[str, Any],
    name: str,
    call: Callable[[Any, dict[str, Any]], Any],
    inputs: Mapping[str, Any],
    outputs: int,
) -> Outcome:
    """Call the function `name` of a namespace with copies of the inputs and read so many arrays from it.

    Never raises, but for a KeyboardInterrupt: in a notebook that is how a learner stops an endless loop.
    """
    if name not in namespace:
        return Outcome("missing", message=f"nothing is called {name}")
    copies = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in inputs.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            returned = call(namespace[name], copies)
            return _as_arrays(returned, outputs)
    except KeyboardInterrupt:
        raise
    except NotImplementedError:
        return Outcome("not attempted", message=STUB)
    except BaseException as error:  # a learner's code may raise anything: SystemExit too
        return Outcome("raised", message=describe(error))


def read_answer(namespace: Mapping[str, Any], name: str) -> Outcome:
    """Read a dictionary of strings, numbers and None, called `name`, from a namespace. Never raises."""
    if name not in namespace:
        return Outcome("missing", message=f"nothing is called {name}")
    answer = namespace[name]
    if type(answer) is not dict:
        return Outcome(
            "unreadable", message=f"{name} should be a dictionary, but is of type {type(answer).__name__}"
        )
    value: dict[str, Any] = {}
    for key, entry in answer.items():
        if isinstance(entry, np.number | np.bool_):
            entry = entry.item()
        if type(key) is not str or type(entry) not in (str, int, float, bool, type(None)):
            return Outcome(
                "unreadable",
                message=f"{name} should hold names with text or numbers, but one entry is not so",
            )
        value[key] = entry
    if value and all(entry is None or entry is ... for entry in value.values()):
        return Outcome("not attempted")
    return Outcome("returned", value=value)


def _as_arrays(returned: Any, outputs: int) -> Outcome:
    if returned is None:
        return Outcome("unreadable", message="the function returned None: does it end with return?")
    if outputs == 1 and not isinstance(returned, tuple):
        returned = (returned,)
    if not isinstance(returned, tuple | list):
        what = type(returned).__name__
        return Outcome(
            "unreadable", message=f"the function should return {outputs} values, but returned one {what}"
        )
    if len(returned) != outputs:
        due = "one array" if outputs == 1 else f"{outputs} values"
        return Outcome(
            "unreadable", message=f"the function should return {due}, but returned {len(returned)} values"
        )
    arrays = []
    for entry in returned:
        if entry is None:
            entry = ()  # costs its own checks and no others
        if hasattr(entry, "detach"):  # a tensor
            entry = entry.detach().cpu().numpy()
        try:
            array = np.asarray(entry)
        except ValueError:
            return Outcome(
                "unreadable", message="a returned list has rows of different lengths: return an array"
            )
        if array.dtype.kind not in "biuf":
            held = KINDS.get(array.dtype.kind, str(array.dtype))
            return Outcome(
                "unreadable", message=f"a returned value should hold real numbers, but holds {held}"
            )
        arrays.append(np.array(array, dtype=np.float64, subok=False))
    return Outcome("returned", tuple(arrays))


def describe(error: BaseException, frames: int = 2) -> str:
    """Return the type, text and line of an exception, of which any may raise in turn.

    Args:
        error: Raised by a learner's code.
        frames: How many of the frames that it passed are this course's.
    """
    try:
        text = f"{type(error).__name__}: {error}"[:MESSAGE]
    except BaseException:
        text = type(error).__name__
    passed = traceback.extract_tb(error.__traceback__)[frames:]
    return f"{text} (line {passed[0].lineno} of the cell)" if passed else text
