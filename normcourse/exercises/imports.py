"""Find which libraries a function uses, without running it."""

import dis
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["libraries"]


def libraries(function: Any) -> set[str]:
    """Return the names of the libraries outside Python's own that a function uses, by itself or by helpers.

    Args:
        function: Anything; what is no function of Python uses none.

    Example:
        >>> import numpy as np
        >>> from numpy.linalg import norm
        >>> def length(x):
        ...     return norm(np.asarray(x))
        >>> libraries(length)
        {'numpy'}
    """
    found: set[str] = set()
    seen: set[int] = set()
    left = [function]
    while left:
        one = left.pop()
        if not isinstance(one, FunctionType) or id(one) in seen:
            continue
        seen.add(id(one))
        for code in _codes(one.__code__):
            found |= {
                name.argval.partition(".")[0]
                for name in dis.get_instructions(code)
                if name.opname == "IMPORT_NAME"
            }
            for value in (one.__globals__[name] for name in code.co_names if name in one.__globals__):
                home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
                if not isinstance(home, str):
                    continue
                if home == one.__module__:
                    left.append(value)
                else:
                    found.add(home.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
