"""Right answers in other styles, by task: each must get full marks."""

VARIANTS = {}
