"""How a norm's statistics are made and used: what is pooled, what flows, and in which mode."""

from itertools import product
from math import prod

from normcourse.plotting.diagrams.drawing import GAP, HEIGHT, Box, Diagram, Drawing, text_width
from normcourse.taxonomy import TAXONOMY, NormSpec

__all__ = ["counted", "flow_diagram", "modes_diagram", "pooled_diagram", "pooled_places", "switches_diagram"]

_XHAT = "x\u0302"


def flow_diagram(direction: str = "forward") -> Diagram:
    """Draw one feature's way through BatchNorm, or its gradient's way back.

    Args:
        direction: ``"forward"`` or ``"backward"``.

    Raises:
        ValueError: Another direction.

    Example:
        >>> "three ways" in flow_diagram("backward").alt
        True
    """
    if direction not in ("forward", "backward"):
        raise ValueError(f"the direction is 'forward' or 'backward', not {direction!r}")
    forward = direction == "forward"
    drawing = Drawing()

    def arrow(*points: tuple[float, float]) -> None:
        drawing.arrow(*(points if forward else points[::-1]))

    direct, mean, variance = (0, 46, 104) if forward else (0, 60, 120)
    centre = variance / 2
    x = drawing.box(22, centre, "x", width=44, height=variance + HEIGHT)
    mu = drawing.box(126, mean, "mean μ", width=112, marked=True)
    sigma = drawing.box(126, variance, "variance σ²", width=112, marked=True)
    xhat = drawing.box(269, centre, width=122, height=variance + HEIGHT)
    y = drawing.box(406, centre, f"y = γ{_XHAT} + β", width=104)
    _write_standardised(drawing, xhat)
    arrow((x.right, direct), (xhat.left, direct))
    for box in (mu, sigma):
        arrow((x.right, box.y), (box.left, box.y))
        arrow((box.right, box.y), (xhat.left, box.y))
    arrow((xhat.right, centre), (y.left, centre))
    for letter, across in (("γ", y.x - 27), ("β", y.x + 27)):
        arrow((across, y.bottom + GAP), (across, y.bottom))
        drawing.text(across, y.bottom + GAP + 11, letter if forward else f"∂L/∂{letter}")
    if forward:
        arrow((mu.x, mu.bottom), (sigma.x, sigma.top))
        drawing.text(
            x.left, x.bottom + 20, "One feature: μ and σ² are taken over the N examples.", anchor="start"
        )
        return drawing.finish(
            "One feature's forward pass, from left to right. Its values x give the mean μ, and with it the "
            f"variance σ². Both, and x itself, go into {_XHAT} = (x − μ)/√(σ² + ε), and this, with γ and β, "
            f"into y = γ{_XHAT} + β. The mean and the variance are marked: they are the batch's."
        )
    for box, name in ((x, "x"), (xhat, _XHAT)):
        drawing.text(box.x, box.top - 13, f"∂L/∂{name}")
    drawing.text(y.x, y.top - 13, "∂L/∂y")
    drawing.text(mu.x, direct - 12, "1 directly")
    drawing.text(mu.x, mu.top - 12, "2 through the mean")
    drawing.text(mu.x, sigma.top - 12, "3 through the variance")
    drawing.text(x.left, x.bottom + 20, "Way 1 leads to the same example, 2 and 3 to all N.", anchor="start")
    return drawing.finish(
        "The gradient's way back through BatchNorm, from right to left. ∂L/∂y gives ∂L/∂γ, ∂L/∂β and "
        f"∂L/∂{_XHAT}, where {_XHAT} = (x − μ)/√(σ² + ε). From there three ways lead to ∂L/∂x: directly, to "
        "the same example; through the mean μ, and through the variance σ², both marked, to all N examples."
    )


def _write_standardised(drawing: Drawing, box: Box) -> None:
    below = "√(σ² + ε)"
    bar = text_width(below)
    middle = box.right - 12 - bar / 2
    drawing.text(middle - bar / 2 - 5, box.y, f"{_XHAT} =", anchor="end")
    drawing.text(middle, box.y - 12, "x − μ")
    drawing.line((middle - bar / 2, box.y), (middle + bar / 2, box.y))
    drawing.text(middle, box.y + 13, below)


