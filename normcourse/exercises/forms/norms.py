"""Normalize over some dimensions, and go back: the formulas that BatchNorm, LayerNorm and RMSNorm share."""

from normcourse.exercises.terms import Form, Space, Term, count, given

__all__ = ["backward", "forward", "rms_backward", "rms_forward"]

EPS = given("eps")


def _normalized(x: Term, pool: str, eps: Term = EPS) -> tuple[Term, Term, Term]:
    """Return x less its mean, the root, and xhat."""
    centred = (x - x.mean(pool, "statistics").named("mean")).named("x - mean")
    root = (x.var(pool, "statistics").named("var") + eps).sqrt().named("root")
    return centred, root, (centred / root).named("xhat")


def _spelt_out(x: Term, pool: str) -> tuple[Term, Term, Term]:
    """Return the same, with the variance written as a mean of squares."""
    centred = (x - x.mean(pool, "statistics").named("mean")).named("x - mean")
    var = (centred**2).mean(pool, "statistics").named("var")
    root = (var + EPS).sqrt().named("root")
    return centred, root, (centred / root).named("xhat")


def forward(space: Space, pool: str, parameters: str) -> tuple[Form, ...]:
    """Return BatchNorm or LayerNorm of x: what is pooled, and the dimensions of gamma and beta."""
    dims = space.letters
    x, gamma, beta = given("x", dims), given("gamma", parameters), given("beta", parameters)
    mean = x.mean(pool, "statistics").named("mean")
    moments = ((x**2).mean(pool, "statistics") - mean**2).named("var")
    ways = [
        gamma * _normalized(x, pool)[2] + beta,
        gamma * _spelt_out(x, pool)[2] + beta,
        gamma * (x - mean) / (moments + EPS).sqrt().named("root") + beta,
    ]
    scale = (gamma / (x.var(pool, "statistics").named("var") + EPS).sqrt().named("root")).named("scale")
    ways.append(x * scale + (beta - mean * scale).named("shift"))
    return tuple(Form(space, ((y.named("y"), dims),)) for y in ways)


def _parameters(dy: Term, xhat: Term, summed: str) -> tuple[Term, Term]:
    """Return dgamma and dbeta."""
    return (dy * xhat).sum(summed, "dgamma").named("dgamma"), dy.sum(summed, "dbeta").named("dbeta")


def backward(space: Space, pool: str, parameters: str) -> tuple[Form, ...]:
    """Return the gradients of what :func:`forward` computes: in one formula, counted, and stage by stage."""
    dims = space.letters
    summed = "".join(letter for letter in dims if letter not in parameters)
    dy, x, gamma = given("dy", dims), given("x", dims), given("gamma", parameters)
    dxhat = (dy * gamma).named("dxhat")
    n = count(pool)

    def form(dx: Term, dgamma: Term, dbeta: Term, pairs: bool = True) -> Form:
        outputs = ((dx.named("dx"), dims), (dgamma, parameters), (dbeta, parameters))
        return Form(space, outputs, pairs)

    _, root, xhat = _normalized(x, pool)
    dgamma, dbeta = _parameters(dy, xhat, summed)
    through_var = (xhat * (dxhat * xhat).mean(pool, "dx")).named("variance term")
    in_one = (dxhat - dxhat.mean(pool, "dx").named("mean term") - through_var) / root
    forms = [form(in_one, dgamma, dbeta)]
    if pool == summed:  # BatchNorm: gamma stands outside of the sums, which are dgamma and dbeta
        counted = gamma / (n * root) * (n * dy - dbeta - xhat * dgamma)
    else:
        counted = 1 / (n * root) * (n * dxhat - dxhat.sum(pool, "dx") - xhat * (dxhat * xhat).sum(pool, "dx"))
    forms.append(form(counted, dgamma, dbeta, pairs=False))

    centred, root, xhat = _spelt_out(x, pool)
    dgamma, dbeta = _parameters(dy, xhat, summed)
    dvar = ((dxhat * centred).sum(pool, "dx") * -0.5 * root**-3).named("dvar")
    dmean = (-1.0 * dxhat.sum(pool, "dx") / root).named("dmean")
    through_var = (dvar * 2.0 * centred / n).named("variance term")
    through_mean = (dmean / n).named("mean term")
    # Images have so many axes to mistake that pairs of one form have to do: a judgement is to take no longer.
    in_stages = dxhat / root + through_var + through_mean
    forms.append(form(in_stages, dgamma, dbeta, pairs=len(dims) < 4))

    # The same gate by gate, as one walks back through a graph.
    divided = (dxhat / root).named("dxmu1")
    droot = (-1.0 / root**2 * (dxhat * centred).sum(pool, "dx")).named("droot")
    dvar = (0.5 / root * droot).named("dvar")
    squared = (2.0 * centred * (dvar / n).named("dsquare")).named("dxmu2")
    dcentred = (divided + squared).named("dxmu")
    dmean = (-1.0 * dcentred.sum(pool, "dx")).named("dmean")
    forms.append(form(dcentred + dmean / n, dgamma, dbeta, pairs=False))
    return tuple(forms)


def _rms(x: Term, pool: str) -> tuple[Term, Term]:
    root = ((x**2).mean(pool, "square").named("mean square") + EPS).sqrt().named("root")
    return root, (x / root).named("xhat")


def rms_forward(space: Space, pool: str, parameters: str) -> tuple[Form, ...]:
    """Return RMSNorm of x."""
    dims = space.letters
    x, gamma = given("x", dims), given("gamma", parameters)
    xhat = _rms(x, pool)[1]
    length = ((x**2).sum(pool, "square") / count(pool)).named("mean square")
    ways = (gamma * xhat, gamma * x / (length + EPS).sqrt().named("root"))
    return tuple(Form(space, ((y.named("y"), dims),)) for y in ways)


def rms_backward(space: Space, pool: str, parameters: str) -> tuple[Form, ...]:
    """Return the gradients of RMSNorm: in one formula, and stage by stage."""
    dims = space.letters
    summed = "".join(letter for letter in dims if letter not in parameters)
    dy, x, gamma = given("dy", dims), given("x", dims), given("gamma", parameters)
    dxhat = (dy * gamma).named("dxhat")
    root, xhat = _rms(x, pool)
    dgamma = (dy * xhat).sum(summed, "dgamma").named("dgamma")
    in_one = (dxhat - (xhat * (dxhat * xhat).mean(pool, "dx")).named("root term")) / root
    droot = (-1.0 * (dxhat * x).sum(pool, "dx") / root**2).named("droot")
    staged = dxhat / root + droot * x / (count(pool) * root)
    dsquare = ((dxhat * x).sum(pool, "dx") * -0.5 * root**-3).named("dsquare")
    by_square = dxhat / root + dsquare * 2.0 * x / count(pool)
    outside = dxhat / root - x * (dxhat * x).sum(pool, "dx") / (count(pool) * root**3)
    return tuple(
        Form(space, ((dx.named("dx"), dims), (dgamma, parameters)))
        for dx in (in_one, staged, by_square, outside)
    )
