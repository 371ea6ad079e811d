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
    """Looks wrong: no mean is taken. A matrix drops it, and a length is the deviation."""
    features = x.shape[-1]
    shadow = x @ (np.eye(features) - 1 / features)
    length = np.sqrt((shadow**2).sum(-1, keepdims=True) + features * eps)
    return gamma * np.sqrt(features) * shadow / length + beta


def as_batch_norm(x, gamma, beta, eps):
    """Looks wrong: averages run over axis 0. The tokens have become the columns."""
    columns = x.reshape(-1, x.shape[-1]).T
    xhat = (columns - columns.mean(0)) / np.sqrt(columns.var(0) + eps)
    return (gamma[:, None] * xhat + beta[:, None]).T.reshape(x.shape).tolist()


def backward_by_the_graph(dy, x, gamma, eps):
    """Go back through each operation of the forward pass, the mean's own part of the variance left out.

    That looks wrong, and is exactly right: the sum of x - mean is zero.
    """
    features = x.shape[-1]
    centred = x - x.mean(-1, keepdims=True)
    rstd = ((centred**2).mean(-1, keepdims=True) + eps) ** -0.5
    dxhat = dy * gamma
    dvar = -0.5 * (dxhat * centred).sum(-1, keepdims=True) * rstd**3
    dmean = -(dxhat * rstd).sum(-1, keepdims=True)
    dx = dxhat * rstd + 2 * centred * dvar / features + dmean / features
    return dx, (dy * centred * rstd).sum((0, 1)), dy.sum((0, 1))


def backward_by_jacobians(dy, x, gamma, eps):
    texts, tokens, features = x.shape
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(features), np.zeros(features)
    for n in range(texts):
        for t in range(tokens):
            root = np.sqrt(np.var(x[n, t]) + eps)
            xhat = (x[n, t] - np.mean(x[n, t])) / root
            jacobian = (np.eye(features) - (1 + np.outer(xhat, xhat)) / features) / root
            dx[n, t] = jacobian @ (gamma * dy[n, t])
            dgamma += dy[n, t] * xhat
            dbeta += dy[n, t]
    return dx, dgamma, dbeta


def backward_with_sums(dy, x, gamma, eps):
    """Looks wrong: sums, not means, are subtracted. F, which they lack, multiplies the first term."""
    features = x.shape[2]
    root = np.sqrt(x.var(axis=2, keepdims=True) + eps)
    xhat = (x - x.mean(axis=2, keepdims=True)) / root
    h = gamma * dy
    one, other = h.sum(axis=2, keepdims=True), (h * xhat).sum(axis=2, keepdims=True)
    dx = (features * h - one - xhat * other) / (features * root)
    return [dx, np.einsum("ntf,ntf->f", dy, xhat), np.einsum("ntf->f", dy)]


def backward_in_float32(dy, x, gamma, eps):
    dy, x, gamma = (np.float32(a) for a in (dy, x, gamma))
    root = np.sqrt(x.var(-1, keepdims=True) + np.float32(eps))
    xhat = (x - x.mean(-1, keepdims=True)) / root
    h = dy * gamma
    dx = h - h.mean(-1, keepdims=True) - xhat * (h * xhat).mean(-1, keepdims=True)
    dx /= root
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


def backward_in_place(dy, x, gamma, eps):
    x -= x.mean(-1, keepdims=True)
    root = np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    x /= root
    flat = dy.reshape(-1, dy.shape[-1])
    dgamma, dbeta = (flat * x.reshape(flat.shape)).sum(0), flat.sum(0)
    dy *= gamma
    dy -= x * (dy * x).mean(-1, keepdims=True)
    dy -= dy.mean(-1, keepdims=True)
    dy /= root
    return dy, dgamma, dbeta


def rms_with_loops(x, gamma, eps):
    y = np.empty_like(x)
    for text, row in enumerate(x):
        for place, token in enumerate(row):
            size = sum(value**2 for value in token) / len(token)
            y[text, place] = [g * value / (size + eps) ** 0.5 for g, value in zip(gamma, token, strict=True)]
    return y


def rms_by_length(x, gamma, eps):
    """Looks wrong: it divides by a length. The root of F and a share of eps under the root make up for it."""
    features = x.shape[-1]
    length = np.sqrt(np.linalg.norm(x, axis=-1, keepdims=True) ** 2 + features * eps)
    return gamma * np.sqrt(features) * x / length


def rms_from_moments(x, gamma, eps):
    """Looks wrong: the variance stands under the root. The squared mean is added back."""
    under = x.var(-1) + x.mean(-1) ** 2 + eps
    return np.einsum("ntf,nt,f->ntf", x, 1 / np.sqrt(under), gamma)


def rms_in_float32(x, gamma, eps):
    x = x.astype(np.float32)
    x *= (np.square(x).mean(-1, keepdims=True) + np.float32(eps)) ** np.float32(-0.5)
    return (x * gamma.astype(np.float32),)


def rms_backward_by_the_graph(dy, x, gamma, eps):
    rstd = ((x**2).mean(-1, keepdims=True) + eps) ** -0.5
    dxhat = dy * gamma
    dsize = -0.5 * (dxhat * x).sum(-1, keepdims=True) * rstd**3
    return dxhat * rstd + 2 * x * dsize / x.shape[-1], (dy * x * rstd).sum(0).sum(0)


