"""Chapter 2, term by term."""

from normcourse.exercises.forms import norms
from normcourse.exercises.terms import Form, Space, Term, apply, given

__all__ = ["BACKWARD", "CONV", "CONV_BACKWARD", "FORWARD", "STEP"]

TABLE = Space((("N", "examples"), ("C", "features")))
IMAGES = Space((("N", "images"), ("C", "channels"), ("H", "positions"), ("W", "positions")))
UNITS = Space((("U", "units"), ("I", "inputs")))

FORWARD = norms.forward(TABLE, pool="N", parameters="C")
BACKWARD = norms.backward(TABLE, pool="N", parameters="C")
CONV = norms.forward(IMAGES, pool="NHW", parameters="C")
CONV_BACKWARD = norms.backward(IMAGES, pool="NHW", parameters="C")


def _length(rows: Term) -> Term:
    return (rows**2).sum("I", "lengths").sqrt()


def _steps() -> tuple[Form, ...]:
    w, g, rate = given("w", "UI"), given("g", "UI"), given("rate")
    after = (w - rate * g).named("after")
    old, new = _length(w).named("old length"), _length(after).named("new length")
    cosine = ((w * after).sum("I", "lengths") / (old * new)).named("cosine")
    ratio = (rate * _length(g).named("gradient's length") / old).named("ratio")
    pairs = ((apply("arccos", cosine), new / old), (apply("arctan", ratio), (1 + ratio**2).sqrt()))
    return tuple(
        Form(UNITS, ((turn.named("turn"), "U"), (growth.named("growth"), "U"))) for turn, growth in pairs
    )


STEP = _steps()
