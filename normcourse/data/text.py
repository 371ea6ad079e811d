"""Real English text: Python's own help, as one release had it."""

import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Text", "help_topics", "library_modules", "load_text"]


class Text(NamedTuple):
    """Characters as numbers, in three parts of one text.

    ``alphabet`` holds every character once, sorted; an entry of ``train``, ``validation`` or ``test`` is a
    character's place in it. The arrays are read-only.
    """

    alphabet: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @classmethod
    def split(cls, whole: str, alphabet: str) -> "Text":
        """Cut a text in order: 80% to train, then 10% and 10%. Characters not in the alphabet are left out.

        Example:
            >>> "".join("abc"[i] for i in Text.split("a cab, a cab, a cab", "abc").train)
            'acabacaba'
        """
        place = {character: i for i, character in enumerate(alphabet)}
        numbers = np.array([place[character] for character in whole if character in place], dtype=np.int64)
        numbers.flags.writeable = False  # whoever asks again gets the same arrays
        first, second = len(numbers) * 8 // 10, len(numbers) * 9 // 10
        return cls(alphabet, numbers[:first], numbers[first:second], numbers[second:])


@cache
def help_topics() -> Mapping[str, str]:
    """Load Python's own help on the language: 79 topics by name, the same on every Python.

    It is what ``help("assert")`` and the like print in Python 3.11.7. Other releases have other words, so the
    package carries this one.

    Source:
        The Python language reference, python.org, in the form of the standard library's
        ``pydoc_data.topics``; Python Software Foundation License, which lies beside the file.

    Example:
        >>> help_topics()["assert"].splitlines()[0]
        'The "assert" statement'
    """
    return _shipped("python_help.json.gz")


@cache
def library_modules() -> Mapping[str, str]:
    """Load the source code of three modules of Python's standard library, the same on every Python.

    They are ``argparse.py``, ``ast.py`` and ``typing.py`` as Python 3.11.7 has them.

    Source:
        CPython, python.org; Python Software Foundation License, which lies beside the file.

    Example:
        >>> sorted(library_modules())
        ['argparse.py', 'ast.py', 'typing.py']
    """
    return _shipped("python_library.json.gz")


def _shipped(name: str) -> Mapping[str, str]:
    texts = json.loads(gzip.decompress((files("normcourse.data") / name).read_bytes()))
    return MappingProxyType(texts)


@cache
def load_text() -> Text:
    """Load the topics of `help_topics` as one text of 465,048 characters; 80% to train, then 10% and 10%.

    The topics follow each other in the order of their names and are cut where the shares end, in the middle
    of a topic.

    Returns:
        The parts as numbers, int64.

    Example:
        >>> text = load_text()
        >>> "".join(text.alphabet[i] for i in text.train[:22])
        'The "assert" statement'
        >>> sum(map(len, text[1:]))
        465048
    """
    topics = help_topics()
    whole = "\n".join(topics[name] for name in sorted(topics))
    return Text.split(whole, "".join(sorted(set(whole))))
