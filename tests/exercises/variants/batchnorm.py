"""Right answers in other styles, by task: each must get full marks."""

import numpy as np


def with_loops(x, gamma, beta, eps):
    n, features = x.shape
    y = np.empty_like(x)
    for j in range(features):
        mean = sum(x[i, j] for i in range(n)) / n
        var = sum((x[i, j] - mean) ** 2 for i in range(n)) / n
        for i in range(n):
            y[i, j] = gamma[j] * (x[i, j] - mean) / (var + eps) ** 0.5 + beta[j]
    return y


def with_einsum(x, gamma, beta, eps):
    centred = x - np.einsum("nc->c", x) / len(x)
    rstd = 1 / np.sqrt(np.einsum("nc,nc->c", centred, centred) / len(x) + eps)
    return np.einsum("nc,c->nc", centred, gamma * rstd) + beta


def in_float32(x, gamma, beta, eps):
    x, gamma, beta = (np.float32(a) for a in (x, gamma, beta))
    return (x - x.mean(0)) / np.sqrt(x.var(0) + np.float32(eps)) * gamma + beta


def in_place(x, gamma, beta, eps):
    x -= x.mean(axis=0)
    x /= np.sqrt((x**2).mean(axis=0) + eps)
    x *= gamma
    x += beta
    return x


def as_one_line(x, gamma, beta, eps):
    """Looks wrong: no mean is subtracted from x. The shift takes it in."""
    scale = gamma / np.sqrt(x.var(0) + eps)
    return x * scale + (beta - x.mean(0) * scale)


def as_lists(x, gamma, beta, eps):
    return with_loops(x, gamma, beta, eps).tolist()


VARIANTS = {"bn.forward": [with_loops, with_einsum, in_float32, in_place, as_one_line, as_lists]}
