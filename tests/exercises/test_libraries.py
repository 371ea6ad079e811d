"""Which libraries an answer uses, by itself or by its helpers."""

import functools
import math
import os.path
import time
from collections import namedtuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import expit
from torch import nn

from normcourse.exercises import calls
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


class Uses:
    def __init__(self, width):
        self.layer = Layer(width, width)

    def __call__(self, x):
        return self.layer(x)


class Inherits(nn.Module):
    pass


class Slotted:
    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, x):
        return self.inner(x)


class Kinds:
    @property
    def held(self):
        return F.relu


class Static:
    @staticmethod
    def norm(x):
        return F.relu(x)


def counted(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def fixed(x, y):
    return F.relu(x) + y


Pair = namedtuple("Pair", "first second")
OPERATIONS = {"relu": F.relu}
OWN = {"helper": [helper, (own,)]}
PAIR = Pair(helper, own)
RELU = torch.relu


def with_default(x, relu=F.relu):
    return relu(x)


def annotated(x: "int", y: torch.Tensor | None = None):
    return x


def makes():
    relu = F.relu

    def inside(x):
        return relu(x)

    return inside


CASES = {
    "a class": (lambda x: Uses(3)(x), {"torch"}),
    "its base": (lambda x: Inherits()(x), {"torch"}),
    "a class as the answer": (Uses, {"torch"}),
    "a callable object": (Slotted(helper), {"torch"}),
    "its method": (Uses(2).__call__, {"torch"}),
    "a property": (lambda x: Kinds().held(x), {"torch"}),
    "a static method": (lambda x: Static.norm(x), {"torch"}),
    "a partial": (functools.partial(fixed, y=1), {"torch"}),
    "a partial of the library's": (functools.partial(F.relu, inplace=False), {"torch"}),
    "a decorator of one's own": (counted(helper), {"torch"}),
    "a decorator of Python's": (functools.lru_cache(helper), {"torch"}),
    "a decorator of the library's": (torch.no_grad()(own), {"torch", "numpy"}),
    "a dictionary of functions": (lambda x: OPERATIONS["relu"](x), {"torch"}),
    "lists in a dictionary": (lambda x: OWN["helper"][0](x), {"torch", "numpy"}),
    "a named tuple": (lambda x: PAIR.first(x), {"torch", "numpy"}),
    "what is no function of Python's": (lambda x: RELU(x), {"torch"}),
    "the library's own": (torch.relu, {"torch"}),
    "another of its own": (F.relu, {"torch"}),
    "of scipy's": (lambda x: expit(x), {"scipy"}),
    "of numpy's": (np.var, {"numpy"}),
    "a default": (with_default, {"torch"}),
    "an annotation": (annotated, {"torch"}),
    "a closure": (makes(), {"torch"}),
    "a lambda in a lambda": (lambda x: (lambda: RELU)()(x), {"torch"}),
    "a name of an attribute alone": (lambda x: x.Layer, set()),
    "the course": (lambda x: calls.plain(x, {}), {"normcourse"}),
    "Python's own": (counted(math.sqrt), set()),
}


@pytest.mark.parametrize("name", CASES)
def test_libraries_are_found_in_whatever_holds_them(name):
    function, found = CASES[name]
    assert libraries(function) == found


def bombs():
    """Return things of which every look would be seen; a module's own ones pytest looks at itself."""

    class Bomb:
        def __getattribute__(self, name):
            raise AssertionError(name)

        __len__ = __iter__ = __hash__ = __eq__ = __repr__ = __bool__ = __getattribute__

    class HostileMeta(type):
        __name__ = __module__ = __mro__ = __dict__ = property(lambda cls: 1 / 0)

        def __getattribute__(cls, name):
            raise AssertionError(name)

    class Nameless(metaclass=HostileMeta):
        pass

    class EndlessList(list):
        def __iter__(self):
            raise AssertionError

    return [Bomb(), Nameless, EndlessList([helper]), {"bomb": Bomb()}]


def test_nothing_of_the_learners_is_run():
    held = bombs()
    assert libraries(lambda x: held[0](x)) == {"torch"}
    assert libraries(held[0]) == libraries(held[1]) == set()
    assert libraries(lambda x: held) == {"torch"}


def test_what_holds_itself_or_much_ends():
    loop = []
    loop += [loop, helper, *range(10**6)]
    deep = helper
    for _ in range(10**4):
        deep = [deep]
    started = time.perf_counter()
    assert libraries(lambda x: loop) == {"torch"}
    assert libraries(lambda x: deep) == {"torch"}
    assert time.perf_counter() - started < 5
