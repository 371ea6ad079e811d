"""Chapter 5: six scripts in PyTorch that run and are wrong, to diagnose and to mend."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse.exercises import calls
from normcourse.exercises.task import (
    Check,
    ChoiceTask,
    CodeTask,
    Exercise,
    Inputs,
    Mistake,
    Mistakes,
    Option,
    Probe,
    Question,
    Section,
)
from normcourse.exercises.tasks.draws import astride, signs

__all__ = ["EXERCISE"]

Array = NDArray[Any]

DISAGREE = Section("book/05-in-practice/01-when-train-and-eval-disagree", "When train and eval disagree")
SAVED = Section("book/05-in-practice/02-what-was-saved", "What was saved")
MOVED = Section("book/05-in-practice/03-what-moved-the-statistics", "What moved the statistics")
PORTING = Section("book/05-in-practice/06-porting", "Porting between frameworks")
GIVEN = Section("book/05-in-practice/05-what-the-layer-was-given", "What the layer was given")


def _tried(call: Callable[..., Any], answer: Callable[..., Any], inputs: Inputs) -> tuple[Array, ...]:
    """Return what an answer gives where it is called as a learner's is."""
    returned = call(answer, inputs)
    tensors = returned if isinstance(returned, tuple) else (returned,)
    return tuple(np.asarray(one.detach(), dtype=np.float64) for one in tensors)


def _weights(rng: Generator, inputs: int = 4, hidden: int = 5, classes: int = 3) -> Inputs:
    return {
        "w1": rng.normal(size=(hidden, inputs)),
        "gamma": rng.uniform(0.6, 1.8, hidden),
        "beta": rng.uniform(-0.5, 0.8, hidden),
        "w2": rng.normal(size=(classes, hidden)),
    }


def _trained(rng: Generator, hidden: int = 5) -> Inputs:
    """Draw running statistics that no new layer has."""
    return {
        "running_mean": rng.uniform(0.4, 1.5, hidden) * signs(rng, hidden),
        "running_var": rng.uniform(1.5, 4, hidden),
    }


def _batches(rng: Generator, steps: int) -> Inputs:
    n, inputs, classes = int(rng.integers(5, 8)), 4, 3
    return {
        "x": rng.normal(size=(steps, n, inputs)) + rng.uniform(-1, 1, inputs),
        "y": rng.integers(0, classes, size=(steps, n)),
        "x_val": rng.normal(size=(5, inputs)) * 1.5,
        "rate": float(rng.uniform(0.12, 0.3)),
    }


def _step(model: Any, optimizer: Any, x: Any, y: Any) -> None:
    import torch

    optimizer.zero_grad()
    loss: Any = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()


# A checkpoint


def _checkpoint(rng: Generator) -> Inputs:
    new = _weights(rng)
    return {
        **_weights(rng),
        **_trained(rng),
        "tracked": int(rng.integers(3, 7)),
        "new_w1": new["w1"],
        "new_w2": new["w2"],
        "x": rng.normal(size=(int(rng.integers(4, 7)), 4)) + 1,
        "x_val": rng.normal(size=(5, 4)) * 1.5,
    }


def _restore_mistaken(mistakes: Mistakes, **inputs: Any) -> tuple[Array, ...]:
    def answer(model: Any, checkpoint: Any) -> Any:
        state = {name.removeprefix("module."): value for name, value in checkpoint.items()}
        if "parameters only" in mistakes:
            state = {name: state[name] for name, _ in model.named_parameters()}
        elif "statistics only" in mistakes:
            state = {name: state[name] for name, _ in model.named_buffers()}
        elif "counter left" in mistakes:
            del state["1.num_batches_tracked"]
        elif "nothing fits" in mistakes:
            state = dict(checkpoint)
        model.load_state_dict(state, strict=False, assign="shared" in mistakes)
        return model

    return _tried(calls.restore, answer, inputs)


