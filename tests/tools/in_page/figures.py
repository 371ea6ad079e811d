"""Draw a figure: run in the page's Python by test_distribution.py."""

import io
import os

os.environ["MPLBACKEND"] = "Agg"


def drawn():
    """Return a picture's and a drawing's first bytes, with what needs the most of Matplotlib's packages."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    ax.plot([1, 2], [1, 3], label="$x^2$")
    ax.contour([[1, 2], [3, 4]])
    fig.colorbar(ax.imshow([[1, 2], [3, 4]]))
    ax.legend()
    png, svg = io.BytesIO(), io.StringIO()
    fig.savefig(png, format="png", bbox_inches="tight")
    fig.savefig(svg, format="svg")
    return [png.getvalue()[:8].hex(), svg.getvalue()[:5]]
