"""An explorer beside a live kernel: ipywidgets, redrawn by calling the plot."""

import sys
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

from normcourse.explore.drawing import Artist
from normcourse.explore.sliders import Slider

try:
    import ipywidgets
except ImportError:  # as in a page of the book that runs Python: there stands the still
    ipywidgets = None

__all__ = ["WIDGET", "kernel_runs", "widget"]

#: The MIME type of a widget's view.
WIDGET = "application/vnd.jupyter.widget-view+json"
_MILLISECONDS_A_FRAME = 300


def kernel_runs() -> bool:
    """Whether this process is a Jupyter kernel with ipywidgets, which alone can redraw."""
    ipython = sys.modules.get("IPython")
    kernel = ipython and getattr(ipython.get_ipython(), "kernel", None)
    return kernel is not None and ipywidgets is not None


def widget(sliders: Mapping[str, Slider], artist: Artist) -> Any:
    """Build the sliders above the picture; a position that was seen is not drawn again."""
    view = ipywidgets.HTML()

    @cache
    def picture(position: tuple[int, ...]) -> str:
        drawn = artist.picture(position)
        data = b64encode(drawn.svg.encode()).decode()
        return (
            f'<img alt="{escape(drawn.alt)}" src="data:image/svg+xml;base64,{data}" '
            f'style="width: 100%; max-width: 45rem; background: white">'
            f'<p role="status" style="max-width: 45rem; margin: 0">{escape(drawn.readout)}</p>'
        )

    controls = [_control(slider) for slider in sliders.values()]

    def draw() -> None:
        view.value = picture(tuple(control.index for control in controls))

    def redraw(_: Any) -> None:
        try:
            draw()
        except (RuntimeError, TypeError) as error:  # a callback's error would reach no reader
            view.value = f'<p role="alert">{escape(str(error))}</p>'

    draw()  # a first error is the cell's
    for control in controls:
        control.observe(redraw, names="index")
    rows = [_row(control, slider) for control, slider in zip(controls, sliders.values(), strict=True)]
    return ipywidgets.VBox([*rows, view])


def _control(slider: Slider) -> Any:
    return ipywidgets.SelectionSlider(
        options=[(text, index) for index, text in enumerate(slider.texts)],
        index=slider.start_index,
        description=slider.label,
        style={"description_width": "initial"},
        layout={"width": "100%", "max_width": "30rem"},
    )


def _row(control: Any, slider: Slider) -> Any:
    if not slider.play:
        return control
    play = ipywidgets.Play(
        value=slider.start_index,
        max=len(slider.values) - 1,
        interval=_MILLISECONDS_A_FRAME,
        show_repeat=False,
    )
    ipywidgets.jslink((play, "value"), (control, "index"))
    return ipywidgets.HBox([control, play])
