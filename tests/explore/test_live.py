"""The live explorer: sliders call the plot, and a failing plot says so where the reader looks."""

import pytest
from matplotlib.figure import Figure

from normcourse.explore import Slider, explore
from normcourse.plotting import Frame


def framed(value, calls):
    calls.append(value)
    figure = Figure(figsize=(1, 1))
    figure.add_subplot(ylim=(0, 5)).plot([0, value])
    return Frame(figure, f"a line to {value}", f"the line ends at {value}")


@pytest.fixture
def calls():
    return []


def test_a_slider_redraws_picture_alt_and_readout(calls):
    slider, view = explore(lambda a: framed(a, calls), a=[1, 2, 3]).widget().children
    before = view.value
    slider.index = 2
    assert 'alt="a line to 3"' in view.value
    assert "the line ends at 3" in view.value
    assert view.value.partition("src=")[2] != before.partition("src=")[2]


def test_a_position_is_drawn_once(calls):
    slider, _ = explore(lambda a: framed(a, calls), a=[1, 2, 3]).widget().children
    for index in (1, 0, 1, 0):
        slider.index = index
    assert calls == [1, 2]


def test_a_failure_is_shown_and_the_slider_lives_on(calls):
    def plot(a):
        return framed(12 // (a - 2), calls)

    slider, view = explore(plot, a=[1, 2, 3]).widget().children
    slider.index = 1
    assert 'role="alert"' in view.value
    assert "the plot failed at a 2: ZeroDivisionError" in view.value
    slider.index = 2
    assert "the line ends at 12" in view.value


def test_a_failure_of_the_first_frame_is_the_cells():
    with pytest.raises(RuntimeError, match="failed at a 0: ZeroDivisionError"):
        explore(lambda a: 1 / a, a=[0, 1]).widget()


def test_play_moves_its_slider(calls):
    time = Slider([1, 2, 3], start=2, play=True)
    row, _ = explore(lambda step: framed(step, calls), step=time).widget().children
    slider, play = row.children
    assert (play.min, play.value, play.max) == (0, slider.index, 2)
    assert slider.options == (("1", 0), ("2", 1), ("3", 2))
