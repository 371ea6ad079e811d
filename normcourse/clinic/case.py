"""What a check gets to see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn
from torch.optim import Optimizer

from normcourse.clinic.functions import FunctionCall, function_calls
from normcourse.clinic.passes import Call, Passes
from normcourse.clinic.subject import Norm
from normcourse.nn.freezing import is_frozen

__all__ = ["Case"]

_ELEMENTWISE = ("torch.nn.modules.activation", "torch.nn.modules.dropout")


@dataclass(frozen=True, eq=False)
class Case:
    """A model under examination.

    Args:
        model: As it was given; a check must not change it.
        norms: Its norms.
        batches: Given batches; none if there are none.
        passes: What they showed; None without batches.
        optimizer: Trains the model; None if it was not given.
        causal: Whether an output must not depend on later positions.
    """

    model: nn.Module
    norms: Sequence[Norm]
    batches: Sequence[Any] = ()
    passes: Passes | None = None
    optimizer: Optimizer | None = None
    causal: bool = False

    @cached_property
    def layers(self) -> Mapping[str, nn.Module]:
        """Every module, by each of its names."""
        return dict(self.model.named_modules(remove_duplicate=False))

    @cached_property
    def before(self) -> Mapping[Norm, str]:
        """The layer that feeds each norm, by name, where that is known.

        From the passes, if there were any; else the one that stands just before it in an ``nn.Sequential``.
        """
        if self.passes is not None:
            return {call.norm: call.producer for call in self.passes.calls if call.producer is not None}
        names = {norm: self._beside(norm.names[0]) for norm in self.norms}
        return {norm: name for norm, name in names.items() if name is not None}

    @cached_property
    def functions(self) -> Sequence[FunctionCall]:
        """Norms that are called as functions, outside of any norm layer, in a pass of the first batch."""
        if self.passes is None or not self.passes.functions:
            return ()
        return function_calls(self.model, self.norms, self.batches[0])

    def ahead(self, name: str) -> str | None:
        """What stands before a layer in its ``nn.Sequential``, or before that in the one around it."""
        while name and self._runs_in_order(parent := name.rpartition(".")[0]):
            if (found := self._beside(name)) is not None:
                return found
            name = parent
        return None

    def _beside(self, name: str) -> str | None:
        """What stands just before a layer in its own ``nn.Sequential``."""
        parent, _, last = name.rpartition(".")
        if not name or not self._runs_in_order(parent):
            return None
        names = list(self.layers[parent]._modules)
        place = names.index(last)
        return ".".join(filter(None, (parent, names[place - 1]))) if place else None

    def _runs_in_order(self, name: str) -> bool:
        """Whether a module is an ``nn.Sequential`` whose ``forward`` calls its layers one after the other."""
        holder = self.layers[name]
        return isinstance(holder, nn.Sequential) and type(holder).forward is nn.Sequential.forward

    def source(self, norm: Norm) -> nn.Module | None:
        """The layer that made a norm's input, past activations and dropout, where that is known."""
        name = self.before.get(norm)
        while name is not None:
            layer = self.model.get_submodule(name)
            if isinstance(layer, nn.Sequential) and len(layer):
                name = f"{name}.{list(layer._modules)[-1]}"
                continue
            if type(layer).__module__ not in _ELEMENTWISE or isinstance(layer, nn.MultiheadAttention):
                return layer
            if sum(held is layer for held in self.layers.values()) > 1:
                return None  # one ReLU in several places: nobody knows which of them it was
            name = self.ahead(name)
        return None

    def follows_training(self, layer: nn.Module) -> bool:
        """Whether a layer is in training mode while the model trains; a frozen one is not."""
        return not is_frozen(layer) and (layer.training or not self.model.training)

    def uses_batches(self, norm: Norm) -> bool:
        """Whether a norm is a batch norm that takes its statistics from the batch while the model trains."""
        return norm.kind == "batch" and not norm.fixed and self.follows_training(norm.layer)

    def calls(self, norm: Norm) -> list[Call]:
        """The calls of a norm in inference mode; none without batches."""
        return [] if self.passes is None else self.passes.of(norm)

    def seen(self) -> Passes:
        """What the batches showed, for a check that needs them."""
        assert self.passes is not None, "a check that asks for the passes must say that it needs batches"
        return self.passes