RESTORE = CodeTask(
    name="clinic.restore",
    title="A: a checkpoint",
    answer="restore",
    section=SAVED,
    outputs=("logits", "next mean", "next variance", "checkpoint"),
    reference=lambda **inputs: _restore_mistaken(frozenset(), **inputs),
    mistaken=_restore_mistaken,
    mistakes=(
        Mistake(
            "parameters only",
            "what",
            "You load the parameters alone. The running statistics are buffers: named_parameters() does not "
            "hold them, state_dict() does.",
        ),
        Mistake(
            "counter left",
            "what",
            "You load the running mean and variance, but not num_batches_tracked. With momentum=None the "
            "next batch then replaces them, as if it were the first.",
        ),
        Mistake(
            "nothing fits",
            "what",
            "Nothing is loaded: the names of the checkpoint begin with module., those of the model do not, "
            "and strict=False passes over what does not fit. Take the prefix off.",
        ),
        Mistake(
            "statistics only",
            "what",
            "You load the running statistics and leave out the parameters. Both are due.",
        ),
        Mistake(
            "shared",
            "copy",
            "Your model and the checkpoint share their memory, so that training the one changes the other. "
            "Copy the values, as load_state_dict does without assign=True.",
        ),
    ),
    probes=(Probe("a checkpoint", _checkpoint),),
    checks=(
        Check(
            "parameters and statistics",
            2,
            outputs=("logits",),
            faults=("parameters only", "nothing fits", "statistics only"),
        ),
        Check(
            "training goes on",
            1,
            faults=("parameters only", "nothing fits", "statistics only", "counter left"),
        ),
        Check(
            "the checkpoint stays",
            1,
            faults=("parameters only", "nothing fits", "statistics only", "shared"),
        ),
    ),
    hints=(
        "Print model.state_dict().keys() beside dict(model.named_parameters()).keys(). What is missing?",
        "Take module. off the names, and let strict=True, which is the default, tell you what does not fit.",
        'state = {name.removeprefix("module."): value for name, value in checkpoint.items()}, and then '
        "model.load_state_dict(state).",
    ),
    # What is not loaded is not shared.
    alike=(frozenset({frozenset({"nothing fits"}), frozenset({"nothing fits", "shared"})}),),
    call="restore",
    apart="nothing",
    libraries=("numpy", "torch"),
    handed_out=("parameters only",),
)


# An average of weights


def _averaging(rng: Generator) -> Inputs:
    return {
        **_weights(rng),
        **_trained(rng),
        "tracked": int(rng.integers(3, 7)),
        **_batches(rng, int(rng.integers(3, 5))),
        "decay": float(rng.uniform(0.6, 0.8)),
    }


def _average_mistaken(mistakes: Mistakes, **inputs: Any) -> tuple[Array, ...]:
    import torch

    def answer(model: Any, batches: Any, rate: float, decay: float) -> Any:
        averaged = deepcopy(model)
        kept = 1 - decay if "turned round" in mistakes else decay
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        for x, y in batches:
            _step(model, optimizer, x, y)
            with torch.no_grad():
                for old, new in zip(averaged.parameters(), model.parameters(), strict=True):
                    old.lerp_(new, 1.0 if "no average" in mistakes else 1 - kept)
                if "statistics averaged" in mistakes:
                    for old, new in zip(_statistics(averaged), _statistics(model), strict=True):
                        old.lerp_(new, 1 - kept)
        if "norm of the last" in mistakes:
            averaged[1].load_state_dict(model[1].state_dict())
        elif "statistics of the last" in mistakes:
            for old, new in zip(_statistics(averaged), _statistics(model), strict=True):
                old.copy_(new)
        if not set(KEPT) & mistakes:
            if not {"momentum left", "not reset"} & mistakes:
                averaged[1].reset_running_stats()
            if not {"momentum left", "momentum after a reset"} & mistakes:
                averaged[1].momentum = None
            with torch.no_grad():
                for x, _ in batches:
                    averaged(x)
                if "pooled" in mistakes:
                    averaged[1].running_var.copy_(averaged[0](torch.cat([x for x, _ in batches])).var(0))
        return averaged.train("training mode" in mistakes)

    return _tried(calls.average, answer, inputs)


def _statistics(model: Any) -> tuple[Any, Any]:
    return model[1].running_mean, model[1].running_var


# Which statistics an averaged network may have that were not computed with its weights.
KEPT = ("statistics of the start", "statistics of the last", "norm of the last", "statistics averaged")
# What may be amiss with those that were.
AMISS = ("momentum left", "momentum after a reset", "not reset", "pooled")

