"""What goes between workers that train one network, and what each keeps for itself."""

from itertools import pairwise

from normcourse.plotting.diagrams.drawing import Diagram, Drawing

__all__ = ["workers_diagram"]

_WIDTH, _APART = 140, 157


def workers_diagram() -> Diagram:
    """Draw three workers under ``DistributedDataParallel`` as it comes, with a BatchNorm in their network.

    Example:
        >>> workers_diagram().alt.split(". ")[0]
        'Three workers side by side'
    """
    drawing = Drawing()
    across = [_APART * worker for worker in range(3)]
    for worker, x in enumerate(across):
        drawing.text(x, 0, f"worker {worker}", bold=True)
        part = drawing.box(x, 34, "its part", width=_WIDTH)
        norm = drawing.box(x, 110, "BatchNorm: μ, σ²\nof its part alone", width=_WIDTH, marked=True)
        drawing.arrow((x, part.bottom), (x, norm.top))
        drawing.arrow((x, norm.bottom), (x, 173))
    mean = drawing.box(_APART, 190, "gradients: the mean of all workers", width=2 * _APART + _WIDTH)
    tracked = [
        drawing.box(x, 272, "running\nstatistics", width=100, dashed=worker > 0)
        for worker, x in enumerate(across)
    ]
    for x in across:
        drawing.line((x, mean.bottom), (x, mean.bottom + 12))
    drawing.text(_APART, mean.bottom + 22, "equal weights everywhere")
    for before, after in pairwise(tracked):
        drawing.arrow((before.right, 272), (after.left, 272))
    drawing.text(_APART * 0.5, 318, "copied before each step", anchor="start")
    drawing.arrow((0, tracked[0].bottom), (0, 322))
    drawing.text(0, 333, "saved", bold=True)
    return drawing.finish(
        "Three workers side by side. Each sends its part of the batch through its own BatchNorm, marked, "
        "whose mean and variance are of that part alone. One box below spans all three: the gradients are "
        "the mean over the workers, so that the weights stay equal. At the bottom each has running "
        "statistics; worker 0's are copied to the other two before each step, and they are what is saved."
    )
