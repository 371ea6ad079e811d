"""What the pages ask at their ends, term by term."""

from normcourse.exercises.terms import Form, Space, given

__all__ = ["ORTHOGONAL"]

TABLE = Space((("N", "examples"), ("C", "features")))


def _orthogonal() -> tuple[Form, ...]:
    h, xhat, var, eps = given("h", "NC"), given("xhat", "NC"), given("var", "C"), given("eps")
    root = (var + eps).sqrt().named("root")
    mean = (h * xhat).mean("N", "along").named("mean of h * xhat")
    total = (h * xhat).sum("N", "along").named("sum of h * xhat")
    dx = ((h - h.mean("N", "along").named("mean term") - (xhat * mean).named("xhat term")) / root).named("dx")
    ways = (
        total / root * (eps / (var + eps)).named("share of eps"),
        total / root * (1 - (var / (var + eps)).named("share of var")),
        total * eps / (var + eps) ** 1.5,
        (xhat * dx).sum("N", "along"),
    )
    return tuple(Form(TABLE, ((way.named("along"), "C"),)) for way in ways)


ORTHOGONAL = _orthogonal()
