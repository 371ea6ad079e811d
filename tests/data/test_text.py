import sys

import numpy as np
import pytest

from normcourse.data import Text, load_text


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


def test_a_text_is_in_order_and_leaves_out_what_the_alphabet_lacks():
    text = Text.split("0123456789" * 2 + "x", "0123456789")
    assert text.train.tolist() == [*range(10), *range(6)]
    assert text.validation.tolist() == [6, 7]
    assert text.test.tolist() == [8, 9]


def test_nobody_can_change_the_text_of_another():
    assert load_text() is load_text()
    with pytest.raises(ValueError, match="read-only"):
        load_text().train[0] = 1


def test_it_reads_as_english():
    text = load_text()
    words = "".join(text.alphabet[i] for i in text.validation).lower().split()
    assert words.count("the") > 200


def test_a_python_without_the_text_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    load_text.cache_clear()
    with pytest.raises(RuntimeError, match="comes without pydoc_data"):
        load_text()
