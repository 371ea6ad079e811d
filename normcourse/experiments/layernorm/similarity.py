"""Similarity search among real paragraphs: what the length of a vector does to its neighbours.

Source:
    Deerwester et al. 1990, Indexing by Latent Semantic Analysis, JASIS 41(6), for the vectors.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from normcourse.data import help_topics

__all__ = ["SCORES", "Passages", "embed", "load_passages", "nearest", "precision", "unit"]


class Passages(NamedTuple):
    """Paragraphs, and of each the topic that it is from; both of length ``N``."""

    texts: list[str]
    topics: NDArray[np.str_]


def load_passages(*, letters: int = 80, least: int = 5) -> Passages:
    """Load the paragraphs of Python's own help, each with its topic.

    Paragraphs that stand in several topics are left out: their topic is not one.

    Args:
        letters: Length of the shortest paragraph.
        least: Paragraphs of the smallest topic.

    Example:
        >>> passages = load_passages()
        >>> "types" in passages.topics, len(passages.texts) == len(passages.topics)
        (True, True)
    """
    topics = help_topics()
    found = [
        (" ".join(paragraph.split()), name)
        for name in sorted(topics)
        for paragraph in topics[name].split("\n\n")
    ]
    found = [(text, name) for text, name in found if len(text) >= letters]
    times = Counter(text for text, _ in found)
    found = [(text, name) for text, name in found if times[text] == 1]
    sizes = Counter(name for _, name in found)
    found = [(text, name) for text, name in found if sizes[name] >= least]
    return Passages([text for text, _ in found], np.array([name for _, name in found]))


def embed(texts: list[str], *, features: int = 64, length: str | None = None) -> NDArray[np.float64]:
    """Return a vector for each text: weighted counts of its words, brought to few features.

    Args:
        texts: Any.
        features: Of each vector, F.
        length: How the counts of a text are normalized before that: ``"l2"``, which is scikit-learn's
            default, or None for not at all.

    Returns:
        Vectors, shape ``(texts, features)``.

    Example:
        >>> embed(["one two", "two three", "three one"], features=2).shape
        (3, 2)
    """
    counts = TfidfVectorizer(norm=length).fit_transform(texts)
    vectors: NDArray[np.float64] = TruncatedSVD(features, random_state=0).fit_transform(counts)
    return vectors


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """L2 normalization: divide each vector, along the last axis, by its length."""
    scaled: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def _minus_distance(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (vectors**2).sum(axis=1)
    apart: NDArray[np.float64] = squares[:, None] + squares - 2 * vectors @ vectors.T
    return -apart


def _dot(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    products: NDArray[np.float64] = vectors @ vectors.T
    return products


def _centred(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = vectors - vectors.mean(axis=1, keepdims=True)
    return centred


#: How alike two vectors are; maps ``(N, F)`` to ``(N, N)``, and the larger is the nearer.
SCORES: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "dot product": _dot,
    "Euclidean distance": _minus_distance,
    "cosine": lambda vectors: _dot(unit(vectors)),
    "dot product after LayerNorm": lambda vectors: _dot(unit(_centred(vectors))),
}


def nearest(scores: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the nearest others of each vector, nearest first, shape ``(N, count)``.

    Example:
        >>> nearest(np.array([[9.0, 1.0, 2.0], [1.0, 9.0, 0.0], [2.0, 0.0, 9.0]]), 1).ravel()
        array([2, 0, 0])
    """
    others = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores)
    return np.argsort(-others, axis=1, kind="stable")[:, :count]


def precision(
    scores: NDArray[np.float64], topics: NDArray[np.str_], *, count: int = 5
) -> NDArray[np.float64]:
    """Return which share of the nearest others is of the same topic: one mean for each topic, sorted by name.

    Args:
        scores: As `SCORES` give them, shape ``(N, N)``.
        topics: Of each vector, shape ``(N,)``.
        count: How many neighbours are looked at.
    """
    right = (topics[nearest(scores, count)] == topics[:, None]).mean(axis=1)
    return np.array([right[topics == name].mean() for name in np.unique(topics)])
