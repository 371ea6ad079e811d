import sys
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest

from normcourse.data import Text, help_topics, library_modules, load_text

DIGEST = "2a95af4ac93f5b719944030ce3769070ddf827d847cba42192afa8da989e5dc4"
MODULES = "8ae3e8aa27b1efc9c83e00e978bf11c3c549a755c8d4e91f33290c9db6f9f97e"


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


def test_the_text_is_the_one_that_the_records_were_made_on():
    text = load_text()
    whole = "".join(text.alphabet[i] for part in (text.train, text.validation, text.test) for i in part)
    assert len(whole) == 465_048
    assert sha256(whole.encode()).hexdigest() == DIGEST


def test_the_text_needs_no_help_of_the_running_python(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    help_topics.cache_clear()
    assert len(help_topics()) == 79


def test_the_source_code_is_the_one_that_the_records_were_made_on():
    whole = "\n".join(library_modules()[name] for name in sorted(library_modules()))
    assert sha256(whole.encode()).hexdigest() == MODULES


def test_nobody_can_change_the_topics_of_another():
    with pytest.raises(TypeError):
        help_topics()["assert"] = ""


def test_the_licence_lies_beside_the_text():
    licence = (files("normcourse.data") / "python.LICENSE.txt").read_text(encoding="utf-8")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licence
