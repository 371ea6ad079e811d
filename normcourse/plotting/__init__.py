"""Results as figures: readable at phone width, colour-blind safe, on an opaque white ground.

Every function returns a figure that pyplot has already forgotten, so that a notebook shows it once, or a
`Frame` for an explorer, or a `Diagram`, which is SVG in the colour of the text around it.
"""

from pathlib import Path

from normcourse._lazy import attach

# A figure then loads its own module alone: most rest on experiments and so on PyTorch, some on NumPy only.
__getattr__, __dir__, __all__ = attach(__name__, Path(__file__).with_suffix(".pyi"))
