"""Three questions, and the statistics to which their answers lead."""

from normcourse.plotting.diagrams.drawing import Box, Diagram, Drawing

__all__ = ["questions_diagram"]


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


def _lead(drawing: Drawing, start: Box, end: Box, answer: str) -> None:
    drawing.arrow((end.x, start.bottom), (end.x, end.top))
    drawing.text(end.x + 8, (start.bottom + end.top) / 2 - 3, answer, anchor="start")
