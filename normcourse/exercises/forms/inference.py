"""Chapter 3, term by term."""

from normcourse.exercises.terms import Form, Space, Term, count, given

__all__ = ["EVALUATE", "FOLD", "POOL", "UPDATE"]

SIGNALS = Space((("N", "signals"), ("C", "channels"), ("L", "positions")))
WEIGHTS = Space((("O", "outputs"), ("I", "inputs")))
BATCHES = Space((("B", "batches"), ("F", "features")))

EPS = given("eps")


def _update() -> tuple[Form, ...]:
    x, momentum = given("x", "NCL"), given("momentum")
    old_mean, old_var = given("running_mean", "C"), given("running_var", "C")
    mean = x.mean("NL", "statistics").named("batch mean")
    n = count("NL")
    unbiased = x.reduced("var of n - 1", "NL", "statistics").named("batch variance")
    corrected = (x.var("NL", "statistics") * (n / (n - 1))).named("batch variance")

    def weighed(old: Term, new: Term) -> Term:
        return (1 - momentum) * old + momentum * new

    def moved(old: Term, new: Term) -> Term:
        return old + momentum * (new - old)

    return tuple(
        Form(SIGNALS, ((way(old_mean, mean).named("mean"), "C"), (way(old_var, var).named("var"), "C")))
        for way in (weighed, moved)
        for var in (unbiased, corrected)
    )


def _evaluate() -> tuple[Form, ...]:
    x, mean, var = given("x", "NCL"), given("running_mean", "C"), given("running_var", "C")
    gamma, beta = given("gamma", "C"), given("beta", "C")
    root = (var + EPS).sqrt().named("root")
    xhat = ((x - mean) / root).named("xhat")
    scale = (gamma / root).named("scale")
    ways = (gamma * xhat + beta, x * scale + (beta - mean * scale).named("shift"))
    return tuple(Form(SIGNALS, ((y.named("y"), "NCL"),)) for y in ways)


def _fold() -> tuple[Form, ...]:
    weight, bias, gamma, beta = (
        given("weight", "OI"),
        given("bias", "O"),
        given("gamma", "O"),
        given("beta", "O"),
    )
    mean, var = given("mean", "O"), given("var", "O")
    scale = (gamma / (var + EPS).sqrt().named("root")).named("scale")
    folded = (weight * scale).named("folded weight")
    ways = (scale * (bias - mean) + beta, bias * scale + (beta - mean * scale).named("shift"))
    return tuple(Form(WEIGHTS, ((folded, "OI"), (way.named("folded bias"), "O"))) for way in ways)


def _pool() -> tuple[Form, ...]:
    sizes, means, variances = given("sizes", "B"), given("means", "BF"), given("variances", "BF")
    n = sizes.sum("B", "weights").named("n")
    mean = ((sizes * means).sum("B", "weights") / n).named("mean")
    within = (sizes * variances).sum("B", "weights") / n
    between = (sizes * (means - mean) ** 2).sum("B", "weights") / n
    squares = ((sizes * (variances + means**2)).sum("B", "weights") / n).named("mean square")
    total = ((sizes * variances).sum("B", "weights") + (sizes * (means - mean) ** 2).sum("B", "weights")) / (
        n - 1
    )
    ways = ((within + between) * (n / (n - 1)), (squares - mean**2) * (n / (n - 1)), total)
    return tuple(Form(BATCHES, ((mean, "F"), (var.named("var"), "F"))) for var in ways)


UPDATE, EVALUATE, FOLD, POOL = _update(), _evaluate(), _fold(), _pool()
