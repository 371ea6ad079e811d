"""explore(): its checks, its words, and the page's packing."""

import json
import os
import re
import subprocess
import sys
from urllib.parse import unquote
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from normcourse.explore import Slider, explore
from normcourse.explore.page import _packed
from normcourse.plotting import Frame


def line(slope, shift=0.0):
    figure = Figure(figsize=(2, 1))
    figure.add_subplot(ylim=(-3, 3)).plot([0, 1], [shift, shift + slope])
    return Frame(figure, f"a line of slope {slope}", f"slope {slope}, shift {shift}")


@pytest.fixture
def html():
    def parsed(explorer):
        return BeautifulSoup(explorer.html(), "html.parser")

    return parsed


def unpack(data, position):
    """Put a frame together as explorer.js does."""
    runs = data["frames"][data["positions"][position]]
    pairs = zip(runs[::2], runs[1::2], strict=True)
    return "".join("".join(data["tags"][start : start + length]) for start, length in pairs)


def test_a_frame_for_every_position_with_its_own_words(html):
    explorer = explore(line, slope=[-1, 0, 1], shift=[0.0, 1.0])
    data = json.loads(html(explorer).find("script", type="application/json").string)
    assert data["sliders"] == [["−1", "0", "1"], ["0", "1"]]
    assert data["alt"] == [f"a line of slope {slope}" for slope in (-1, -1, 0, 0, 1, 1)]
    assert data["readout"][3] == "slope 0, shift 1.0"
    drawn = [unpack(data, position) for position in range(6)]
    assert len(set(drawn)) == 6
    for svg in drawn:
        assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_the_still_is_the_start(html):
    soup = html(explore(line, slope=Slider([-1, 0, 1], start=1, label="the slope", unit="m")))
    data = json.loads(soup.find("script", type="application/json").string)
    image, field = soup.img, soup.find("input")
    assert unquote(image["src"]) == "data:image/svg+xml," + unpack(data, 2)
    assert image["alt"] == "a line of slope 1"
    assert int(image["width"]) == 2 * int(image["height"]) == 192
    assert (field["value"], field["aria-valuetext"], field["max"]) == ("2", "1 m", "2")
    assert soup.label.get_text(strip=True) == "the slope"
    assert len(soup.select("[role=status], [aria-live]")) == 1


def test_equal_frames_are_stored_once(html):
    data = json.loads(html(explore(lambda a: line(abs(a)), a=[-1, 0, 1])).find("script").string)
    assert len(data["frames"]) == 2
    assert data["positions"] == [0, 1, 0]


def test_packing_loses_nothing():
    texts = ["<a><b/><c/></a>", "<a><c/><b/></a>", "<a><b/><c/></a>", "<d/>"]
    data = _packed(texts)
    assert [unpack(data, position) for position in range(4)] == texts
    assert len(data["tags"]) == 5


def test_no_text_can_end_the_script(html):
    soup = html(explore(lambda a: Frame(line(a).figure, "</script><b>", "<!-- <script> & \" '"), a=[0, 1]))
    data = json.loads(soup.find("script", type="application/json").string)
    assert data["alt"] == ["</script><b>"] * 2
    assert data["readout"] == ["<!-- <script> & \" '"] * 2
    assert soup.img["alt"] == "</script><b>"
    assert len(soup.find_all("b")) == 1  # the slider's value


def test_nothing_but_the_data_moves_between_frames(html):
    def growing(scale):
        figure = Figure(figsize=(2, 1), layout="constrained")
        figure.add_subplot().plot([0, scale])  # wider tick labels would push the axes aside
        return figure

    data = json.loads(html(explore(growing, scale=[1, 10000])).find("script").string)
    grounds = [re.findall(r'id="patch_2"><path d="([^"]*)"', unpack(data, position)) for position in (0, 1)]
    assert grounds[0] == grounds[1] != []


def test_a_plain_figure_gets_the_position_as_its_words(html):
    soup = html(explore(lambda a: line(a).figure, title="A line", a=[0, 1]))
    assert soup.img["alt"] == "A line: a 0"
    assert soup.select_one(".explorer-readout").string == "a 0"
    assert soup.div["aria-label"] == "A line"


def test_the_play_button_belongs_to_time(html):
    assert len(html(explore(line, slope=[0, 1], shift=Slider([0, 1], play=True))).find_all("button")) == 1
    with pytest.raises(ValueError, match="one slider can be time and play; got slope, shift"):
        explore(line, slope=Slider([0, 1], play=True), shift=Slider([0, 1], play=True))


