"""Right answers in other styles, by task: each must get full marks."""

import numpy as np
import torch
from torch import nn


def update_with_loops(running_mean, running_var, x, momentum):
    means, variances = [], []
    for c in range(x.shape[1]):
        values = x[:, c].ravel().tolist()
        mean = sum(values) / len(values)
        var = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        means.append((1 - momentum) * running_mean[c] + momentum * mean)
        variances.append((1 - momentum) * running_var[c] + momentum * var)
    return means, variances


def update_in_place(running_mean, running_var, x, momentum):
    running_mean += momentum * (x.mean((0, 2)) - running_mean)
    running_var += momentum * (x.var((0, 2), ddof=1) - running_var)
    return running_mean, running_var


def update_by_pairs(running_mean, running_var, x, momentum):
    """Looks wrong: no mean is subtracted. Half the mean squared distance of two values is their variance."""
    flat = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    n = flat.shape[1]
    var = ((flat[:, :, None] - flat[:, None, :]) ** 2).sum((1, 2)) / (2 * n * (n - 1))
    mean = np.einsum("ncl->c", x) / n
    return [running_mean * (1 - momentum) + mean * momentum, running_var * (1 - momentum) + var * momentum]


def update_in_float32(running_mean, running_var, x, momentum):
    running_mean, running_var, x = (np.float32(a) for a in (running_mean, running_var, x))
    m = np.float32(momentum)
    return (1 - m) * running_mean + m * x.mean((0, 2)), (1 - m) * running_var + m * x.var((0, 2), ddof=1)


def evaluate_as_a_line(x, running_mean, running_var, gamma, beta, eps):
    """Looks wrong: the mean is not subtracted from x. The shift takes it in."""
    scale = gamma / np.sqrt(running_var + eps)
    return x * scale[None, :, None] + (beta - running_mean * scale)[None, :, None]


def evaluate_with_loops(x, running_mean, running_var, gamma, beta, eps):
    y = np.zeros(x.shape)
    for n, c, position in np.ndindex(*x.shape):
        centred = x[n, c, position] - running_mean[c]
        y[n, c, position] = gamma[c] * centred / (running_var[c] + eps) ** 0.5 + beta[c]
    return y


def evaluate_channels_last(x, running_mean, running_var, gamma, beta, eps):
    y = np.moveaxis(x, 1, -1)
    y -= running_mean
    y /= np.sqrt(running_var + eps)
    return np.moveaxis(y * gamma + beta, -1, 1)


def evaluate_in_float32(x, running_mean, running_var, gamma, beta, eps):
    x, running_mean, gamma, beta = (np.float32(a) for a in (x, running_mean, gamma, beta))
    rstd = np.float32(1 / np.sqrt(running_var + eps))
    return np.einsum("ncl,c->ncl", x - running_mean[:, None], gamma * rstd) + beta[:, None]


def fold_by_matrix(weight, bias, gamma, beta, mean, var, eps):
    scale = np.diag(gamma / np.sqrt(var + eps))
    return scale @ weight, scale @ (bias - mean) + beta


def fold_by_asking(weight, bias, gamma, beta, mean, var, eps):
    """Looks wrong: no formula for the weights. The folded layer is what the two layers answer."""

    def both(x):
        return gamma * (weight @ x + bias - mean) / np.sqrt(var + eps) + beta

    at_zero = both(np.zeros(weight.shape[1]))
    columns = [both(unit) - at_zero for unit in np.eye(weight.shape[1])]
    return np.stack(columns, axis=1), at_zero


def fold_in_place(weight, bias, gamma, beta, mean, var, eps):
    bias -= mean
    gamma /= np.sqrt(var + eps)
    weight *= gamma[:, None]
    bias *= gamma
    bias += beta
    return weight, bias


