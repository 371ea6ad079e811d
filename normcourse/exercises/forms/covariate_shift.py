"""Chapter 1, term by term."""

from normcourse.exercises.terms import Form, Space, Term, apply, given

__all__ = ["DISTRIBUTION", "MOMENTS", "STANDARDISE", "WEIGHTS"]

SETS = Space((("M", "test examples"), ("N", "training examples"), ("F", "features")), axes=False)
TABLE = Space((("N", "examples"), ("F", "features")))
INPUTS = Space((("N", "examples"),))


def _std(x: Term, dims: str = "N") -> Term:
    return x.var(dims, "spread").named("var").sqrt().named("std")


def _standardise() -> tuple[Form, ...]:
    train, test = given("train", "NF"), given("test", "MF")
    z = (test - train.mean("N", "spread").named("mean")) / _std(train)
    return (Form(SETS, ((z.named("z"), "MF"),)),)


def _moments() -> tuple[Form, ...]:
    before, after = given("before", "NF"), given("after", "NF")
    old = before.var("N", "spread").named("old variance").sqrt().named("old std")
    new = after.var("N", "spread").named("new variance").sqrt().named("new std")
    means = (after.mean("N", "spread") - before.mean("N", "spread")).named("change of the mean")
    spreads = (new - old).named("change of the std")
    ways = (
        (means**2 + spreads**2).sqrt() / old,
        ((means / old) ** 2 + (spreads / old) ** 2).sqrt(),
        ((means / old) ** 2 + (new / old - 1) ** 2).sqrt(),
    )
    return tuple(Form(TABLE, ((shift.named("shift"), "F"),)) for shift in ways)


def _distribution() -> tuple[Form, ...]:
    before, after = given("before", "NF"), given("after", "NF")
    gaps = (after.sort("N").named("sorted after") - before.sort("N").named("sorted before")).named("gaps")
    old = before.var("N", "spread").named("old variance").sqrt().named("old std")
    return (Form(TABLE, (((apply("abs", gaps).mean("N", "gaps") / old).named("shift"), "F"),)),)


def _weights() -> tuple[Form, ...]:
    x, std = given("x", "N"), given("std")
    train, use = given("train_mean"), given("use_mean")
    inside = (x - train) ** 2 - (x - use) ** 2
    at_once = apply("exp", (inside / (2 * std**2)).named("exponent"))
    densities = [apply("exp", ((x - mean) / std) ** 2 * -0.5) for mean in (use, train)]
    ratio = densities[0].named("density in use") / densities[1].named("density in training")
    forms = []
    for w in (at_once.named("w"), ratio.named("w")):
        effective = (w.sum("N") ** 2 / (w**2).sum("N")).named("count")
        forms.append(Form(INPUTS, ((w, "N"), (effective, ""))))
    return tuple(forms)


STANDARDISE, MOMENTS, DISTRIBUTION, WEIGHTS = _standardise(), _moments(), _distribution(), _weights()
