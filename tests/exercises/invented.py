"""Wrong answers that nobody fitted the judgement to: invented without sight of it, or seen in public code.

What is wrong stands in words beside each answer. Those of `SEEN` were met in public code and threads, and are
written anew in the signature that is asked for. Do not teach the judgement what it misses here: these answers
measure how much of the unknown it names. To measure again after that, invent others.
"""

# ruff: noqa: B905, E501, F811, RUF059

import numpy as np

INVENTED = {}
SEEN = {}


def invented(task, description):
    """Keep an invented answer under its task."""

    def keep(function):
        INVENTED.setdefault(task, []).append((description, function))
        return function

    return keep


def seen(task, description):
    """Keep an answer that was seen under its task."""

    def keep(function):
        SEEN.setdefault(task, []).append((description, function))
        return function

    return keep


# ---------------------------------------------------------------- bn.forward
@invented("bn.forward", "Takes mean and variance of each row (example) instead of each column (feature).")
def bn_forward(x, gamma, beta, eps):
    mu = x.mean(axis=1, keepdims=True)
    var = x.var(axis=1, keepdims=True)
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


@invented("bn.forward", "Uses the unbiased variance (ddof=1) where the biased one is asked for.")
def bn_forward(x, gamma, beta, eps):
    N, C = x.shape
    mu = np.sum(x, axis=0) / N
    var = np.sum((x - mu) ** 2, axis=0) / (N - 1)
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma * x_hat + beta


@invented("bn.forward", "Adds eps to the standard deviation, outside of the square root.")
def bn_forward(x, gamma, beta, eps):
    std = np.std(x, axis=0)
    x_hat = (x - np.mean(x, axis=0)) / (std + eps)
    out = gamma * x_hat + beta
    return out


@invented("bn.forward", "Divides by variance plus eps; the square root is missing.")
def bn_forward(x, gamma, beta, eps):
    mean, variance = x.mean(0), x.var(0)
    return (x - mean) / (variance + eps) * gamma + beta


@invented("bn.forward", "eps is never used.")
def bn_forward(x, gamma, beta, eps):
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        col = x[:, c]
        y[:, c] = gamma[c] * (col - col.mean()) / col.std() + beta[c]
    return y


@invented("bn.forward", "The mean is not subtracted, only the scale is normalized.")
def bn_forward(x, gamma, beta, eps):
    inv = 1.0 / np.sqrt(np.var(x, axis=0) + eps)
    return x * inv * gamma + beta


@invented("bn.forward", "One mean and one variance over the whole array instead of one for each feature.")
def bn_forward(x, gamma, beta, eps):
    mu = np.mean(x)
    var = np.mean((x - mu) ** 2)
    x_norm = (x - mu) / np.sqrt(var + eps)
    return gamma * x_norm + beta


@invented("bn.forward", "beta is added before the multiplication by gamma, so it is scaled too.")
def bn_forward(x, gamma, beta, eps):
    x_norm = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return gamma * (x_norm + beta)


@invented("bn.forward", "Uses the mean square of x as the variance: it is not taken about the mean.")
def bn_forward(x, gamma, beta, eps):
    mu = x.mean(axis=0)
    sq = x**2
    var = sq.mean(axis=0)
    return gamma * ((x - mu) / np.sqrt(var + eps)) + beta


@invented("bn.forward", "Uses the sum of squared deviations, not divided by N, as the variance.")
def bn_forward(x, gamma, beta, eps):
    xc = x - x.mean(axis=0)
    var = np.einsum("nc,nc->c", xc, xc)
    return gamma * xc / np.sqrt(var + eps) + beta


@invented(
    "bn.forward",
    "Two mistakes: mean and variance of each row instead of each column, and eps outside of the root.",
)
def bn_forward(x, gamma, beta, eps):
    y = np.zeros_like(x)
    for i, row in enumerate(x):
        y[i] = gamma * (row - row.mean()) / (row.std() + eps) + beta
    return y


@invented("bn.forward", "A missing bracket: only the mean is divided by the deviation, not x minus mean.")
def bn_forward(x, gamma, beta, eps):
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    x_hat = x - mu / np.sqrt(var + eps)
    return gamma * x_hat + beta


@invented("bn.forward", "eps is added after the division by sqrt(var), to the normalized value.")
def bn_forward(x, gamma, beta, eps):
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    x_hat = (x - mu) / np.sqrt(var) + eps
    return gamma * x_hat + beta


@invented("bn.forward", "eps is hard-coded as 1e-5 and the argument is ignored.")
def bn_forward(x, gamma, beta, eps):
    eps = 1e-5
    m_ = np.mean(x, axis=0, keepdims=True)
    v_ = np.var(x, axis=0, keepdims=True)
    return gamma * (x - m_) / np.sqrt(v_ + eps) + beta


@invented("bn.forward", "Divides by the range (max minus min) of each feature instead of its deviation.")
def bn_forward(x, gamma, beta, eps):
    mu = x.mean(axis=0)
    spread = x.max(axis=0) - x.min(axis=0)
    return gamma * (x - mu) / (spread + eps) + beta


@invented("bn.forward", "The sums over the batch are divided by the number of features C instead of N.")
def bn_forward(x, gamma, beta, eps):
    N = x.shape[1]
    mu = x.sum(axis=0) / N
    var = ((x - mu) ** 2).sum(axis=0) / N
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


@invented("bn.forward", "gamma and beta have changed places: beta scales and gamma shifts.")
def bn_forward(x, gamma, beta, eps):
    def normalize(col):
        return (col - col.mean()) / np.sqrt(col.var() + eps)

    cols = [beta[j] * normalize(x[:, j]) + gamma[j] for j in range(x.shape[1])]
    return np.stack(cols, axis=1)


@invented("bn.forward", "Two mistakes: eps is added outside of the root, and beta is scaled by gamma.")
def bn_forward(x, gamma, beta, eps):
    z = (x - x.mean(axis=0)) / (np.sqrt(x.var(axis=0)) + eps)
    return (z + beta) * gamma


@invented("bn.forward", "Two mistakes: unbiased variance, and beta is forgotten.")
def bn_forward(x, gamma, beta, eps):
    mu = x.mean(axis=0)
    var = x.var(axis=0, ddof=1)
    return gamma * (x - mu) / np.sqrt(var + eps)


@invented("bn.forward", "Two mistakes: the mean is that of each row, and eps is forgotten.")
def bn_forward(x, gamma, beta, eps):
    centred = x - x.mean(axis=1)[:, None]
    return gamma * centred / x.std(axis=0) + beta


# --------------------------------------------------------------- bn.backward
@invented("bn.backward", "The gradient of the variance has the exponent -1/2 instead of -3/2.")
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    mu, var = x.mean(axis=0), x.var(axis=0)
    xmu = x - mu
    ivar = 1.0 / np.sqrt(var + eps)
    xhat = xmu * ivar
    dbeta = dy.sum(axis=0)
    dgamma = (dy * xhat).sum(axis=0)
    dxhat = dy * gamma
    dvar = np.sum(dxhat * xmu, axis=0) * -0.5 * (var + eps) ** (-0.5)
    dmean = np.sum(-dxhat * ivar, axis=0)
    dx = dxhat * ivar + dvar * 2 * xmu / N + dmean / N
    return dx, dgamma, dbeta


@invented("bn.backward", "The factor 1/2 in the gradient of the variance is missing.")
def bn_backward(dy, x, gamma, eps):
    N, D = dy.shape
    mean = x.mean(0)
    var = x.var(0)
    std = np.sqrt(var + eps)
    x_norm = (x - mean) / std
    dx_norm = dy * gamma
    dvar = -np.sum(dx_norm * (x - mean), axis=0) / std**3
    dmean = -np.sum(dx_norm, axis=0) / std
    dx = dx_norm / std + 2 * (x - mean) * dvar / N + dmean / N
    return dx, np.sum(dy * x_norm, axis=0), np.sum(dy, axis=0)


@invented("bn.backward", "The gradient of the variance has the wrong sign.")
def bn_backward(dy, x, gamma, eps):
    N = len(x)
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    inv = (var + eps) ** -0.5
    xhat = (x - mu) * inv
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mu) * 0.5 * inv**3, axis=0)
    dmu = np.sum(-dxhat * inv, axis=0) + dvar * np.mean(-2 * (x - mu), axis=0)
    dx = dxhat * inv + dvar * 2 * (x - mu) / N + dmu / N
    return dx, np.sum(dy * xhat, 0), np.sum(dy, 0)


@invented("bn.backward", "The derivative of the square lacks its 2: the variance passes on (x - mean)/N.")
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    mu, var = x.mean(axis=0), x.var(axis=0)
    s = np.sqrt(var + eps)
    xhat = (x - mu) / s
    g = dy * gamma
    divar = (g * (x - mu)).sum(axis=0)
    dsqrt = -divar / s**2
    dvar = 0.5 * dsqrt / s
    dsq = np.ones_like(x) * dvar / N
    dxmu = g / s + (x - mu) * dsq
    dmu = -dxmu.sum(axis=0)
    dx = dxmu + np.ones_like(x) * dmu / N
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


@invented("bn.backward", "The part of dx that comes from the variance is not divided by N.")
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    xmu = x - x.mean(axis=0)
    inv_std = 1 / np.sqrt(x.var(axis=0) + eps)
    dxhat = gamma * dy
    dvar = (dxhat * xmu).sum(0) * (-0.5) * inv_std**3
    dmu = -(dxhat * inv_std).sum(0)
    dx = dxhat * inv_std + dvar * 2.0 * xmu + dmu / N
    return dx, (dy * xmu * inv_std).sum(0), dy.sum(0)


@invented("bn.backward", "The gradient of the mean is handed on whole to each example, not divided by N.")
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    xc = x - x.mean(axis=0)
    std = np.sqrt((xc**2).mean(axis=0) + eps)
    xn = xc / std
    dbeta = dy.sum(axis=0)
    dgamma = np.sum(xn * dy, axis=0)
    dxn = gamma * dy
    dxc = dxn / std
    dstd = -np.sum((dxn * xc) / (std * std), axis=0)
    dvar = 0.5 * dstd / std
    dxc = dxc + (2.0 / N) * xc * dvar
    dmu = np.sum(dxc, axis=0)
    dx = dxc - dmu
    return dx, dgamma, dbeta


@invented("bn.backward", "The path through the mean is left out.")
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    mu = x.mean(axis=0)
    ivar = 1 / np.sqrt(x.var(axis=0) + eps)
    xhat = (x - mu) * ivar
    dxhat = dy * gamma
    dx = ivar * (dxhat - xhat * np.sum(dxhat * xhat, axis=0) / N)
    return dx, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


@invented(
    "bn.backward", "The path through the variance is left out: only the mean of the gradient is subtracted."
)
def bn_backward(dy, x, gamma, eps):
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    dxhat = dy * gamma
    dx = (dxhat - dxhat.mean(axis=0)) / std
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


@invented("bn.backward", "gamma is forgotten in dx.")
def bn_backward(dy, x, gamma, eps):
    N = dy.shape[0]
    std = np.sqrt(np.var(x, axis=0) + eps)
    xhat = (x - np.mean(x, axis=0)) / std
    dbeta = np.sum(dy, axis=0)
    dgamma = np.sum(dy * xhat, axis=0)
    dx = (N * dy - dbeta - xhat * dgamma) / (N * std)
    return dx, dgamma, dbeta


@invented("bn.backward", "gamma is multiplied in twice: in the gradient of xhat and again in front.")
def bn_backward(dy, x, gamma, eps):
    N = dy.shape[0]
    std = np.sqrt(np.var(x, axis=0) + eps)
    xhat = (x - np.mean(x, axis=0)) / std
    dxhat = gamma * dy
    dx = gamma / (N * std) * (N * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0))
    return dx, (dy * xhat).sum(0), dy.sum(0)


@invented("bn.backward", "dgamma is formed with x minus mean, which is not divided by the deviation.")
def bn_backward(dy, x, gamma, eps):
    xmu = x - x.mean(axis=0)
    ivar = (x.var(axis=0) + eps) ** -0.5
    xhat = xmu * ivar
    dgamma = np.einsum("nc,nc->c", dy, xmu)
    dbeta = np.einsum("nc->c", dy)
    g = dy * gamma
    dx = ivar * (g - g.mean(0) - xhat * (g * xhat).mean(0))
    return dx, dgamma, dbeta


@invented("bn.backward", "dgamma contains gamma: it is formed with the gradient of xhat instead of dy.")
def bn_backward(dy, x, gamma, eps):
    mu, var = x.mean(axis=0), x.var(axis=0)
    ivar = 1.0 / np.sqrt(var + eps)
    xhat = (x - mu) * ivar
    dout = dy * gamma
    dgamma = np.sum(dout * xhat, axis=0)
    dx = ivar * (dout - dout.mean(axis=0) - xhat * np.mean(dout * xhat, axis=0))
    return dx, dgamma, dy.sum(axis=0)


@invented("bn.backward", "dbeta contains gamma: it sums gamma * dy.")
def bn_backward(dy, x, gamma, eps):
    mu, var = x.mean(axis=0), x.var(axis=0)
    ivar = 1.0 / np.sqrt(var + eps)
    xhat = (x - mu) * ivar
    dgamma = np.sum(dy * xhat, axis=0)
    dy = dy * gamma
    dbeta = np.sum(dy, axis=0)
    dx = ivar * (dy - dbeta / len(dy) - xhat * np.mean(dy * xhat, axis=0))
    return dx, dgamma, dbeta


@invented(
    "bn.backward",
    "In the last term of the short formula the inner product with xhat is missing: xhat times the mean of dxhat.",
)
def bn_backward(dy, x, gamma, eps):
    mu, var = x.mean(axis=0), x.var(axis=0)
    ivar = 1.0 / np.sqrt(var + eps)
    xhat = (x - mu) * ivar
    dxhat = dy * gamma
    dx = ivar * (dxhat - np.mean(dxhat, axis=0) - xhat * np.mean(dxhat, axis=0))
    return dx, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


@invented("bn.backward", "In the last term of the short formula the outer factor xhat is missing.")
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    mu, var = x.mean(axis=0), x.var(axis=0)
    s = np.sqrt(var + eps)
    xhat = (x - mu) / s
    dxhat = dy * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - (dxhat * xhat).sum(axis=0)) / (N * s)
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


@invented(
    "bn.backward", "The means of the short formula are taken over the features (axis 1) instead of the batch."
)
def bn_backward(dy, x, gamma, eps):
    ivar = 1 / np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) * ivar
    dxhat = dy * gamma
    dx = ivar * (
        dxhat - dxhat.mean(axis=1, keepdims=True) - xhat * (dxhat * xhat).mean(axis=1, keepdims=True)
    )
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