AVERAGE = CodeTask(
    name="clinic.average",
    title="B: an average of weights",
    answer="train_averaged",
    section=SAVED,
    outputs=("logits", "running mean", "running variance", "weights", "gamma"),
    reference=lambda **inputs: _average_mistaken(frozenset(), **inputs),
    mistaken=_average_mistaken,
    mistakes=(
        Mistake(
            "statistics of the start",
            "statistics",
            "The averaged network still has the running statistics of its start: parameters() does not hold "
            "them. Recalibrate it on the batches.",
        ),
        Mistake(
            "statistics of the last",
            "statistics",
            "You give the averaged network the running statistics of the trained one. They belong to other "
            "weights: recalibrate on the batches.",
        ),
        Mistake(
            "norm of the last",
            "statistics",
            "You give the averaged network the whole norm of the trained one, so that gamma and beta are not "
            "averaged, and the running statistics belong to other weights. Recalibrate on the batches.",
        ),
        Mistake(
            "statistics averaged",
            "statistics",
            "You average the running statistics as you do the weights. Each of them belongs to other "
            "weights, so their average is not what the averaged weights give. Recalibrate on the batches.",
        ),
        Mistake(
            "momentum left",
            "statistics",
            "You recalibrate with the layer's momentum of 0.1, so that much of the start is left after these "
            "few batches. Take the plain average: reset_running_stats() and momentum = None.",
        ),
        Mistake(
            "momentum after a reset",
            "statistics",
            "You reset the statistics, but recalibrate with the layer's momentum of 0.1, so that zeros and "
            "ones still have most of the weight after these few batches. Take the plain average: momentum = "
            "None.",
        ),
        Mistake(
            "not reset",
            "statistics",
            "You recalibrate without a reset. The layer has counted the batches of its earlier training, and "
            "with momentum = None its old statistics enter the average with their number. Call "
            "reset_running_stats() first.",
        ),
        Mistake(
            "pooled",
            "statistics",
            "Your variance is pooled over all batches, as normcourse's recalibrate does it, so it also holds "
            "how far apart the batches' means are. Here the plain average over the batches is asked for: "
            "each gives one variance, divided by n - 1.",
        ),
        Mistake(
            "turned round",
            "weights",
            "You give decay to the new weights. It is the share that the average keeps; the new ones get "
            "1 - decay.",
        ),
        Mistake(
            "no average",
            "weights",
            "You return the last weights. Their average, with decay, is asked for.",
        ),
        Mistake(
            "training mode",
            "mode",
            "The network comes back in training mode, as recalibration needs it. Call eval() at the end.",
        ),
    ),
    probes=(Probe("some steps", _averaging),),
    checks=(
        Check("statistics", 2, outputs=("running mean", "running variance"), faults=(*KEPT, *AMISS)),
        Check("weights", 1, faults=(KEPT[0], "norm of the last", "turned round", "no average")),
        Check("ready for use", 1, faults=("statistics of the start", "training mode")),
    ),
    hints=(
        "Which numbers of a BatchNorm layer are in parameters(), and which are not?",
        "No average of old statistics is that of the averaged weights. Which statistics do these weights "
        "give on the batches?",
        "After the loop: averaged[1].reset_running_stats(), averaged[1].momentum = None, averaged.train(), "
        "one pass over the batches without gradients, and eval().",
    ),
    # Where nothing is averaged, the whole norm of the last is the last one's.
    alike=(
        frozenset(
            {
                frozenset({"no average", "statistics of the last"}),
                frozenset({"no average", "norm of the last"}),
            }
        ),
    ),
    call="average",
    apart="nothing",
    libraries=("numpy", "torch"),
    handed_out=("statistics of the start",),
)


# Fine-tuning


def _tuning(rng: Generator) -> Inputs:
    return {**_weights(rng), **_trained(rng), **_batches(rng, 2), "epochs": int(rng.integers(2, 4))}


