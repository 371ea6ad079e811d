"""A figure with sliders: live where a kernel runs, precomputed in the published page, a still elsewhere."""

from normcourse.explore.explorer import Explorer, explore
from normcourse.explore.sliders import Slider

__all__ = ["Explorer", "Slider", "explore"]