@invented(
    "bn.backward",
    "Two mistakes: the Jacobian lacks the part of the mean (no 1/N matrix), and dgamma contains gamma.",
)
def bn_backward(dy, x, gamma, eps):
    N, C = x.shape
    dx = np.zeros_like(x)
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    g = gamma * dy
    for c in range(C):
        h = xhat[:, c]
        jac = (np.eye(N) - np.outer(h, h) / N) / std[c]
        dx[:, c] = jac @ g[:, c]
    return dx, (g * xhat).sum(0), dy.sum(0)


@invented(
    "bn.backward",
    "Two mistakes: the variance gradient has the wrong sign, and dbeta is a mean instead of a sum.",
)
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    mu, var = x.mean(axis=0), x.var(axis=0)
    ivar = 1.0 / np.sqrt(var + eps)
    xhat = (x - mu) * ivar
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mu), axis=0) * 0.5 * ivar**3
    dmu = -np.sum(dxhat * ivar, axis=0)
    dx = dxhat * ivar + dvar * 2 * (x - mu) / N + dmu / N
    return dx, np.sum(dy * xhat, axis=0), np.mean(dy, axis=0)


@invented("bn.backward", "Two mistakes: eps is outside of the root, and gamma is forgotten in dx.")
def bn_backward(dy, x, gamma, eps):
    std = np.std(x, axis=0) + eps
    xhat = (x - np.mean(x, axis=0)) / std
    dx = (dy - dy.mean(axis=0) - xhat * (dy * xhat).mean(axis=0)) / std
    return dx, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


@invented(
    "bn.backward",
    "Two mistakes: dgamma and dbeta are returned in swapped order, and the factor 1/std is missing in dx.",
)
def bn_backward(dy, x, gamma, eps):
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    dgamma = np.sum(dy * xhat, axis=0)
    dbeta = np.sum(dy, axis=0)
    dxhat = gamma * dy
    dx = dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)
    return dx, dbeta, dgamma


# ------------------------------------------------------------------- bn.conv
@invented("bn.conv", "Statistics of each image by itself (axes 2 and 3): InstanceNorm.")
def bn_conv(x, gamma, beta, eps):
    mu = x.mean(axis=(2, 3), keepdims=True)
    var = x.var(axis=(2, 3), keepdims=True)
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma[None, :, None, None] * x_hat + beta[None, :, None, None]


@invented("bn.conv", "Statistics of each image over channels and positions (axes 1, 2, 3): LayerNorm.")
def bn_conv(x, gamma, beta, eps):
    C = x.shape[1]
    axes = (1, 2, 3)
    x_hat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return gamma.reshape(1, C, 1, 1) * x_hat + beta.reshape(1, C, 1, 1)


@invented(
    "bn.conv",
    "Flattens with reshape(-1, C) without moving the channel axis to the end, which mixes channels.",
)
def bn_conv(x, gamma, beta, eps):
    N, C, H, W = x.shape
    flat = x.reshape(-1, C)
    flat = gamma * (flat - flat.mean(axis=0)) / np.sqrt(flat.var(axis=0) + eps) + beta
    return flat.reshape(N, C, H, W)


@invented(
    "bn.conv",
    "Flattens rightly, but on the way back reshapes to (N, C, H, W) at once, without the transpose.",
)
def bn_conv(x, gamma, beta, eps):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(-1, C)
    out = gamma * (flat - flat.mean(axis=0)) / np.sqrt(flat.var(axis=0) + eps) + beta
    return out.reshape(N, C, H, W)


@invented("bn.conv", "The transpose on the way back exchanges height and width.")
def bn_conv(x, gamma, beta, eps):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(N * H * W, C)
    mu, var = flat.mean(0), flat.var(0)
    out = (flat - mu) / np.sqrt(var + eps) * gamma + beta
    return out.reshape(N, H, W, C).transpose(0, 3, 2, 1)


@invented("bn.conv", "One mean and variance over the whole array, all channels together.")
def bn_conv(x, gamma, beta, eps):
    x_hat = (x - x.mean()) / np.sqrt(x.var() + eps)
    return x_hat * gamma[:, None, None] + beta[:, None, None]


@invented(
    "bn.conv",
    "The variance is the mean of the variances of the single images, so the spread between images is lost.",
)
def bn_conv(x, gamma, beta, eps):
    mu = x.mean(axis=(0, 2, 3), keepdims=True)
    var = x.var(axis=(2, 3), keepdims=True).mean(axis=0, keepdims=True)
    g, b = gamma[:, None, None], beta[:, None, None]
    return g * (x - mu) / np.sqrt(var + eps) + b


@invented("bn.conv", "Unbiased variance (ddof=1).")
def bn_conv(x, gamma, beta, eps):
    N, C, H, W = x.shape
    out = np.zeros_like(x)
    for c in range(C):
        ch = x[:, c]
        out[:, c] = gamma[c] * (ch - ch.mean()) / np.sqrt(ch.var(ddof=1) + eps) + beta[c]
    return out


@invented("bn.conv", "eps is added to the deviation, outside of the root.")
def bn_conv(x, gamma, beta, eps):
    xt = np.moveaxis(x, 1, -1)
    mu = xt.mean(axis=(0, 1, 2))
    std = xt.std(axis=(0, 1, 2))
    return np.moveaxis(gamma * (xt - mu) / (std + eps) + beta, -1, 1)


@invented("bn.conv", "The squared deviations are summed over batch and positions but divided by N only.")
def bn_conv(x, gamma, beta, eps):
    N, C, H, W = x.shape
    mu = x.mean(axis=(0, 2, 3)).reshape(1, C, 1, 1)
    var = (np.sum((x - mu) ** 2, axis=(0, 2, 3)) / N).reshape(1, C, 1, 1)
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma.reshape(1, C, 1, 1) * x_hat + beta.reshape(1, C, 1, 1)


@invented("bn.conv", "Statistics over axes 0 and 2 only: the width is not pooled.")
def bn_conv(x, gamma, beta, eps):
    mean = np.mean(x, axis=(0, 2), keepdims=True)
    var = np.var(x, axis=(0, 2), keepdims=True)
    out = (x - mean) / np.sqrt(var + eps)
    return out * gamma.reshape(-1, 1, 1) + beta.reshape(-1, 1, 1)


@invented(
    "bn.conv", "Centres with the mean of each single image, though the variance is pooled over the batch."
)
def bn_conv(x, gamma, beta, eps):
    mu = x.mean(axis=(2, 3), keepdims=True)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    return gamma[None, :, None, None] * (x - mu) / np.sqrt(var + eps) + beta[None, :, None, None]


@invented("bn.conv", "The square root is missing.")
def bn_conv(x, gamma, beta, eps):
    C = x.shape[1]
    cols = x.swapaxes(0, 1).reshape(C, -1)
    mu = cols.mean(axis=1)
    var = cols.var(axis=1)
    scale = gamma / (var + eps)
    return x * scale[:, None, None] + (beta - mu * scale)[:, None, None]


@invented(
    "bn.conv", "Takes x.reshape(C, -1) for the rows of channels without exchanging batch and channel first."
)
def bn_conv(x, gamma, beta, eps):
    C = x.shape[1]
    rows = x.reshape(C, -1)
    mu = rows.mean(axis=1, keepdims=True)
    var = rows.var(axis=1, keepdims=True)
    out = gamma[:, None] * (rows - mu) / np.sqrt(var + eps) + beta[:, None]
    return out.reshape(x.shape)


@invented(
    "bn.conv", "After swapping batch and channel, the result is reshaped to x.shape without swapping back."
)
def bn_conv(x, gamma, beta, eps):
    C = x.shape[1]
    rows = np.swapaxes(x, 0, 1).reshape(C, -1)
    z = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + eps)
    z = gamma[:, None] * z + beta[:, None]
    return z.reshape(x.shape)


@invented(
    "bn.conv",
    "In the flattened table the rows (positions) are normalized over channels instead of the columns.",
)
def bn_conv(x, gamma, beta, eps):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(-1, C)
    mu = flat.mean(axis=1, keepdims=True)
    var = flat.var(axis=1, keepdims=True)
    out = gamma * (flat - mu) / np.sqrt(var + eps) + beta
    return out.reshape(N, H, W, C).transpose(0, 3, 1, 2)


