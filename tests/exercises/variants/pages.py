"""Right answers to the pages' own exercises, in other styles."""

import numpy as np


def by_the_gradient(h, xhat, var, eps):
    """Compute dx as the page does, and take its part along xhat."""
    dx = (h - h.mean(0) - xhat * (h * xhat).mean(0)) / np.sqrt(var + eps)
    return np.einsum("nc,nc->c", xhat, dx)


def with_loops(h, xhat, var, eps):
    along = []
    for j in range(h.shape[1]):
        total = sum(one * other for one, other in zip(h[:, j], xhat[:, j], strict=True))
        along.append(total * eps * (var[j] + eps) ** -1.5)
    return along


def from_xhat_alone(h, xhat, var, eps):
    """Let the mean square of xhat say what is left."""
    return (h * xhat).sum(0) * (1 - np.mean(xhat**2, axis=0)) / np.sqrt(var + eps)


def weighted(running_mean, running_var, x, tracked):
    """Weigh old and new, as a sum over all batches divided by their number."""
    new_mean, new_var = np.mean(x, axis=0), np.var(x, axis=0, ddof=1)
    count = tracked + 1
    return (tracked * running_mean + new_mean) / count, (tracked * running_var + new_var) / count


def in_place(running_mean, running_var, x, tracked):
    """Change copies of the statistics, the variance by Bessel's correction."""
    mean, var, n = running_mean.copy(), running_var.copy(), len(x)
    mean += (x.mean(0) - mean) / (tracked + 1)
    var += (x.var(0) * n / (n - 1) - var) / (tracked + 1)
    return [mean, var]


def feature_by_feature(running_mean, running_var, x, tracked):
    means, variances = [], []
    for old_mean, old_var, column in zip(running_mean, running_var, x.T, strict=True):
        centre = sum(column) / len(column)
        squares = sum((value - centre) ** 2 for value in column)
        means.append(old_mean * (1 - 1 / (tracked + 1)) + centre / (tracked + 1))
        variances.append(old_var * (1 - 1 / (tracked + 1)) + squares / (len(column) - 1) / (tracked + 1))
    return means, variances


VARIANTS = {
    "backward.orthogonal": [by_the_gradient, with_loops, from_xhat_alone],
    "layer.average": [weighted, in_place, feature_by_feature],
}