def _tune_mistaken(mistakes: Mistakes, **inputs: Any) -> tuple[Array, ...]:
    import torch

    def answer(model: Any, batches: Any, epochs: int, rate: float) -> Any:
        norm = model[1]
        learning = list(model[3].parameters())
        if "norm learns" in mistakes:
            learning += norm.parameters()
        elif "all learn" in mistakes:
            learning = list(model.parameters())
        optimizer = torch.optim.SGD(learning, lr=rate)
        for epoch in range(epochs):
            model.train()
            if "statistics move" not in mistakes and not ("first epoch" in mistakes and epoch):
                norm.eval()
            if "batch statistics" in mistakes:
                norm.train()
                norm.momentum = 0.0
            for x, y in batches:
                _step(model, optimizer, x, y)
        return model

    return _tried(calls.fine_tune, answer, inputs)


TUNE = CodeTask(
    name="clinic.fine_tune",
    title="C: fine-tuning",
    answer="fine_tune",
    section=MOVED,
    outputs=("logits", "running mean", "running variance", "below the head", "head"),
    reference=lambda **inputs: _tune_mistaken(frozenset(), **inputs),
    mistaken=_tune_mistaken,
    mistakes=(
        Mistake(
            "statistics move",
            "statistics",
            "The running statistics still move: requires_grad_(False) does not touch them, and model.train() "
            "puts the norm back into training mode. Call model[1].eval() after model.train().",
        ),
        Mistake(
            "first epoch",
            "statistics",
            "The norm is frozen in the first epoch alone: the model.train() of the next puts it back into "
            "training mode. Call model[1].eval() after each.",
        ),
        Mistake(
            "batch statistics",
            "statistics",
            "The running statistics stay, but the head is trained on what each batch's own statistics give, "
            "and used with the running ones. Let the norm use the running ones in training too: "
            "model[1].eval().",
        ),
        Mistake(
            "norm learns",
            "parameters",
            "Gamma and beta learn. All below the head is to stay as it is.",
        ),
        Mistake(
            "all learn",
            "parameters",
            "The first layer and the norm learn. All below the head is to stay as it is.",
        ),
    ),
    probes=(Probe("some epochs", _tuning),),
    checks=(
        Check(
            "statistics",
            2,
            outputs=("running mean", "running variance"),
            faults=("statistics move", "first epoch"),
        ),
        Check("what the head sees", 1, faults=("statistics move", "first epoch", "batch statistics")),
        Check("what learns", 1, faults=("statistics move", "norm learns", "all learn")),
    ),
    hints=(
        "Compare model[1].running_mean before and after. What moves it, if no optimizer does?",
        "In which mode is model[1] while the batches pass? Ask in the second epoch, too.",
        "After each model.train() call model[1].eval().",
    ),
    call="fine_tune",
    apart="nothing",
    libraries=("numpy", "torch"),
    handed_out=("statistics move",),
)


# A port


def _foreign(rng: Generator) -> Inputs:
    size, epsilon = int(rng.integers(4, 7)), float(rng.uniform(0.5, 1.5))
    return {
        "kernel": rng.normal(size=(size, size)),
        "bias": rng.uniform(0.3, 2, size) * signs(rng, size),
        "gamma": rng.uniform(0.4, 2, size) * signs(rng, size),
        "beta": rng.uniform(0.3, 2, size) * signs(rng, size),
        "moving_mean": rng.uniform(0.6, 2.5, size),
        "moving_variance": astride(rng, epsilon, size),
        "momentum": float(rng.uniform(0.95, 0.99)),
        "epsilon": epsilon,
        "x": rng.normal(size=(int(rng.integers(4, 7)), size)) + 1,
    }


def _port_mistaken(mistakes: Mistakes, **inputs: Any) -> tuple[Array, ...]:
    import torch

    def answer(kernel: Array, bias: Array, norm: list[Array], settings: dict[str, float]) -> Any:
        gamma, beta, mean, var = map(torch.as_tensor, norm)
        if "gamma and beta" in mistakes:
            gamma, beta = beta, gamma
        if "mean and variance" in mistakes:
            mean, var = var, mean
        if "deviation" in mistakes:
            var = var.sqrt()
        eps = settings["epsilon"]
        if "epsilon left" in mistakes:
            eps = 1e-5
        elif "epsilon typed in" in mistakes:
            eps = 1e-3
        momentum = 1 - settings["momentum"]
        if "momentum copied" in mistakes:
            momentum = settings["momentum"]
        elif "momentum left" in mistakes:
            momentum = 0.1
        dense = torch.nn.Linear(*kernel.shape).double()
        layer: Any = torch.nn.BatchNorm1d(len(gamma), eps=eps, momentum=momentum).double()
        with torch.no_grad():
            dense.weight.copy_(torch.as_tensor(kernel if "kernel as it is" in mistakes else kernel.T))
            dense.bias.copy_(torch.as_tensor(bias))
            layer.weight.copy_(gamma)
            layer.bias.copy_(beta)
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(var)
        return torch.nn.Sequential(dense, layer)

    return _tried(calls.port, answer, inputs)


