"""An explorer beside a live kernel: ipywidgets, redrawn by calling the plot."""

import sys
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

import ipywidgets

from normcourse.explore.drawing import Artist
from normcourse.explore.sliders import Slider

__all__ = ["WIDGET", "kernel_runs", "widget"]

#: The MIME type of a widget's view.
WIDGET = "application/vnd.jupyter.widget-view+json"
_MILLISECONDS_A_FRAME = 300


def kernel_runs() -> bool:
    """Whether this process is a Jupyter kernel, which alone can redraw."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


def widget(sliders: Mapping[str, Slider], artist: Artist) -> ipywidgets.Widget:
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


def _control(slider: Slider) -> ipywidgets.SelectionSlider:
    return ipywidgets.SelectionSlider(
        options=[(text, index) for index, text in enumerate(slider.texts)],
        index=slider.start_index,
        description=slider.label,
        style={"description_width": "initial"},
        layout={"width": "100%", "max_width": "30rem"},
    )


def _row(control: ipywidgets.SelectionSlider, slider: Slider) -> ipywidgets.Widget:
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
