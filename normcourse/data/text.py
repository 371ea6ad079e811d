"""Real English text that comes with Python itself."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Text", "load_text"]


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
def load_text() -> Text:
    """Load Python's own help on the language, some 460,000 characters; 80% to train, then 10% and 10%.

    The topics follow each other in the order of their names and are cut where the shares end, in the middle
    of a topic. The text is that of the running Python: another version has other words, and
    results on it are comparable within one version only.

    Returns:
        The parts as numbers, int64.

    Raises:
        RuntimeError: This Python comes without ``pydoc_data``, as some cut-down installations do.

    Source:
        The Python language reference, as the standard library ships it for ``help()``.

    Example:
        >>> text = load_text()
        >>> "".join(text.alphabet[i] for i in text.train[:22])
        'The "assert" statement'
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise RuntimeError(
            "the text is Python's own help, and this Python comes without pydoc_data: use a full installation"
        ) from None
    whole = "\n".join(topics[name] for name in sorted(topics))
    return Text.split(whole, "".join(sorted(set(whole))))