MISPLACED = ("gamma and beta", "mean and variance", "deviation", "kernel as it is")

PORT = CodeTask(
    name="clinic.port",
    title="D: a port",
    answer="port",
    section=PORTING,
    outputs=("y", "next mean", "next variance"),
    reference=lambda **inputs: _port_mistaken(frozenset(), **inputs),
    mistaken=_port_mistaken,
    mistakes=(
        Mistake(
            "momentum copied",
            "momentum",
            "You copy the momentum. In Keras it is the weight of the old value, in PyTorch that of the new "
            "one: give 1 - momentum.",
        ),
        Mistake(
            "momentum left",
            "momentum",
            "You leave the momentum at PyTorch's 0.1. Give 1 - momentum, with that of the settings.",
        ),
        Mistake(
            "epsilon left",
            "epsilon",
            "The layer's eps is PyTorch's 1e-5, or another small number that is not in the settings. Give it "
            "that of the settings.",
        ),
        Mistake(
            "epsilon typed in",
            "epsilon",
            "You give the layer an eps of 1e-3, which is Keras's default. This model may have another: take "
            "that of the settings.",
        ),
        Mistake(
            "mean and variance",
            "order",
            "Mean and variance stand in each other's place. The order is gamma, beta, mean, variance.",
        ),
        Mistake(
            "gamma and beta",
            "order",
            "Gamma and beta stand in each other's place. The order is gamma, beta, mean, variance.",
        ),
        Mistake(
            "deviation", "root", "You store the root of the variance. running_var is a variance, as it comes."
        ),
        Mistake(
            "kernel as it is",
            "kernel",
            "You take the kernel as it is. Its shape is (inputs, outputs); PyTorch's weight is (outputs, "
            "inputs): transpose it.",
        ),
    ),
    probes=(Probe("a dense layer and its norm", _foreign),),
    checks=(
        Check("epsilon", 2, outputs=("y",), faults=("epsilon left", "epsilon typed in", *MISPLACED)),
        Check(
            "momentum",
            2,
            outputs=("next mean", "next variance"),
            faults=("momentum copied", "momentum left", *MISPLACED),
        ),
    ),
    hints=(
        "Which of the settings does the layer get, and which keeps PyTorch's default?",
        "After one more batch, how much of the old statistics is left in Keras, where momentum is 0.99?",
        'nn.BatchNorm1d(len(gamma), eps=settings["epsilon"], momentum=1 - settings["momentum"])',
    ),
    call="port",
    apart="nothing",
    libraries=("numpy", "torch"),
    handed_out=("momentum copied", "epsilon left"),
)


# A sequence


def _tokens(rng: Generator, *, eps: float, spread: float) -> Inputs:
    n, length, features = int(rng.integers(2, 4)), int(rng.integers(3, 5)), int(rng.integers(4, 6))
    x = spread * rng.normal(size=(n, length, features)) * rng.uniform(0.5, 2, (n, length, 1))
    return {
        "x": x + spread * rng.uniform(-2, 2, (n, length, 1)),
        "weight": rng.uniform(0.4, 2, features) * signs(rng, features),
        "bias": rng.uniform(0.3, 2, features) * signs(rng, features),
        "eps": eps,
    }


def _token_norm_mistaken(mistakes: Mistakes, **inputs: Any) -> tuple[Array, ...]:
    import torch

    def answer(x: Any, weight: Any, bias: Any, eps: float) -> Any:
        axes: tuple[int, ...] = (2,)
        if "over the sequence" in mistakes:
            axes = (1, 2)
        elif "over time" in mistakes:
            axes = (1,)
        elif "over the batch" in mistakes:
            axes = (0, 1)
        mean, squares = x.mean(axes, keepdim=True), (x**2).mean(axes, keepdim=True)
        count = x[0:1].expand_as(x).numel() / mean.numel()
        if "up to now" in mistakes:
            steps = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
            mean, squares = (one.cumsum(1) / steps for one in (mean, squares))
            count = count * steps
        var = squares - mean**2
        if "n - 1" in mistakes:
            var = var * count / (count - 1)
        root = torch.sqrt(var) + eps if "eps outside" in mistakes else torch.sqrt(var + eps)
        if "no eps" in mistakes:
            root = torch.sqrt(var)
        return weight * (x - mean) / root + bias

    return _tried(calls.tensors, answer, inputs)


