"""From a position of the sliders to a picture with its words."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from normcourse.explore.sliders import Slider, words
from normcourse.plotting.frame import Frame

__all__ = ["Artist", "Picture"]

_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_STILL_DPI = 110


@dataclass(frozen=True)
class Picture:
    """A drawn frame: ``svg`` as text, and the words of `Frame`."""

    svg: str
    alt: str
    readout: str


class Artist:
    """Draws the plot at a position of its sliders.

    Every frame takes the places of its axes from the first one drawn, so that nothing but the data moves
    from frame to frame; laying them out anew would also double the time.
    """

    def __init__(
        self, plot: Callable[..., Figure | Frame], title: str, sliders: Mapping[str, Slider]
    ) -> None:
        self._plot = plot
        self._title = title
        self._sliders = sliders
        self._places: list[Any] | None = None

    def picture(self, position: Sequence[int]) -> Picture:
        """Draw a frame as SVG."""
        frame = self._frame(position)
        return Picture(_svg(frame.figure), frame.alt, frame.readout)

    def still(self, position: Sequence[int]) -> bytes:
        """Draw a frame as PNG."""
        drawn, still = io.BytesIO(), io.BytesIO()
        self._frame(position).figure.savefig(drawn, format="png", dpi=_STILL_DPI)
        # Stored notebooks hold it, and 64 colours take a third of the space.
        Image.open(drawn).convert("RGB").quantize(64).save(still, format="png", optimize=True)
        return still.getvalue()

    def _frame(self, position: Sequence[int]) -> Frame:
        named = zip(self._sliders.items(), position, strict=True)
        values = {name: slider.values[index] for (name, slider), index in named}
        where = words(self._sliders, position)
        try:
            drawn = self._plot(**values)
        except Exception as error:
            raise RuntimeError(f"the plot failed at {where}: {type(error).__name__}: {error}") from error
        if isinstance(drawn, Figure):
            drawn = Frame(drawn, alt=f"{self._title}: {where}", readout=where)
        if not isinstance(drawn, Frame):
            raise TypeError(
                f"the plot must return a matplotlib Figure or a Frame; at {where} it returned "
                f"{type(drawn).__name__}: end it with `return figure`"
            )
        plt.close(drawn.figure)  # or a notebook would show it a second time
        self._lay_out(drawn.figure)
        return drawn

    def _lay_out(self, figure: Figure) -> None:
        if self._places is None:
            figure.draw_without_rendering()
            self._places = [axes.get_position() for axes in figure.axes]
        if len(self._places) == len(figure.axes):
            figure.set_layout_engine("none")
            for axes, place in zip(figure.axes, self._places, strict=True):
                axes.set_position(place)


def _svg(figure: Figure) -> str:
    """Return the figure as SVG without prologue, comments and line breaks, to a tenth of a point."""
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "normcourse", "svg.fonttype": "path"}):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(stream, metadata=_NO_METADATA)  # savefig would draw it twice
    text = stream.getvalue()
    text = re.sub(r"<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"\s*\n\s*", " ", text).replace("> <", "><").strip()
    return re.sub(r'(?<=[ "])-?\d+\.\d{2,}(?=[ "])', lambda number: f"{float(number[0]):.1f}", text)