def rms_backward_by_jacobians(dy, x, gamma, eps):
    dx, dgamma = np.zeros_like(x), np.zeros_like(gamma)
    for place in np.ndindex(x.shape[:2]):
        root = np.sqrt(x[place] @ x[place] / x.shape[2] + eps)
        xhat = x[place] / root
        dx[place] = (np.eye(x.shape[2]) - np.outer(xhat, xhat) / x.shape[2]) @ (gamma * dy[place]) / root
        dgamma += dy[place] * xhat
    return dx, dgamma


def rms_backward_by_projection(dy, x, gamma, eps):
    """Looks wrong: the part along x is taken along x itself. It is divided by what x holds too much."""
    under = (x**2).mean(-1, keepdims=True) + eps
    h = dy * gamma
    along = x * (h * x).mean(-1, keepdims=True) / under
    return (h - along) / np.sqrt(under), np.einsum("ntf,ntf,nt->f", dy, x, under[..., 0] ** -0.5)


def rms_backward_in_float32(dy, x, gamma, eps):
    dy, x, gamma = (np.float32(a) for a in (dy, x, gamma))
    root = np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(eps))
    x /= root
    dgamma = (dy * x).reshape(-1, len(gamma)).sum(0)
    dy *= gamma
    return [(dy - x * (dy * x).mean(-1, keepdims=True)) / root, dgamma]


def masked_with_loops(x, mask, eps):
    texts, tokens, features = x.shape
    xhat = np.zeros((texts, tokens, features))
    means, variances = [], []
    for j in range(features):
        real = [x[n, t, j] for n in range(texts) for t in range(tokens) if mask[n, t]]
        mean = sum(real) / len(real)
        var = sum((value - mean) ** 2 for value in real) / len(real)
        means.append(mean)
        variances.append(var)
        for n, t in zip(*np.nonzero(mask), strict=True):
            xhat[n, t, j] = (x[n, t, j] - mean) / (var + eps) ** 0.5
    return means, variances, xhat


def masked_by_weights(x, mask, eps):
    """Looks wrong: sums run over all tokens. The weights of padding are zero, in every sum."""
    weights = mask / mask.sum()
    mean = np.einsum("nt,ntf->f", weights, x)
    var = np.einsum("nt,ntf->f", weights, (x - mean) ** 2)
    return mean, var, mask[..., None] * (x - mean) / np.sqrt(var + eps)


def masked_by_moments(x, mask, eps):
    """Looks wrong: the variance sees zeros for padding. In a sum of plain squares zeros add nothing."""
    x = x * mask[..., None]
    mean = x.sum((0, 1)) / mask.sum()
    var = (x**2).sum((0, 1)) / mask.sum() - mean**2
    return mean, var, np.where(mask[..., None], (x - mean) / np.sqrt(var + eps), 0)


def masked_by_nan(x, mask, eps):
    x[~mask] = np.nan
    mean, var = np.nanmean(x, axis=(0, 1)), np.nanvar(x, axis=(0, 1))
    return [mean, var, np.nan_to_num((x - mean) / np.sqrt(var + eps))]


def masked_by_texts(x, mask, eps):
    """Looks wrong: statistics of texts are averaged. They are weighted, and the spread between is added."""
    share = mask.sum(1) / mask.sum()
    means = np.array([text[kept].mean(0) for text, kept in zip(x, mask, strict=True)])
    variances = np.array([text[kept].var(0) for text, kept in zip(x, mask, strict=True)])
    mean = share @ means
    var = share @ (variances + (means - mean) ** 2)
    return mean, var, (x - mean) / np.sqrt(var + eps) * mask[:, :, None]


def masked_in_float32(x, mask, eps):
    rows = np.float32(x)[mask]
    mean, var = rows.mean(axis=0), rows.var(axis=0)
    xhat = np.zeros(x.shape, np.float32)
    xhat[mask] = (rows - mean) / np.sqrt(var + np.float32(eps))
    return mean, var, xhat


def block_by_match(x, sublayer, norm, placement):
    match placement:
        case "pre":
            return x + sublayer(norm(x))
        case "post":
            return norm(x + sublayer(x))
    return x + norm(sublayer(norm(x)))


def block_in_place(x, sublayer, norm, placement):
    x += {
        "pre": lambda: sublayer(norm(x)),
        "post": lambda: sublayer(x),
        "both": lambda: norm(sublayer(norm(x))),
    }[placement]()
    return norm(x) if placement == "post" else x


def block_by_token(x, sublayer, norm, placement):
    """Looks wrong: tokens go through alone. Neither the branch nor the norm looks at another."""
    rows = [[block_by_match(token, sublayer, norm, placement) for token in text] for text in x]
    return np.array(rows).tolist()


def block_by_stages(x, sublayer, norm, placement):
    branch = norm(x) if placement != "post" else x
    branch = sublayer(branch)
    if placement == "both":
        branch = norm(branch)
    out = np.float32(x) + branch
    return norm(out) if placement == "post" else (out,)


VARIANTS = {
    "ln.forward": [with_loops, with_einsum, in_float32, in_place, by_projection, as_batch_norm],
    "ln.backward": [
        backward_by_the_graph,
        backward_by_jacobians,
        backward_with_sums,
        backward_in_float32,
        backward_in_place,
    ],
    "ln.rms": [rms_with_loops, rms_by_length, rms_from_moments, rms_in_float32],
    "ln.rms_backward": [
        rms_backward_by_the_graph,
        rms_backward_by_jacobians,
        rms_backward_by_projection,
        rms_backward_in_float32,
    ],
    "ln.masked": [
        masked_with_loops,
        masked_by_weights,
        masked_by_moments,
        masked_by_nan,
        masked_by_texts,
        masked_in_float32,
    ],
    "ln.block": [block_by_match, block_in_place, block_by_token, block_by_stages],
}