AXES = ("over the sequence", "over time", "over the batch", "up to now")

TOKENS = CodeTask(
    name="clinic.token_norm",
    title="E: a sequence",
    answer="token_norm",
    section=GIVEN,
    outputs=("y",),
    reference=lambda **inputs: _token_norm_mistaken(frozenset(), **inputs),
    mistaken=_token_norm_mistaken,
    mistakes=(
        Mistake(
            "over the sequence",
            "axes",
            "You pool over the tokens as well as the features, so that a token sees those after it. Each "
            "token has a mean and a variance of its own: the last axis alone.",
        ),
        Mistake(
            "over time",
            "axes",
            "You pool over the tokens, feature by feature: a token sees those after it. Pool the features of "
            "each token: the last axis.",
        ),
        Mistake(
            "over the batch",
            "axes",
            "You pool over examples and tokens, as BatchNorm does: a token sees those after it, and other "
            "examples. Pool the features of each token: the last axis.",
        ),
        Mistake(
            "up to now",
            "axes",
            "You pool over a token and all before it. That does not leak, but it is another norm: each token "
            "has a mean and a variance of its own.",
        ),
        Mistake(
            "n - 1",
            "variance",
            "Your variance is divided by n - 1, as Tensor.var does unless it is told correction=0. LayerNorm "
            "divides by n.",
        ),
        Mistake("eps outside", "eps", "You add eps to the root of the variance. It belongs under the root."),
        Mistake("no eps", "eps", "You leave out eps. It is added to the variance, under the root."),
    ),
    probes=(
        Probe("tokens", lambda rng: _tokens(rng, eps=1e-5, spread=3.0)),
        Probe("a large eps", lambda rng: _tokens(rng, eps=0.5, spread=0.7)),
    ),
    checks=(
        Check("each token by itself", 2, faults=AXES),
        Check("the variance", 1, faults=("n - 1", *AXES[1:])),
        Check("eps", 1, faults=("eps outside", "no eps", *AXES)),
    ),
    hints=(
        "Change the last token of x. Which outputs may change, and which do?",
        "Which axis holds the features of one token? And what does Tensor.var divide by?",
        "x.mean(dim=-1, keepdim=True) and x.var(dim=-1, correction=0, keepdim=True)",
    ),
    call="tensors",
    apart="nothing",
    libraries=("numpy", "torch"),
    handed_out=("over the sequence", "n - 1"),
)


# A service


def _camera(rng: Generator, *, training: bool) -> Inputs:
    n, size, maps, classes = int(rng.integers(3, 6)), int(rng.integers(4, 6)), 4, 3
    return {
        "w1": rng.normal(size=(maps, 3, 2, 2)),
        **_trained(rng, maps),
        "w2": rng.normal(size=(classes, maps * (size - 1) ** 2)),
        "pictures": rng.integers(0, 256, size=(n, size, size, 3)),
        "mean": np.array([0.3, 0.45, 0.6]) + rng.uniform(-0.05, 0.05, 3),
        "std": np.array([0.2, 0.3, 0.4]) + rng.uniform(-0.03, 0.03, 3),
        "training": int(training),
    }


def _serve_mistaken(mistakes: Mistakes, **inputs: Any) -> tuple[Array, ...]:
    import torch

    def answer(model: Any, pictures: Any, mean: Any, std: Any) -> Any:
        n, height, width, colours = pictures.shape
        x = pictures.double()
        if "reshaped" in mistakes:
            x = x.reshape(n, colours, height, width)
        else:
            x = x.permute(0, 3, 2, 1) if "sides exchanged" in mistakes else x.permute(0, 3, 1, 2)
        if not {"not divided", "divided last"} & mistakes:
            x = x / 255
        if "their own statistics" in mistakes:
            mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)
        if "not standardised" not in mistakes:
            x = (x - mean[:, None, None]) / std[:, None, None]
        if "divided last" in mistakes:
            x = x / 255
        before = model.training
        model.train(before and "mode as it comes" in mistakes)
        with torch.no_grad():
            logits = model(x)
        after = before and "left in inference mode" not in mistakes
        model.train(after or "left in training mode" in mistakes)
        return logits

    return _tried(calls.serve, answer, inputs)