def test_too_many_frames_are_refused_with_the_arithmetic():
    assert explore(line, slope=range(15), shift=range(10))
    with pytest.raises(ValueError, match=r"at most 150 frames.*slope, shift have 16 x 10 = 160"):
        explore(line, slope=range(16), shift=range(10))


@pytest.mark.parametrize("sliders", [{}, dict.fromkeys("abcd", (0, 1))])
def test_one_to_three_sliders(sliders):
    with pytest.raises(ValueError, match=f"one to 3 sliders.*got {len(sliders)}"):
        explore(lambda **_: None, **sliders)


@pytest.mark.parametrize("values", [[], [1], [1, 1], [1, 2, 1]])
def test_a_slider_needs_different_values(values):
    with pytest.raises(ValueError, match="two or more values, all different"):
        Slider(values)


def test_a_slider_starts_at_one_of_its_values():
    with pytest.raises(ValueError, match=r"one of its values \(1, 2\); got start=3"):
        Slider([1, 2], start=3)


def test_a_plot_that_does_not_take_the_sliders_is_refused_at_once():
    with pytest.raises(TypeError, match="plot must take the sliders angle by name"):
        explore(line, angle=[0, 1])


def test_a_failing_plot_names_the_position():
    def plot(a, b):
        return line(1 / (a - b))

    with pytest.raises(RuntimeError, match="failed at a 1, b 1: ZeroDivisionError"):
        explore(plot, a=[0, 1], b=[1, 2]).html()


def test_a_plot_that_returns_no_figure_is_told():
    with pytest.raises(TypeError, match="at a 0 it returned NoneType: end it with `return figure`"):
        explore(lambda a: None, a=[0, 1]).html()


def test_no_figure_stays_open():
    def plot(a):
        figure, axes = plt.subplots()
        axes.plot([0, a])
        return figure

    explore(plot, a=[0, 1]).html()
    assert plt.get_fignums() == []


def test_without_a_kernel_there_is_a_still_and_constant_text(monkeypatch):
    monkeypatch.delenv("NORMCOURSE_EXPLORE", raising=False)
    data, metadata = explore(line, slope=[-1, 1])._repr_mimebundle_()
    assert data.keys() == {"image/png", "text/plain"}
    assert data["text/plain"] == "Explorer: line, with a slider for slope (−1 to 1)"
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata == {"explorer": True}


def test_with_a_kernel_a_widget_comes_beside_the_same_still_and_text(monkeypatch):
    monkeypatch.delenv("NORMCOURSE_EXPLORE", raising=False)
    without, _ = explore(line, slope=[-1, 1])._repr_mimebundle_()
    monkeypatch.setattr("normcourse.explore.live.kernel_runs", lambda: True)
    data, _ = explore(line, slope=[-1, 1])._repr_mimebundle_()
    assert data.pop("application/vnd.jupyter.widget-view+json")["model_id"]
    assert data == without


def test_the_book_asks_for_the_page(monkeypatch):
    monkeypatch.setitem(os.environ, "NORMCOURSE_EXPLORE", "page")
    data, _ = explore(line, slope=[-1, 1])._repr_mimebundle_()
    assert data["text/html"].startswith('<div class="explorer"')


def test_a_page_that_runs_python_asks_for_the_still_with_its_words(monkeypatch):
    monkeypatch.setitem(os.environ, "NORMCOURSE_EXPLORE", "still")
    explorer = explore(line, title="A line", slope=Slider([-1, 0, 1], start=1))
    data, metadata = explorer._repr_mimebundle_()
    soup, whole = (BeautifulSoup(text, "html.parser") for text in (data["text/html"], explorer.html()))
    assert soup.img.attrs == whole.img.attrs
    assert soup.select_one(".explorer-readout").string == "slope 1, shift 0.0"
    assert soup.div["aria-label"] == "A line"
    assert not soup.find_all(["script", "input"])
    assert (data.keys(), metadata) == ({"text/html", "text/plain"}, {"explorer": True})


def test_a_kernel_without_ipywidgets_shows_the_still():
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from types import SimpleNamespace as Made\n"
        "from matplotlib.figure import Figure\n"
        "from normcourse.explore import explore\n"
        "sys.modules['IPython'] = Made(get_ipython=lambda: Made(kernel=1), version_info=(9, 0))\n"
        "print(*sorted(explore(lambda a: Figure(), a=[1, 2])._repr_mimebundle_()[0]))\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "NORMCOURSE_EXPLORE"}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["image/png", "text/plain"]


def test_frames_are_the_same_in_every_run(html):
    first, second = (explore(line, slope=[-1, 1]).html() for _ in range(2))
    assert first == second