# What the letters of the taxonomy stand for where there is one set for each of them.
_EACH = {"N": "example", "C": "feature", "G": "group of features", "B": "example"}


def pooled_diagram(norm: str, space: bool = False) -> Diagram:
    """Draw a batch as a table, N examples by C features, and one set of values that a norm pools.

    GroupNorm has two groups; LayerNorm and RMSNorm normalize all of an example.

    Args:
        norm: A name of the taxonomy.
        space: Whether each cell is a map, of S positions, and a feature so a channel.

    Raises:
        ValueError: No norm has this name.

    Example:
        >>> pooled_diagram("BatchNorm").alt.split(". ")[1]
        'Filled for BatchNorm, pooled into one μ and one σ²: one feature of all 4 examples, 4 of 24 values'
    """
    if norm not in TAXONOMY:
        raise ValueError(f"no norm {norm!r}: there are {', '.join(TAXONOMY)}")
    spec = TAXONOMY[norm]
    examples, channels, side = (3, 4, 3) if space else (4, 6, 1)
    positions, feature = side * side, "channel" if space else "feature"
    cells = list(product(range(examples), range(channels), range(positions)))
    filled = [
        cells[place] for place in pooled_places(spec, (examples, channels, positions), (examples - 1, 1, 0))
    ]
    drawing = Drawing()
    width, height, apart = (57, 57, 8) if space else (44, 30, 0)
    for n, c, s in cells:
        drawing.cell(
            c * (width + apart) + s % side * (width / side),
            n * (height + apart) + s // side * (height / side),
            width / side,
            height / side,
            marked=(n, c, s) in filled,
        )
    right, bottom = channels * (width + apart) - apart, examples * (height + apart) - apart
    drawing.text(right / 2, -16, f"C {feature}s →")
    drawing.text(-10, bottom / 2, "N\nexamples\n↓", anchor="end")
    if space:
        drawing.text(right + 10, height / 2, "each map:\nS positions", anchor="start")
    columns = sorted({c for _, c, _ in filled})
    ends = columns[0] * (width + apart), columns[-1] * (width + apart) + width
    under = bottom + 8
    drawing.line((ends[0], under), (ends[0], under + 6), (ends[1], under + 6), (ends[1], under))
    statistics = "one μ, one σ²" if spec.centred else "one mean square"
    sets = _sets(spec, feature)
    drawing.text(ends[0], under + 20, statistics, anchor="start", bold=True)
    drawing.text(ends[0], under + 40, f"each {sets} has its own", anchor="start")
    rows = {n for n, *_ in filled}
    reach = (
        f"{counted(len(columns), channels, feature)} of {counted(len(rows), examples, 'example')}"
        + f", at all {positions} positions" * space
    )
    return drawing.finish(
        f"A table of {examples} examples by {channels} {feature}s"
        + f", each cell a map of {positions} positions" * space
        + f". Filled for {norm}, pooled into {statistics.replace(',', ' and')}: {reach}, {len(filled)} of "
        f"{len(cells)} values. Each {sets} has its own."
        + " (Of a single value the variance is 0.)"
        * (len(filled) == 1)
    )


def pooled_places(
    spec: NormSpec, shape: tuple[int, int, int], cell: tuple[int, int, int], *, features: int = 2
) -> list[int]:
    """Return the values of an ``(N, C, S)`` batch that share one mean and variance with a given one.

    They agree with it in every letter of the view that is not pooled. GroupNorm has two groups.

    Args:
        spec: A row of the taxonomy.
        shape: ``(N, C, S)``; ``C`` even.
        cell: Example, channel and position of the given value.
        features: How many trailing axes LayerNorm and RMSNorm normalize.

    Returns:
        Their places in the flattened batch, in order.

    Example:
        >>> from normcourse.taxonomy import TAXONOMY
        >>> pooled_places(TAXONOMY["BatchNorm"], (3, 2, 1), (0, 1, 0))
        [1, 3, 5]
    """
    view = spec.view_shape(shape, groups=2, features=features)

    def kept(place: int) -> list[int]:
        letters = []
        for letter, size in zip(reversed(spec.view), reversed(view), strict=True):
            place, along = divmod(place, size)
            if letter not in spec.pool:
                letters.append(along)
        return letters

    (n, c, s), (_, channels, positions) = cell, shape
    given = kept((n * channels + c) * positions + s)
    return [place for place in range(prod(shape)) if kept(place) == given]


