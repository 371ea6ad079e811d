"""Right answers in other styles, by task: each must get full marks."""

import statistics

import numpy as np
from scipy.stats import norm, wasserstein_distance


def standardise_with_loops(train, test):
    z = np.zeros_like(test)
    for j in range(train.shape[1]):
        mean = sum(train[:, j]) / len(train)
        std = (sum((value - mean) ** 2 for value in train[:, j]) / len(train)) ** 0.5
        for i in range(len(test)):
            z[i, j] = (test[i, j] - mean) / std
    return z


def standardise_in_place(train, test):
    test -= train.mean(0)
    train -= train.mean(0)
    test /= np.sqrt((train**2).mean(0))
    return test


def standardise_in_float32(train, test):
    train, test = np.float32(train), np.float32(test)
    return ((test - np.mean(train, 0)) / np.std(train, 0)).tolist()


def standardise_together(train, test):
    """Looks wrong: it standardises both sets at once. The statistics are those of the first rows."""
    both = np.vstack([train, test])
    rows = slice(len(train))
    return ((both - both[rows].mean(0)) / both[rows].std(0))[len(train) :]


def moments_by_complex(before, after):
    """Looks wrong: it returns the length of a complex number, whose parts are the two differences."""
    point = after.mean(0) + 1j * after.std(0) - before.mean(0) - 1j * before.std(0)
    return np.abs(point) / before.std(0)


def moments_with_loops(before, after):
    shift = []
    for old, new in zip(before.T, after.T, strict=True):
        mean = statistics.fmean(new) - statistics.fmean(old)
        spread = statistics.pstdev(new) - statistics.pstdev(old)
        shift.append((mean**2 + spread**2) ** 0.5 / statistics.pstdev(old))
    return shift


def moments_in_old_units(before, after):
    """Looks wrong: no division at the end. Both sets are put into the old units first."""
    unit = before.std(0)
    before, after = before / unit, after / unit
    return np.sqrt((after.mean(0) - before.mean(0)) ** 2 + (after.std(0) - 1) ** 2)


def moments_in_float32(before, after):
    before, after = before.astype("f4"), after.astype("f4")
    return np.linalg.norm(
        [after.mean(0) - before.mean(0), after.std(0) - before.std(0)], axis=0
    ) / before.std(0)


def distribution_by_scipy(before, after):
    pairs = zip(before.T, after.T, strict=True)
    return np.array([wasserstein_distance(old, new) / old.std() for old, new in pairs])


def distribution_in_place(before, after):
    std = before.std(0)
    before.sort(0)
    after.sort(0)
    after -= before
    np.abs(after, out=after)
    return after.mean(0) / std


def distribution_downwards(before, after):
    """Looks wrong: it sorts from the largest down. Both are sorted alike."""
    old, new = -np.sort(-before, axis=0), -np.sort(-after, axis=0)
    return np.einsum("nc->c", abs(new - old)) / len(old) / before.std(0)


def distribution_with_loops(before, after):
    shift = []
    for j in range(before.shape[1]):
        old, new = sorted(before[:, j]), sorted(after[:, j])
        moved = sum(abs(a - b) for a, b in zip(old, new, strict=True)) / len(old)
        shift.append(moved / np.float32(np.std(old)))
    return shift


def weights_by_scipy(x, train_mean, use_mean, std):
    w = norm.pdf(x, use_mean, std) / norm.pdf(x, train_mean, std)
    return w, w.sum() ** 2 / (w @ w)


def weights_with_loops(x, train_mean, use_mean, std):
    def density(value, mean):
        return np.exp(-((value - mean) ** 2) / (2 * std**2))

    w = [density(value, use_mean) / density(value, train_mean) for value in x]
    return w, sum(w) ** 2 / sum(one**2 for one in w)


def weights_by_a_line(x, train_mean, use_mean, std):
    """Looks wrong: no square of x. The squares of both exponents cancel, and a straight line is left."""
    slope = (use_mean - train_mean) / std**2
    w = np.exp(slope * (x - (use_mean + train_mean) / 2))
    return [w, 1 / np.sum((w / w.sum()) ** 2)]


def weights_in_float32(x, train_mean, use_mean, std):
    x = np.float32(x)
    w = np.exp(((x - np.float32(train_mean)) ** 2 - (x - np.float32(use_mean)) ** 2) / np.float32(2 * std**2))
    return w, np.square(w.sum()) / np.square(w).sum()


VARIANTS = {
    "shift.standardise": [
        standardise_with_loops,
        standardise_in_place,
        standardise_in_float32,
        standardise_together,
    ],
    "shift.moments": [moments_by_complex, moments_with_loops, moments_in_old_units, moments_in_float32],
    "shift.distribution": [
        distribution_by_scipy,
        distribution_in_place,
        distribution_downwards,
        distribution_with_loops,
    ],
    "shift.weights": [weights_by_scipy, weights_with_loops, weights_by_a_line, weights_in_float32],
}
