"""Where a layer sits: in a stack of layers, and on a branch beside a stream."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from normcourse.plotting.diagrams.drawing import (
    GAP,
    HEIGHT,
    WIDTH,
    Box,
    Diagram,
    Drawing,
    box_width,
    text_width,
)

__all__ = ["branch_diagram", "stack_diagram"]

_MARGIN = 12  # between the repeated boxes and the dashed line around them


class _Step(NamedTuple):
    """One thing on the way: a box, or a plain word at either end."""

    text: str
    boxed: bool = True
    marked: bool = False
    repeated: bool = False
    note: str = ""


def stack_diagram(
    boxes: Sequence[str],
    *,
    mark: str | int | None = None,
    times: int = 1,
    then: Sequence[str] = (),
    enters: str = "",
    leaves: str = "",
    notes: Mapping[str | int, str] | None = None,
) -> Diagram:
    """Draw layers one after the other: in a row, or upright where a row would not fit a phone.

    Args:
        boxes: What stands in the boxes, in the order of the forward pass.
        mark: What is coloured: the words of a box (every box that has them), or its number, from 0, negative
            from the end.
        times: How often the boxes are repeated; over 1, a dashed line goes around them.
        then: More boxes, after the repeated ones.
        enters: What comes in, at the first arrow.
        leaves: What goes out, at the last arrow.
        notes: A short line beside a box, by its words or its number. A newline breaks it.

    Raises:
        ValueError: No boxes, a repetition under 1, or a mark or note for a box that is not there.

    Example:
        >>> stack_diagram(["Linear", "BatchNorm", "tanh"], mark="BatchNorm", times=8, enters="x")
        Diagram: From left to right: x, then 8 times (Linear, BatchNorm, tanh). BatchNorm is marked.
    """
    if times < 1:
        raise ValueError(f"the boxes are repeated once or more, not {times} times")
    steps = _steps([*boxes, *then], mark, notes, repeated=len(boxes) if times > 1 else 0)
    upright = _row_width(_with_ends(steps, enters, leaves)) > WIDTH
    drawing = Drawing()
    (_draw_upright if upright else _draw_row)(drawing, _with_ends(steps, enters, leaves), times)
    core = ", ".join(boxes)
    path = [enters, f"{times} times ({core})" if times > 1 else core, *then, leaves]
    way = "From top to bottom: " if upright else "From left to right: "
    return drawing.finish(way + ", then ".join(filter(None, path)) + "." + _words(steps))


def branch_diagram(
    boxes: Sequence[str],
    *,
    mark: str | int | None = None,
    after: Sequence[str] = (),
    enters: str = "x",
    leaves: str = "",
    notes: Mapping[str | int, str] | None = None,
) -> Diagram:
    """Draw a residual branch beside its stream: in rows, or upright where they would not fit a phone.

    Args:
        boxes: What stands on the branch, in the order of the forward pass.
        mark: What is coloured: the words of a box (every box that has them), or its number, from 0, negative
            from the end. Those after the sum count on.
        after: What stands on the stream itself, after the sum.
        enters: What comes in.
        leaves: What goes out.
        notes: A short line beside a box, by its words or its number. A newline breaks it.

    Raises:
        ValueError: No boxes, or a mark or note for a box that is not there.

    Example:
        >>> branch_diagram(["Linear", "BatchNorm"], mark="BatchNorm", after=["ReLU"])
        Diagram: The stream goes from x straight to a sum. A branch leaves it, passes through Linear, BatchNorm, and is added at the sum. ReLU follows. BatchNorm is marked.
    """  # noqa: E501 - the words are one line
    steps = _steps([*boxes, *after], mark, notes)
    branch, rest = steps[: len(boxes)], steps[len(boxes) :]
    drawing = Drawing()
    if not _draw_branch_row(drawing, branch, rest, enters, leaves):
        drawing = Drawing()
        _draw_branch_upright(drawing, branch, rest, enters, leaves)
    follows = f" {', '.join(after)} {'follows' if len(after) == 1 else 'follow'}." if after else ""
    out = f" At its end: {leaves}." if leaves else ""
    return drawing.finish(
        f"The stream goes {f'from {enters} ' if enters else ''}straight to a sum. A branch leaves it, passes "
        f"through {', '.join(boxes)}, and is added at the sum.{follows}{out}" + _words(steps)
    )


def _steps(
    names: Sequence[str],
    mark: str | int | None,
    notes: Mapping[str | int, str] | None,
    repeated: int = 0,
) -> list[_Step]:
    if not names:
        raise ValueError("a diagram needs at least one box")
    marked = set() if mark is None else _found(names, mark, "mark")
    beside = {
        place: note for key, note in (notes or {}).items() for place in _found(names, key, "write a note at")
    }
    return [
        _Step(name, marked=place in marked, repeated=place < repeated, note=beside.get(place, ""))
        for place, name in enumerate(names)
    ]


def _found(names: Sequence[str], key: str | int, purpose: str) -> set[int]:
    """Return the numbers of the boxes that a word or a number means."""
    places = (
        {place for place, name in enumerate(names) if name == key}
        if isinstance(key, str)
        else {range(len(names))[key]}
        if -len(names) <= key < len(names)
        else set()
    )
    if not places:
        raise ValueError(
            f"cannot {purpose} {key!r}: there are {', '.join(dict.fromkeys(names))} (0 to {len(names) - 1})"
        )
    return places


def _words(steps: Sequence[_Step]) -> str:
    """Return the sentences of the alternative text on marks and notes."""
    marked = [place for place, step in enumerate(steps) if step.marked]
    names = list(dict.fromkeys(steps[place].text for place in marked))
    words = ""
    for name in names:
        of = [place for place, step in enumerate(steps) if step.text == name]
        which = [number for number, place in enumerate(of, 1) if place in marked]
        if len(of) == 1:
            words += f" {name} is marked."
        elif len(which) == len(of):
            words += f" Every {name} is marked."
        else:
            words += f" {name} number {', '.join(map(str, which))} of {len(of)} is marked."
    noted = dict.fromkeys((step.text, step.note.replace("\n", " ")) for step in steps if step.note)
    return words + "".join(f" Beside {name}: {note}." for name, note in noted)


def _with_ends(steps: Sequence[_Step], enters: str, leaves: str) -> list[_Step]:
    ends = [[_Step(text, boxed=False)] if text else [] for text in (enters, leaves)]
    return [*ends[0], *steps, *ends[1]]


def _slot(step: _Step) -> float:
    """Return the room that a step takes in a row."""
    return max(box_width(step.text), text_width(step.note)) if step.boxed else text_width(step.text) + 6


def _row_width(steps: Sequence[_Step]) -> float:
    repeated = any(step.repeated for step in steps)
    return sum(map(_slot, steps)) + GAP * (len(steps) - 1) + 2 * _MARGIN * repeated


def _put(drawing: Drawing, x: float, y: float, step: _Step) -> Box:
    """Draw a step around a point, without its note."""
    if step.boxed:
        return drawing.box(x, y, step.text, marked=step.marked)
    if step.text:
        drawing.text(x, y, step.text)
    return Box(x, y, text_width(step.text) + 6, HEIGHT - 8)


def _note_below(drawing: Drawing, x: float, y: float, note: str) -> None:
    """Write a note under a box of one line around a point."""
    if note:
        drawing.text(x, y + HEIGHT / 2 + 4 + 9.5 * (note.count("\n") + 1), note)


def _draw_row(drawing: Drawing, steps: Sequence[_Step], times: int = 1, y: float = 0) -> list[Box]:
    x, drawn, around = 0.0, [], []
    for before, step in zip((None, *steps), steps, strict=False):
        if before and before.repeated != step.repeated:
            x += _MARGIN
        slot = _slot(step)
        drawn.append(_put(drawing, x + slot / 2, y, step))
        lines = step.note.count("\n") + 1
        _note_below(drawing, x + slot / 2, y, step.note)
        if step.repeated:
            around.append((x, x + slot, HEIGHT / 2 + (6 + 19 * lines) * bool(step.note)))
        x += slot + GAP
    for first, second in pairwise(drawn):
        drawing.arrow((first.right, y), (second.left, y))
    if around:
        left, right = around[0][0] - _MARGIN, around[-1][1] + _MARGIN
        top, bottom = y - HEIGHT / 2 - _MARGIN, y + max(low for *_, low in around) + _MARGIN
        drawing.box(
            (left + right) / 2, (top + bottom) / 2, width=right - left, height=bottom - top, dashed=True
        )
        drawing.text(right - 4, top - 13, f"× {times}", anchor="end", bold=True)
    return drawn


def _draw_upright(
    drawing: Drawing, steps: Sequence[_Step], times: int = 1, x: float = 0, y: float = 0
) -> list[Box]:
    drawn: list[Box] = []
    for before, step in zip((None, *steps), steps, strict=False):
        if before:
            y += HEIGHT + GAP + (_MARGIN if before.repeated != step.repeated else 0)
        drawn.append(_put(drawing, x, y, step))
    for first, second in pairwise(drawn):
        drawing.arrow((x, first.bottom), (x, second.top))
    widest = max(box.width for box in drawn)
    for step, box in zip(steps, drawn, strict=True):
        if step.note:
            drawing.text(x + widest / 2 + _MARGIN + 10, box.y, step.note, anchor="start")
    around = [box for step, box in zip(steps, drawn, strict=True) if step.repeated]
    if around:
        top, bottom = around[0].top - _MARGIN, around[-1].bottom + _MARGIN
        width = max(box.width for box in around) + 2 * _MARGIN
        drawing.box(x, (top + bottom) / 2, width=width, height=bottom - top, dashed=True)
        drawing.text(x - width / 2 - 8, (top + bottom) / 2, f"× {times}", anchor="end", bold=True)
    return drawn


def _draw_branch_row(
    drawing: Drawing, branch: Sequence[_Step], rest: Sequence[_Step], enters: str, leaves: str
) -> bool:
    """Draw the stream as a level line and the branch below it; return whether a phone can show it."""
    below = HEIGHT / 2 + 34
    boxes = _draw_row(drawing, branch, y=below)
    split, joint = boxes[0].left - 22, boxes[-1].right + 22
    start = split - 20
    if enters:
        drawing.text(start - 4, 0, enters, anchor="end")
    total = drawing.plus(joint, 0)
    drawing.arrow((start, 0), (total.left, 0))
    drawing.dot(split, 0)
    drawing.arrow((split, 0), (split, below), (boxes[0].left, below))
    drawing.arrow((boxes[-1].right, below), (joint, below), (joint, total.bottom))
    x = total.right
    for step in _with_ends(rest, "", leaves) or [_Step("", boxed=False)]:
        box = _put(drawing, x + GAP + _slot(step) / 2, 0, step)
        drawing.arrow((x, 0), (box.left, 0))
        x = box.right
        _note_below(drawing, box.x, 0, step.note)
    return drawing.width <= WIDTH


def _draw_branch_upright(
    drawing: Drawing, branch: Sequence[_Step], rest: Sequence[_Step], enters: str, leaves: str
) -> None:
    """Draw the stream as a line downwards and the branch to the right of it."""
    aside = max(box_width(step.text) for step in branch) / 2 + 40
    boxes = _draw_upright(drawing, branch, x=aside, y=HEIGHT + 14)
    split, joint = boxes[0].top - GAP, boxes[-1].bottom + GAP
    start = split - 18
    if enters:
        drawing.text(0, start - 12, enters)
    total = drawing.plus(0, joint)
    drawing.arrow((0, start), (0, total.top))
    drawing.dot(0, split)
    drawing.arrow((0, split), (aside, split), (aside, boxes[0].top))
    drawing.arrow((aside, boxes[-1].bottom), (aside, joint), (total.right, joint))
    y = total.bottom
    for step in _with_ends(rest, "", leaves) or [_Step("", boxed=False)]:
        box = _put(drawing, 0, y + GAP + HEIGHT / 2 - (0 if step.boxed else 6), step)
        drawing.arrow((0, y), (0, box.top))
        y = box.bottom
        if step.note:
            drawing.text(box.right + 8, box.y, step.note, anchor="start")
