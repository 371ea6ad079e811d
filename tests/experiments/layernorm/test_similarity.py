import numpy as np
import pytest

from normcourse.experiments.layernorm.similarity import SCORES, embed, load_passages, nearest, precision, unit

VECTORS = np.random.default_rng(0).normal(size=(12, 5)) * np.geomspace(0.1, 10, 12)[:, None]


def test_passages_are_of_one_topic_each():
    passages = load_passages(letters=100, least=7)
    assert len(set(passages.texts)) == len(passages.texts) == len(passages.topics)
    assert min(map(len, passages.texts)) >= 100
    assert np.unique(passages.topics, return_counts=True)[1].min() >= 7


def test_scores_are_what_they_are_called():
    first, second = VECTORS[3], VECTORS[7]
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    expected = {
        "dot product": first @ second,
        "Euclidean distance": -(np.linalg.norm(first - second) ** 2),
        "cosine": first @ second / lengths,
        "dot product after LayerNorm": np.corrcoef(first, second)[0, 1],
    }
    assert expected.keys() == SCORES.keys()
    for name, score in SCORES.items():
        np.testing.assert_allclose(score(VECTORS)[3, 7], expected[name], rtol=1e-12)


def test_on_the_sphere_all_orders_are_one():
    around = unit(VECTORS)
    np.testing.assert_allclose(np.linalg.norm(around, axis=1), 1)
    orders = [nearest(SCORES[name](around), 11) for name in ("dot product", "Euclidean distance", "cosine")]
    for order in orders[1:]:
        np.testing.assert_array_equal(order, orders[0])
    assert not np.array_equal(orders[0], nearest(SCORES["dot product"](VECTORS), 11))


def test_nearest_leaves_out_the_vector_itself():
    for score in SCORES.values():
        assert not (nearest(score(VECTORS), 4) == np.arange(12)[:, None]).any()


def test_precision_counts_by_topic():
    # Two pairs of neighbours: a with a, and b with c.
    scores = np.array([[9, 3, 0, 0], [3, 9, 0, 0], [0, 0, 9, 3], [0, 0, 3, 9.0]])
    topics = np.array(["a", "a", "b", "c"])
    np.testing.assert_array_equal(precision(scores, topics, count=1), [1, 0, 0])
    np.testing.assert_allclose(precision(scores, topics, count=3), [1 / 3, 0, 0])


@pytest.mark.parametrize("length", [None, "l2"])
def test_embedding_keeps_or_divides_by_the_number_of_words(length):
    short, long = embed(["one two", "one two " * 9, "two three"], features=2, length=length)[:2]
    grown = np.linalg.norm(long) / np.linalg.norm(short)
    np.testing.assert_allclose(grown, 9 if length is None else 1, rtol=1e-6)