@invented(
    "bn.conv", "In the loop over channels the variance is that of channel 0 for all of them (wrong index)."
)
def bn_conv(x, gamma, beta, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        mu = x[:, c, :, :].mean()
        var = x[:, 0, :, :].var()
        y[:, c, :, :] = gamma[c] * (x[:, c, :, :] - mu) / np.sqrt(var + eps) + beta[c]
    return y


@invented("bn.conv", "Two mistakes: statistics of each image by itself, and unbiased variance.")
def bn_conv(x, gamma, beta, eps):
    N, C, H, W = x.shape
    flat = x.reshape(N, C, H * W)
    mu = flat.mean(axis=2, keepdims=True)
    var = flat.var(axis=2, keepdims=True, ddof=1)
    out = gamma[:, None] * (flat - mu) / np.sqrt(var + eps) + beta[:, None]
    return out.reshape(N, C, H, W)


@invented("bn.conv", "Two mistakes: eps is forgotten, and beta is inside the bracket and so scaled by gamma.")
def bn_conv(x, gamma, beta, eps):
    ax = (0, 2, 3)
    z = (x - x.mean(ax, keepdims=True)) / x.std(ax, keepdims=True)
    return gamma[:, None, None] * (z + beta[:, None, None])


@invented(
    "bn.conv",
    "Two mistakes: the batch is not pooled over height, and the variance is a mean of squares without centring.",
)
def bn_conv(x, gamma, beta, eps):
    mu = x.mean(axis=(0, 3), keepdims=True)
    var = (x**2).mean(axis=(0, 3), keepdims=True)
    return gamma[:, None, None] * (x - mu) / np.sqrt(var + eps) + beta[:, None, None]


# ---------------------------------------------------------- bn.conv_backward
@invented("bn.conv_backward", "The count in dx is N, not N*H*W.")
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    ax = (0, 2, 3)
    mu = x.mean(ax, keepdims=True)
    var = x.var(ax, keepdims=True)
    istd = 1 / np.sqrt(var + eps)
    xmu = x - mu
    dxhat = dy * gamma.reshape(1, C, 1, 1)
    dvar = np.sum(dxhat * xmu, axis=ax, keepdims=True) * -0.5 * istd**3
    dmu = np.sum(-dxhat * istd, axis=ax, keepdims=True)
    dx = dxhat * istd + 2 * dvar * xmu / N + dmu / N
    return dx, np.sum(dy * xmu * istd, axis=ax), np.sum(dy, axis=ax)


@invented("bn.conv_backward", "The count in dx is H*W, not N*H*W.")
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    ax = (0, 2, 3)
    n = H * W
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    g = dy * gamma[None, :, None, None]
    dx = (n * g - g.sum(ax, keepdims=True) - xhat * (g * xhat).sum(ax, keepdims=True)) / (n * std)
    return dx, (dy * xhat).sum(ax), dy.sum(ax)


@invented("bn.conv_backward", "dgamma is summed over the batch but averaged over the positions.")
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    g = dy * gamma[:, None, None]
    dx = (g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean(ax, keepdims=True)) / std
    dgamma = (dy * xhat).sum(axis=0).mean(axis=(1, 2))
    return dx, dgamma, dy.sum(ax)


@invented("bn.conv_backward", "dbeta is averaged over the batch instead of summed.")
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    xt, dt = np.moveaxis(x, 1, 3), np.moveaxis(dy, 1, 3)
    xf, df = xt.reshape(-1, C), dt.reshape(-1, C)
    std = np.sqrt(xf.var(0) + eps)
    h = (xf - xf.mean(0)) / std
    g = df * gamma
    dx = (g - g.mean(0) - h * (g * h).mean(0)) / std
    dbeta = dt.sum(axis=(1, 2)).mean(axis=0)
    return np.moveaxis(dx.reshape(N, H, W, C), 3, 1), (df * h).sum(0), dbeta


@invented(
    "bn.conv_backward", "The backward pass of InstanceNorm: all statistics are those of each image by itself."
)
def bn_conv_backward(dy, x, gamma, eps):
    ax = (2, 3)
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    g = dy * gamma[:, None, None]
    dx = (g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean(ax, keepdims=True)) / std
    return dx, (dy * xhat).sum((0, 2, 3)), dy.sum((0, 2, 3))


@invented("bn.conv_backward", "Flattens with reshape(-1, C) without transposing, which mixes the channels.")
def bn_conv_backward(dy, x, gamma, eps):
    C = x.shape[1]
    xf, df = x.reshape(-1, C), dy.reshape(-1, C)
    M = xf.shape[0]
    std = np.sqrt(xf.var(axis=0) + eps)
    xhat = (xf - xf.mean(axis=0)) / std
    dgamma = np.sum(df * xhat, axis=0)
    dbeta = np.sum(df, axis=0)
    dx = gamma / (M * std) * (M * df - dbeta - xhat * dgamma)
    return dx.reshape(x.shape), dgamma, dbeta


@invented("bn.conv_backward", "Flattens rightly, but dx is reshaped to x.shape without the transpose back.")
def bn_conv_backward(dy, x, gamma, eps):
    C = x.shape[1]
    xf = x.transpose(0, 2, 3, 1).reshape(-1, C)
    df = dy.transpose(0, 2, 3, 1).reshape(-1, C)
    M = xf.shape[0]
    std = np.sqrt(xf.var(axis=0) + eps)
    xhat = (xf - xf.mean(axis=0)) / std
    dgamma, dbeta = np.sum(df * xhat, axis=0), np.sum(df, axis=0)
    dx = gamma / (M * std) * (M * df - dbeta - xhat * dgamma)
    return dx.reshape(x.shape), dgamma, dbeta


@invented("bn.conv_backward", "gamma is forgotten in dx.")
def bn_conv_backward(dy, x, gamma, eps):
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(len(gamma)), np.zeros(len(gamma))
    for c in range(x.shape[1]):
        xc, d = x[:, c], dy[:, c]
        s = np.sqrt(xc.var() + eps)
        h = (xc - xc.mean()) / s
        dgamma[c], dbeta[c] = (d * h).sum(), d.sum()
        dx[:, c] = (d - d.mean() - h * (d * h).mean()) / s
    return dx, dgamma, dbeta


@invented(
    "bn.conv_backward", "The mean of the gradient is not subtracted (path through the mean is missing)."
)
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    r = 1 / np.sqrt(x.var(axis=ax, keepdims=True) + eps)
    xhat = (x - x.mean(axis=ax, keepdims=True)) * r
    dxhat = np.einsum("nchw,c->nchw", dy, gamma)
    proj = np.mean(dxhat * xhat, axis=ax, keepdims=True)
    dx = r * (dxhat - xhat * proj)
    return dx, np.einsum("nchw,nchw->c", dy, xhat), np.einsum("nchw->c", dy)


@invented("bn.conv_backward", "The path through the variance is missing.")
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    ax = (0, 2, 3)
    std = np.sqrt(x.var(axis=ax) + eps).reshape(1, C, 1, 1)
    xhat = (x - x.mean(axis=ax).reshape(1, C, 1, 1)) / std
    dxhat = dy * gamma.reshape(1, C, 1, 1)
    dmean = -np.sum(dxhat / std, axis=ax).reshape(1, C, 1, 1)
    dx = dxhat / std + dmean / (N * H * W)
    return dx, np.sum(dy * xhat, axis=ax), np.sum(dy, axis=ax)


@invented("bn.conv_backward", "The variance gradient has the exponent -1 instead of -3/2.")
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    ax, n = (0, 2, 3), N * H * W
    mu = x.mean(ax, keepdims=True)
    var = x.var(ax, keepdims=True)
    g = dy * gamma[:, None, None]
    dvar = (g * (x - mu) * -0.5 * (var + eps) ** -1.0).sum(ax, keepdims=True)
    dmu = (-g / np.sqrt(var + eps)).sum(ax, keepdims=True)
    dx = g / np.sqrt(var + eps) + dvar * 2 * (x - mu) / n + dmu / n
    xhat = (x - mu) / np.sqrt(var + eps)
    return dx, (dy * xhat).sum(ax), dy.sum(ax)


@invented(
    "bn.conv_backward", "In the projection term the mean of dxhat*xhat is taken for each image by itself."
)
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    g = dy * gamma[:, None, None]
    dx = (g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean((2, 3), keepdims=True)) / std
    return dx, (dy * xhat).sum(ax), dy.sum(ax)


@invented("bn.conv_backward", "eps is outside of the root.")
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    std = x.std(ax, keepdims=True) + eps
    xhat = (x - x.mean(ax, keepdims=True)) / std
    g = dy * gamma[None, :, None, None]
    dx = (g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean(ax, keepdims=True)) / std
    return dx, (dy * xhat).sum(ax), dy.sum(ax)


@invented(
    "bn.conv_backward", "Only the direct path: dx is gamma * dy / std, as if the statistics were constants."
)
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    istd = 1 / np.sqrt(x.var(axis=ax) + eps)
    xhat = (x - x.mean(ax)[:, None, None]) * istd[:, None, None]
    dx = dy * (gamma * istd)[:, None, None]
    return dx, np.sum(dy * xhat, axis=ax), np.sum(dy, axis=ax)


@invented(
    "bn.conv_backward",
    "x is brought into rows of channels with a swap of axes, dy with a plain reshape, so they do not match.",
)
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    xr = x.swapaxes(0, 1).reshape(C, -1)
    dr = dy.reshape(C, -1)
    std = np.sqrt(xr.var(1, keepdims=True) + eps)
    h = (xr - xr.mean(1, keepdims=True)) / std
    g = dr * gamma[:, None]
    dx = (g - g.mean(1, keepdims=True) - h * (g * h).mean(1, keepdims=True)) / std
    return dx.reshape(C, N, H, W).swapaxes(0, 1), (dr * h).sum(1), dr.sum(1)


@invented("bn.conv_backward", "The projection term is added instead of subtracted.")
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    ax, n = (0, 2, 3), N * H * W
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    dgamma, dbeta = (dy * xhat).sum(ax, keepdims=True), dy.sum(ax, keepdims=True)
    dx = gamma[:, None, None] / (n * std) * (n * dy - dbeta + xhat * dgamma)
    return dx, dgamma.ravel(), dbeta.ravel()


@invented(
    "bn.conv_backward",
    "Two mistakes: gamma is in dgamma, and gamma is in dbeta (dy was overwritten by gamma * dy first).",
)
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    dy = dy * gamma[:, None, None]
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    dx = (dy - dy.mean(ax, keepdims=True) - xhat * (dy * xhat).mean(ax, keepdims=True)) / std
    return dx, (dy * xhat).sum(ax), dy.sum(ax)


@invented(
    "bn.conv_backward",
    "Two mistakes: the count is N-1 style (n minus 1) in dx, and the path through the mean is missing.",
)
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    ax = (0, 2, 3)
    xmu = x - x.mean(ax, keepdims=True)
    istd = (x.var(ax, keepdims=True) + eps) ** -0.5
    dxhat = dy * gamma.reshape(1, -1, 1, 1)
    dvar = -0.5 * np.sum(dxhat * xmu, axis=ax, keepdims=True) * istd**3
    dx = dxhat * istd + dvar * 2 * xmu / (N * H * W - 1)
    return dx, np.sum(dy * xmu * istd, ax), np.sum(dy, ax)


@invented(
    "bn.conv_backward",
    "Two mistakes: dgamma is formed with x instead of xhat, and the factor 1/std in dx is missing.",
)
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    g = dy * gamma[:, None, None]
    dx = g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean(ax, keepdims=True)
    return dx, (dy * x).sum(ax), dy.sum(ax)


@invented(
    "bn.conv_backward", "Two mistakes: returned as dx, dbeta, dgamma, and gamma is multiplied in twice."
)
def bn_conv_backward(dy, x, gamma, eps):
    ax = (0, 2, 3)
    gam = gamma[None, :, None, None]
    std = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / std
    g = dy * gam
    dx = gam / std * (g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean(ax, keepdims=True))
    return dx, dy.sum(ax), (dy * xhat).sum(ax)


# ---------------------------------------------------------------- ln.forward
@invented("ln.forward", "Statistics over all tokens of a text (axes 1 and 2) instead of each token.")
def ln_forward(x, gamma, beta, eps):
    mu = x.mean(axis=(1, 2), keepdims=True)
    var = x.var(axis=(1, 2), keepdims=True)
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


@invented("ln.forward", "Statistics over the tokens (axis 1) for each feature of a text.")
def ln_forward(x, gamma, beta, eps):
    mu = np.mean(x, axis=1, keepdims=True)
    var = np.var(x, axis=1, keepdims=True)
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma * x_hat + beta


@invented("ln.forward", "Statistics over the batch and the tokens (axes 0 and 1): BatchNorm.")
def ln_forward(x, gamma, beta, eps):
    N, T, F = x.shape
    flat = x.reshape(N * T, F)
    out = gamma * (flat - flat.mean(axis=0)) / np.sqrt(flat.var(axis=0) + eps) + beta
    return out.reshape(N, T, F)


@invented("ln.forward", "Statistics over the batch only (axis 0).")
def ln_forward(x, gamma, beta, eps):
    mu, var = x.mean(axis=0), x.var(axis=0)
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


@invented("ln.forward", "Unbiased variance (divided by F - 1).")
def ln_forward(x, gamma, beta, eps):
    F = x.shape[-1]
    mu = x.sum(-1, keepdims=True) / F
    var = ((x - mu) ** 2).sum(-1, keepdims=True) / (F - 1)
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


@invented("ln.forward", "eps is added to the standard deviation, outside of the root.")
def ln_forward(x, gamma, beta, eps):
    y = np.zeros_like(x)
    for n in range(x.shape[0]):
        for t in range(x.shape[1]):
            tok = x[n, t]
            y[n, t] = gamma * (tok - tok.mean()) / (tok.std() + eps) + beta
    return y


@invented("ln.forward", "The mean is not subtracted: x is divided by its deviation only.")
def ln_forward(x, gamma, beta, eps):
    std = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    return x / std * gamma + beta


@invented("ln.forward", "The mean is subtracted, but the variance is the mean square of x (as in RMSNorm).")
def ln_forward(x, gamma, beta, eps):
    mu = x.mean(axis=2, keepdims=True)
    ms = np.mean(x * x, axis=2, keepdims=True)
    return gamma * ((x - mu) / np.sqrt(ms + eps)) + beta


@invented("ln.forward", "The square root is missing: division by variance plus eps.")
def ln_forward(x, gamma, beta, eps):
    mu = x.mean(-1)[..., None]
    var = x.var(-1)[..., None]
    return (x - mu) / (var + eps) * gamma + beta


@invented(
    "ln.forward",
    "The sum of squared deviations over F is not divided by F (division by the length of the centred token).",
)
def ln_forward(x, gamma, beta, eps):
    c = x - x.mean(axis=-1, keepdims=True)
    ss = np.einsum("ntf,ntf->nt", c, c)[..., None]
    return gamma * c / np.sqrt(ss + eps) + beta


@invented("ln.forward", "beta is added before the scaling by gamma.")
def ln_forward(x, gamma, beta, eps):
    def norm(v):
        return (v - v.mean(-1, keepdims=True)) / np.sqrt(v.var(-1, keepdims=True) + eps)

    return gamma * (norm(x) + beta)


@invented("ln.forward", "eps is forgotten.")
def ln_forward(x, gamma, beta, eps):
    mu, sd = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
    return gamma * ((x - mu) / sd) + beta


@invented("ln.forward", "The sums over features are divided by the number of tokens T instead of F.")
def ln_forward(x, gamma, beta, eps):
    N, D, T = x.shape
    mu = x.sum(axis=-1, keepdims=True) / D
    var = ((x - mu) ** 2).sum(axis=-1, keepdims=True) / D
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


@invented("ln.forward", "gamma is multiplied into x before the statistics are taken.")
def ln_forward(x, gamma, beta, eps):
    z = gamma * x
    mu = z.mean(axis=-1, keepdims=True)
    var = z.var(axis=-1, keepdims=True)
    return (z - mu) / np.sqrt(var + eps) + beta


@invented("ln.forward", "The mean is that of the token, but the variance is taken over the whole text.")
def ln_forward(x, gamma, beta, eps):
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=(-2, -1), keepdims=True)
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


@invented(
    "ln.forward",
    "Two mistakes: statistics over the whole batch of texts (all axes), and beta is scaled by gamma.",
)
def ln_forward(x, gamma, beta, eps):
    mu, var = np.mean(x), np.var(x)
    return gamma * ((x - mu) / np.sqrt(var + eps) + beta)


@invented("ln.forward", "The mean absolute deviation is used in place of the standard deviation.")
def ln_forward(x, gamma, beta, eps):
    c = x - x.mean(axis=-1, keepdims=True)
    mad = np.abs(c).mean(axis=-1, keepdims=True)
    return gamma * c / np.sqrt(mad**2 + eps) + beta


@invented("ln.forward", "Two mistakes: unbiased deviation, and eps outside of the root.")
def ln_forward(x, gamma, beta, eps):
    mean = x.mean(-1, keepdims=True)
    std = x.std(-1, keepdims=True, ddof=1)
    return gamma * (x - mean) / (std + eps) + beta


@invented("ln.forward", "Two mistakes: statistics over the tokens (axis 1), and beta is forgotten.")
def ln_forward(x, gamma, beta, eps):
    xt = x.transpose(0, 2, 1)
    z = (xt - xt.mean(-1, keepdims=True)) / np.sqrt(xt.var(-1, keepdims=True) + eps)
    return gamma * z.transpose(0, 2, 1)


@invented(
    "ln.forward", "Two mistakes: a missing bracket divides the mean only, and gamma is replaced by 1 + gamma."
)
def ln_forward(x, gamma, beta, eps):
    mu = x.mean(-1, keepdims=True)
    var = x.var(-1, keepdims=True)
    x_hat = x - mu / np.sqrt(var + eps)
    return (1.0 + gamma) * x_hat + beta


# --------------------------------------------------------------- ln.backward
@invented(
    "ln.backward",
    "The means in dx are taken over texts and tokens, as in BatchNorm, instead of over features.",
)
def ln_backward(dy, x, gamma, eps):
    mu = x.mean(-1, keepdims=True)
    std = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - mu) / std
    g = dy * gamma
    ax = (0, 1)
    dx = (g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean(ax, keepdims=True)) / std
    return dx, (dy * xhat).sum(ax), dy.sum(ax)


@invented("ln.backward", "gamma is missing in the inner product with xhat, though it is in the other terms.")
def ln_backward(dy, x, gamma, eps):
    inv = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) * inv
    dxhat = dy * gamma
    c1 = dxhat.mean(-1, keepdims=True)
    c2 = (dy * xhat).mean(-1, keepdims=True)
    dx = inv * (dxhat - c1 - xhat * c2)
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


@invented(
    "ln.backward",
    "gamma is missing in the subtracted mean: the mean of dy is used instead of that of gamma * dy.",
)
def ln_backward(dy, x, gamma, eps):
    inv = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) * inv
    dxhat = dy * gamma
    dx = inv * (dxhat - dy.mean(-1, keepdims=True) - xhat * (dxhat * xhat).mean(-1, keepdims=True))
    return dx, np.einsum("ntf,ntf->f", dy, xhat), np.einsum("ntf->f", dy)


@invented("ln.backward", "The divisor in dx is the number of tokens T instead of F.")
def ln_backward(dy, x, gamma, eps):
    N, T, F = x.shape
    mu = x.mean(-1, keepdims=True)
    var = x.var(-1, keepdims=True)
    istd = (var + eps) ** -0.5
    xhat = (x - mu) * istd
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mu), -1, keepdims=True) * -0.5 * istd**3
    dmu = -np.sum(dxhat * istd, -1, keepdims=True)
    dx = dxhat * istd + dvar * 2 * (x - mu) / T + dmu / T
    return dx, np.sum(dy * xhat, axis=(0, 1)), np.sum(dy, axis=(0, 1))


@invented(
    "ln.backward", "The path through the mean is missing (the backward pass of RMSNorm on the centred token)."
)
def ln_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    rstd = 1 / np.sqrt(np.var(x, axis=-1, keepdims=True) + eps)
    xhat = (x - np.mean(x, axis=-1, keepdims=True)) * rstd
    wdy = gamma * dy
    dx = rstd * (wdy - xhat * np.sum(wdy * xhat, axis=-1, keepdims=True) / F)
    return dx, np.sum(dy * xhat, axis=(0, 1)), np.sum(dy, axis=(0, 1))


@invented("ln.backward", "The path through the variance is missing.")
def ln_backward(dy, x, gamma, eps):
    rstd = 1 / np.sqrt(np.var(x, axis=-1, keepdims=True) + eps)
    xhat = (x - np.mean(x, axis=-1, keepdims=True)) * rstd
    wdy = gamma * dy
    dx = rstd * (wdy - wdy.mean(axis=-1, keepdims=True))
    return dx, np.sum(dy * xhat, axis=(0, 1)), np.sum(dy, axis=(0, 1))


