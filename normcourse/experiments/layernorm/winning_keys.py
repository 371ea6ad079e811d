"""Which keys can win: for which there is a query whose attention they get more of than all other keys.

A key wins for some query if and only if it is a corner of the convex hull of the keys. On a sphere every
point is a corner. A head maps its tokens to a few features, and the image of a sphere under such a map is
solid.

Source:
    Brody, Alon and Yahav 2023, arXiv 2305.02582, for LayerNorm and the keys that no query can select.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull
from torch import Tensor

from normcourse.data import load_text
from normcourse.experiments.engine import language
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import Tolerance
from normcourse.functional import layer_norm, rms_norm
from normcourse.models import CausalTransformer
from normcourse.probes import watch

__all__ = ["FEATURES", "HEADS", "KEYS", "SWEEP", "can_win", "drawn", "measure", "trained"]

#: Of a token.
FEATURES = 64
#: Of a text.
KEYS = 32
#: How many of a layer's heads are looked at.
HEADS = 4
_FLAT = 4  # up to here the hull is faster than linear programs


def can_win(keys: ArrayLike) -> NDArray[np.bool_]:
    """Say of each key whether some query gives it a larger product than all the others.

    Those are the corners of the keys' convex hull. In over four dimensions a linear program looks for the
    query, with entries between -1 and 1, that puts a key most ahead.

    Args:
        keys: Shape ``(N, width)``.

    Returns:
        Shape ``(N,)``.

    Example:
        >>> can_win([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
        array([ True,  True,  True, False])
    """
    points = np.asarray(keys, dtype=float)
    points = points / np.abs(points).max()
    count, width = points.shape
    wins = np.zeros(count, dtype=bool)
    if width <= _FLAT:
        wins[ConvexHull(points).vertices] = True
        return wins
    ahead = np.r_[np.zeros(width), -1.0]  # the last unknown, which is to be large, is by how much it leads
    for i, key in enumerate(points):
        others = np.delete(points, i, axis=0) - key
        found = linprog(
            ahead,
            A_ub=np.hstack([others, np.ones((count - 1, 1))]),
            b_ub=np.zeros(count - 1),
            bounds=[(-1, 1)] * width + [(None, 1)],
        )
        wins[i] = -found.fun > 1e-9
    return wins


def drawn(width: int, seed: int, *, norm: bool, key_norm: bool) -> NDArray[np.float64]:
    """Return the keys that a random head makes of random tokens of unlike lengths, ``(KEYS, width)``.

    Args:
        width: Features of a key.
        seed: Of the tokens, whose lengths vary by a factor of about e, and of the map.
        norm: Whether a LayerNorm stands before the map.
        key_norm: Whether an RMSNorm stands after it, as in QK-norm.
    """
    rng = np.random.default_rng(seed)
    tokens = torch.from_numpy(rng.normal(size=(KEYS, FEATURES)) * np.exp(rng.normal(size=(KEYS, 1))))
    matrix = torch.from_numpy(rng.normal(size=(FEATURES, width)))
    keys = (layer_norm(tokens, (FEATURES,), eps=0.0) if norm else tokens) @ matrix
    return np.asarray(rms_norm(keys, (width,), eps=0.0) if key_norm else keys, dtype=np.float64)


def trained(model: CausalTransformer, texts: Tensor) -> NDArray[np.float64]:
    """Return the share of keys that can win among those of their text, by attention layer and head.

    Args:
        model: A transformer.
        texts: Tokens ``(B, T)``.

    Returns:
        Shape ``(layers, heads)``: the mean over texts, of the first `HEADS` heads.
    """
    names = [name for name, _ in model.named_modules() if name.endswith("key_norm")]
    with watch(model, names) as seen, torch.no_grad():
        model(texts)
    keys = [layer[:, :HEADS] for [layer] in seen.values()]  # (B, heads, T, width)
    shares = [[[can_win(head).mean() for head in text] for text in layer] for layer in keys]
    by_text: NDArray[np.float64] = np.array(shares)  # (layers, texts, heads)
    means: NDArray[np.float64] = by_text.mean(axis=1)
    return means


def measure(*, width: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Return shares of keys that can win, shape ``(seeds,)``, for `SWEEP`.

    Args:
        width: Features of a key, and so of each head.
        seeds: Of what is drawn, of the models and of the texts that they learn.

    Returns:
        ``bare``, of random tokens without a norm before the map; ``drawn``, with LayerNorm before it;
        ``normed``, with RMSNorm on the keys as well; ``trained``, in a transformer of two layers with
        LayerNorm after 100 steps, mean over layers and their first heads for one text.
    """
    config = language.Config(layers=2, heads=FEATURES // width, steps=100)
    models = language.run(config, seeds=seeds, progress=False).models
    texts = language.some_texts(load_text().test, KEYS)[:1, :-1]

    def shares(norm: bool, key_norm: bool) -> NDArray[np.float64]:
        keys = [drawn(width, seed, norm=norm, key_norm=key_norm) for seed in seeds]
        return np.array([can_win(of).mean() for of in keys])

    return {
        "bare": shares(norm=False, key_norm=False),
        "drawn": shares(norm=True, key_norm=False),
        "normed": shares(norm=True, key_norm=True),
        "trained": np.array([trained(model, texts).mean() for model in models]),
    }


_SOME = Tolerance(0.05, "of the keys")

#: Heads of four widths. It takes four minutes.
SWEEP = Sweep(
    "winning_keys",
    {"width": (2, 4, 8, 16)},
    tuple(range(4)),
    measure,
    corner={"width": 16},
    tolerances={"bare": _SOME, "drawn": _SOME, "normed": _SOME, "trained": _SOME},
)
