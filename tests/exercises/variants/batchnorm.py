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


def backward_by_the_graph(dy, x, gamma, eps):
    """Go back through each operation of the forward pass, the mean's own part of the variance left out.

    That looks wrong, and is exactly right: the sum of x - mean is zero.
    """
    n = len(x)
    centred = x - x.mean(0)
    var = (centred**2).mean(0)
    rstd = (var + eps) ** -0.5
    dxhat = dy * gamma
    dvar = (dxhat * centred).sum(0) * -0.5 * rstd**3
    dmean = -(dxhat * rstd).sum(0)
    dx = dxhat * rstd + dvar * 2 * centred / n + dmean / n
    return dx, (dy * centred * rstd).sum(0), dy.sum(0)


def backward_with_loops(dy, x, gamma, eps):
    n, features = x.shape
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(features), np.zeros(features)
    for j in range(features):
        xhat = (x[:, j] - np.mean(x[:, j])) / np.sqrt(np.var(x[:, j]) + eps)
        jacobian = np.eye(n) - 1 / n - np.outer(xhat, xhat) / n
        dx[:, j] = jacobian @ dy[:, j] * gamma[j] / np.sqrt(np.var(x[:, j]) + eps)
        for i in range(n):
            dgamma[j] += dy[i, j] * xhat[i]
            dbeta[j] += dy[i, j]
    return dx, dgamma, dbeta


def backward_with_sums(dy, x, gamma, eps):
    """Looks wrong: gamma comes in at the very end, and dx is made of the parameters' gradients."""
    n = x.shape[0]
    root = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / root
    dgamma = np.einsum("nc,nc->c", dy, xhat)
    dbeta = np.einsum("nc->c", dy)
    return gamma / (n * root) * (n * dy - dbeta - xhat * dgamma), dgamma, dbeta


def backward_in_float32(dy, x, gamma, eps):
    dy, x, gamma = (a.astype(np.float32) for a in (dy, x, gamma))
    root = np.sqrt(x.var(0) + np.float32(eps))
    xhat = (x - x.mean(0)) / root
    h = dy * gamma
    return [(h - h.mean(0) - xhat * (h * xhat).mean(0)) / root, (dy * xhat).sum(0), dy.sum(0)]


def conv_by_reshape(x, gamma, beta, eps):
    """Looks wrong: no axis of space is named. Moving the channels last turns positions into examples."""
    flat = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    y = with_einsum(flat, gamma, beta, eps)
    return np.moveaxis(y.reshape(x.shape[0], *x.shape[2:], x.shape[1]), -1, 1)


def conv_by_channel(x, gamma, beta, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        channel = x[:, c]
        y[:, c] = gamma[c] * (channel - channel.mean()) / np.sqrt(channel.var() + eps) + beta[c]
    return y


def conv_by_moments(x, gamma, beta, eps):
    """Looks wrong: means of images are averaged. All images have as many positions, so that is the mean."""
    mean = x.mean((2, 3)).mean(0)
    var = (x**2).mean((2, 3)).mean(0) - mean**2
    scale = gamma / np.sqrt(var + eps)
    return x * scale[:, None, None] + (beta - mean * scale)[:, None, None]


def conv_in_float32(x, gamma, beta, eps):
    x = np.float32(x)
    x -= x.mean((0, 2, 3), keepdims=True)
    x /= np.sqrt(x.var((0, 2, 3), keepdims=True) + np.float32(eps))
    return x * np.float32(gamma).reshape(1, -1, 1, 1) + np.float32(beta).reshape(1, -1, 1, 1)


def _conv_through(backward):
    def through(dy, x, gamma, eps):
        def flat(a):
            return np.moveaxis(a, 1, -1).reshape(-1, x.shape[1])

        dx, dgamma, dbeta = backward(flat(dy), flat(x), gamma, eps)
        return np.moveaxis(dx.reshape(x.shape[0], *x.shape[2:], x.shape[1]), -1, 1), dgamma, dbeta

    through.__name__ = f"flat_{backward.__name__}"
    return through


def conv_backward_by_einsum(dy, x, gamma, eps):
    m = x.size // x.shape[1]
    centred = x - x.mean((0, 2, 3), keepdims=True)
    rstd = 1 / np.sqrt(np.einsum("nchw,nchw->c", centred, centred) / m + eps)
    xhat = np.einsum("nchw,c->nchw", centred, rstd)
    dgamma, dbeta = np.einsum("nchw,nchw->c", dy, xhat), np.einsum("nchw->c", dy)
    part = np.einsum("nchw,c->nchw", xhat, dgamma) + dbeta[:, None, None]
    return np.einsum("nchw,c->nchw", dy - part / m, gamma * rstd), dgamma, dbeta


def step_by_angle(w, g, rate):
    """Looks wrong: w is never stepped. The step is at a right angle, so its tangent says all."""
    ratio = rate * np.linalg.norm(g, axis=1) / np.linalg.norm(w, axis=1)
    return np.arctan(ratio), np.hypot(1, ratio)


def step_with_loops(w, g, rate):
    turn, growth = [], []
    for one, gradient in zip(w, g, strict=True):
        after = one - rate * gradient
        cosine = one @ after / (one @ one * (after @ after)) ** 0.5
        turn.append(np.arccos(cosine))
        growth.append((after @ after / (one @ one)) ** 0.5)
    return turn, growth


def step_in_place(w, g, rate):
    before = np.sqrt((w * w).sum(1))
    unit = w / before[:, None]
    w -= rate * g
    after = np.sqrt((w * w).sum(1))
    return np.arccos(np.einsum("ui,ui->u", unit, w) / after), after / before


def step_in_float32(w, g, rate):
    w, g = np.float32(w), np.float32(g)
    step = np.linalg.norm(np.float32(rate) * g, axis=1)
    return np.arctan2(step, np.linalg.norm(w, axis=1)), 1 / np.cos(
        np.arctan2(step, np.linalg.norm(w, axis=1))
    )


VARIANTS = {
    "bn.forward": [with_loops, with_einsum, in_float32, in_place, as_one_line, as_lists],
    "bn.backward": [backward_by_the_graph, backward_with_loops, backward_with_sums, backward_in_float32],
    "bn.conv": [conv_by_reshape, conv_by_channel, conv_by_moments, conv_in_float32],
    "bn.conv_backward": [
        _conv_through(backward_by_the_graph),
        _conv_through(backward_with_sums),
        _conv_through(backward_in_float32),
        conv_backward_by_einsum,
    ],
    "bn.step": [step_by_angle, step_with_loops, step_in_place, step_in_float32],
}
