"""The pages' own exercises, term by term."""

from normcourse.exercises.terms import Form, Space, count, given

__all__ = ["AVERAGE"]

TABLE = Space((("N", "examples"), ("C", "features")))


def _average() -> tuple[Form, ...]:
    x, tracked = given("x", "NC"), given("tracked", "")
    old_mean, old_var = given("running_mean", "C"), given("running_var", "C")
    mean = x.mean("N").named("mean")
    n = count("N").named("n")
    var = (((x - mean) ** 2).mean("N") * (n / (n - 1))).named("var")
    share = (1 / (tracked + 1)).named("share")
    ways = (
        (old_mean + share * (mean - old_mean), old_var + share * (var - old_var)),
        ((1 - share) * old_mean + share * mean, (1 - share) * old_var + share * var),
        (
            (tracked * old_mean + mean) / (tracked + 1),
            (tracked * old_var + var) / (tracked + 1),
        ),
    )
    return tuple(
        Form(TABLE, ((mean_.named("new mean"), "C"), (var_.named("new var"), "C"))) for mean_, var_ in ways
    )


AVERAGE = _average()