def fold_in_float32(weight, bias, gamma, beta, mean, var, eps):
    scale = np.float32(gamma / np.sqrt(var + eps))
    rows = [row * factor for row, factor in zip(weight, scale, strict=True)]
    return rows, scale * np.float32(bias - mean) + np.float32(beta)


def pool_by_moments(sizes, means, variances):
    """Looks wrong: it averages mean squares. The square of the mean is taken off at the end."""
    n = sizes.sum()
    mean = sizes @ means / n
    squares = sizes @ (variances + means**2) / n
    return mean, (squares - mean**2) * n / (n - 1)


def pool_one_by_one(sizes, means, variances):
    count, mean, total = 0.0, 0.0, 0.0
    for size, batch_mean, batch_var in zip(sizes, means, variances, strict=True):
        delta = batch_mean - mean
        total = total + size * batch_var + delta**2 * count * size / (count + size)
        count += size
        mean = mean + delta * size / count
    return mean, total / (count - 1)


def pool_from_values(sizes, means, variances):
    """Looks wrong: it invents values. Two for each example have the batch's mean and variance."""
    rows = []
    for size, mean, var in zip(sizes.astype(int), means, variances, strict=True):
        rows += [mean - np.sqrt(var)] * size + [mean + np.sqrt(var)] * size
    values, n = np.array(rows), sizes.sum()
    return values.mean(0), values.var(0) * n / (n - 1)


def pool_by_repeating(sizes, means, variances):
    """Asks for whole numbers, as sizes are."""
    mean = np.repeat(means, sizes, axis=0).mean(0)
    squares = np.zeros_like(mean)
    for batch, size in enumerate(sizes):
        for _ in range(size):
            squares += variances[batch] + (means[batch] - mean) ** 2
    return mean, squares / (sizes.sum() - 1)


def pool_in_float32(sizes, means, variances):
    w = np.float32(sizes / sizes.sum())
    mean = np.einsum("b,bc->c", w, np.float32(means))
    spread = np.float32(variances) + (np.float32(means) - mean) ** 2
    return [mean, np.einsum("b,bc->c", w, spread) / np.float32(1 - 1 / sizes.sum())]


def repaired(model, batches, x_val, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    logits = []
    for x, y in batches:
        model.train()
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            logits.append(model(x_val))
    return logits


def repaired_by_hand(model, batches, x_val, rate):
    """Looks wrong: there is no optimizer, and no zero_grad. Gradients are asked for, not stored."""
    answers = []
    for x, y in batches:
        loss = -model.train()(x).log_softmax(1)[torch.arange(len(y)), y].mean()
        parameters = list(model.parameters())
        with torch.no_grad():
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter -= rate * gradient
            answers.append(model.eval()(x_val))
    return torch.stack(answers)


def repaired_with_gradients_on(model, batches, x_val, rate):
    """Looks wrong: no torch.no_grad. It saves memory and changes no number."""
    optimizer = torch.optim.SGD([{"params": module.parameters()} for module in model], lr=rate)
    answers = torch.zeros(len(batches), len(x_val), model[3].out_features, dtype=torch.float64)
    for row, (x, y) in enumerate(batches):
        optimizer.zero_grad(set_to_none=False)
        nn.CrossEntropyLoss()(model(x), y).backward()
        optimizer.step()
        model.eval()
        answers[row] = model(x_val)
        model.train()
    return answers


VARIANTS = {
    "inference.update": [update_with_loops, update_in_place, update_by_pairs, update_in_float32],
    "inference.evaluate": [
        evaluate_as_a_line,
        evaluate_with_loops,
        evaluate_channels_last,
        evaluate_in_float32,
    ],
    "inference.fold": [fold_by_matrix, fold_by_asking, fold_in_place, fold_in_float32],
    "inference.recalibrate": [
        pool_by_moments,
        pool_one_by_one,
        pool_from_values,
        pool_by_repeating,
        pool_in_float32,
    ],
    "inference.repair": [repaired, repaired_by_hand, repaired_with_gradients_on],
}
