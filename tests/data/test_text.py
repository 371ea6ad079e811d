import sys

import numpy as np
import pytest

from normcourse.data import load_text


def test_the_parts_are_one_text_without_gaps():
    text = load_text()
    parts = [text.train, text.validation, text.test]
    total = sum(map(len, parts))
    assert total > 300_000
    assert [round(10 * len(part) / total) for part in parts] == [8, 1, 1]
    numbers = np.concatenate(parts)
    assert numbers.min() == 0
    assert numbers.max() == len(text.alphabet) - 1
    assert len(set(numbers.tolist())) == len(text.alphabet)


def test_it_reads_as_english():
    text = load_text()
    words = "".join(text.alphabet[i] for i in text.validation).lower().split()
    assert words.count("the") > 200


def test_a_python_without_the_text_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(RuntimeError, match="comes without pydoc_data"):
        load_text()
