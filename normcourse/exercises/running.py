"""Try an answer and bring back numbers or a reason, whatever the answer does.

The grader's worker gets this module as text, where normcourse is absent: so it imports the standard
library and NumPy alone.
"""

import os
import re
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Outcome", "call_answer", "describe", "is_learners", "read_answer", "read_numbers", "type_name"]

MESSAGE = 500  # characters of an exception that are worth showing
LARGEST = 10_000_000  # numbers in an array that is returned: no task asks for a thousandth of it
LONGEST = 1 << 63  # of whole numbers that are read: more is no probability, and may be too long to print
STUB = "The line with NotImplementedError was reached: put your answer in its place."
KINDS = {"U": "text", "S": "bytes", "c": "complex numbers", "O": "objects", "M": "dates", "m": "times"}

# What lies there is not the learner's: this package, the standard library, and NumPy with its neighbours.
LIBRARIES = (
    *(
        os.path.join(os.path.dirname(path), "")
        # Pyodide has the standard library in an archive, but for os.
        for path in (__file__, os.__file__, traceback.__file__, os.path.dirname(np.__file__))
    ),
    "<frozen ",
    "<__array_function__ ",  # of NumPy 1
)


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
    copies = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in inputs.items()}
    try:
        if name not in namespace:
            return Outcome("missing", message=f"nothing is called {name}")
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
            "unreadable", message=f"{name} should be a dictionary, but is of type {type_name(answer)}"
        )
    value: dict[str, Any] = {}
    for key, entry in answer.items():
        if issubclass(type(entry), np.number | np.bool_):
            entry = np.generic.item(entry)
        if entry is ...:
            entry = None
        if type(key) is not str or type(entry) not in (str, int, float, bool, type(None)):
            return Outcome(
                "unreadable",
                message=f"{name} should hold names with text or numbers, but one entry is not so",
            )
        if type(entry) is int and abs(entry) >= LONGEST:
            return Outcome("unreadable", message=f"{name} holds a whole number of more than 18 digits")
        value[key] = entry
    if value and all(entry is None for entry in value.values()):
        return Outcome("not attempted")
    return Outcome("returned", value=value)


def read_numbers(namespace: Mapping[str, Any], name: str, due: tuple[int, ...] = ()) -> Outcome:
    """Read real numbers, called `name`, from a namespace. Never raises, but for a KeyboardInterrupt.

    Args:
        namespace: Where they are defined.
        name: Of the variable.
        due: The shape of the array that is due: of one number ``()``.
    """
    if name not in namespace:
        return Outcome("missing", message=f"nothing is called {name}")
    given = namespace[name]
    entries = given if type(given) in (tuple, list) else (given,)
    if entries and all(entry is None or entry is ... for entry in entries):
        return Outcome("not attempted")
    wanted = f"{name} should be {f'{due[0]} numbers, as in (1.5, -2)' if due else 'a number'}"
    try:
        array = np.array(given, subok=False)
        kind = array.dtype.kind
    except KeyboardInterrupt:
        raise
    except BaseException:  # a learner's object may raise anything
        return Outcome("unreadable", message=f"{wanted}, but is of type {type_name(given)}")
    if kind not in "iuf":
        held = (
            f"holds {KINDS.get(kind, str(array.dtype))}" if array.ndim else f"is of type {type_name(given)}"
        )
        return Outcome("unreadable", message=f"{wanted}, but {held}")
    if array.shape != due:
        held = f"has the shape {array.shape}" if array.ndim else "is one"
        held = held if due else f"is of type {type_name(given)}"
        return Outcome("unreadable", message=f"{wanted}, but {held}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        held = "is" if array.ndim == 0 else "holds"
        return Outcome("unreadable", message=f"{wanted}, but {held} {array[~np.isfinite(array)][0]}")
    return Outcome("returned", (array,))


def _as_arrays(returned: Any, outputs: int) -> Outcome:
    if returned is None:
        return Outcome("unreadable", message="the function returned None: does it end with return?")
    # What a subclass holds is asked of its base: it may say another length, or never come to an end.
    if issubclass(type(returned), list):
        returned = list(list.__iter__(returned))
    if issubclass(type(returned), tuple):
        values = list(tuple.__iter__(returned))
    elif outputs == 1:
        values = [returned]
    elif type(returned) is list:
        values = returned
    else:
        what = type_name(returned)
        return Outcome(
            "unreadable", message=f"the function should return {outputs} values, but returned one {what}"
        )
    if len(values) != outputs:
        due = "one array" if outputs == 1 else f"{outputs} values"
        return Outcome(
            "unreadable", message=f"the function should return {due}, but returned {len(values)} values"
        )
    arrays = []
    for entry in values:
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
        if array.size > LARGEST:
            return Outcome(
                "unreadable", message=f"a returned array is too large: it holds {array.size} numbers"
            )
        arrays.append(np.array(array, dtype=np.float64, subok=False))
    return Outcome("returned", tuple(arrays))


def describe(error: BaseException, frames: int = 2) -> str:
    """Return the type, text and line of an exception, of which any may raise in turn.

    The line is the innermost one of the learner's own code. In another cell than the first such line, as that
    of a helper, it is told by its function.

    Args:
        error: Raised by a learner's code.
        frames: How many of the frames that it passed are this course's.
    """
    name = type_name(error)
    try:
        text = re.sub("[\ud800-\udfff]", "\ufffd", f"{name}: {error}"[:MESSAGE])  # no file takes those
    except KeyboardInterrupt:
        raise
    except BaseException:
        text = name
    # As the base class has it: a property of the same name may hide it. No source is read, as no loader is
    # asked for it.
    passed = traceback.walk_tb(BaseException.__dict__["__traceback__"].__get__(error))
    own = [
        (frame.f_code, line)
        for frame, line in list(passed)[frames:]
        if line and is_learners(frame.f_code.co_filename)
    ]
    if not own:
        return text
    code, line = own[-1]
    if code.co_filename == own[0][0].co_filename:
        return f"{text} (line {line} of the cell)"
    return f"{text} (line {line - code.co_firstlineno + 1} of {_function_name(code)})"


def is_learners(file: str) -> bool:
    """Return whether code of a file is the learner's own, and not of a library or of this course."""
    return not file.startswith(LIBRARIES) and "site-packages" not in file


def _function_name(code: CodeType) -> str:
    return code.co_qualname.rpartition("<locals>.")[2].replace("<lambda>", "a lambda")


def type_name(thing: object) -> str:
    """Return the name of a thing's type, as `type` has it: a metaclass may hide it."""
    name: str = type.__dict__["__name__"].__get__(type(thing))
    return name
