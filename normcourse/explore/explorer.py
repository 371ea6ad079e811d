"""`explore`: one call, three ways to show it."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from normcourse.explore import live, page
from normcourse.explore.drawing import Artist
from normcourse.explore.sliders import Slider, check_sliders, start
from normcourse.plotting.frame import Frame

__all__ = ["MODE", "Explorer", "explore"]

#: The environment variable by which the book asks for its static pages: its value is then ``page``. Where a
#: page runs Python itself it is ``still``: all frames would take up to 20 seconds there.
MODE = "NORMCOURSE_EXPLORE"


def explore(
    plot: Callable[..., Figure | Frame], *, title: str = "", **sliders: Slider | Sequence[Any]
) -> "Explorer":
    """Show a figure that one to three sliders redraw.

    With a live kernel the figure is redrawn by calling ``plot``. In the book, where no kernel runs, the
    page carries a frame for every position. Anywhere else there is a still picture and a line of text.

    Args:
        plot: Called with one keyword argument for each slider; returns a matplotlib ``Figure``, or a
            `normcourse.plotting.Frame` to choose its alternative text and its read-out. Keep the limits of
            the axes fixed: every frame takes the places of its axes from the still.
        title: What the figure is, in a few words, for a screen reader; by default the plot's name.
        **sliders: For each argument of ``plot`` a list of values or a `Slider`.

    Raises:
        ValueError: Not one to three sliders, two that play, or more frames than a page carries (150).
        TypeError: ``plot`` does not take the sliders' names.
        RuntimeError: On display, ``plot`` failed; the message names the position of the sliders.

    Example:
        >>> from matplotlib.figure import Figure
        >>> def line(slope):
        ...     figure = Figure()
        ...     figure.add_subplot(ylim=(-2, 2)).plot([0, 1], [0, slope])
        ...     return figure
        >>> explore(line, slope=[-1, 0, 1])
        Explorer: line, with a slider for slope (−1 to 1)
    """
    checked = check_sliders(sliders)
    try:
        inspect.signature(plot).bind(**dict.fromkeys(checked))
    except TypeError as error:
        raise TypeError(f"plot must take the sliders {', '.join(checked)} by name: {error}") from None
    name = getattr(plot, "__name__", "figure").replace("<lambda>", "figure")
    return Explorer(plot, title or name.replace("_", " "), checked)


class Explorer:
    """A figure with sliders, as `explore` returns it; a notebook shows it."""

    def __init__(
        self, plot: Callable[..., Figure | Frame], title: str, sliders: Mapping[str, Slider]
    ) -> None:
        self.title = title
        self.sliders = dict(sliders)
        self._artist = Artist(plot, title, sliders)

    def __repr__(self) -> str:
        ends = (
            f"{slider.label} ({slider.texts[0]} to {slider.texts[-1]})" for slider in self.sliders.values()
        )
        return f"Explorer: {self.title}, with a slider for {', '.join(ends)}"

    @cached_property
    def png(self) -> bytes:
        """The still picture."""
        return self._artist.still(start(self.sliders))

    def html(self) -> str:
        """Return the explorer as HTML that needs nothing else, with a frame for every position."""
        return page.html(self.title, self.sliders, self._artist)

    def widget(self) -> Any:
        """Return the explorer as an ipywidget, which needs a live kernel."""
        return live.widget(self.sliders, self._artist)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        mode = os.environ.get(MODE)
        if mode == "still":
            bundle["text/html"] = page.still(self.title, self.sliders, self._artist)
            return bundle, {"explorer": True}
        bundle["image/png"] = self.png
        if mode == "page":
            bundle["text/html"] = self.html()
        elif live.kernel_runs():
            bundle[live.WIDGET] = self.widget()._repr_mimebundle_()[live.WIDGET]  # and not its text
        return bundle, {"explorer": True}
