"""One table of cases, and one check that a function of ours agrees with torch's in all that can be seen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from normcourse import functional


@dataclass(frozen=True)
class Case:
    """A call of one norm: sizes of its input and affine, and whether it keeps running statistics."""

    name: str
    function: str
    shape: tuple[int, ...]
    affine: tuple[int, ...]
    weight: bool = True
    bias: bool = True
    running: bool = False
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


TRAIN, EVAL = {"training": True}, {"training": False}
OWN, TRACKED = {"use_input_stats": True}, {"use_input_stats": False}

CASES = [
    Case("batch 2d train", "batch_norm", (6, 3), (3,), running=True, kwargs=TRAIN),
    Case("batch 2d eval", "batch_norm", (6, 3), (3,), running=True, kwargs=EVAL),
    Case("batch 3d", "batch_norm", (4, 3, 5), (3,), running=True, kwargs=TRAIN | {"momentum": 0.3}),
    Case("batch 4d", "batch_norm", (4, 3, 5, 2), (3,), running=True, kwargs=TRAIN | {"eps": 0.1}),
    Case("batch 4d eval", "batch_norm", (4, 3, 5, 2), (3,), running=True, kwargs=EVAL | {"eps": 0.1}),
    Case("batch 5d", "batch_norm", (2, 3, 2, 3, 2), (3,), running=True, kwargs=TRAIN),
    Case("batch of one", "batch_norm", (1, 3, 4), (3,), running=True, kwargs=TRAIN),
    Case("batch 3d untracked", "batch_norm", (4, 3, 5), (3,), kwargs=TRAIN),
    Case("batch untracked", "batch_norm", (6, 3), (3,), kwargs=TRAIN),
    Case("batch no bias", "batch_norm", (6, 3), (3,), bias=False, kwargs=TRAIN),
    Case("batch plain", "batch_norm", (6, 3), (3,), weight=False, bias=False, running=True, kwargs=TRAIN),
    Case("batch plain eval", "batch_norm", (6, 3), (3,), weight=False, bias=False, running=True, kwargs=EVAL),
    Case("batch bias alone", "batch_norm", (6, 3), (3,), weight=False, kwargs=TRAIN),
    Case("batch all new", "batch_norm", (6, 3), (3,), running=True, kwargs=TRAIN | {"momentum": 1.0}),
    Case("batch all old", "batch_norm", (6, 3), (3,), running=True, kwargs=TRAIN | {"momentum": 0.0}),
    Case("batch empty", "batch_norm", (0, 3), (3,), running=True, kwargs=TRAIN),
    Case("instance 3d", "instance_norm", (4, 3, 5), (3,), kwargs=OWN),
    Case("instance 4d", "instance_norm", (4, 3, 5, 2), (3,), running=True, kwargs=OWN | {"momentum": 0.3}),
    Case("instance 4d tracked", "instance_norm", (4, 3, 5, 2), (3,), running=True, kwargs=TRACKED),
    Case("instance plain", "instance_norm", (4, 3, 5), (3,), weight=False, bias=False, running=True),
    Case("group 2d", "group_norm", (4, 6), (6,), args=(2,)),
    Case("group 4d", "group_norm", (4, 6, 3, 2), (6,), args=(3,), kwargs={"eps": 0.1}),
    Case("group of all", "group_norm", (4, 6, 3), (6,), args=(1,)),
    Case("group of one", "group_norm", (4, 6, 3), (6,), args=(6,), bias=False),
    Case("group plain", "group_norm", (4, 6, 3), (6,), args=(2,), weight=False, bias=False),
    Case("group empty", "group_norm", (0, 6, 3), (6,), args=(2,)),
    Case("layer", "layer_norm", (4, 6), (6,), args=((6,),)),
    Case("layer over two", "layer_norm", (4, 3, 5, 2), (5, 2), args=((5, 2),), kwargs={"eps": 0.1}),
    Case("layer over all", "layer_norm", (5, 2), (5, 2), args=((5, 2),)),
    Case("layer no bias", "layer_norm", (4, 6), (6,), args=((6,),), bias=False),
    Case("layer plain", "layer_norm", (4, 6), (6,), args=((6,),), weight=False, bias=False),
    Case("layer empty", "layer_norm", (0, 6), (6,), args=((6,),)),
    Case("rms", "rms_norm", (4, 6), (6,), args=((6,),), bias=False),
    Case("rms over two", "rms_norm", (4, 3, 5, 2), (5, 2), args=((5, 2),), bias=False, kwargs={"eps": 0.1}),
    Case("rms plain", "rms_norm", (4, 6), (6,), args=((6,),), weight=False, bias=False),
]


def assert_parity(case: Case, steps: int = 3, rtol: float = 1e-9, atol: float = 1e-11) -> None:
    """Run both over the same steps in float64; compare outputs, all gradients and all buffers."""
    ours, theirs = _run(case, functional, steps), _run(case, torch.nn.functional, steps)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(
            tensor, theirs[name], rtol=rtol, atol=atol, msg=lambda m, n=name: f"{case.name}, {n}: {m}"
        )


def _run(case: Case, module: Any, steps: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    function: Callable[..., Tensor] = getattr(module, case.function)
    leaves = {
        name: draw(*case.affine).requires_grad_()
        for name, wanted in (("weight", case.weight), ("bias", case.bias))
        if wanted
    }
    buffers = {"running_mean": draw(3), "running_var": draw(3).square() + 0.1} if case.running else {}
    if case.function == "batch_norm" and not case.running:
        buffers = {"running_mean": None, "running_var": None}
    seen = {}
    for step in range(steps):
        x = (draw(*case.shape) * (step + 1) + step).requires_grad_()
        y = function(x, *case.args, **leaves, **buffers, **case.kwargs)
        # A random cotangent: through sum() the gradient of a norm is zero, and a backward of zeros passes.
        gradients = torch.autograd.grad(y, [x, *leaves.values()], draw(*case.shape))
        seen[f"output {step}"] = y.detach()
        for name, gradient in zip(["input", *leaves], gradients, strict=True):
            seen[f"gradient of {name} {step}"] = gradient
        for name, buffer in buffers.items():
            if buffer is not None:
                seen[f"{name} {step}"] = buffer.clone()
    return seen
