"""Where published models put their norms, year by year."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from normcourse.models.published import PublishedModel
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["norm_places"]

_LOOKS = {"layer": ("LayerNorm", "o", COLOURS["plain"]), "rms": ("RMSNorm", "s", COLOURS["BatchNorm"])}
_ACROSS, _STEP, _DOWN = 2, 0.36, 0.3  # models side by side in a year, and how far they stand apart


def norm_places(models: Sequence[PublishedModel], places: Mapping[str, str], *, title: str = "") -> Figure:
    """Draw a mark for each model: its year across, its place down, its norm as shape and colour.

    A mark is hollow if the model is not a decoder alone, and has a white dot if norms stand on queries and
    keys.

    Args:
        models: The table's rows.
        places: By name of a placement, what its row is called; from top to bottom.
        title: A sentence above.
    """
    cells: dict[tuple[str, int], list[PublishedModel]] = defaultdict(list)
    for model in sorted(models, key=lambda model: model.norm):
        cells[model.placement, model.year].append(model)
    deep = {place: max(_deep(cells[place, year]) for year in _years(models)) for place in places}
    heights = {place: _DOWN * rows + 0.25 for place, rows in deep.items()}
    with new_figure(figsize=(5.0, 1.3 + 0.75 * sum(heights.values()))) as (figure, axis):
        top, middles = 0.0, []
        for number, place in enumerate(places):
            axis.axhspan(
                top, top + heights[place], color=COLOURS["muted"], alpha=0.12 * (number % 2), linewidth=0
            )
            middles.append(top + heights[place] / 2)
            for year in _years(models):
                _draw(axis, year, middles[-1], cells[place, year])
            top += heights[place]
        axis.set_yticks(middles, list(places.values()))
        axis.set_xticks(_years(models), [str(year) for year in _years(models)], fontsize=8.5)
        axis.set(xlim=(min(_years(models)) - 0.6, max(_years(models)) + 0.6), ylim=(top, 0))
        axis.grid(visible=False)
        axis.tick_params(length=0)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=2, fontsize=9)
        figure.suptitle(title)
    return figure


def _years(models: Sequence[PublishedModel]) -> list[int]:
    years = [model.year for model in models]
    return list(range(min(years), max(years) + 1))


def _deep(models: Sequence[PublishedModel]) -> int:
    return max(1, -(-len(models) // _ACROSS))


def _draw(axis: Axes, year: int, middle: float, models: Sequence[PublishedModel]) -> None:
    rows = _deep(models)
    for number, model in enumerate(models):
        row, column = divmod(number, _ACROSS)
        beside = min(_ACROSS, len(models) - row * _ACROSS)
        x = year + _STEP * (column - (beside - 1) / 2)
        y = middle + _DOWN * (row - (rows - 1) / 2)
        _, marker, colour = _LOOKS[model.norm]
        face = colour if model.kind == "decoder" else "white"
        axis.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=8, markeredgewidth=1.4)
        if model.qk_norm:
            axis.plot(x, y, ".", color="white", markersize=5)


def _legend() -> list[Line2D]:
    shown = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markersize=8, label=name)
        for name, marker, colour in _LOOKS.values()
    ]
    _, marker, colour = _LOOKS["rms"]
    dot = Line2D(
        [],
        [],
        linestyle="",
        marker=marker,
        color=colour,
        markerfacecolor="white",
        markeredgewidth=3,
        markersize=6,
        label="and on queries and keys",
    )
    other = Line2D(
        [],
        [],
        linestyle="",
        marker="o",
        color=COLOURS["muted"],
        markerfacecolor="white",
        markersize=8,
        label="hollow: not a decoder alone",
    )
    return [*shown, dot, other]
