"""Chapter 4: LayerNorm and RMSNorm, masks, and where a block puts its norm."""

from normcourse.exercises.task import Exercise

__all__ = ["EXERCISE"]

EXERCISE = Exercise("layernorm", "LayerNorm for sequences", "04-layernorm.ipynb", ())
