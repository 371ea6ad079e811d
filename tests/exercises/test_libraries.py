"""Which libraries an answer uses, by itself or by its helpers."""

import math
import os.path

import numpy as np
import pytest
import torch.nn.functional as F
from torch import nn

from normcourse.exercises.imports import libraries

Layer = nn.Linear


def helper(x):
    return F.relu(x)


def helped(x):
    return helper(x)


def inside(x):
    from scipy import special

    return special.expit(x)


def nested(x):
    return [(lambda z: Layer(z, z))(y) for y in x]


def own(x):
    return math.sqrt(len(os.path.join("a", str(x)))) + np.linalg.norm(x)


def round_and_round(x):
    return round_and_round(helped(x))


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (own, {"numpy"}),
        (helper, {"torch"}),
        (helped, {"torch"}),
        (inside, {"scipy"}),
        (nested, {"torch"}),
        (round_and_round, {"torch"}),
        (lambda x: x, set()),
        (3, set()),
        (None, set()),
    ],
)
def test_libraries_are_found_wherever_they_are_named(function, found):
    assert libraries(function) == found