SERVE = CodeTask(
    name="clinic.serve",
    title="F: a service",
    answer="classify",
    section=GIVEN,
    outputs=("logits", "running mean", "mode"),
    reference=lambda **inputs: _serve_mistaken(frozenset(), **inputs),
    mistaken=_serve_mistaken,
    mistakes=(
        Mistake(
            "not divided",
            "scale",
            "Your inputs are 255 times as large as in training: divide the pictures by 255 before mean and "
            "std, which are those of numbers from 0 to 1.",
        ),
        Mistake(
            "divided last",
            "scale",
            "You divide by 255 after the mean is subtracted. Divide first: mean and std are those of numbers "
            "from 0 to 1.",
        ),
        Mistake(
            "their own statistics",
            "centre",
            "You standardise the pictures by their own mean and deviation, so that an answer depends on its "
            "company. Use those of the training, which are given.",
        ),
        Mistake(
            "not standardised",
            "centre",
            "You leave mean and std out. The network was trained on (x - mean) / std.",
        ),
        Mistake(
            "reshaped",
            "layout",
            "You reshape where the axes have to be exchanged: colours and positions are mixed. Use "
            "permute(0, 3, 1, 2).",
        ),
        Mistake(
            "sides exchanged",
            "layout",
            "Height and width stand in each other's place: the pictures are mirrored at their diagonal. Use "
            "permute(0, 3, 1, 2).",
        ),
        Mistake(
            "mode as it comes",
            "mode",
            "You ask in the mode in which the network comes. In training mode answers depend on each other, "
            "and the running statistics move. Call model.eval().",
        ),
        Mistake(
            "left in inference mode",
            "mode",
            "The network stays in inference mode, also where it came in training mode. Keep model.training "
            "before you call eval(), and put it back with model.train(...) after the answer.",
        ),
        Mistake(
            "left in training mode",
            "mode",
            "The network goes back into training mode, also where it came in inference mode. Keep "
            "model.training before you call eval(), and give it to model.train(...) after the answer.",
        ),
    ),
    probes=(
        Probe("a network in training mode", lambda rng: _camera(rng, training=True)),
        Probe("a network in inference mode", lambda rng: _camera(rng, training=False)),
    ),
    checks=(
        Check("scale", 2, faults=("not divided", "divided last", "their own statistics", "not standardised")),
        Check("layout", 1, faults=("reshaped", "sides exchanged")),
        Check("mode", 1, faults=("mode as it comes", "left in inference mode", "left in training mode")),
    ),
    hints=(
        "Print the range of what the network is given, here and in training.",
        "What does reshape do with the numbers of one pixel? Try it on two pixels of three colours.",
        "x = pictures.permute(0, 3, 1, 2) / 255, then (x - mean[:, None, None]) / std[:, None, None]. Keep "
        "before = model.training, and call model.train(before) after the answer.",
    ),
    # What is standardised by itself has no scale; what is not divided first is not divided.
    alike=(
        frozenset(
            {
                frozenset({"their own statistics"}),
                frozenset({"their own statistics", "not divided"}),
            }
        ),
        frozenset({frozenset({"not standardised", "divided last"}), frozenset({"not standardised"})}),
    ),
    call="serve",
    apart="nothing",
    libraries=("numpy", "torch"),
    handed_out=("not divided", "reshaped", "left in inference mode"),
)


# What is wrong with each

