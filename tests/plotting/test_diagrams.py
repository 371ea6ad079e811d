"""Diagrams: the same text everywhere, words for who does not see them, and legible on any ground."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from normcourse import TAXONOMY, plotting
from normcourse.models import PLACEMENTS
from normcourse.plotting.diagrams import drawing
from normcourse.plotting.style import COLOURS

SVG = "{http://www.w3.org/2000/svg}"
PHONE = 342  # CSS pixels of a figure in the book where the screen has 390
BLOCK = ["Linear", "BatchNorm", "ReLU", "Linear", "BatchNorm"]
DIAGRAMS = {
    "stack": lambda: plotting.stack_diagram(["Linear", "tanh"]),
    "stack, repeated": lambda: plotting.stack_diagram(
        ["Linear", "BatchNorm", "tanh"], mark="BatchNorm", times=8, enters="x", leaves="logits"
    ),
    "stack, with a head": lambda: plotting.stack_diagram(
        ["Linear", "tanh"], times=8, then=["Linear"], enters="pixels", leaves="logits"
    ),
    "stack, upright": lambda: plotting.stack_diagram(
        BLOCK, mark=1, times=3, then=["Linear"], notes={"ReLU": "zero or\nmore"}
    ),
    "branch": lambda: plotting.branch_diagram(["Linear", "BatchNorm"], mark="BatchNorm", after=["ReLU"]),
    "branch, upright": lambda: plotting.branch_diagram(
        BLOCK, mark=-1, notes={-1: "γ starts at 0"}, leaves="x + f(x)"
    ),
    "attention": lambda: plotting.attention_diagram("the", (0, 1.1, 1.1), (1, 0, 0), (10, 0, 5)),
    "places": lambda: plotting.placement_diagram(
        {
            "pre-norm": PLACEMENTS["pre"],
            "post-norm": PLACEMENTS["post"],
            "output\nnorm": PLACEMENTS["output"],
            "both\n(sandwich)": PLACEMENTS["both"],
        }
    ),
    "stream": lambda: plotting.stream_diagram(
        [["norm", "attention"], ["norm", "feed-forward"]],
        times=6,
        mark="norm",
        enters=["tokens", "embedding"],
        leaves=["norm", "linear", "logits"],
    ),
    "forward": plotting.flow_diagram,
    "backward": lambda: plotting.flow_diagram("backward"),
    "modes": plotting.modes_diagram,
    "workers": plotting.workers_diagram,
    "questions": plotting.questions_diagram,
    "steps": plotting.steps_diagram,
    "switches": plotting.switches_diagram,
    **{
        f"{norm}, {space}": lambda norm=norm, space=space: plotting.pooled_diagram(norm, space=space)
        for norm in TAXONOMY
        for space in (False, True)
    },
}
every_diagram = pytest.mark.parametrize("name", DIAGRAMS)


def parsed(diagram):
    return ElementTree.fromstring(diagram.svg)


def texts(diagram):
    return [text.text for text in parsed(diagram).iter(f"{SVG}text")]


def marked(diagram):
    """Return the texts in the boxes of the one colour."""
    elements = list(parsed(diagram))
    return [
        text.text
        for box, text in pairwise(elements)
        if box.get("fill") == drawing.MARK and text.tag == f"{SVG}text"
    ]


def across(diagram):
    """Return where each text stands: whether a row is a row."""
    return {
        text.text: (float(text.get("x")), float(text.get("y"))) for text in parsed(diagram).iter(f"{SVG}text")
    }


def test_every_diagram_is_tested():
    public = {name.removesuffix("_diagram") for name in plotting.__all__ if name.endswith("_diagram")}
    assert public == {
        "attention",
        "branch",
        "flow",
        "modes",
        "placement",
        "pooled",
        "questions",
        "stack",
        "steps",
        "stream",
        "switches",
        "workers",
    }


@every_diagram
def test_a_diagram_is_one_svg_with_its_words(name):
    diagram = DIAGRAMS[name]()
    root = parsed(diagram)
    assert root.tag == f"{SVG}svg"
    assert (root.get("role"), root.get("aria-label")) == ("img", diagram.alt)
    assert diagram.alt.endswith(".") or diagram.alt.endswith(".)")
    assert diagram._repr_html_() == diagram.svg
    assert repr(diagram) == f"Diagram: {diagram.alt}"


@every_diagram
def test_nothing_in_a_diagram_can_meet_another_on_the_page(name):
    elements = list(parsed(DIAGRAMS[name]()).iter())
    assert not [element for element in elements if element.get("id")]
    assert not {element.tag.removeprefix(SVG) for element in elements} & {
        "style",
        "script",
        "marker",
        "image",
    }


@every_diagram
def test_a_phone_shows_the_text_eleven_pixels_high_and_nothing_is_cut(name):
    root = parsed(DIAGRAMS[name]())
    left, top, width, height = map(float, root.get("viewBox").split())
    shrunk = min(1, PHONE / width)
    assert float(root.get("font-size")) * shrunk >= 11
    assert not [element for element in root.iter() if element is not root and element.get("font-size")]
    for text in root.iter(f"{SVG}text"):
        share = {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "middle")]
        begins = float(text.get("x")) - share * drawing.text_width(text.text)
        assert left <= begins
        assert begins + drawing.text_width(text.text) <= left + width
        assert top + 8 <= float(text.get("y")) <= top + height
    for circle in root.iter(f"{SVG}circle"):
        x, y, radius = (float(circle.get(key)) for key in ("cx", "cy", "r"))
        assert left < x - radius < x + radius < left + width
        assert top < y - radius < y + radius < top + height


def test_a_diagram_is_the_same_text_in_another_process():
    calls = (
        "flow_diagram('backward')",
        "pooled_diagram('GroupNorm', space=True)",
        "branch_diagram(['a', 'b'], mark='b')",
    )
    drawn = f"[{', '.join(f'plotting.{call}.svg' for call in calls)}]"
    code = f"import json; from normcourse import plotting; print(json.dumps({drawn}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == eval(drawn)


@every_diagram
def test_lengths_have_at_most_one_decimal(name):
    svg = DIAGRAMS[name]().svg
    assert svg == DIAGRAMS[name]().svg
    places = re.findall(r' (?:x|y|cx|cy|r|width|height|points|viewBox)="([^"]*)"', svg)
    assert not [place for place in places if re.search(r"\.\d\d|[a-z]|-0(?!\.)", place)]


# Grounds and inks: of the two themes, of the card that the dark one puts under an output, of a
# page without a theme, and of JupyterLab in the dark.
THEMES = {
    "light": ("#FFFFFF", "#22262B"),
    "dark": ("#121212", "#CED6DD"),
    "card": ("#CED6DD", "#121212"),
    "plain": ("#FFFFFF", "#000000"),
    "JupyterLab": ("#111111", "#FFFFFF"),
}


def luminance(colour):
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def mixed(ground, ink, share):
    pairs = ((int(ground[i : i + 2], 16), int(ink[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + share * (b - a)):02X}" for a, b in pairs)


@every_diagram
def test_colours_are_the_ones_whose_contrast_is_tested(name):
    root = parsed(DIAGRAMS[name]())
    colours = {element.get(key) for element in root.iter() for key in ("fill", "stroke")}
    assert colours <= {None, "none", "currentColor", drawing.MARK, "#fff"}
    faint = {element.get("fill-opacity") for element in root.iter()}
    assert faint <= {None, "0.06"}


@pytest.mark.parametrize("theme", THEMES)
def test_contrast_suffices_in_each_theme(theme):
    ground, ink = THEMES[theme]
    assert contrast("#FFFFFF", drawing.MARK) >= 4.5  # the words of a marked box
    assert contrast(ground, ink) >= 4.5
    assert contrast(mixed(ground, ink, 0.06), ink) >= 4.5  # of another box
    assert contrast(ground, drawing.MARK) >= 3  # a marked box or cell against the page


def test_the_contrast_is_that_of_wcag():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


def test_the_mark_has_the_colour_of_batchnorm_in_the_figures():
    assert COLOURS["BatchNorm"] == drawing.MARK


def test_a_stack_names_its_boxes_in_order_and_its_mark():
    diagram = DIAGRAMS["stack, repeated"]()
    assert diagram.alt == (
        "From left to right: x, then 8 times (Linear, BatchNorm, tanh), then logits. BatchNorm is marked."
    )
    assert marked(diagram) == ["BatchNorm"]
    places = across(diagram)
    assert [*sorted(places, key=lambda text: places[text][0])] == [
        "x",
        "Linear",
        "BatchNorm",
        "tanh",
        "× 8",
        "logits",
    ]


def test_a_stack_that_a_phone_could_not_show_in_a_row_stands_upright():
    diagram = DIAGRAMS["stack, upright"]()
    assert diagram.alt == (
        "From top to bottom: 3 times (Linear, BatchNorm, ReLU, Linear, BatchNorm), then Linear. "
        "BatchNorm number 1 of 2 is marked. Beside ReLU: zero or more."
    )
    ends = [
        (float(text.get("x")), float(text.get("y")))
        for text in parsed(diagram).iter(f"{SVG}text")
        if text.text == "Linear"
    ]
    assert len({x for x, _ in ends}) == 1
    assert [y for _, y in ends] == sorted(y for _, y in ends)


def test_a_word_marks_every_box_that_has_it_and_a_number_one():
    every, last = (plotting.branch_diagram(BLOCK, mark=mark) for mark in ("BatchNorm", -1))
    assert marked(every) == ["BatchNorm", "BatchNorm"]
    assert "Every BatchNorm is marked." in every.alt
    assert marked(last) == ["BatchNorm"]
    assert "BatchNorm number 2 of 2 is marked." in last.alt


def test_without_a_mark_nothing_is_coloured():
    assert drawing.MARK not in DIAGRAMS["stack"]().svg
    assert "marked" not in DIAGRAMS["stack"]().alt


def test_a_branch_leaves_the_stream_and_joins_it_again():
    diagram = DIAGRAMS["branch"]()
    assert diagram.alt == (
        "The stream goes from x straight to a sum. A branch leaves it, passes through Linear, BatchNorm, and "
        "is added at the sum. ReLU follows. BatchNorm is marked."
    )
    places = across(diagram)
    assert places["x"][1] == places["ReLU"][1] < places["Linear"][1] == places["BatchNorm"][1]
    assert places["BatchNorm"][0] < places["ReLU"][0]


def test_a_norm_stands_at_each_of_the_places_that_a_panel_names():
    diagram = DIAGRAMS["places"]()
    assert marked(diagram) == ["norm"] * sum(map(len, list(PLACEMENTS.values())))
    for place, words in (
        ("pre-norm", "a norm on the branch's input"),
        ("post-norm", "a norm on the sum"),
        ("output norm", "a norm on its output"),
        ("both (sandwich)", "a norm on the branch's input and on its output"),
    ):
        assert f" {place}: {words}." in diagram.alt
    for name, first in {"pre": "norm", "both": "norm", "output": "f", "post": "f"}.items():
        drawn = [
            text
            for text in parsed(plotting.placement_diagram({"a": PLACEMENTS[name]})).iter(f"{SVG}text")
            if text.text in ("norm", "f")
        ]
        assert min(drawn, key=lambda text: float(text.get("y"))).text == first


def test_a_branch_that_no_norm_stands_at_is_drawn_as_well():
    assert plotting.placement_diagram({"plain": []}).alt.endswith("plain: no norm.")


@pytest.mark.parametrize("panels", [{}, {"a": ["in_between"]}, {str(n): ["on_sum"] for n in range(9)}])
def test_places_that_cannot_be_drawn_are_refused(panels):
    with pytest.raises(ValueError, match=r"panel|stand|wide"):
        plotting.placement_diagram(panels)


def test_a_stream_says_what_is_added_and_how_often():
    diagram = DIAGRAMS["stream"]()
    assert diagram.alt == (
        "A stream runs down from tokens, through embedding. To it is added attention, after norm, then "
        "feed-forward, after norm, 6 times over. It ends in norm, then linear, then logits. "
        "Every norm is marked."
    )
    assert marked(diagram) == ["norm"] * 3
    with pytest.raises(ValueError, match="at least one branch"):
        plotting.stream_diagram([[]])


def test_attention_weights_are_those_of_a_causal_softmax():
    diagram = DIAGRAMS["attention"]()
    assert marked(diagram) == ["1.00", "0.75", "0.25", "0.60", "0.20", "0.20"]
    assert [text for text in texts(diagram) if text in ("10.0", "7.5", "7.0")] == ["10.0", "7.5", "7.0"]
    with pytest.raises(ValueError, match="one query"):
        plotting.attention_diagram("ab", [1], [1, 1], [1, 1])


def test_what_follows_a_sum_is_said_of_one_box_and_of_several():
    assert " ReLU follows." in plotting.branch_diagram(["f"], after=["ReLU"]).alt
    assert " ReLU, Linear follow." in plotting.branch_diagram(["f"], after=["ReLU", "Linear"]).alt


@pytest.mark.parametrize("notes", [{"f": "two\nlines"}, {"ReLU": "two\nlines"}])
def test_a_note_below_a_box_leaves_it_alone(notes):
    diagram = plotting.branch_diagram(["f"], after=["ReLU"], notes=notes)
    places = across(diagram)
    [(name, _)] = notes.items()
    [bottom] = [
        float(box.get("y")) + float(box.get("height"))
        for box in parsed(diagram).iter(f"{SVG}rect")
        if float(box.get("y")) < places[name][1] < float(box.get("y")) + float(box.get("height"))
    ]
    assert places["two"][1] - 0.72 * drawing.SIZE >= bottom  # the height of capitals


def heads(diagram):
    """Return the tip of every arrow."""
    return {
        tuple(map(float, head.get("points").split()[0].split(",")))
        for head in parsed(diagram).iter(f"{SVG}polygon")
    }


def test_the_gradient_takes_three_ways_back_to_x_and_the_values_three_ways_on():
    forward, backward = DIAGRAMS["forward"](), DIAGRAMS["backward"]()
    right_of_x = max(
        float(box.get("x")) + float(box.get("width")) for box in [parsed(forward).find(f"{SVG}rect")]
    )
    assert len([tip for tip in heads(forward) if tip[0] == right_of_x]) == 0
    assert len([tip for tip in heads(backward) if tip[0] == right_of_x]) == 3
    for way in ("directly", "through the mean", "through the variance"):
        assert [text for text in texts(backward) if text.endswith(way)]
    assert "∂L/∂γ" in texts(backward)
    assert "∂L/∂γ" not in texts(forward)
    for diagram in (forward, backward):
        assert marked(diagram) == ["mean μ", "variance σ²"]


# What each norm pools of 4 examples by 6 features, and of 3 by 4 maps of 9 positions, counted by hand.
POOLED = {
    "BatchNorm": ("one feature of all 4 examples, 4 of 24", "one channel of all 3 examples", 27, "feature"),
    "InstanceNorm": (
        "one feature of one example, 1 of 24",
        "one channel of one example",
        9,
        "feature in each example",
    ),
    "GroupNorm": (
        "3 of 6 features of one example, 3 of 24",
        "2 of 4 channels of one example",
        18,
        "group of features in each example",
    ),
    "LayerNorm": ("all 6 features of one example, 6 of 24", "all 4 channels of one example", 36, "example"),
    "RMSNorm": ("all 6 features of one example, 6 of 24", "all 4 channels of one example", 36, "example"),
}


@pytest.mark.parametrize("norm", TAXONOMY)
def test_the_filled_cells_are_those_that_the_norm_pools(norm):
    of_table, of_maps, count, sets = POOLED[norm]
    table, maps = (plotting.pooled_diagram(norm, space=space) for space in (False, True))
    assert f"{of_table} values" in table.alt
    assert f"{of_maps}, at all 9 positions, {count} of 108 values" in maps.alt
    assert f"each {sets} has its own" in texts(table)
    assert f"each {sets.replace('feature', 'channel')} has its own" in texts(maps)
    assert maps.svg.count(drawing.MARK) == count
    assert ("one mean square" in texts(table)) == (norm == "RMSNorm")


@pytest.mark.parametrize("norm", TAXONOMY)
def test_the_filled_maps_agree_with_the_cubes(norm):
    expected = plotting.pooled_cells(TAXONOMY[norm], (3, 4, 9), cell=(2, 1, 0))
    cells = [
        rect.get("fill") == drawing.MARK
        for rect in parsed(plotting.pooled_diagram(norm, space=True)).iter(f"{SVG}rect")
    ]
    assert cells == expected.ravel().tolist()


def test_one_value_alone_is_said_to_have_no_variance():
    assert "Of a single value the variance is 0" in plotting.pooled_diagram("InstanceNorm").alt
    assert "single" not in plotting.pooled_diagram("BatchNorm").alt


def test_the_modes_say_what_each_takes_and_what_moves():
    diagram = DIAGRAMS["modes"]()
    assert {"with μ, σ² of this batch", "with running μ, σ²", "read, not changed"} <= set(texts(diagram))
    for word in ("model.train()", "model.eval()", "running"):
        assert word in diagram.alt


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: plotting.stack_diagram([]), "at least one box"),
        (lambda: plotting.stack_diagram(["a"], times=0), "once or more, not 0"),
        (
            lambda: plotting.stack_diagram(BLOCK, mark="LayerNorm"),
            "there are Linear, BatchNorm, ReLU .0 to 4.",
        ),
        (lambda: plotting.stack_diagram(BLOCK, mark=5), "mark 5: there are"),
        (lambda: plotting.branch_diagram(BLOCK, notes={"tanh": "no"}), "write a note at 'tanh': there are"),
        (lambda: plotting.stack_diagram(["a"], notes={0: 90 * "m"}), "a phone could not show"),
        (lambda: plotting.flow_diagram("sideways"), "'forward' or 'backward', not 'sideways'"),
        (lambda: plotting.pooled_diagram("Batchnorm"), "no norm 'Batchnorm': there are BatchNorm, Inst"),
    ],
)
def test_errors_say_what_there_is(draw, says):
    with pytest.raises(ValueError, match=says):
        draw()


def test_words_are_escaped():
    diagram = plotting.stack_diagram(['a < b & "c"'], enters="<x>")
    assert texts(diagram) == ["<x>", 'a < b & "c"']
    assert parsed(diagram).get("aria-label") == diagram.alt


def test_each_worker_normalizes_for_itself_and_worker_0_is_saved():
    diagram = plotting.workers_diagram()
    assert marked(diagram) == ["BatchNorm: μ, σ²"] * 3
    words = texts(diagram)
    assert words.count("running") == 3
    assert words.index("worker 0") < words.index("worker 1") < words.index("worker 2")
    assert "gradients: the mean of all workers" in words


def test_three_questions_lead_to_four_answers():
    diagram = plotting.questions_diagram()
    assert len([word for word in texts(diagram) if word[:2] in ("1 ", "2 ", "3 ")]) == 3
    assert marked(diagram) == ["the running", "recalibrate,", "16 or more:", "8–15: measure"]
