"""The yardstick of the language models: tables of counts."""

import numpy as np
import pytest

from normcourse.data.text import Text
from normcourse.experiments.layernorm.language_budget import counting_loss


@pytest.mark.parametrize(("before", "expected"), [(0, np.log(2)), (1, np.log(2)), (2, 0)])
def test_the_table_sees_as_many_characters_as_it_is_told(before, expected):
    period = np.array([0, 0, 1, 1] * 1000)  # two characters decide the next, one does not
    text = Text("ab", period, period[:0], period[:400])
    assert counting_loss(text, before, prior=1e-3) == pytest.approx(expected, abs=0.01)


def test_counts_come_from_the_training_part():
    ones, zeros = np.ones(100, dtype=int), np.zeros(100, dtype=int)
    assert counting_loss(Text("ab", ones, zeros, zeros), 0) == pytest.approx(np.log(100.2 / 0.1))