DIAGNOSE = ChoiceTask(
    name="clinic.diagnose",
    title="Six diagnoses",
    answer="CAUSES",
    section=DISAGREE,
    questions=(
        Question(
            "A",
            "A network that was loaded from its checkpoint answers worse than the one that was saved.",
            (
                Option("statistics not loaded", "Right: its running means are zeros, its variances ones."),
                Option(
                    "nothing loaded",
                    "A network of random weights is right on one digit in ten. And its weights are the saved "
                    "ones: compare them.",
                ),
                Option("wrong mode", "accuracy() calls eval(), and the saved network was asked by it, too."),
                Option("overfitting", "Both were asked about the same digits, and have the same weights."),
            ),
            "statistics not loaded",
            1,
        ),
        Question(
            "B",
            "An average of a network's weights does far worse than the last of these weights.",
            (
                Option(
                    "too long an average",
                    "With the statistics of the digits on which it is tested it does as well as the last "
                    "weights: its own weights are good.",
                ),
                Option("wrong mode", "The averaged network is in inference mode, as it has to be."),
                Option(
                    "statistics of the start",
                    "Right: no step moved its running statistics, and with those of the digits on which it "
                    "is tested it does well.",
                ),
                Option(
                    "weights of the start",
                    "Then it would fail with the statistics of the tested digits as well.",
                ),
            ),
            "statistics of the start",
            1,
        ),
        Question(
            "C",
            "The head of a network learns negatives. With the old head back in its place, it is worse on the "
            "old digits.",
            (
                Option(
                    "weights moved",
                    "The largest change of a parameter below the head is printed: it is 0.",
                ),
                Option(
                    "statistics moved",
                    "Right: requires_grad_(False) stops parameters, and running statistics are none.",
                ),
                Option("the head forgot", "The head that is asked about the old digits is the old one."),
                Option("rate too high", "A rate multiplies gradients, and only the new head has any."),
            ),
            "statistics moved",
            1,
        ),
        Question(
            "D",
            "A dense layer and its norm come from Keras. Their outputs are not those of Keras, and after one "
            "batch the statistics are nearly those of that batch.",
            (
                Option(
                    "kernel not transposed",
                    "Where a channel's variance is large the outputs agree to three digits. A wrong kernel "
                    "spoils all.",
                ),
                Option(
                    "mean and variance exchanged",
                    "Then no output would agree, and a negative mean would give NaN.",
                ),
                Option(
                    "biased variance",
                    "n / (n - 1) changes what a batch adds, not what a new layer puts out in inference mode.",
                ),
                Option(
                    "settings of another meaning",
                    "Right: eps was left at 1e-5, which shows where variances are small, and Keras's "
                    "momentum is the weight of the old value.",
                ),
            ),
            "settings of another meaning",
            1,
        ),
        Question(
            "E",
            "A model predicts fair coins in whole sequences, and guesses when it gets what has been thrown "
            "so far.",
            (
                Option(
                    "it learnt the coins by heart",
                    "Each step of the training and the test throws new coins.",
                ),
                Option(
                    "the norm sees what comes",
                    "Right: its mean and deviation hold all tokens, those to be predicted as well.",
                ),
                Option(
                    "wrong mode",
                    "It has no layer that answers otherwise in training mode: neither dropout nor running "
                    "statistics.",
                ),
                Option(
                    "too short a context",
                    "No context tells a fair coin. The question is why it does better than half.",
                ),
            ),
            "the norm sees what comes",
            1,
        ),
        Question(
            "F",
            "A network for pictures does well when it is tested, and fails as a service.",
            (
                Option("wrong mode", "The service calls eval(), and no statistic moves."),
                Option(
                    "statistics lag",
                    "The test used the same running statistics, and did well with them.",
                ),
                Option(
                    "the world changed",
                    "They are the test's own pictures, as the camera stored them.",
                ),
                Option(
                    "inputs unlike the training's",
                    "Right: the first layer's inputs reach hundreds, where they reached some units in "
                    "training.",
                ),
            ),
            "inputs unlike the training's",
            1,
        ),
    ),
    beliefs=(),
    hints=(
        "For each cause, say what else it would have to show, and look whether it does.",
        "A and B: which numbers of the network are no parameters? C: which numbers move without a gradient?",
        "D: where do the outputs agree, and where not? E: what does a token's output depend on? F: compare "
        "what goes into the first layer.",
    ),
)


EXERCISE = Exercise(
    "clinic",
    "In practice",
    "05-in-practice.ipynb",
    (DIAGNOSE, RESTORE, AVERAGE, TUNE, PORT, TOKENS, SERVE),
    on_its_own=True,
)
