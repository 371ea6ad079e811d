"""Right answers in other styles, by task: each must get full marks."""

import numpy as np


def with_loops(x, gamma, beta, eps):
    y = np.empty_like(x)
    for text, row in enumerate(x):
        for place, token in enumerate(row):
            mean = sum(token) / len(token)
            var = sum((value - mean) ** 2 for value in token) / len(token)
            for j, value in enumerate(token):
                y[text, place, j] = gamma[j] * (value - mean) / (var + eps) ** 0.5 + beta[j]
    return y


def with_einsum(x, gamma, beta, eps):
    features = x.shape[-1]
    centred = x - np.einsum("ntf->nt", x)[..., None] / features
    var = np.einsum("ntf,ntf->nt", centred, centred) / features
    return np.einsum("ntf,nt,f->ntf", centred, (var + eps) ** -0.5, gamma) + beta


def in_float32(x, gamma, beta, eps):
    x, gamma, beta = (np.float32(a) for a in (x, gamma, beta))
    xhat = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + np.float32(eps))
    return gamma * xhat + beta


def in_place(x, gamma, beta, eps):
    x -= x.mean(axis=2, keepdims=True)
    x /= np.sqrt(np.mean(x * x, axis=2, keepdims=True) + eps)
    x *= gamma
    x += beta
    return x


def by_projection(x, gamma, beta, eps):
    """Looks wrong: no mean is taken. A matrix drops it, and a length stands for the deviation."""
    features = x.shape[-1]
    shadow = x @ (np.eye(features) - 1 / features)
    length = np.sqrt((shadow**2).sum(-1, keepdims=True) + features * eps)
    return gamma * np.sqrt(features) * shadow / length + beta


def as_batch_norm(x, gamma, beta, eps):
    """Looks wrong: averages run over axis 0. The tokens have become the columns."""
    columns = x.reshape(-1, x.shape[-1]).T
    xhat = (columns - columns.mean(0)) / np.sqrt(columns.var(0) + eps)
    return (gamma[:, None] * xhat + beta[:, None]).T.reshape(x.shape).tolist()


VARIANTS = {
    "ln.forward": [with_loops, with_einsum, in_float32, in_place, by_projection, as_batch_norm],
}
