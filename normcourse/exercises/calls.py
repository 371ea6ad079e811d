"""Ways to call an answer: each takes the learner's object and a probe's inputs, and returns what is judged.

The grader's worker gets this module as text, where normcourse is absent: so it imports the standard library
and NumPy alone, and torch only inside the functions whose tasks allow it.
"""

from typing import Any

import numpy as np

__all__ = ["block", "plain"]


def plain(answer: Any, inputs: dict[str, Any]) -> Any:
    """Call the answer with the inputs in their order: a learner may rename parameters."""
    return answer(*inputs.values())


def block(answer: Any, inputs: dict[str, Any]) -> Any:
    """Call the answer as ``block(x, sublayer, norm, placement)``: make both functions of the drawn arrays.

    The sublayer is two matrices with a tanh between them, and the norm is LayerNorm; neither edits its input.
    """
    x, up, down, gamma, beta, placement = inputs.values()

    def sublayer(z: Any) -> Any:
        return np.tanh(z @ up) @ down

    def norm(z: Any) -> Any:
        centred = z - np.mean(z, axis=-1, keepdims=True)
        root = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
        return gamma * centred / root + beta

    return answer(x, sublayer, norm, placement)