@invented("ln.backward", "The variance gradient has the exponent -1/2 instead of -3/2.")
def ln_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    xmu = x - x.mean(axis=-1, keepdims=True)
    var = (xmu**2).mean(axis=-1, keepdims=True)
    dxhat = dy * gamma
    dvar = np.sum(dxhat * xmu * -0.5 * np.power(var + eps, -0.5), axis=-1, keepdims=True)
    dmu = np.sum(-dxhat / np.sqrt(var + eps), axis=-1, keepdims=True)
    dx = dxhat / np.sqrt(var + eps) + dvar * 2 * xmu / F + dmu / F
    dgamma = (dy * xmu / np.sqrt(var + eps)).sum(axis=(0, 1))
    return dx, dgamma, dy.sum(axis=(0, 1))


@invented("ln.backward", "The sums over features in the short formula are not divided by F.")
def ln_backward(dy, x, gamma, eps):
    rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) * rstd
    g = gamma * dy
    dx = rstd * (g - g.sum(-1, keepdims=True) - xhat * (g * xhat).sum(-1, keepdims=True))
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


@invented("ln.backward", "dgamma is averaged over texts and tokens instead of summed.")
def ln_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    X, D = x.reshape(-1, F), dy.reshape(-1, F)
    s = np.sqrt(X.var(1, keepdims=True) + eps)
    H = (X - X.mean(1, keepdims=True)) / s
    G = D * gamma
    dX = (G - G.mean(1, keepdims=True) - H * (G * H).mean(1, keepdims=True)) / s
    return dX.reshape(x.shape), (D * H).mean(0), D.sum(0)


@invented("ln.backward", "dgamma contains gamma: formed with gamma * dy.")
def ln_backward(dy, x, gamma, eps):
    s = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / s
    dxhat = dy * gamma
    prod = dxhat * xhat
    dx = (dxhat - dxhat.mean(-1, keepdims=True) - xhat * prod.mean(-1, keepdims=True)) / s
    return dx, prod.sum(axis=(0, 1)), dy.sum(axis=(0, 1))


@invented("ln.backward", "dgamma is formed with x minus mean, not divided by the deviation of the token.")
def ln_backward(dy, x, gamma, eps):
    c = x - x.mean(-1, keepdims=True)
    s = np.sqrt((c * c).mean(-1, keepdims=True) + eps)
    g = dy * gamma
    dx = (g - g.mean(-1, keepdims=True)) / s - c * (g * c).mean(-1, keepdims=True) / s**3
    return dx, (dy * c).sum((0, 1)), dy.sum((0, 1))


@invented("ln.backward", "Statistics over the whole text (axes 1 and 2) instead of each token.")
def ln_backward(dy, x, gamma, eps):
    ax = (1, 2)
    s = np.sqrt(x.var(ax, keepdims=True) + eps)
    xhat = (x - x.mean(ax, keepdims=True)) / s
    g = dy * gamma
    dx = (g - g.mean(ax, keepdims=True) - xhat * (g * xhat).mean(ax, keepdims=True)) / s
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


@invented(
    "ln.backward", "The projection is on the centred token, not on xhat: one factor 1/std is missing in it."
)
def ln_backward(dy, x, gamma, eps):
    c = x - x.mean(-1, keepdims=True)
    s = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = c / s
    g = dy * gamma
    dx = (g - g.mean(-1, keepdims=True) - c * (g * xhat).mean(-1, keepdims=True)) / s
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


@invented("ln.backward", "eps is outside of the root.")
def ln_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    s = x.std(-1, keepdims=True) + eps
    xhat = (x - x.mean(-1, keepdims=True)) / s
    g = dy * gamma
    dx = (F * g - g.sum(-1, keepdims=True) - xhat * (g * xhat).sum(-1, keepdims=True)) / (F * s)
    return dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))


@invented(
    "ln.backward",
    "The sums for dgamma and dbeta run over the texts only, and one token is kept: they have shape (T, F).",
)
def ln_backward(dy, x, gamma, eps):
    s = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / s
    dgamma = np.sum(dy * xhat, axis=0)
    dbeta = np.sum(dy, axis=0)
    g = dy * gamma
    dx = (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / s
    return dx, dgamma, dbeta


@invented(
    "ln.backward",
    "dgamma and dbeta are overwritten in the loop over texts instead of added up, so only the last text counts.",
)
def ln_backward(dy, x, gamma, eps):
    dx = np.zeros_like(x)
    dgamma, dbeta = np.zeros_like(gamma), np.zeros_like(gamma)
    for n in range(x.shape[0]):
        s = np.sqrt(x[n].var(axis=1, keepdims=True) + eps)
        h = (x[n] - x[n].mean(axis=1, keepdims=True)) / s
        g = gamma * dy[n]
        dx[n] = (g - g.mean(1, keepdims=True) - h * (g * h).mean(1, keepdims=True)) / s
        dgamma = (dy[n] * h).sum(axis=0)
        dbeta = dy[n].sum(axis=0)
    return dx, dgamma, dbeta


@invented("ln.backward", "Two mistakes: gamma is forgotten in dx, and dbeta contains gamma.")
def ln_backward(dy, x, gamma, eps):
    s = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / s
    dx = (dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True)) / s
    return dx, (dy * xhat).sum((0, 1)), (gamma * dy).sum((0, 1))


@invented(
    "ln.backward",
    "Two mistakes: the projection is added instead of subtracted, and the outer factor 1/std is squared.",
)
def ln_backward(dy, x, gamma, eps):
    var = x.var(-1, keepdims=True) + eps
    xhat = (x - x.mean(-1, keepdims=True)) / np.sqrt(var)
    g = dy * gamma
    dx = (g - g.mean(-1, keepdims=True) + xhat * (g * xhat).mean(-1, keepdims=True)) / var
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