def _sets(spec: NormSpec, feature: str) -> str:
    kept = [letter for letter in spec.view if letter not in spec.pool and letter != "S"]
    return " in each ".join(_EACH[letter].replace("feature", feature) for letter in reversed(kept))


def counted(number: int, of: int, noun: str) -> str:
    """Return how many of how many.

    >>> counted(1, 4, "map"), counted(2, 4, "map"), counted(4, 4, "map")
    ('one map', '2 of 4 maps', 'all 4 maps')
    """
    if number == 1:
        return f"one {noun}"
    return f"all {of} {noun}s" if number == of else f"{number} of {of} {noun}s"


def modes_diagram() -> Diagram:
    """Draw what BatchNorm divides by in training and at inference, and how the one feeds the other.

    Example:
        >>> "running" in modes_diagram().alt
        True
    """
    drawing = Drawing()
    middle, half, training, inference = 145, 98, 45, 221
    store = drawing.box(middle, (training + inference) / 2, "running μ, σ²")
    boxes = []
    for y, text in ((training, "μ, σ² of this batch"), (inference, "running μ, σ²")):
        box = drawing.box(middle, y, f"BatchNorm\nwith {text}", width=2 * half, marked=True)
        drawing.text(10, y, "x")
        drawing.arrow((20, y), (box.left, y))
        drawing.arrow((box.right, y), (2 * middle - 20, y))
        drawing.text(2 * middle - 10, y, "y")
        boxes.append(box)
    first, last = boxes
    drawing.text(2, first.top - 18, "Training: model.train()", anchor="start", bold=True)
    drawing.text(2, last.bottom + 18, "Inference: model.eval()", anchor="start", bold=True)
    for upper, lower, text in (
        (first, store, "each step: 0.9 × old + 0.1 × batch"),
        (store, last, "read, not changed"),
    ):
        drawing.arrow((middle, upper.bottom), (middle, lower.top))
        drawing.text(middle + 12, (upper.bottom + lower.top) / 2, text, anchor="start")
    return drawing.finish(
        "Two lanes from x through BatchNorm, marked, to y. In training, model.train(), BatchNorm takes μ and "
        "σ² of this batch, and each step moves the running μ and σ² a little: 0.9 × old + 0.1 × batch. At "
        "inference, model.eval(), it takes the running μ and σ², which are read and not changed."
    )


def switches_diagram() -> Diagram:
    """Draw what a batch norm holds, and which of torch's two switches keeps which of it still.

    Example:
        >>> "requires_grad_" in switches_diagram().alt
        True
    """
    drawing = Drawing()
    steps = []
    for x, text, held, switch in (
        (112, "subtract μ,\ndivide by σ", "running μ, σ²", "layer.eval()"),
        (328, "multiply by γ,\nadd β", "γ, β", "requires_grad_(False)"),
    ):
        step = drawing.box(x, 0, text, width=132)
        store = drawing.box(x, -76, held, width=132, marked=True)
        drawing.arrow((x, store.bottom), (x, step.top))
        drawing.text(x, store.top - 34, switch, bold=True)
        drawing.text(x, store.top - 13, "keeps them still")
        steps.append(step)
    first, last = steps
    drawing.text(first.left - 32, 0, "x")
    drawing.arrow((first.left - 22, 0), (first.left, 0))
    drawing.arrow((first.right, 0), (last.left, 0))
    drawing.arrow((last.right, 0), (last.right + 22, 0))
    drawing.text(last.right + 32, 0, "y")
    return drawing.finish(
        "Two boxes in a row from x to y, with an arrow into each from above. The first, subtract μ and "
        "divide by σ, takes the running μ and σ², which layer.eval() keeps still. The second, multiply by γ "
        "and add β, takes γ and β, which requires_grad_(False) keeps still."
    )
