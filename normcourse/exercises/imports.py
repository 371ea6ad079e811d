"""Find which libraries a function uses, without running it.

A learner's objects are looked at as the base classes of Python have them: an attribute, a length or an
iterator of a class of the learner's own would run code, and may say anything.
"""

import dis
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache, partial, partialmethod
from itertools import islice
from pathlib import Path
from types import (
    CodeType,
    FunctionType,
    GenericAlias,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
    UnionType,
)
from typing import Any

from normcourse.exercises.running import is_learners, type_name

__all__ = ["libraries"]

MOST = 20_000  # things to look at: what an answer uses has some hundred
WIDEST = 1000  # of a container

PACKAGE = str(Path(__file__).parents[1])

# What of Python's own may hold a learner's functions.
CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
SEEN_THROUGH = (
    FunctionType,
    MethodType,
    partial,
    partialmethod,
    cached_property,
    type(lru_cache(len)),
    property,
    staticmethod,
    classmethod,
    GenericAlias,
    UnionType,
    SimpleNamespace,
)


def libraries(function: Any) -> set[str]:
    """Return the names of the libraries outside Python's own that a function uses, by itself or by helpers.

    It follows what the learner defined: functions, classes with their bases, objects, decorators, closures,
    defaults, and containers of these.

    Args:
        function: Anything; what is not callable uses what its parts use.

    Example:
        >>> import numpy as np
        >>> from numpy.linalg import norm
        >>> def length(x):
        ...     return norm(np.asarray(x))
        >>> libraries(length)
        {'numpy'}
    """
    layers = _layers(function)
    homes = [(_home(layer), layer) for layer in layers]
    own = {"__main__", *(home for home, layer in homes if home is not None and _is_own(home, layer))}
    found: set[str] = set()
    seen: dict[int, Any] = {}  # the things as well: while they are held, no other one has their id
    left = deque(layers)
    while left and len(seen) < MOST:
        one = left.popleft()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        home = _home(one)
        library = None if home is None or home in own else home.partition(".")[0]
        if library is None or library in sys.stdlib_module_names:
            theirs = library is None
            left.extend(islice(_parts(one, theirs), max(0, MOST - len(left))))
            if theirs and type(one) is FunctionType:
                found |= {name.partition(".")[0] for name in _names(one.__code__, "IMPORT_NAME")}
        else:
            found.add(library)
    return found - {""} - set(sys.stdlib_module_names)


def _layers(function: Any) -> list[Any]:
    """Return a function and what it wraps, layer by layer: a decorator may be a library's."""
    layers = [function]
    while len(layers) < 100 and issubclass(type(layers[-1]), SEEN_THROUGH):
        held = dict(_held(layers[-1]))
        inner = next((held[name] for name in ("__wrapped__", "func", "__func__") if name in held), None)
        if inner is None:
            break
        layers.append(inner)
    return layers


def _is_own(home: str, thing: Any) -> bool:
    """Return whether the module of a thing is the learner's, by the file where it stands."""
    if type(thing) is FunctionType:
        file = thing.__code__.co_filename
    else:
        file = getattr(sys.modules[home], "__file__", None) or __file__  # of Python's own inside
    return is_learners(file) and not file.startswith(PACKAGE)


def _home(thing: Any) -> str | None:
    """Return the name of the module where a thing or its class is defined; None where that is not loaded."""
    kind = type(thing)
    name: Any
    if issubclass(kind, ModuleType):
        name = dict(_held(thing)).get("__name__")
    elif kind is FunctionType:  # its __module__ would be that of what it wraps
        name = dict.get(thing.__globals__, "__name__")
    elif issubclass(kind, type):
        name = _module(thing)
    else:
        # Functions that are no code of Python's name their module; what else there is, its class does.
        name = dict(_held(thing)).get("__module__") or _module(kind)
    if name == "numpy" and type_name(thing) == "ufunc":
        name = _home_of_ufunc(thing)
    return name if isinstance(name, str) and name in sys.modules else None


def _home_of_ufunc(thing: Any) -> str:
    """Return whose a function of NumPy's kind is: scipy.special has many, and they do not say so."""
    special = sys.modules.get("scipy.special")
    return "scipy" if special is not None and vars(special).get(thing.__name__) is thing else "numpy"


def _parts(one: Any, theirs: bool) -> Iterator[Any]:
    """Yield what a thing uses or holds: all of a learner's, and of Python's own what it was given."""
    kind = type(one)
    if kind is FunctionType:
        for cell in one.__closure__ or ():
            with suppress(ValueError):  # not filled yet
                yield cell.cell_contents
        yield from one.__dict__.values()
        if theirs:
            yield from one.__defaults__ or ()
            yield from (one.__kwdefaults__ or {}).values()
            if sys.version_info < (3, 14):  # later ones are evaluated when they are asked for
                yield from one.__annotations__.values()
            for name in _names(one.__code__, "LOAD_GLOBAL", "LOAD_NAME"):
                yield dict.get(one.__globals__, name)
    elif issubclass(kind, type):
        if theirs:
            yield kind
            yield from _bases(one)
            yield from _entries(one).values()
    elif not issubclass(kind, ModuleType):
        if issubclass(kind, dict):
            yield from islice(dict.values(one), WIDEST)
        base = next((base for base in CONTAINERS if issubclass(kind, base)), None)
        if base is not None:
            yield from islice(base.__iter__(one), WIDEST)
        if theirs or issubclass(kind, SEEN_THROUGH) or _module(kind) == "typing":
            yield kind
            yield from (value for _, value in _held(one))


def _held(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that an object holds itself, in its dictionary or in slots, without asking it."""
    for base in _bases(type(thing)):
        for name, entry in list(_entries(base).items()):
            if type(entry) not in (MemberDescriptorType, GetSetDescriptorType):
                continue
            if name == "__dict__":
                held = entry.__get__(thing)
                if issubclass(type(held), dict):
                    yield from list(dict.items(held))
            elif type(entry) is MemberDescriptorType:
                with suppress(AttributeError):  # nothing is in the slot
                    yield name, entry.__get__(thing)


def _bases(kind: type) -> tuple[type, ...]:
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(kind)
    return found


def _entries(kind: type) -> Mapping[str, Any]:
    found: Mapping[str, Any] = type.__dict__["__dict__"].__get__(kind)
    return found


def _module(kind: type) -> Any:
    with suppress(AttributeError):
        return type.__dict__["__module__"].__get__(kind)
    return None


def _names(code: CodeType, *operations: str) -> Iterator[str]:
    """Yield what some operations name in a function's code and in that of the functions inside it."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in operations:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant, *operations)
