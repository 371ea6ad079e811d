import numpy as np
import pytest

from normcourse.experiments.search import fresh, search_rate


def test_the_rate_of_the_best_mean_is_chosen_not_of_the_best_run():
    table = np.array([[0.8, 0.8], [0.1, 1.0], [0.9, 0.6]])
    asked = []

    def validate(rates, seeds):
        asked.extend(zip(rates, seeds, strict=True))
        return table.ravel()

    search = search_rate(validate, (0.1, 0.3, 1.0), (7, 8))
    assert search.rate == 0.1
    np.testing.assert_array_equal(search.accuracy, table)
    assert asked == [(0.1, 7), (0.1, 8), (0.3, 7), (0.3, 8), (1.0, 7), (1.0, 8)]


def test_search_seeds_are_not_reported_on():
    assert fresh(range(2), (5,)) == [0, 1]
    with pytest.raises(ValueError, match=r"must differ from the search seeds; both hold \[1\]"):
        fresh(range(2), (1, 5))
