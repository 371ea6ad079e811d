"""Questions as diagrams: what is asked in turn, and where the answers lead."""

from itertools import pairwise

from normcourse.plotting.diagrams.drawing import Box, Diagram, Drawing

__all__ = ["questions_diagram", "steps_diagram"]

# The six steps of an examination: what is asked, the answer that ends it, and what it is then.
_STEPS = (
    (
        "1  On the same seen examples:\ndo the modes disagree?",
        "no",
        "the training itself,\nor new data: go to 6",
    ),
    ("2  Norms alone in training\nmode: good again?", "no", "dropout, or\nanother layer"),
    ("3  Have the statistics been\nupdated? Are they finite?", "no", "lost, or\nspoilt by NaN"),
    ("4  Do they fit what the\nnorms are given?", "yes", "the batch: small,\nsorted, leaking"),
    ("5  Recalibrated on training\ndata: good again?", "no", "two kinds of input,\nor the batch"),
    ("6  Do new inputs have the\nsame statistics?", "no", "another scale, or\nanother kind"),
)


def questions_diagram() -> Diagram:
    """Draw the questions that decide which statistics a BatchNorm should use.

    Example:
        >>> "recalibrate on new inputs" in questions_diagram().alt
        True
    """
    drawing = Drawing()
    first = drawing.box(222, 0, "1  May an answer depend on\nthe others in its batch?", width=320)
    second = drawing.box(98, 112, "2  Do the inputs come\nfrom where the\nstatistics come from?", width=190)
    third = drawing.box(336, 112, "3  How many shuffled\nexamples share a mean?", width=190)
    _lead(drawing, first, second, "no: in use")
    _lead(drawing, first, third, "yes: training\nfrom the start")
    ends = {
        (52, "the running\nones: eval()"): (second, "yes", 104),
        (170, "recalibrate,\nlabel some,\nmeasure"): (second, "no", 117),
        (286, "16 or more:\nthe batch's"): (third, "", 100),
        (399, "8–15: measure\nfewer: other\nnorm, or sync"): (third, "", 118),
    }
    for (x, words), (question, answer, width) in ends.items():
        box = drawing.box(x, 236, words, marked=True, width=width, height=72)
        drawing.arrow((x, question.bottom), (x, box.top))
        if answer:
            drawing.text(x + 6, (question.bottom + box.top) / 2 - 3, answer, anchor="start")
    return drawing.finish(
        "Three questions. 1, may an answer depend on the others in its batch? If not, as in use, question 2: "
        "do the inputs come from where the statistics come from? If yes, the running statistics, by eval(); "
        "if no, recalibrate on new inputs, label some and measure. If an answer may depend on the "
        "others, as in training from the start, question 3: how many shuffled examples share a mean? "
        "With 16 or more, the batch's statistics; with 8 to 15, measure; with fewer, another norm, or "
        "SyncBatchNorm over several GPUs."
    )


def steps_diagram() -> Diagram:
    """Draw the six steps that find out why a network is worse in inference mode.

    Example:
        >>> steps_diagram().alt.count("?")
        7
    """
    drawing = Drawing()
    boxes, said = [], []
    for number, (question, ends, what) in enumerate(_STEPS):
        box = drawing.box(112, 78 * number, question, width=218)
        end = drawing.box(374, box.y, what, width=166, dashed=True)
        drawing.arrow((box.right, box.y), (end.left, end.y))
        drawing.text((box.right + end.left) / 2, box.y - 11, ends)
        asked, found = (words.replace("\n", " ").replace("  ", ", ") for words in (question, what))
        boxes.append(box)
        said.append(f"{asked} If {ends}: {found}.")
    last = "They are of another time:\nkeep the recalibrated ones"
    boxes.append(drawing.box(112, 78 * len(_STEPS), last, marked=True, width=218))
    for above, below in pairwise(boxes):
        drawing.arrow((above.x, above.bottom), (below.x, below.top))
    return drawing.finish(
        "Six questions in a column; each has one answer that leads out, and another that leads on. "
        f"{' '.join(said)} After the sixth, if yes: the statistics are of another time, so keep the "
        "recalibrated ones."
    )


def _lead(drawing: Drawing, start: Box, end: Box, answer: str) -> None:
    drawing.arrow((end.x, start.bottom), (end.x, end.top))
    drawing.text(end.x + 8, (start.bottom + end.top) / 2 - 3, answer, anchor="start")
