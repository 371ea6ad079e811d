"""Networks that the chapters take apart, each short enough to read at one sitting."""

from normcourse.models.transformer import NORMS, PLACEMENTS, Cache, CausalTransformer, generate

__all__ = ["NORMS", "PLACEMENTS", "Cache", "CausalTransformer", "generate"]
