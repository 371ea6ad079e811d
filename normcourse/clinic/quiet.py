"""Look at a model without leaving a trace, in plain attributes either."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from normcourse.probes import undisturbed

__all__ = ["untouched"]


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """As `undisturbed`, and tensors that layers hold as plain attributes are put back too."""
    held = [
        (module, name, value, value.detach().clone())
        for module in model.modules()
        for name, value in list(vars(module).items())
        if isinstance(value, Tensor) and not value.is_meta
    ]
    with undisturbed(model):
        try:
            yield
        finally:
            with torch.no_grad():
                for module, name, value, old in held:
                    value.detach().copy_(old)
                    module.__dict__[name] = value
