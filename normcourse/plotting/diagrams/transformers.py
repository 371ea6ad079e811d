"""A transformer's parts: what attention averages, the stream with its branches, and where norms can stand."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import exp

from normcourse.plotting.diagrams.drawing import GAP, HEIGHT, Box, Diagram, Drawing, box_width, text_width

__all__ = ["attention_diagram", "placement_diagram", "stream_diagram"]

#: In the order of the forward pass, as the names of `models.PLACEMENTS` say them in words.
_PLACES = {"on_input": "on the branch's input", "on_output": "on its output", "on_sum": "on the sum"}
_ASIDE = 54  # from the stream to a branch beside it


def placement_diagram(panels: Mapping[str, Sequence[str]], *, branch: str = "f") -> Diagram:
    """Draw one residual branch for each way to place norms: the stream downwards, the branch beside it.

    Args:
        panels: By what stands over the panel (a newline breaks it), where norms stand: any of ``"on_input"``,
            ``"on_output"`` and ``"on_sum"``, as in ``models.PLACEMENTS``.
        branch: What stands in the branch's box.

    Raises:
        ValueError: No panel, another place, or more panels than fit a phone.

    Example:
        >>> placement_diagram({"pre-norm": ["on_input"]})
        Diagram: A stream x with a branch f that is added to it. pre-norm: a norm on the branch's input.
    """
    drawing = Drawing()
    left, words = 0.0, []
    for title, places in panels.items():
        if unknown := sorted(set(places) - set(_PLACES)):
            raise ValueError(f"a norm can stand {', '.join(_PLACES)}, not {', '.join(map(repr, unknown))}")
        left = _draw_panel(drawing, title, places, branch, left) + 12
        found = " and ".join(words_of for place, words_of in _PLACES.items() if place in places)
        words.append(f"{' '.join(title.split())}: {f'a norm {found}' if found else 'no norm'}.")
    if not words:
        raise ValueError("a diagram needs at least one panel")
    return drawing.finish(f"A stream x with a branch {branch} that is added to it. " + " ".join(words))


def _draw_panel(drawing: Drawing, title: str, places: Sequence[str], branch: str, left: float) -> float:
    """Draw a panel from a left edge on, and return its right edge."""
    norm = box_width("norm")
    x = left + norm / 2
    aside = x + max(_ASIDE, (norm + box_width(branch)) / 2 + 6)
    right = aside + max(norm, box_width(branch)) / 2
    drawing.text((left + right) / 2, -46 - 9.5 * title.count("\n"), title, bold=True)
    step = HEIGHT + GAP
    drawing.text(x, -24, "x")
    split = 0.0
    middles = dict(
        zip(("on_input", "f", "on_output"), (split + step * n - 6 for n in (1, 2, 3)), strict=True)
    )
    joint = middles["on_output"] + step / 2 + 12
    total = drawing.plus(x, joint)
    drawing.arrow((x, -12), (x, total.top))
    drawing.dot(x, split)
    boxes = [
        drawing.box(aside, y, branch if place == "f" else "norm", marked=place != "f")
        for place, y in middles.items()
        if place == "f" or place in places
    ]
    drawing.arrow((x, split), (aside, split), (aside, boxes[0].top))
    for first, second in pairwise(boxes):
        drawing.arrow((aside, first.bottom), (aside, second.top))
    drawing.arrow((aside, boxes[-1].bottom), (aside, joint), (total.right, joint))
    end = total.bottom + 14 + HEIGHT
    if "on_sum" in places:
        box = drawing.box(x, total.bottom + 14 + HEIGHT / 2, "norm", marked=True)
        drawing.arrow((x, total.bottom), (x, box.top))
        drawing.arrow((x, end), (x, end + 18))
    else:
        drawing.arrow((x, total.bottom), (x, end + 18))
    return right


def stream_diagram(
    branches: Sequence[Sequence[str]],
    *,
    times: int = 1,
    mark: str = "",
    enters: Sequence[str] = (),
    leaves: Sequence[str] = (),
) -> Diagram:
    """Draw a residual stream downwards, with one branch after the other to its right.

    Args:
        branches: What stands on each branch, in the order of the forward pass.
        times: How often they are repeated; over 1, a dashed line goes around them.
        mark: The words of the boxes that are coloured.
        enters: What stands on the stream before the branches; the first is a plain word.
        leaves: What stands on it after them; the last is a plain word.

    Raises:
        ValueError: No branch, a branch without a box, or a diagram that a phone could not show.

    Example:
        >>> stream_diagram([["norm", "attention"]], enters=["tokens", "embedding"])
        Diagram: A stream runs down from tokens, through embedding. To it is added attention, after norm.
    """
    if not branches or not all(branches):
        raise ValueError("a stream needs at least one branch, and each branch a box")
    drawing = Drawing()
    y = 0.0
    last: Box | None = None
    for number, text in enumerate(enters):
        last = _on_stream(drawing, y, text, mark, boxed=number > 0, before=last)
        y = last.bottom + GAP + HEIGHT / 2 - (0 if number else 6)
    start = last.bottom if last else y - 20
    widest = max(sum(map(box_width, boxes)) + GAP * len(boxes) for boxes in branches)
    edge = -text_width(f"× {times}") / 2 - 14
    top = start + 14
    y = top + 24
    for boxes in branches:
        joint = y + HEIGHT / 2 + 24
        drawing.dot(0, y)
        x = 16.0
        drawing.line((0, y), (x, y))
        for text in boxes:
            width = box_width(text)
            drawing.arrow((x, y), (x + GAP, y))
            x += GAP + width
            drawing.box(x - width / 2, y, text, marked=text == mark)
        total = drawing.plus(0, joint)
        drawing.arrow((x, y), (x + 14, y), (x + 14, joint), (total.right, joint))
        drawing.arrow((0, start), (0, total.top))
        start, y = total.bottom, joint + 46
    bottom = start + 14
    if times > 1:
        right = 16 + widest + 14 + 14
        drawing.box(
            (edge + right) / 2, (top + bottom) / 2, width=right - edge, height=bottom - top, dashed=True
        )
        drawing.text(right - 6, top + 13, f"× {times}", anchor="end", bold=True)
    y = bottom + 14 + HEIGHT / 2
    for number, text in enumerate(leaves, 1):
        boxed = number < len(leaves)
        box = _on_stream(drawing, y - (0 if boxed else 6), text, mark, boxed=boxed, before=None)
        drawing.arrow((0, start), (0, box.top))
        start, y = box.bottom, box.bottom + GAP + HEIGHT / 2
    if not leaves:
        drawing.arrow((0, start), (0, bottom + 18))
    return drawing.finish(_stream_words(branches, times, mark, enters, leaves))


def _on_stream(drawing: Drawing, y: float, text: str, mark: str, *, boxed: bool, before: Box | None) -> Box:
    """Draw what stands on the stream itself, with the arrow to it."""
    if boxed:
        box = drawing.box(0, y, text, marked=text == mark)
    else:
        drawing.text(0, y, text)
        box = Box(0, y, text_width(text), HEIGHT - 12)
    if before:
        drawing.arrow((0, before.bottom), (0, box.top))
    return box


def _stream_words(
    branches: Sequence[Sequence[str]], times: int, mark: str, enters: Sequence[str], leaves: Sequence[str]
) -> str:
    start = f" from {enters[0]}" if enters else ""
    passed = f", through {', '.join(enters[1:])}" if enters[1:] else ""
    added = ", then ".join(
        f"{boxes[-1]}, after {', '.join(boxes[:-1])}" if boxes[:-1] else boxes[-1] for boxes in branches
    )
    again = f", {times} times over" if times > 1 else ""
    end = f" It ends in {', then '.join(leaves)}." if leaves else ""
    marked = f" Every {mark} is marked." if mark else ""
    return f"A stream runs down{start}{passed}. To it is added {added}{again}.{end}{marked}"


def attention_diagram(
    tokens: Sequence[str], queries: Sequence[float], keys: Sequence[float], values: Sequence[float]
) -> Diagram:
    """Draw causal attention with one feature: a row for each token, with the weights that it gives.

    Args:
        tokens: Short words or characters.
        queries: A number for each token.
        keys: Of the same tokens.
        values: Of the same tokens.

    Raises:
        ValueError: Not one number for each token.

    Example:
        >>> attention_diagram("ab", [0, 0], [1, 1], [2, 4])
        Diagram: Two tokens, a and b, each with a key and a value. a: weight 1.00 of a, takes up 2.0. b: weights 0.50 of a, 0.50 of b, takes up 3.0.
    """  # noqa: E501 - the words are one line
    if not len(tokens) == len(queries) == len(keys) == len(values):
        raise ValueError("each token has one query, one key and one value")
    drawing = Drawing()
    wide, first = 62, 96
    columns = [first + wide * (n + 0.5) for n in range(len(tokens))]
    for row, (name, numbers) in enumerate({"key": keys, "value": values}.items()):
        drawing.text(first - 12, 26 + 24 * row, name, anchor="end")
        for x, number in zip(columns, numbers, strict=True):
            drawing.text(x, 26 + 24 * row, f"{number:g}")
    for x, token in zip(columns, tokens, strict=True):
        drawing.text(x, 0, token, bold=True)
    words = []
    for row, (token, query) in enumerate(zip(tokens, queries, strict=True)):
        y = 88 + 40 * row
        drawing.text(first - 90, y, token, anchor="start", bold=True)
        drawing.text(first - 12, y, f"query {query:g}", anchor="end")
        grown = [exp(query * key) for key in keys[: row + 1]]
        weights = [share / sum(grown) for share in grown]
        for place, x in enumerate(columns):
            seen = place <= row
            drawing.box(
                x,
                y,
                f"{weights[place]:.2f}" if seen else "",
                width=wide - 6,
                height=HEIGHT,
                marked=seen,
                dashed=not seen,
            )
        taken = sum(weight * value for weight, value in zip(weights, values, strict=False))
        edge = columns[-1] + wide / 2
        drawing.arrow((edge, y), (edge + 22, y))
        drawing.text(edge + 30, y, f"{taken:.1f}", anchor="start")
        shares = ", ".join(f"{weight:.2f} of {other}" for weight, other in zip(weights, tokens, strict=False))
        words.append(f"{token}: weight{'s' * (row > 0)} {shares}, takes up {taken:.1f}.")
    names = f"{', '.join(tokens[:-1])} and {tokens[-1]}"
    count = {2: "Two", 3: "Three", 4: "Four"}.get(len(tokens), f"{len(tokens)}")
    return drawing.finish(f"{count} tokens, {names}, each with a key and a value. {' '.join(words)}")