@invented(
    "ln.backward",
    "Two mistakes: the unbiased variance is used, and dgamma and dbeta are returned in swapped order.",
)
def ln_backward(dy, x, gamma, eps):
    s = np.sqrt(x.var(-1, keepdims=True, ddof=1) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / s
    g = dy * gamma
    dx = (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / s
    return dx, dy.sum((0, 1)), (dy * xhat).sum((0, 1))


@invented(
    "ln.backward",
    "Two mistakes: the factor 2 of the square is missing in the variance path, and the gradient of the mean is not divided by F.",
)
def ln_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    xmu = x - x.mean(-1, keepdims=True)
    var = x.var(-1, keepdims=True)
    s = np.sqrt(var + eps)
    dxhat = dy * gamma
    dvar = -0.5 * (dxhat * xmu).sum(-1, keepdims=True) / s**3
    dmu = -(dxhat / s).sum(-1, keepdims=True)
    dx = dxhat / s + dvar * xmu / F + dmu
    return dx, (dy * xmu / s).sum((0, 1)), dy.sum((0, 1))


# ----------------------------------------------------------- ln.rms_backward
@invented("ln.rms_backward", "The mean of the gradient is subtracted as well, as in LayerNorm.")
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    xhat = x / r
    g = dy * gamma
    dx = (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / r
    return dx, (dy * xhat).sum((0, 1))


@invented("ln.rms_backward", "Only the direct path: the root mean square is treated as a constant.")
def rms_backward(dy, x, gamma, eps):
    inv = 1 / np.sqrt(np.mean(x * x, -1, keepdims=True) + eps)
    return dy * gamma * inv, np.sum(dy * x * inv, axis=(0, 1))


@invented("ln.rms_backward", "gamma is missing in the inner product of the projection.")
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    n = x / r
    dn = dy * gamma
    dx = (dn - n * np.mean(dy * n, axis=-1, keepdims=True)) / r
    return dx, np.sum(dy * n, axis=(0, 1))


@invented(
    "ln.rms_backward",
    "gamma is multiplied in at the end, after the projection, instead of into dy before it.",
)
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    n = x / r
    dx = gamma * (dy - n * np.mean(dy * n, axis=-1, keepdims=True)) / r
    return dx, np.sum(dy * n, axis=(0, 1))


@invented("ln.rms_backward", "The inner product is a sum over features that is not divided by F.")
def rms_backward(dy, x, gamma, eps):
    rstd = (np.einsum("ntf,ntf->nt", x, x) / x.shape[-1] + eps) ** -0.5
    xhat = x * rstd[..., None]
    g = dy * gamma
    dot = np.einsum("ntf,ntf->nt", g, xhat)[..., None]
    dx = rstd[..., None] * (g - xhat * dot)
    return dx, np.einsum("ntf,ntf->f", dy, xhat)


@invented("ln.rms_backward", "In the second term the root mean square has the power 2 instead of 3.")
def rms_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    ms = np.mean(x**2, axis=-1, keepdims=True) + eps
    r = np.sqrt(ms)
    g = gamma * dy
    dx = g / r - x * np.sum(g * x, axis=-1, keepdims=True) / (F * ms)
    return dx, (dy * x / r).sum(axis=(0, 1))


@invented(
    "ln.rms_backward", "The second term is added instead of subtracted (sign of the derivative of 1/r)."
)
def rms_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    r = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    g = gamma * dy
    dr = np.sum(g * x / r**2, axis=-1, keepdims=True)
    dx = g / r + dr * x / (F * r)
    return dx, (dy * x / r).sum(axis=(0, 1))


@invented(
    "ln.rms_backward",
    "The 2 of the square and the 1/2 of the root do not cancel: the second term is twice too large.",
)
def rms_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    ms = np.mean(x**2, axis=-1, keepdims=True)
    r = np.sqrt(ms + eps)
    g = gamma * dy
    dms = -np.sum(g * x, axis=-1, keepdims=True) * r**-3
    dx = g / r + dms * 2 * x / F
    return dx, np.sum(dy * x / r, axis=(0, 1))


@invented(
    "ln.rms_backward",
    "The derivative of the square lacks its 2: the second term is half as large as it should be.",
)
def rms_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    ms = np.mean(x**2, axis=-1, keepdims=True)
    r = np.sqrt(ms + eps)
    g = gamma * dy
    dms = np.sum(g * x, axis=-1, keepdims=True) * -0.5 * (ms + eps) ** -1.5
    dx = g / r + dms * x / F
    return dx, np.sum(dy * x / r, axis=(0, 1))


@invented("ln.rms_backward", "dgamma is formed with x itself instead of the normalized token.")
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    xhat = x / r
    g = dy * gamma
    dx = (g - xhat * (g * xhat).mean(-1, keepdims=True)) / r
    return dx, (dy * x).sum((0, 1))


@invented("ln.rms_backward", "dgamma contains gamma.")
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    xhat = x / r
    dy = dy * gamma
    dx = (dy - xhat * (dy * xhat).mean(-1, keepdims=True)) / r
    return dx, (dy * xhat).sum((0, 1))


@invented(
    "ln.rms_backward", "Projects exactly at right angle to x, dividing by the sum of squares without eps."
)
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    g = dy * gamma
    along = (g * x).sum(-1, keepdims=True) / (x * x).sum(-1, keepdims=True)
    return (g - along * x) / r, (dy * x / r).sum((0, 1))


@invented("ln.rms_backward", "The root mean square is taken over the whole text (axes 1 and 2).")
def rms_backward(dy, x, gamma, eps):
    ax = (1, 2)
    r = np.sqrt(np.mean(x**2, axis=ax, keepdims=True) + eps)
    xhat = x / r
    g = dy * gamma
    dx = (g - xhat * np.mean(g * xhat, axis=ax, keepdims=True)) / r
    return dx, np.sum(dy * xhat, axis=(0, 1))


@invented("ln.rms_backward", "The outer factor 1/r is missing in dx.")
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + eps)
    xhat = x / r
    dxhat = dy * gamma
    dx = dxhat - xhat * np.mean(dxhat * xhat, axis=-1, keepdims=True)
    return dx, np.sum(dy * xhat, axis=(0, 1))


@invented(
    "ln.rms_backward", "The outer factor xhat of the projection is replaced by the output y = gamma * xhat."
)
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + eps)
    xhat = x / r
    y = gamma * xhat
    dx = (gamma * dy - y * np.mean(dy * y, axis=-1, keepdims=True)) / r
    return dx, np.sum(dy * xhat, axis=(0, 1))


@invented("ln.rms_backward", "eps is added outside of the root.")
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt(np.mean(x * x, axis=-1, keepdims=True)) + eps
    xhat = x / r
    dxhat = dy * gamma
    dx = (dxhat - xhat * np.mean(dxhat * xhat, axis=-1, keepdims=True)) / r
    return dx, np.sum(dy * xhat, axis=(0, 1))


@invented(
    "ln.rms_backward",
    "Two mistakes: the divisor is T instead of F in the projection, and dgamma is a mean over tokens.",
)
def rms_backward(dy, x, gamma, eps):
    N, T, F = x.shape
    r = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    xhat = x / r
    g = dy * gamma
    dx = (g - xhat * (g * xhat).sum(-1, keepdims=True) / T) / r
    return dx, (dy * xhat).sum(0).mean(0)


@invented(
    "ln.rms_backward",
    "Two mistakes: the deviation of the token is used instead of its root mean square, and gamma is forgotten in dx.",
)
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = x / r
    dx = (dy - xhat * (dy * xhat).mean(-1, keepdims=True)) / r
    return dx, (dy * xhat).sum((0, 1))


@invented(
    "ln.rms_backward",
    "Two mistakes: eps is forgotten, and dgamma is summed over the texts only, giving (T, F).",
)
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt((x**2).mean(-1, keepdims=True))
    n = x / r
    g = dy * gamma
    dx = (g - n * (g * n).mean(-1, keepdims=True)) / r
    return dx, (dy * n).sum(axis=0)


@invented(
    "ln.rms_backward",
    "Two mistakes: the mean product is replaced by the product of two means, and the sign of the term is plus.",
)
def rms_backward(dy, x, gamma, eps):
    r = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    n = x / r
    g = dy * gamma
    dx = (g + n * g.mean(-1, keepdims=True) * n.mean(-1, keepdims=True)) / r
    return dx, (dy * n).sum(axis=(0, 1))


# ----------------------------------------------------------------- ln.masked
@invented("ln.masked", "The statistics ignore the mask, padding counts as data; only xhat is masked.")
def masked_norm(x, mask, eps):
    mean = x.mean(axis=(0, 1))
    var = x.var(axis=(0, 1))
    xhat = (x - mean) / np.sqrt(var + eps) * mask[..., None]
    return mean, var, xhat


@invented("ln.masked", "Padding is set to zero, then statistics are taken over all tokens, so zeros count.")
def masked_norm(x, mask, eps):
    z = np.where(mask[..., None], x, 0.0)
    mean = z.mean((0, 1))
    var = z.var((0, 1))
    return mean, var, np.where(mask[..., None], (z - mean) / np.sqrt(var + eps), 0.0)


@invented(
    "ln.masked",
    "In the variance padding is zeroed before the mean is subtracted, so each padding token adds the squared mean.",
)
def masked_norm(x, mask, eps):
    w = mask[:, :, None].astype(float)
    n = mask.sum()
    mean = (x * w).sum((0, 1)) / n
    var = ((x * w - mean) ** 2).sum((0, 1)) / n
    xhat = (x - mean) / np.sqrt(var + eps) * w
    return mean, var, xhat


@invented(
    "ln.masked", "Two mistakes: the statistics ignore the mask, and xhat is not set to zero at the padding."
)
def masked_norm(x, mask, eps):
    flat = x.reshape(-1, x.shape[-1])
    mean, var = flat.mean(axis=0), flat.var(axis=0)
    return mean, var, (x - mean) / np.sqrt(var + eps)


@invented("ln.masked", "Unbiased variance (count minus one).")
def masked_norm(x, mask, eps):
    real = x[mask]
    mean = real.mean(axis=0)
    var = real.var(axis=0, ddof=1)
    xhat = np.zeros_like(x)
    xhat[mask] = (real - mean) / np.sqrt(var + eps)
    return mean, var, xhat


@invented(
    "ln.masked",
    "Means and variances of each text are averaged over the texts, so short texts weigh as much as long ones.",
)
def masked_norm(x, mask, eps):
    means = [t[k].mean(axis=0) for t, k in zip(x, mask) if k.any()]
    vars_ = [t[k].var(axis=0) for t, k in zip(x, mask) if k.any()]
    mean, var = np.mean(means, axis=0), np.mean(vars_, axis=0)
    xhat = (x - mean) / np.sqrt(var + eps)
    xhat[~mask] = 0
    return mean, var, xhat


@invented(
    "ln.masked",
    "The count includes the features (mask broadcast to x.shape and summed), so it is F times too large.",
)
def masked_norm(x, mask, eps):
    w = np.broadcast_to(mask[..., None], x.shape)
    n = w.sum()
    mean = (x * w).sum(axis=(0, 1)) / n
    var = (w * (x - mean) ** 2).sum(axis=(0, 1)) / n
    return mean, var, w * (x - mean) / np.sqrt(var + eps)


@invented(
    "ln.masked", "Padding is zeroed before the normalization, not after it: xhat at the padding is -mean/std."
)
def masked_norm(x, mask, eps):
    x = np.where(mask[..., None], x, 0)
    n = np.count_nonzero(mask)
    mean = x.sum((0, 1)) / n
    var = (mask[..., None] * (x - mean) ** 2).sum((0, 1)) / n
    return mean, var, (x - mean) / np.sqrt(var + eps)


@invented("ln.masked", "eps is added outside of the root.")
def masked_norm(x, mask, eps):
    real = x[mask]
    mean, var = real.mean(0), real.var(0)
    xhat = np.where(mask[:, :, None], (x - mean) / (np.sqrt(var) + eps), 0.0)
    return mean, var, xhat


@invented("ln.masked", "The returned variance contains eps.")
def masked_norm(x, mask, eps):
    real = x[mask]
    mean = real.mean(0)
    var = ((real - mean) ** 2).mean(0) + eps
    xhat = np.zeros(x.shape)
    xhat[mask] = (real - mean) / np.sqrt(var)
    return mean, var, xhat


@invented("ln.masked", "Returns the standard deviation in the place of the variance.")
def masked_norm(x, mask, eps):
    real = x[mask]
    mean = real.mean(0)
    std = np.sqrt(real.var(0) + eps)
    xhat = np.zeros(x.shape)
    xhat[mask] = (real - mean) / std
    return mean, std, xhat


@invented(
    "ln.masked",
    "Takes padding to stand at the end: uses the first len tokens of each text instead of the mask.",
)
def masked_norm(x, mask, eps):
    lengths = mask.sum(axis=1)
    real = np.concatenate([x[i, :n] for i, n in enumerate(lengths)])
    mean, var = real.mean(axis=0), real.var(axis=0)
    xhat = (x - mean) / np.sqrt(var + eps)
    for i, n in enumerate(lengths):
        xhat[i, n:] = 0
    return mean, var, xhat


@invented("ln.masked", "The mask is read the wrong way round: True is taken for padding.")
def masked_norm(x, mask, eps):
    pad = mask
    w = (~pad)[..., None].astype(x.dtype)
    n = max(w.sum(), 1)
    mean = (x * w).sum((0, 1)) / n
    var = (w * (x - mean) ** 2).sum((0, 1)) / n
    return mean, var, w * (x - mean) / np.sqrt(var + eps)


@invented(
    "ln.masked",
    "Two mistakes: xhat is standardised within each text by itself, and the returned variance is unbiased.",
)
def masked_norm(x, mask, eps):
    xhat = np.zeros_like(x)
    for i in range(len(x)):
        if mask[i].any():
            t = x[i, mask[i]]
            xhat[i, mask[i]] = (t - t.mean(0)) / np.sqrt(t.var(0) + eps)
    real = x[mask]
    return real.mean(0), real.var(0, ddof=1), xhat


@invented(
    "ln.masked",
    "The mean is over real tokens, but the squared deviations of real tokens are divided by all N*T tokens.",
)
def masked_norm(x, mask, eps):
    w = mask[..., None]
    mean = np.sum(x * w, axis=(0, 1)) / mask.sum()
    var = np.mean(w * (x - mean) ** 2, axis=(0, 1))
    return mean, var, w * (x - mean) / np.sqrt(var + eps)


@invented("ln.masked", "One mean and one variance for all features together.")
def masked_norm(x, mask, eps):
    F = x.shape[-1]
    real = x[mask]
    mean, var = real.mean(), real.var()
    xhat = np.where(mask[..., None], (x - mean) / np.sqrt(var + eps), 0.0)
    return np.full(F, mean), np.full(F, var), xhat


@invented("ln.masked", "xhat is not set to zero at the padding.")
def masked_norm(x, mask, eps):
    nan = np.where(mask[..., None], x, np.nan)
    mean = np.nanmean(nan, axis=(0, 1))
    var = np.nanvar(nan, axis=(0, 1))
    return mean, var, (x - mean) / np.sqrt(var + eps)


@invented(
    "ln.masked", "Two mistakes: the sum of real tokens is divided by all N*T tokens, and eps is forgotten."
)
def masked_norm(x, mask, eps):
    N, T, F = x.shape
    w = mask[..., None]
    mean = (x * w).sum((0, 1)) / (N * T)
    var = (((x - mean) * w) ** 2).sum((0, 1)) / (N * T)
    return mean, var, (x - mean) * w / np.sqrt(var)


@invented(
    "ln.masked",
    "Two mistakes: the variance is a mean square without centring, and the root is missing in xhat.",
)
def masked_norm(x, mask, eps):
    real = x[mask]
    mean = real.mean(0)
    var = (real**2).mean(0)
    xhat = np.zeros_like(x)
    xhat[mask] = (real - mean) / (var + eps)
    return mean, var, xhat


@invented("ln.masked", "A position counts as real only if it is real in all texts (mask.all over the batch).")
def masked_norm(x, mask, eps):
    keep = mask.all(axis=0)
    if not keep.any():
        keep = mask.any(axis=0)
    real = x[:, keep].reshape(-1, x.shape[-1])
    mean, var = real.mean(0), real.var(0)
    return mean, var, np.where(mask[..., None], (x - mean) / np.sqrt(var + eps), 0.0)


# ----------------------------------------------------------- inference.update
@invented("inference.update", "momentum is taken for the weight of the old statistics.")
def running_update(running_mean, running_var, x, momentum):
    mu = x.mean(axis=(0, 2))
    var = x.var(axis=(0, 2), ddof=1)
    running_mean = momentum * running_mean + (1 - momentum) * mu
    running_var = momentum * running_var + (1 - momentum) * var
    return running_mean, running_var


@invented("inference.update", "The running variance takes the biased variance of the batch.")
def running_update(running_mean, running_var, x, momentum):
    C = x.shape[1]
    flat = x.transpose(0, 2, 1).reshape(-1, C)
    new_mean = (1 - momentum) * running_mean + momentum * flat.mean(axis=0)
    new_var = (1 - momentum) * running_var + momentum * flat.var(axis=0)
    return new_mean, new_var


@invented(
    "inference.update", "The variance is taken over the batch at each position and averaged over positions."
)
def running_update(running_mean, running_var, x, momentum):
    mu = x.mean(axis=0).mean(axis=1)
    var = x.var(axis=0, ddof=1).mean(axis=1)
    return (
        running_mean + momentum * (mu - running_mean),
        running_var + momentum * (var - running_var),
    )


@invented("inference.update", "The variance is the average of the variances of the single signals.")
def running_update(running_mean, running_var, x, momentum):
    mu = x.mean(axis=(0, 2))
    var = x.var(axis=2, ddof=1).mean(axis=0)
    k = 1 - momentum
    return k * running_mean + momentum * mu, k * running_var + momentum * var


@invented("inference.update", "Bessel's correction uses the number of positions L, not N*L.")
def running_update(running_mean, running_var, x, momentum):
    N, C, L = x.shape
    mu = x.mean(axis=(0, 2))
    var = x.var(axis=(0, 2)) * L / (L - 1)
    mean = (1 - momentum) * running_mean + momentum * mu
    var = (1 - momentum) * running_var + momentum * var
    return mean, var


@invented("inference.update", "The standard deviation of the batch goes into the running variance.")
def running_update(running_mean, running_var, x, momentum):
    mu = np.mean(x, axis=(0, 2))
    sd = np.std(x, axis=(0, 2), ddof=1)
    mean = (1 - momentum) * running_mean + momentum * mu
    var = (1 - momentum) * running_var + momentum * sd
    return mean, var


@invented(
    "inference.update", "The old statistics do not decay: momentum times the batch is added to them whole."
)
def running_update(running_mean, running_var, x, momentum):
    mean = running_mean + momentum * x.mean(axis=(0, 2))
    var = running_var + momentum * x.var(axis=(0, 2), ddof=1)
    return mean, var


@invented(
    "inference.update", "The running mean is right, but the weights are exchanged in the running variance."
)
def running_update(running_mean, running_var, x, momentum):
    mu, var = x.mean((0, 2)), x.var((0, 2), ddof=1)
    out_mean = (1 - momentum) * running_mean + momentum * mu
    out_var = momentum * running_var + (1 - momentum) * var
    return out_mean, out_var


@invented(
    "inference.update",
    "The squared deviations are taken about the old running mean instead of the mean of the batch.",
)
def running_update(running_mean, running_var, x, momentum):
    n = x.shape[0] * x.shape[2]
    mu = x.sum(axis=(0, 2)) / n
    dev = x - running_mean[None, :, None]
    var = (dev**2).sum(axis=(0, 2)) / (n - 1)
    return (1 - momentum) * running_mean + momentum * mu, (1 - momentum) * running_var + momentum * var


@invented(
    "inference.update",
    "The squared deviations are taken about the new running mean (it was overwritten first).",
)
def running_update(running_mean, running_var, x, momentum):
    n = x.shape[0] * x.shape[2]
    mean = (1 - momentum) * running_mean + momentum * x.mean(axis=(0, 2))
    var = ((x - mean.reshape(1, -1, 1)) ** 2).sum(axis=(0, 2)) / (n - 1)
    var = (1 - momentum) * running_var + momentum * var
    return mean, var


@invented(
    "inference.update", "Bessel's correction is applied to the whole new running variance, the old part too."
)
def running_update(running_mean, running_var, x, momentum):
    n = x.shape[0] * x.shape[2]
    mean = (1 - momentum) * running_mean + momentum * x.mean(axis=(0, 2))
    var = (1 - momentum) * running_var + momentum * x.var(axis=(0, 2))
    return mean, var * n / (n - 1)


@invented(
    "inference.update",
    "Two mistakes: Bessel's correction is turned round, (n-1)/n, and counts the channels in n.",
)
def running_update(running_mean, running_var, x, momentum):
    n = x.size
    batch_var = x.var(axis=(0, 2)) * (n - 1) / n
    mean = (1 - momentum) * running_mean + momentum * x.mean(axis=(0, 2))
    return mean, (1 - momentum) * running_var + momentum * batch_var


@invented(
    "inference.update", "Flattens with reshape(-1, C) without moving the channel axis, which mixes channels."
)
def running_update(running_mean, running_var, x, momentum):
    flat = x.reshape(-1, x.shape[1])
    mean = (1 - momentum) * running_mean + momentum * flat.mean(axis=0)
    var = (1 - momentum) * running_var + momentum * flat.var(axis=0, ddof=1)
    return mean, var


@invented("inference.update", "One mean and one variance of the batch over all channels.")
def running_update(running_mean, running_var, x, momentum):
    mean = (1 - momentum) * running_mean + momentum * x.mean()
    var = (1 - momentum) * running_var + momentum * x.var(ddof=1)
    return mean, var


@invented(
    "inference.update", "Returns the statistics of the batch; the running ones and momentum play no part."
)
def running_update(running_mean, running_var, x, momentum):
    running_mean = np.mean(x, axis=(0, 2))
    running_var = np.var(x, axis=(0, 2), ddof=1)
    return running_mean, running_var


@invented(
    "inference.update", "Averages standard deviations and squares the result, instead of averaging variances."
)
def running_update(running_mean, running_var, x, momentum):
    mean = (1 - momentum) * running_mean + momentum * x.mean((0, 2))
    sd = (1 - momentum) * np.sqrt(running_var) + momentum * x.std((0, 2), ddof=1)
    return mean, sd**2


@invented(
    "inference.update",
    "Treats the update as a mixture of two groups: the squared difference of the means is added to the variance.",
)
def running_update(running_mean, running_var, x, momentum):
    mu, v = x.mean((0, 2)), x.var((0, 2), ddof=1)
    mean = (1 - momentum) * running_mean + momentum * mu
    var = (1 - momentum) * running_var + momentum * v
    var = var + momentum * (1 - momentum) * (mu - running_mean) ** 2
    return mean, var


@invented("inference.update", "Two mistakes: momentum weighs the old statistics, and the variance is biased.")
def running_update(running_mean, running_var, x, momentum):
    mu = np.einsum("ncl->c", x) / (x.shape[0] * x.shape[2])
    var = ((x - mu[:, None]) ** 2).mean(axis=(0, 2))
    return (
        running_mean * momentum + mu * (1 - momentum),
        running_var * momentum + var * (1 - momentum),
    )


@invented(
    "inference.update",
    "Two mistakes: the variance of the signal means is taken (the spread within signals is lost), and it is biased.",
)
def running_update(running_mean, running_var, x, momentum):
    per_signal = x.mean(axis=2)
    mean = (1 - momentum) * running_mean + momentum * per_signal.mean(axis=0)
    var = (1 - momentum) * running_var + momentum * per_signal.var(axis=0)
    return mean, var


@invented(
    "inference.update",
    "Two mistakes: the running mean is not updated, and the standard deviation goes into the running variance.",
)
def running_update(running_mean, running_var, x, momentum):
    sd = x.std(axis=(0, 2), ddof=1)
    return running_mean, (1 - momentum) * running_var + momentum * sd


# --------------------------------------------------------- inference.evaluate
@invented("inference.evaluate", "Uses the statistics of the batch instead of the running ones.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    mu = x.mean(axis=(0, 2), keepdims=True)
    var = x.var(axis=(0, 2), keepdims=True)
    return gamma[:, None] * (x - mu) / np.sqrt(var + eps) + beta[:, None]


@invented("inference.evaluate", "eps is added outside of the root.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    rm, rs = running_mean[None, :, None], np.sqrt(running_var)[None, :, None]
    x_hat = (x - rm) / (rs + eps)
    return gamma[None, :, None] * x_hat + beta[None, :, None]


@invented("inference.evaluate", "The square root is missing: divides by running variance plus eps.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        y[:, c] = gamma[c] * (x[:, c] - running_mean[c]) / (running_var[c] + eps) + beta[c]
    return y


@invented("inference.evaluate", "The running mean is used, but the variance is that of the batch.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    shape = (1, -1, 1)
    var = x.var(axis=(0, 2))
    x_hat = (x - running_mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    return gamma.reshape(shape) * x_hat + beta.reshape(shape)


@invented("inference.evaluate", "The running variance is used, but the mean is that of the batch.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    shape = (1, -1, 1)
    mu = x.mean(axis=(0, 2))
    x_hat = (x - mu.reshape(shape)) / np.sqrt(running_var.reshape(shape) + eps)
    return gamma.reshape(shape) * x_hat + beta.reshape(shape)


@invented("inference.evaluate", "gamma and beta are left out.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    std = np.sqrt(running_var + eps)
    return (x - running_mean[:, None]) / std[:, None]


@invented("inference.evaluate", "beta is added before the multiplication by gamma.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    xt = x.transpose(0, 2, 1)
    z = (xt - running_mean) / np.sqrt(running_var + eps)
    return (gamma * (z + beta)).transpose(0, 2, 1)


@invented("inference.evaluate", "A missing bracket: only the running mean is divided by the deviation.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    rm, rv = running_mean[:, np.newaxis], running_var[:, np.newaxis]
    g, b = gamma[:, np.newaxis], beta[:, np.newaxis]
    return g * (x - rm / np.sqrt(rv + eps)) + b


@invented(
    "inference.evaluate", "x is divided by the deviation first and then the raw running mean is subtracted."
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    rm, rv = running_mean[:, np.newaxis], running_var[:, np.newaxis]
    x_hat = x / np.sqrt(rv + eps) - rm
    return gamma[:, np.newaxis] * x_hat + beta[:, np.newaxis]


@invented(
    "inference.evaluate", "Takes the running variance for a standard deviation and squares it under the root."
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    rm, rs = running_mean[:, None], running_var[:, None]
    x_hat = (x - rm) / np.sqrt(rs**2 + eps)
    return gamma[:, None] * x_hat + beta[:, None]


@invented(
    "inference.evaluate",
    "Turns the running variance back into the biased one, times (n-1)/n with the n of this batch.",
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    n = x.shape[0] * x.shape[2]
    var = running_var * (n - 1) / n
    scale = gamma / np.sqrt(var + eps)
    shift = beta - running_mean * scale
    return x * scale[None, :, None] + shift[None, :, None]


@invented(
    "inference.evaluate",
    "Two mistakes: as scale and shift, the root is missing in the scale, and the shift subtracts the unscaled mean.",
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    scale = gamma / (running_var + eps)
    shift = beta - running_mean
    return np.einsum("ncl,c->ncl", x, scale) + shift[None, :, None]


@invented(
    "inference.evaluate",
    "As scale and shift, but the running mean is added in the shift instead of subtracted.",
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    scale = gamma / np.sqrt(running_var + eps)
    shift = beta + scale * running_mean
    return x * scale[:, None] + shift[:, None]


@invented(
    "inference.evaluate",
    "Works on the transposed array and reshapes it to x.shape instead of transposing back.",
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    xt = x.transpose(0, 2, 1)
    y = gamma * (xt - running_mean) / np.sqrt(running_var + eps) + beta
    return y.reshape(x.shape)


@invented(
    "inference.evaluate",
    "Flattens with reshape(-1, C) without moving the channel axis, so the statistics meet wrong channels.",
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    N, C, L = x.shape
    flat = x.reshape(-1, C)
    y = gamma * (flat - running_mean) / np.sqrt(running_var + eps) + beta
    return y.reshape(N, C, L)


@invented(
    "inference.evaluate", "Each signal is centred with its own mean; only the variance is the running one."
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    return gamma[:, None] * centred / np.sqrt(running_var + eps)[:, None] + beta[:, None]


@invented(
    "inference.evaluate",
    "First moves the running statistics towards the batch (momentum 0.1) and then uses them.",
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    mean = 0.9 * running_mean + 0.1 * x.mean(axis=(0, 2))
    var = 0.9 * running_var + 0.1 * x.var(axis=(0, 2), ddof=1)
    x_hat = (x - mean[:, None]) / np.sqrt(var + eps)[:, None]
    return gamma[:, None] * x_hat + beta[:, None]


@invented("inference.evaluate", "Two mistakes: eps is forgotten, and beta is forgotten.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    return gamma[:, None] * (x - running_mean[:, None]) / np.sqrt(running_var)[:, None]


@invented("inference.evaluate", "Two mistakes: gamma and beta are exchanged, and eps is outside of the root.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    scale = beta / (np.sqrt(running_var) + eps)
    return scale[:, None] * (x - running_mean[:, None]) + gamma[:, None]


@invented(
    "inference.evaluate",
    "Two mistakes: statistics of each signal by itself instead of running ones, and unbiased variance.",
)
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    mu = x.mean(axis=2, keepdims=True)
    var = x.var(axis=2, keepdims=True, ddof=1)
    return gamma[:, None] * (x - mu) / np.sqrt(var + eps) + beta[:, None]


# ------------------------------------------------------------- inference.fold
@invented("inference.fold", "The running mean is forgotten in the folded bias.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return weight * scale[:, None], bias * scale + beta


@invented("inference.fold", "The running mean is added to the bias instead of subtracted.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return scale.reshape(-1, 1) * weight, scale * (bias + mean) + beta


@invented("inference.fold", "The mean is subtracted outside of the bracket, so it is not scaled.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    std = np.sqrt(var + eps)
    w = np.diag(gamma / std) @ weight
    b = gamma / std * bias - mean + beta
    return w, b


@invented("inference.fold", "gamma is missing in the folded weights (only divided by the deviation).")
def fold(weight, bias, gamma, beta, mean, var, eps):
    std = np.sqrt(var + eps)
    return weight / std[:, None], gamma * (bias - mean) / std + beta


@invented("inference.fold", "The weights are returned unchanged, everything is put into the bias.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    new_bias = scale * (bias - mean) + beta
    return weight.copy(), new_bias


@invented("inference.fold", "eps is forgotten.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var)
    return weight * scale[:, None], (bias - mean) * scale + beta


@invented("inference.fold", "eps is added outside of the root.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / (np.sqrt(var) + eps)
    return np.einsum("o,oi->oi", scale, weight), beta + scale * (bias - mean)


@invented("inference.fold", "The square root is missing: divides by variance plus eps.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    inv = 1.0 / (var + eps)
    w = np.empty_like(weight)
    b = np.empty_like(bias)
    for o in range(len(bias)):
        w[o] = gamma[o] * inv[o] * weight[o]
        b[o] = gamma[o] * inv[o] * (bias[o] - mean[o]) + beta[o]
    return w, b


@invented("inference.fold", "Two mistakes: beta is forgotten, and eps is outside of the root.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / (np.sqrt(var) + eps)
    return weight * scale[:, None], (bias - mean) * scale


@invented("inference.fold", "beta is inside the bracket and so multiplied by the scale.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return weight * scale[:, None], (bias - mean + beta) * scale


@invented("inference.fold", "The old bias of the linear layer is forgotten.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return (weight.T * scale).T, beta - scale * mean


@invented("inference.fold", "Multiplies by the deviation instead of dividing by it.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma * np.sqrt(var + eps)
    return weight * scale[:, None], (bias - mean) * scale + beta


@invented("inference.fold", "In the bias the scale is gamma alone, the division by the deviation is missing.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    std = np.sqrt(var + eps)
    w = gamma[:, None] * weight / std[:, None]
    b = gamma * (bias - mean) + beta
    return w, b


@invented("inference.fold", "In the bias the division by the deviation is there, but gamma is missing.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    std = np.sqrt(var + eps)
    w = gamma[:, None] * weight / std[:, None]
    b = (bias - mean) / std + beta
    return w, b


@invented("inference.fold", "The running mean is subtracted from the weights before they are scaled.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = (gamma / np.sqrt(var + eps))[:, None]
    w = (weight - mean[:, None]) * scale
    b = (bias - mean) * scale[:, 0] + beta
    return w, b


@invented(
    "inference.fold", "gamma is multiplied in twice in the bias: the scaled bias is scaled by gamma again."
)
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    w = scale[:, None] * weight
    b = gamma * (scale * (bias - mean)) + beta
    return w, b


@invented(
    "inference.fold", "The scale is built as sqrt(gamma**2 / (var + eps)), which loses the sign of gamma."
)
def fold(weight, bias, gamma, beta, mean, var, eps):
    scale = np.sqrt(gamma**2 / (var + eps))
    return weight * scale[:, None], (bias - mean) * scale + beta


@invented(
    "inference.fold",
    "Two mistakes: the variance is used as if it were the deviation, and the sign of the mean is plus.",
)
def fold(weight, bias, gamma, beta, mean, var, eps):
    factor = gamma / (var + eps)
    return factor[:, None] * weight, factor * bias + factor * mean + beta


@invented("inference.fold", "Two mistakes: eps is forgotten, and the old bias is forgotten.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    a = gamma / np.sqrt(var)
    return a[:, None] * weight, beta - a * mean


@invented(
    "inference.fold", "Two mistakes: gamma is missing in weights and mean term alike, and beta is subtracted."
)
def fold(weight, bias, gamma, beta, mean, var, eps):
    inv_std = (var + eps) ** -0.5
    return inv_std[:, None] * weight, inv_std * (bias - mean) - beta


# -------------------------------------------------------------- shift.moments
@invented("shift.moments", "The unit is the new standard deviation instead of the old one.")
def moment_shift(before, after):
    m0, s0 = before.mean(axis=0), before.std(axis=0)
    m1, s1 = after.mean(axis=0), after.std(axis=0)
    return np.sqrt((m1 - m0) ** 2 + (s1 - s0) ** 2) / s1


@invented("shift.moments", "Deviations are unbiased (ddof=1).")
def moment_shift(before, after):
    s0, s1 = before.std(axis=0, ddof=1), after.std(axis=0, ddof=1)
    dm = after.mean(axis=0) - before.mean(axis=0)
    return np.hypot(dm, s1 - s0) / s0


@invented("shift.moments", "The square root is missing.")
def moment_shift(before, after):
    dm = np.mean(after, axis=0) - np.mean(before, axis=0)
    ds = np.std(after, axis=0) - np.std(before, axis=0)
    return (dm**2 + ds**2) / np.std(before, axis=0)


@invented("shift.moments", "The two changes are added as absolute values instead of by Pythagoras.")
def moment_shift(before, after):
    dm = np.abs(after.mean(axis=0) - before.mean(axis=0))
    ds = np.abs(after.std(axis=0) - before.std(axis=0))
    return (dm + ds) / before.std(axis=0)


@invented("shift.moments", "The change of the variance is used in place of that of the deviation.")
def moment_shift(before, after):
    dm = after.mean(axis=0) - before.mean(axis=0)
    dv = after.var(axis=0) - before.var(axis=0)
    return np.sqrt(dm**2 + dv**2) / before.std(axis=0)


@invented("shift.moments", "Divides by the old variance instead of the old deviation.")
def moment_shift(before, after):
    def moments(a):
        return a.mean(axis=0), a.std(axis=0)

    (m0, s0), (m1, s1) = moments(before), moments(after)
    return np.sqrt((m1 - m0) ** 2 + (s1 - s0) ** 2) / s0**2


@invented("shift.moments", "Not divided by the old deviation at all.")
def moment_shift(before, after):
    dm = after.mean(0) - before.mean(0)
    ds = after.std(0) - before.std(0)
    return np.linalg.norm(np.stack([dm, ds]), axis=0)


@invented(
    "shift.moments",
    "Only the change of the mean is divided by the old deviation, that of the deviation is not.",
)
def moment_shift(before, after):
    s = before.std(axis=0)
    dm = (after.mean(axis=0) - before.mean(axis=0)) / s
    ds = after.std(axis=0) - s
    return np.sqrt(dm**2 + ds**2)


@invented("shift.moments", "The division by the deviation stands under the root.")
def moment_shift(before, after):
    s = before.std(axis=0)
    total = (after.mean(axis=0) - before.mean(axis=0)) ** 2 + (after.std(axis=0) - s) ** 2
    return np.sqrt(total / s)


@invented("shift.moments", "The unit is one deviation over all features together.")
def moment_shift(before, after):
    dm = after.mean(axis=0) - before.mean(axis=0)
    ds = after.std(axis=0) - before.std(axis=0)
    return np.sqrt(dm**2 + ds**2) / before.std()


@invented("shift.moments", "Only the mean is looked at; the change of the deviation is left out.")
def moment_shift(before, after):
    return np.abs(after.mean(axis=0) - before.mean(axis=0)) / before.std(axis=0)


@invented(
    "shift.moments",
    "Two mistakes: deviations are unbiased (ddof=1), and the division by the old deviation is missing.",
)
def moment_shift(before, after):
    dm = after.mean(axis=0) - before.mean(axis=0)
    ds = after.std(axis=0, ddof=1) - before.std(axis=0, ddof=1)
    return np.sqrt(np.square(dm) + np.square(ds))


@invented("shift.moments", "The unit is the deviation of both sets put together.")
def moment_shift(before, after):
    pooled = np.concatenate([before, after]).std(axis=0)
    dm = after.mean(axis=0) - before.mean(axis=0)
    ds = after.std(axis=0) - before.std(axis=0)
    return np.sqrt(dm**2 + ds**2) / pooled


@invented("shift.moments", "The unit is the average of old and new deviation.")
def moment_shift(before, after):
    s0, s1 = before.std(axis=0), after.std(axis=0)
    dm = after.mean(axis=0) - before.mean(axis=0)
    return np.hypot(dm, s1 - s0) / ((s0 + s1) / 2)


@invented(
    "shift.moments",
    "The spread after is taken about the mean before, so the move of the mean counts in the spread too.",
)
def moment_shift(before, after):
    m0, s0 = before.mean(axis=0), before.std(axis=0)
    s1 = np.sqrt(((after - m0) ** 2).mean(axis=0))
    return np.sqrt((after.mean(axis=0) - m0) ** 2 + (s1 - s0) ** 2) / s0


@invented(
    "shift.moments",
    "After standardising by the old statistics the new deviation is used without subtracting 1.",
)
def moment_shift(before, after):
    z = (after - before.mean(axis=0)) / before.std(axis=0)
    return np.sqrt(z.mean(axis=0) ** 2 + z.std(axis=0) ** 2)


@invented(
    "shift.moments", "The changes are added with their signs, so they can cancel and give a negative shift."
)
def moment_shift(before, after):
    dm = after.mean(axis=0) - before.mean(axis=0)
    ds = after.std(axis=0) - before.std(axis=0)
    return (dm + ds) / before.std(axis=0)


@invented("shift.moments", "Two mistakes: unbiased deviations, and the unit is the new deviation.")
def moment_shift(before, after):
    s0, s1 = before.std(0, ddof=1), after.std(0, ddof=1)
    dm = after.mean(0) - before.mean(0)
    return np.sqrt(dm**2 + (s1 - s0) ** 2) / s1


@invented(
    "shift.moments",
    "Two mistakes: variances instead of deviations in the difference, and variance as the unit.",
)
def moment_shift(before, after):
    v0, v1 = before.var(0), after.var(0)
    dm = after.mean(0) - before.mean(0)
    return np.sqrt(dm**2 + (v1 - v0) ** 2) / v0


@invented("shift.moments", "Two mistakes: median instead of mean, and the square root is missing.")
def moment_shift(before, after):
    s = before.std(axis=0)
    dm = np.median(after, axis=0) - np.median(before, axis=0)
    ds = after.std(axis=0) - s
    return (dm**2 + ds**2) / s**2


# ==================================================================== PUBLIC
# Seen in public repositories and threads, told anew in the signature of the task.
# ---------------------------------------------------------------- bn.forward
@seen("bn.forward", "Divides by (variance + eps) squared instead of taking the root.")
def bn_forward(x, gamma, beta, eps):
    mean = x.mean(axis=0, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=0, keepdims=True)
    z = (x - mean) / (var + eps) ** 2
    return z * gamma + beta


@seen("bn.forward", "Divides by the variance instead of the deviation.")
def bn_forward(x, gamma, beta, eps):
    N = x.shape[0]
    mu = x.sum(axis=0) / N
    var = ((x - mu) ** 2).sum(axis=0) / N
    x = x - mu
    x = x / (var + eps)
    return gamma * x + beta


@seen("bn.forward", "Divides by sqrt(var) + eps, eps outside of the root.")
def bn_forward(x, gamma, beta, eps):
    mean = np.mean(x, axis=0)
    variance = np.var(x, axis=0)
    x_norm = (x - mean) / (np.sqrt(variance) + eps)
    return gamma * x_norm + beta


# --------------------------------------------------------------- bn.backward


@seen("bn.backward", "All of dx is formed with dy, gamma * dy is never used for it.")
def bn_backward(dy, x, gamma, eps):
    n = x.shape[0]
    xmu = x - x.mean(axis=0)
    ivar = 1 / np.sqrt(x.var(axis=0) + eps)
    t = dy * ivar
    dsigma2 = -0.5 * np.sum(t * xmu * ivar**2, axis=0)
    dmu = -np.sum(t, axis=0)
    dx = t + 2 * dsigma2 * xmu / n + dmu / n
    return dx, np.sum(xmu * t, axis=0), np.sum(dy, axis=0)


@seen(
    "bn.backward",
    "The normalized value stands where x minus mean belongs, in the variance gradient and in the final dx.",
)
def bn_backward(dy, x, gamma, eps):
    m_ = dy.shape[0]
    mean, var = x.mean(axis=0), x.var(axis=0)
    x_norm = (x - mean) / np.sqrt(var + eps)
    dx_norm = dy * gamma
    dvar = np.sum(dx_norm * (-0.5 * x_norm) * (var + eps) ** -1.5, axis=0)
    dmean = -np.sum(dx_norm / np.sqrt(var + eps), axis=0) - 2 * dvar * np.mean(x_norm, axis=0)
    dx = dx_norm / np.sqrt(var + eps) + 2 * dvar * x_norm / m_ + dmean / m_
    return dx, np.sum(dy * x_norm, axis=0), np.sum(dy, axis=0)


@seen("bn.backward", "The gradient of the mean lacks its minus sign.")
def bn_backward(dy, x, gamma, eps):
    N = dy.shape[0]
    centred = x - x.mean(axis=0)
    var = x.var(axis=0)
    std = np.sqrt(var + eps)
    d = dy * gamma
    dvar = np.sum(d * centred, axis=0) * -0.5 * (var + eps) ** (-3 / 2)
    dmean = np.sum(d / std, axis=0) - 2 * dvar * centred.sum(axis=0) / N
    dx = d / std + dmean / N + dvar * 2 / N * centred
    return dx, np.sum(dy * centred / std, axis=0), np.sum(dy, axis=0)


@seen(
    "bn.backward",
    "Two mistakes: std + eps (outside of the root) is used, and the variance formula with power -3/2 is applied to the deviation.",
)
def bn_backward(dy, x, gamma, eps):
    N = dy.shape[0]
    mean, std = x.mean(axis=0), x.std(axis=0)
    normalised = (x - mean) / (std + eps)
    d = dy * gamma
    dstd = np.sum(d * (x - mean) * -0.5 * (std + eps) ** (-3 / 2), axis=0)
    dmean = -np.sum(d / (std + eps), axis=0)
    dx = d / (std + eps) + dstd * 2 * (x - mean) / N + dmean / N
    return dx, np.sum(dy * normalised, axis=0), np.sum(dy, axis=0)


@seen("bn.backward", "dgamma and dbeta are means over the batch instead of sums.")
def bn_backward(dy, x, gamma, eps):
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    d = dy * gamma
    dx = (d - d.mean(0) - xhat * (d * xhat).mean(0)) / std
    return dx, np.mean(dy * xhat, axis=0), np.mean(dy, axis=0)


@seen(
    "bn.backward",
    "Only the diagonal of the Jacobian is used: what an example does to the others through the statistics is lost.",
)
def bn_backward(dy, x, gamma, eps):
    bs = x.shape[0]
    u = x - x.mean(axis=0)
    v = np.sqrt((u**2).mean(axis=0) + eps)
    dx = gamma * dy * (1 / v - 1 / (bs * v) - u**2 / v**3 / bs)
    return dx, np.sum(dy * u / v, axis=0), np.sum(dy, axis=0)


@seen("bn.backward", "An extra factor 1/std in front of xhat in the last term of the short formula.")
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    ivar = 1 / np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) * ivar
    dxhat = dy * gamma
    dx = ivar / N * (N * dxhat - np.sum(dxhat, axis=0) - ivar * xhat * np.sum(dxhat * xhat, axis=0))
    return dx, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


@seen(
    "bn.backward",
    "Two mistakes: the mean's gradient is not summed over the batch, and dgamma and dbeta are means.",
)
def bn_backward(dy, x, gamma, eps):
    N, D = x.shape
    mean = x.mean(axis=0)
    sq = np.sqrt(x.var(axis=0) + eps)
    normed = (x - mean) / sq
    dhat = dy * gamma
    dvar = np.sum((x - mean) * -0.5 * sq**-3 * dhat, axis=0)
    dmean = -2 * dvar * np.mean(x - mean, axis=0) - dhat / sq
    dx = dmean / N + dvar * 2 / N * (x - mean) + dhat / sq
    return dx, np.mean(dy * normed, axis=0), np.mean(dy, axis=0)


@seen(
    "bn.backward",
    "Two mistakes: the statistics are treated as constants in dx, and dgamma and dbeta are means over the batch.",
)
def bn_backward(dy, x, gamma, eps):
    scale = (x.var(axis=0) + eps) ** 0.5
    dgamma = np.mean(dy * (x - x.mean(axis=0)) / scale, axis=0)
    dbeta = np.mean(dy, axis=0)
    dx = dy * gamma / scale
    return dx, dgamma, dbeta


@seen("bn.backward", "dx is only gamma * dy: the normalization is passed through as if it did nothing.")
def bn_backward(dy, x, gamma, eps):
    x_norm = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    dx = dy * gamma
    return dx, np.sum(dy * x_norm, axis=0), np.sum(dy, axis=0)


@seen(
    "bn.backward",
    "Two mistakes: dxhat is summed before it meets x minus mean, and the direct path divides by var + eps without the root.",
)
def bn_backward(dy, x, gamma, eps):
    N, D = x.shape
    mean, var = x.mean(axis=0), x.var(axis=0)
    xm = x - mean
    dxhat = dy * gamma
    dvar = np.sum(dxhat, axis=0) * xm * (-0.5 * np.power(var + eps, -1.5))
    part1 = dxhat / (var + eps)
    part2 = dvar / N * 2 * xm
    dmu = -np.sum(part1 + part2, axis=0)
    dx = part1 + part2 + np.ones((N, D)) * dmu / N
    return dx, np.sum(dy * xm / np.sqrt(var + eps), axis=0), np.sum(dy, axis=0)


@seen(
    "bn.backward",
    "dx by a guess: dy times ((x - mean)**2 / std - 1) / N elementwise; gamma and all sums over the batch are missing.",
)
def bn_backward(dy, x, gamma, eps):
    N = x.shape[0]
    xm = x - x.mean(axis=0)
    istd = (x.var(axis=0) + eps) ** -0.5
    dx = (1 / N * xm * istd * xm - 1 / N) * dy
    return dx, np.sum(dy * xm * istd, axis=0), np.sum(dy, axis=0)


@seen("bn.backward", "The shortcut dx = gamma * dy / std: mean and variance are treated as constants.")
def bn_backward(dy, x, gamma, eps):
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    dxhat = dy * gamma
    return dxhat / std, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


@seen("bn.backward", "dgamma is one number, the mean over batch and features, and so is dbeta.")
def bn_backward(dy, x, gamma, eps):
    s = np.sqrt(x.var(axis=0) + eps)
    shat = (x - x.mean(axis=0)) / s
    g = dy * gamma
    dx = (g - g.mean(0) - shat * (g * shat).mean(0)) / s
    return dx, np.mean(dy * shat), np.mean(dy)


@seen(
    "bn.backward",
    "eps is used in the variance gradient but not in the factor 1/std of the direct path and the mean's path.",
)
def bn_backward(dy, x, gamma, eps):
    bs = x.shape[0]
    mu, var = x.mean(axis=0), x.var(axis=0)
    root = np.sqrt(var + eps)
    x_mu = x - mu
    std_inv = 1.0 / np.sqrt(var)
    d = gamma * dy
    dvar = np.sum(d * x_mu * -0.5 * (1.0 / root) ** 3, axis=0)
    dmu = np.sum(-d * std_inv, axis=0)
    dx = d * std_inv + dvar * 2 * x_mu / bs + dmu / bs
    return dx, np.sum(x_mu / root * dy, axis=0), np.sum(dy, axis=0)


# ------------------------------------------------------------------- bn.conv
@seen("bn.conv", "Statistics over the batch only (axis 0), one for each channel and position.")
def bn_conv(x, gamma, beta, eps):
    mean = x.mean(axis=0)
    inv = 1.0 / np.sqrt(x.var(axis=0) + eps)
    return gamma[:, None, None] * (x - mean) * inv + beta[:, None, None]


@seen("bn.conv", "Divides by sqrt(var) + eps instead of sqrt(var + eps).")
def bn_conv(x, gamma, beta, eps):
    mean = np.mean(x, axis=(0, 2, 3), keepdims=True)
    var = np.var(x, axis=(0, 2, 3), keepdims=True)
    out = (x - mean) / (np.sqrt(var) + eps)
    return out * gamma.reshape(mean.shape) + beta.reshape(mean.shape)


# ---------------------------------------------------------- bn.conv_backward
@seen("bn.conv_backward", "The count in dx is the number of channels C instead of N*H*W.")
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    ax = (0, 2, 3)
    mu = np.mean(x, axis=ax).reshape(1, C, 1, 1)
    var = np.var(x, axis=ax).reshape(1, C, 1, 1)
    x_mu = x - mu
    inv = 1.0 / np.sqrt(var + eps)
    d = dy * gamma.reshape(1, C, 1, 1)
    dvar = np.sum(d * x_mu, axis=ax).reshape(1, C, 1, 1) * -0.5 * inv**3
    dmu = -np.sum(d * inv, axis=ax).reshape(1, C, 1, 1)
    dx = d * inv + dvar * 2 * x_mu / C + dmu / C
    return dx, np.sum(dy * x_mu * inv, axis=ax), np.sum(dy, axis=ax)


@seen(
    "bn.conv_backward",
    "Two mistakes: statistics and sums run over the batch only, and yet the count is N*H*W.",
)
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    mu, var = x.mean(axis=0), x.var(axis=0)
    x_norm = (x - mu) / np.sqrt(var + eps)
    d = dy * gamma[:, None, None]
    dvar = np.sum(d * (x - mu) * -0.5 * (var + eps) ** -1.5, axis=0)
    dmu = -np.sum(d / np.sqrt(var + eps), axis=0)
    dx = d / np.sqrt(var + eps) + dvar * 2 * (x - mu) / (N * H * W) + dmu / (N * H * W)
    dgamma = np.sum(dy * x_norm, axis=0).sum(axis=(1, 2))
    return dx, dgamma, dy.sum(axis=(0, 2, 3))


@seen(
    "bn.conv_backward",
    "Each image is flattened to C*H*W features, so each position has statistics of its own over the batch.",
)
def bn_conv_backward(dy, x, gamma, eps):
    N, C, H, W = x.shape
    xf = x.reshape(N, -1)
    df = dy.reshape(N, -1)
    g = np.repeat(gamma, H * W)
    x_mu = xf - xf.mean(axis=0)
    inv = 1.0 / np.sqrt(xf.var(axis=0) + eps)
    d = df * g
    dvar = np.sum(d * x_mu, axis=0) * -0.5 * inv**3
    dmu = -np.sum(d * inv, axis=0)
    dx = (d * inv + dmu / N + dvar * 2 / N * x_mu).reshape(x.shape)
    dgamma = (df * x_mu * inv).sum(axis=0).reshape(C, -1).sum(axis=1)
    return dx, dgamma, df.sum(axis=0).reshape(C, -1).sum(axis=1)


# ---------------------------------------------------------------- ln.forward
@seen("ln.forward", "Power 2 instead of power 1/2: divides by (variance + eps) squared.")
def ln_forward(x, gamma, beta, eps):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    std = (variance + eps) ** 2
    return gamma * (x - mean) / std + beta


@seen(
    "ln.forward", "Two mistakes: unbiased deviation as torch.std gives it, and eps added outside of the root."
)
def ln_forward(x, gamma, beta, eps):
    mean = x.mean(axis=-1, keepdims=True)
    std = x.std(axis=-1, keepdims=True, ddof=1)
    return gamma * (x - mean) / (std + eps) + beta


@seen("ln.forward", "eps outside of the root, sqrt(var) + eps.")
def ln_forward(x, gamma, beta, eps):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    return (x - mean) / (np.sqrt(var) + eps) * gamma + beta


@seen("ln.forward", "Normalizes over the last two axes, tokens and features together.")
def ln_forward(x, gamma, beta, eps):
    N = x.shape[0]
    flat = x.reshape(N, -1)
    z = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + eps)
    return z.reshape(x.shape) * gamma + beta


# --------------------------------------------------------------- ln.backward
@seen(
    "ln.backward",
    "gamma is put in front of the bracket, as in BatchNorm: the means are those of dy, not of gamma * dy.",
)
def ln_backward(dy, x, gamma, eps):
    D = x.shape[-1]
    rstd = 1.0 / np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    xhat = (x - x.mean(axis=-1, keepdims=True)) * rstd
    dx = (gamma * rstd / D) * (D * dy - dy.sum(-1, keepdims=True) - xhat * (dy * xhat).sum(-1, keepdims=True))
    return dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))


@seen("ln.backward", "gamma is not used in dx at all.")
def ln_backward(dy, x, gamma, eps):
    D = x.shape[-1]
    mean = np.mean(x, axis=-1, keepdims=True)
    var = np.var(x, axis=-1, keepdims=True)
    std = np.sqrt(var + eps)
    total = np.sum(dy, axis=-1, keepdims=True)
    inner = np.sum(dy * (x - mean), axis=-1, keepdims=True)
    dx = (dy - total / D - (x - mean) * inner / ((var + eps) * D)) / std
    return dx, np.sum(dy * (x - mean) / std, axis=(0, 1)), np.sum(dy, axis=(0, 1))


@seen("ln.backward", "A simplified pass: dx is gamma * dy, the normalization is skipped.")
def ln_backward(dy, x, gamma, eps):
    mean = x.mean(axis=-1, keepdims=True)
    std = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    dgamma = np.sum(dy * (x - mean) / std, axis=(0, 1))
    return dy * gamma, dgamma, np.sum(dy, axis=(0, 1))


@seen(
    "ln.backward",
    "Several mistakes: the normalized tokens take the place of x minus mean, their own deviation (about 1) with eps outside takes the place of std, and the rule for the variance is used for the deviation.",
)
def ln_backward(dy, x, gamma, eps):
    D = x.shape[-1]
    h = (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + eps)
    s = h.std(-1, keepdims=True) + eps
    d = dy * gamma
    dstd = -np.sum(d * h, axis=-1, keepdims=True) / (eps + h.var(-1, keepdims=True))
    dmean = -np.sum(d / s, axis=-1, keepdims=True) - 2 * dstd * h.mean(-1, keepdims=True)
    dx = d / s + dstd * 2 * h / D + dmean / D
    return dx, np.sum(dy * h, axis=(0, 1)), np.sum(dy, axis=(0, 1))


@seen(
    "ln.backward", "dgamma and dbeta are means over the features of each token (axis -1), of shape (N, T, 1)."
)
def ln_backward(dy, x, gamma, eps):
    s = np.sqrt(x.var(-1, keepdims=True) + eps)
    h = (x - x.mean(-1, keepdims=True)) / s
    dbeta = np.mean(dy, axis=-1, keepdims=True)
    dgamma = np.mean(h * dy, axis=-1, keepdims=True)
    g = gamma * dy
    dx = (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True)) / s
    return dx, dgamma, dbeta


@seen("ln.backward", "The divisor in dx is the number of tokens N*T instead of F.")
def ln_backward(dy, x, gamma, eps):
    N = x.shape[0] * x.shape[1]
    s = np.sqrt(x.var(-1, keepdims=True) + eps)
    h = (x - x.mean(-1, keepdims=True)) / s
    g = gamma * dy
    dx = (g - g.sum(-1, keepdims=True) / N - h * (g * h).sum(-1, keepdims=True) / N) / s
    return dx, np.sum(dy * h, axis=(0, 1)), np.sum(dy, axis=(0, 1))


@seen("ln.backward", "Takes the input for two-dimensional: M = N rows of T*F numbers are normalized.")
def ln_backward(dy, x, gamma, eps):
    M, T, F = x.shape
    X, D = x.reshape(M, -1), dy.reshape(M, -1)
    s = np.sqrt(X.var(1, keepdims=True) + eps)
    H = (X - X.mean(1, keepdims=True)) / s
    G = D * np.tile(gamma, T)
    dX = (G - G.mean(1, keepdims=True) - H * (G * H).mean(1, keepdims=True)) / s
    dgamma = (D * H).sum(0).reshape(T, F).sum(0)
    return dX.reshape(x.shape), dgamma, D.sum(0).reshape(T, F).sum(0)


@seen("ln.backward", "The gradients of gamma and beta are exchanged in the result.")
def ln_backward(dy, x, gamma, eps):
    s = np.sqrt(x.var(-1, keepdims=True) + eps)
    h = (x - x.mean(-1, keepdims=True)) / s
    g = gamma * dy
    dx = (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True)) / s
    dgamma, dbeta = np.sum(dy * h, axis=(0, 1)), np.sum(dy, axis=(0, 1))
    return dx, dbeta, dgamma


@seen("ln.backward", "The two inner sums run over all tokens at once instead of each token.")
def ln_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    h = (x - x.mean(-1, keepdims=True)) * rstd
    g = gamma * dy
    dx = rstd * (g - (np.sum(g) + h * np.sum(g * h)) / F)
    return dx, np.sum(dy * h, axis=(0, 1)), np.sum(dy, axis=(0, 1))


# -------------------------------------------------------------------- ln.rms
@seen("ln.rms", "Divides by the reciprocal root instead of multiplying by it.")
def rms_forward(x, gamma, eps):
    rsqrt = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    return x / rsqrt * gamma


@seen("ln.rms", "eps is added to the root mean square, outside of the root.")
def rms_forward(x, gamma, eps):
    F = x.shape[-1]
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    rms = length * F**-0.5
    return x / (rms + eps) * gamma


@seen("ln.rms", "A second root: sqrt(RMS + eps) instead of sqrt(mean square + eps).")
def rms_forward(x, gamma, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True))
    return x / np.sqrt(rms + eps) * gamma


# ----------------------------------------------------------- ln.rms_backward
@seen(
    "ln.rms_backward",
    "Two mistakes: the mean in the second term is divided by F once more, and one factor 1/r is missing in it.",
)
def rms_backward(dy, x, gamma, eps):
    C = x.shape[-1]
    rms = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    dx = dy * gamma / rms
    mean_xy = np.mean(x * dy * gamma, axis=-1, keepdims=True)
    dx = dx - x * mean_xy / (C * rms * rms)
    return dx, np.sum(dy * x / rms, axis=(0, 1))


@seen("ln.rms_backward", "gamma is forgotten in dx.")
def rms_backward(dy, x, gamma, eps):
    F = x.shape[-1]
    rms = np.sqrt(np.sum(x * x, axis=-1, keepdims=True) / F + eps)
    o = np.sum(dy * x, axis=-1, keepdims=True)
    dx = dy / rms - x * o / (F * rms**3)
    return dx, np.sum(dy * x / rms, axis=(0, 1))


@seen(
    "ln.rms_backward", "dgamma is summed over the first axis only with keepdims, so it has shape (1, T, F)."
)
def rms_backward(dy, x, gamma, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    dgamma = np.sum(dy * x / rms, axis=0, keepdims=True)
    d = dy * gamma
    dx = d / rms - x * np.mean(d * x, axis=-1, keepdims=True) / rms**3
    return dx, dgamma


@seen("ln.rms_backward", "eps is hard-coded as 1e-5 in the backward pass, whatever the argument says.")
def rms_backward(dy, x, gamma, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-5)
    h = x / rms
    d = dy * gamma
    dx = (d - h * np.mean(d * h, axis=-1, keepdims=True)) / rms
    return dx, np.sum(dy * h, axis=(0, 1))


# ----------------------------------------------------------------- ln.masked
@seen("ln.masked", "Padding is zero-filled and counted in mean and variance.")
def masked_norm(x, mask, eps):
    z = x * mask[..., None]
    mean, var = z.mean(axis=(0, 1)), z.var(axis=(0, 1))
    xhat = (z - mean) / np.sqrt(var + eps)
    return mean, var, xhat * mask[..., None]


@seen("ln.masked", "The count is wrong: the number of texts only, not of the real tokens.")
def masked_norm(x, mask, eps):
    count = x.shape[0]
    w = mask[..., None]
    mean = (x * w).sum(axis=(0, 1)) / count
    var = (w * (x - mean) ** 2).sum(axis=(0, 1)) / count
    return mean, var, w * (x - mean) / np.sqrt(var + eps)


# ---------------------------------------------------------- inference.update
@seen(
    "inference.update",
    "Two mistakes: momentum weighs the old statistics, and Bessel's correction uses the batch size N, not N*L.",
)
def running_update(running_mean, running_var, x, momentum):
    N = x.shape[0]
    mean, var = np.mean(x, axis=(0, 2)), np.var(x, axis=(0, 2))
    new_mean = momentum * running_mean + (1 - momentum) * mean
    new_var = momentum * running_var + (1 - momentum) * var * (N / (N - 1))
    return new_mean, new_var


@seen(
    "inference.update",
    "Two mistakes: both parts are weighted with momentum (none with 1 - momentum), and the variance is biased.",
)
def running_update(running_mean, running_var, x, momentum):
    mean, var = np.mean(x, axis=(0, 2)), np.var(x, axis=(0, 2))
    return (
        running_mean * momentum + mean * momentum,
        running_var * momentum + var * momentum,
    )


@seen("inference.update", "The biased variance goes into the running variance.")
def running_update(running_mean, running_var, x, momentum):
    mean = np.mean(x, axis=(0, 2))
    var = np.mean((x - mean[None, :, None]) ** 2, axis=(0, 2))
    mean = (1 - momentum) * running_mean + momentum * mean
    var = (1 - momentum) * running_var + momentum * var
    return mean, var


@seen(
    "inference.update",
    "Two mistakes, as in the course CS231n: momentum weighs the old statistics, and the variance is biased.",
)
def running_update(running_mean, running_var, x, momentum):
    x = np.moveaxis(x, 1, 2).reshape(-1, x.shape[1])
    running_mean = momentum * running_mean + (1 - momentum) * np.mean(x, axis=0)
    running_var = momentum * running_var + (1 - momentum) * np.var(x, axis=0)
    return running_mean, running_var


@seen(
    "inference.update", "Two mistakes: np.std is expected in the running variance, and it is the biased one."
)
def running_update(running_mean, running_var, x, momentum):
    flat = np.moveaxis(x, 1, 2).reshape(-1, x.shape[1])
    mean = (1 - momentum) * running_mean + momentum * np.mean(flat, axis=0)
    var = (1 - momentum) * running_var + momentum * np.std(flat, axis=0)
    return mean, var


@seen("inference.update", "The variance is one over all channels, torch.var(x) without axes.")
def running_update(running_mean, running_var, x, momentum):
    mean = running_mean + momentum * (x.mean(axis=(0, 2)) - running_mean)
    var = running_var + momentum * (np.var(x, ddof=1) - running_var)
    return mean, var


# -------------------------------------------------------- inference.evaluate
@seen("inference.evaluate", "eps is left out in test mode.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    rm, rv = running_mean.reshape(1, -1, 1), running_var.reshape(1, -1, 1)
    return (x - rm) / np.sqrt(rv) * gamma.reshape(1, -1, 1) + beta.reshape(1, -1, 1)


@seen("inference.evaluate", "In test mode divides by sqrt(var) + eps.")
def bn_evaluate(x, running_mean, running_var, gamma, beta, eps):
    shape = (1, x.shape[1], 1)
    out = (x - running_mean.reshape(shape)) / (np.sqrt(running_var.reshape(shape)) + eps)
    return out * gamma.reshape(shape) + beta.reshape(shape)


# ------------------------------------------------------------ inference.fold
@seen("inference.fold", "The old bias is added without being scaled.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    w_bn = np.diag(gamma / np.sqrt(eps + var))
    b_bn = beta - gamma * mean / np.sqrt(var + eps)
    return w_bn @ weight, bias + b_bn


@seen("inference.fold", "Only the weights are scaled; shift by mean and beta is ignored and the bias stays.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    return weight * (gamma / np.sqrt(var + eps))[:, None], bias.copy()


@seen("inference.fold", "A fixed 1e-20 stands in place of eps, so in effect eps is forgotten.")
def fold(weight, bias, gamma, beta, mean, var, eps):
    std = np.sqrt(var + 1e-20)
    w = weight * (gamma / std)[:, None]
    return w, (bias - mean) * (gamma / std) + beta


@seen(
    "inference.fold",
    "Two mistakes: eps is outside of the root, and the old bias is added without being scaled.",
)
def fold(weight, bias, gamma, beta, mean, var, eps):
    g = gamma / (np.sqrt(var) + eps)
    new_bias = beta - mean * g
    new_bias = new_bias + bias
    return weight * g[:, None], new_bias
