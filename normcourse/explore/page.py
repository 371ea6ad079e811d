"""An explorer in a page without a kernel: HTML that carries every frame, or one.

The frames of an explorer are nearly the same text. So a page holds each piece of it once, and a frame as
the runs of pieces that it is made of.
"""

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from normcourse.explore.drawing import Artist, Picture
from normcourse.explore.sliders import Slider, positions, start

__all__ = ["html", "still"]


def html(title: str, sliders: Mapping[str, Slider], artist: Artist) -> str:
    """Draw a frame for every position and return the explorer as one element."""
    first, places = start(sliders), positions(sliders)
    # The still comes first: it lays out the others.
    pictures = {place: artist.picture(place) for place in dict.fromkeys((first, *places))}
    ordered = [pictures[place] for place in places]
    data = {
        "sliders": [slider.texts for slider in sliders.values()],
        **_packed([picture.svg for picture in ordered]),
        "alt": [picture.alt for picture in ordered],
        "readout": [picture.readout for picture in ordered],
    }
    return _element(
        title,
        pictures[first],
        f'<div class="explorer-controls" hidden>{"".join(map(_control, sliders.values()))}</div>',
        f'<script type="application/json">{_json(data)}</script><script>{_asset("explorer.js")}</script>',
    )


def still(title: str, sliders: Mapping[str, Slider], artist: Artist) -> str:
    """Draw the frame of the sliders' start alone and return it as one element, with its words."""
    return _element(title, artist.picture(start(sliders)))


def _element(title: str, shown: Picture, controls: str = "", scripts: str = "") -> str:
    return (
        f'<div class="explorer" role="group" aria-label="{escape(title)}">'
        f"<style>{_asset('explorer.css')}</style>"
        f'<img alt="{escape(shown.alt)}" src="{escape(_address(shown.svg))}"{_size(shown.svg)}>'
        f'{controls}<p class="explorer-readout" role="status">{escape(shown.readout)}</p>{scripts}</div>'
    )


def _asset(name: str) -> str:
    return (files("normcourse.explore") / name).read_text(encoding="utf-8")


def _packed(texts: list[str]) -> dict[str, Any]:
    """Return the different tags of all texts, and for each text the runs ``start, length`` of its tags."""
    tags: dict[str, int] = {}
    runs: dict[str, list[int]] = {}
    for text in texts:
        if text in runs:
            continue
        run = runs[text] = []
        for tag in text.replace("><", ">\0<").split("\0"):
            index = tags.setdefault(tag, len(tags))
            if run and run[-2] + run[-1] == index:
                run[-1] += 1
            else:
                run += [index, 1]
    frames = {text: number for number, text in enumerate(runs)}
    return {"tags": list(tags), "frames": list(runs.values()), "positions": [frames[text] for text in texts]}


def _control(slider: Slider) -> str:
    text, last = escape(slider.text(slider.start_index)), len(slider.values) - 1
    button = '<button type="button">Play</button>' if slider.play else ""
    return (
        f"<div><label><span>{escape(slider.label)}</span> "
        f'<input type="range" min="0" max="{last}" value="{slider.start_index}" aria-valuetext="{text}" '
        f'autocomplete="off"></label><b aria-hidden="true">{text}</b>{button}</div>'
    )


def _address(svg: str) -> str:
    # What an address gives a meaning of its own; the rest is read as it stands.
    return "data:image/svg+xml," + svg.replace("%", "%25").replace("#", "%23")


def _size(svg: str) -> str:
    """The picture's size in CSS pixels, so that the page keeps its place before it is drawn."""
    width, height = map(float, svg.partition('viewBox="0 0 ')[2].partition('"')[0].split())
    return f' width="{width * 96 / 72:.0f}" height="{height * 96 / 72:.0f}"'


def _json(data: Any) -> str:
    """Write JSON that no text inside can end the script element of."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("<!", "<\\u0021")
