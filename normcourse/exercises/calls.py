"""Ways to call an answer: each takes the learner's object and a probe's inputs, and returns what is judged.

The grader's worker gets this module as text, where normcourse is absent: so it imports the standard library
and NumPy alone, and torch only inside the functions whose tasks allow it.
"""

from typing import Any

__all__ = ["plain"]


def plain(answer: Any, inputs: dict[str, Any]) -> Any:
    """Call the answer with the inputs in their order: a learner may rename parameters."""
    return answer(*inputs.values())
