"""Ways to call an answer: each takes the learner's object and a probe's inputs, and returns what is judged.

The grader's worker gets this module as text, where normcourse is absent: so it imports the standard library
and NumPy alone, and torch only inside the functions whose tasks allow it.
"""

from typing import Any

import numpy as np

__all__ = ["PARAMETERS", "block", "plain", "script"]

#: What an answer is given where that is not the probe's inputs, by the way of calling.
PARAMETERS = {
    "block": ("x", "sublayer", "norm", "placement"),
    "script": ("model", "batches", "x_val", "rate"),
}


def plain(answer: Any, inputs: dict[str, Any]) -> Any:
    """Call the answer with the inputs in their order: a learner may rename parameters."""
    return answer(*inputs.values())


def block(answer: Any, inputs: dict[str, Any]) -> Any:
    """Call the answer as ``block(x, sublayer, norm, placement)``: make both functions of the drawn arrays.

    The sublayer is two matrices with a tanh between them; neither edits its input. An answer can reach this
    module, so the norm is one that no task asks for: each token is divided by its largest feature.

    Raises:
        TypeError: An answer gives them a tensor of PyTorch's.
    """
    x, up, down, gamma, beta, placement = inputs.values()

    def sublayer(z: Any) -> Any:
        _no_tensor("sublayer", z)
        return np.tanh(z @ up) @ down

    def norm(z: Any) -> Any:
        _no_tensor("norm", z)
        return gamma * z / np.max(np.abs(z), axis=-1, keepdims=True) + beta

    return answer(x, sublayer, norm, placement)


def _no_tensor(name: str, z: Any) -> None:
    if hasattr(z, "detach"):
        raise TypeError(
            f"{name} takes an array of NumPy's, but was given a tensor of PyTorch's: leave x as it comes"
        )


def script(answer: Any, inputs: dict[str, Any]) -> Any:
    """Give a network, batches and a question to a training script; look at its answers and at the network.

    The network has two linear layers around BatchNorm and ReLU, in float64, so that results are comparable.
    """
    import torch
    from torch import nn

    given = {name: torch.as_tensor(value) for name, value in inputs.items()}
    hidden, features = given["w1"].shape
    model = nn.Sequential(
        nn.Linear(features, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, len(given["w2"]), bias=False),
    ).double()
    names = ("0.weight", "1.weight", "1.bias", "3.weight")
    values = (given[name] for name in ("w1", "gamma", "beta", "w2"))
    model.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    model.train()
    batches = list(zip(given["x"], given["y"], strict=True))
    logits = answer(model, batches, given["x_val"], float(inputs["rate"]))
    if logits is None:
        return None
    if not isinstance(logits, torch.Tensor):
        if not isinstance(logits, list | tuple):
            raise TypeError(
                f"the function should return a list of tensors, but returned {type(logits).__name__}"
            )
        logits = torch.stack([torch.as_tensor(one) for one in logits])
    norm = model[1]
    return logits, norm.running_mean, norm.running_var, model[0].weight, norm.weight
