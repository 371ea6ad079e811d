"""Ways to call an answer: each takes the learner's object and a probe's inputs, and returns what is judged.

The grader's worker gets this module as text, where normcourse is absent: so it imports the standard library
and NumPy alone, and torch only inside the functions whose tasks allow it.
"""

from typing import Any

import numpy as np

__all__ = [
    "PARAMETERS",
    "average",
    "block",
    "fine_tune",
    "plain",
    "port",
    "restore",
    "script",
    "serve",
    "tensors",
]

#: What an answer is given where that is not the probe's inputs, by the way of calling.
PARAMETERS = {
    "block": ("x", "sublayer", "norm", "placement"),
    "script": ("model", "batches", "x_val", "rate"),
    "restore": ("model", "checkpoint"),
    "average": ("model", "batches", "rate", "decay"),
    "fine_tune": ("model", "batches", "epochs", "rate"),
    "port": ("kernel", "bias", "norm", "settings"),
    "serve": ("model", "pictures", "mean", "std"),
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

    given = {name: torch.as_tensor(value) for name, value in inputs.items()}
    model = _network(given)
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


# What an entry of a network's state is called where it is drawn.
_DRAWN = {
    "0.weight": "w1",
    "1.weight": "gamma",
    "1.bias": "beta",
    "1.running_mean": "running_mean",
    "1.running_var": "running_var",
    "1.num_batches_tracked": "tracked",
    "3.weight": "w2",
}


def _network(given: dict[str, Any]) -> Any:
    """Return a network of what is drawn for it, in training mode: BatchNorm between two linear layers."""
    from torch import nn

    hidden, features = given["w1"].shape
    model = nn.Sequential(
        nn.Linear(features, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, len(given["w2"]), bias=False),
    ).double()
    state = {entry: given[name] for entry, name in _DRAWN.items() if name in given}
    model.load_state_dict(state, strict=False)
    return model.train()


def _model(returned: Any) -> Any:
    """Return what should be a model.

    Raises:
        TypeError: It is something else.
    """
    from torch import nn

    if not isinstance(returned, nn.Module):
        raise TypeError(f"the function should return a model, but returned {type(returned).__name__}")
    return returned


def _first(model: Any, kind: str) -> Any:
    """Return the first layer whose class has a name.

    Raises:
        TypeError: The model has none.
    """
    for module in model.modules():
        if type(module).__name__ == kind:
            return module
    raise TypeError(f"the model that was returned holds no {kind}")


def tensors(answer: Any, inputs: dict[str, Any]) -> Any:
    """Call the answer with the inputs in their order, arrays as tensors."""
    import torch

    given = (torch.as_tensor(one) if isinstance(one, np.ndarray) else one for one in inputs.values())
    return answer(*given)


def restore(answer: Any, inputs: dict[str, Any]) -> Any:
    """Give a new network and a checkpoint to a script that loads; ask the network, and go on with it.

    To go on is one batch in training mode, and a change of each parameter. BatchNorm takes the plain average
    of its batches, so that it counts them.
    """
    import torch

    given = {name: torch.as_tensor(value) for name, value in inputs.items()}
    model = _network({"w1": given["new_w1"], "w2": given["new_w2"]})
    model[1].momentum = None
    checkpoint = {f"module.{entry}": given[name] for entry, name in _DRAWN.items()}
    held = list(checkpoint.values())
    model = _model(answer(model, checkpoint))
    with torch.no_grad():
        logits = model.eval()(given["x_val"])
        model.train()(given["x"])
        for parameter in model.parameters():
            parameter.add_(1.0)
    norm = _first(model, "BatchNorm1d")
    stays = torch.cat([one.reshape(-1).double() for one in held])
    return logits, norm.running_mean, norm.running_var, stays


def average(answer: Any, inputs: dict[str, Any]) -> Any:
    """Give a network and batches to a script that returns an average of the weights; ask that as it comes."""
    import torch

    given = {name: torch.as_tensor(value) for name, value in inputs.items()}
    batches = list(zip(given["x"], given["y"], strict=True))
    averaged = _model(answer(_network(given), batches, float(inputs["rate"]), float(inputs["decay"])))
    norm = _first(averaged, "BatchNorm1d")
    mean, var = norm.running_mean.clone(), norm.running_var.clone()
    with torch.no_grad():
        logits = averaged(given["x_val"])
    return logits, mean, var, _first(averaged, "Linear").weight, norm.weight


def fine_tune(answer: Any, inputs: dict[str, Any]) -> Any:
    """Give a trained network and new batches to a script that trains its last layer; look at all of it."""
    import torch

    given = {name: torch.as_tensor(value) for name, value in inputs.items()}
    batches = list(zip(given["x"], given["y"], strict=True))
    model = _model(answer(_network(given), batches, int(inputs["epochs"]), float(inputs["rate"]))).eval()
    norm = _first(model, "BatchNorm1d")
    with torch.no_grad():
        logits = model(given["x_val"])
    below = torch.cat([model[0].weight.reshape(-1), norm.weight, norm.bias])
    return logits, norm.running_mean, norm.running_var, below, model[3].weight


def port(answer: Any, inputs: dict[str, Any]) -> Any:
    """Give a dense layer and a norm of another framework to a script that ports them; use them, train on.

    What comes back is used in float64: an answer may make it in float32.
    """
    import torch

    norm = [inputs[name] for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    settings = {name: float(inputs[name]) for name in ("momentum", "epsilon")}
    model = _model(answer(inputs["kernel"], inputs["bias"], norm, settings)).double()
    x = torch.as_tensor(inputs["x"])
    with torch.no_grad():
        y = model.eval()(x)
        model.train()(x)
    moved = _first(model, "BatchNorm1d")
    return y, moved.running_mean, moved.running_var


def serve(answer: Any, inputs: dict[str, Any]) -> Any:
    """Give a trained network for pictures, and pictures as a camera has them, to a script that asks it.

    The network comes in one of the two modes; what comes back says in which its layers were left.
    """
    import torch
    from torch import nn

    given = {name: torch.as_tensor(value) for name, value in inputs.items()}
    maps, colours = given["w1"].shape[:2]
    model = nn.Sequential(
        nn.Conv2d(colours, maps, 2, bias=False),
        nn.BatchNorm2d(maps),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(given["w2"].shape[1], len(given["w2"]), bias=False),
    ).double()
    model.load_state_dict(
        {
            "0.weight": given["w1"],
            "1.running_mean": given["running_mean"],
            "1.running_var": given["running_var"],
            "4.weight": given["w2"],
        },
        strict=False,
    )
    pictures = given["pictures"].to(torch.uint8)
    logits = answer(model.train(bool(inputs["training"])), pictures, given["mean"], given["std"])
    modes = torch.tensor([float(one.training) for one in model.modules()])
    return logits, model[1].running_mean, modes
