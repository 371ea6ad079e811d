"""Batches of every kind, and how a model is called with them."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor, nn

__all__ = [
    "OnBatches",
    "call_model",
    "example_count",
    "first_tensor",
    "given_tensors",
    "left_out",
    "mapped",
    "takes_first_alone",
    "target_of",
    "tensors_in",
]

_Parameter = inspect.Parameter


def call_model(model: nn.Module, batch: Any) -> Any:
    """Run a model on what it takes of a batch.

    Args:
        model: Its ``forward`` says how many inputs it needs, and which keys it knows.
        batch: A tensor; a tuple or list that starts with the inputs, as many as ``forward`` cannot do
            without, or with a tuple or mapping of them; or a mapping of keyword arguments, of which those
            that ``forward`` does not know are left out.

    Raises:
        TypeError: The model knows no key of a mapping; the message has the keys of both.
        ValueError: The batch is an empty tuple or list.
    """
    if isinstance(batch, Tensor):
        return model(batch)
    if isinstance(batch, Mapping):
        return model(**_known(model, batch))
    if isinstance(batch, tuple | list) and not batch:
        raise ValueError(f"a batch is an empty {type(batch).__name__}: give (input, target), or the input")
    first, count = batch[0], _inputs(model, batch)
    if isinstance(first, Mapping) and first and not left_out(model, first):
        return model(**first)
    if _holds_inputs(model, first):
        return model(*first)
    return model(*batch[:count])


class OnBatches(nn.Module):
    """Calls a model on whole batches, each as one argument."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any) -> Any:
        """Call the model on it."""
        return call_model(self.model, batch)


def target_of(model: nn.Module, batch: Any) -> Any:
    """What a loss compares the output with: what follows the inputs of a tuple or list; else the batch."""
    if not isinstance(batch, tuple | list):
        return batch
    count = _inputs(model, batch)
    return batch[count] if len(batch) > count else batch


def takes_first_alone(model: nn.Module, batch: Any) -> bool:
    """Whether the model takes of a batch one tensor, which is the batch or stands first in it."""
    if isinstance(batch, tuple | list):
        return bool(batch) and isinstance(batch[0], Tensor) and _inputs(model, batch) == 1
    return isinstance(batch, Tensor)


def left_out(model: nn.Module, batch: Any) -> tuple[str, ...]:
    """The keys of a mapping that the model's ``forward`` does not know."""
    parameters = _parameters(model)
    if parameters is None or not isinstance(batch, Mapping):
        return ()
    if any(parameter.kind is _Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return ()
    return tuple(key for key in batch if key not in parameters)


def given_tensors(model: nn.Module, batch: Any) -> list[Tensor]:
    """Return the tensors of a batch that the model is given."""
    if isinstance(batch, Tensor):
        return [batch]
    if isinstance(batch, Mapping):
        return list(tensors_in(list(_known(model, batch).values())))
    return list(tensors_in(batch[: _inputs(model, batch)]))


def mapped(model: nn.Module, batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The batch with each tensor that the model is given changed."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {key: _changed(value, change) for key, value in batch.items()}
    count = _inputs(model, batch)
    return [*(_changed(item, change) for item in batch[:count]), *batch[count:]]


def example_count(model: nn.Module, batch: Any) -> int:
    """How many examples a batch has: the length of the first tensor with axes that the model is given."""
    return next((len(x) for x in given_tensors(model, batch) if x.dim()), 0)


def first_tensor(output: Any) -> Tensor:
    """Return the first floating tensor of an output, whatever holds it."""
    if isinstance(output, Tensor):
        return output
    floating = (tensor for tensor in tensors_in(output) if tensor.is_floating_point())
    found = sorted(floating, key=lambda tensor: not tensor.dim())  # a loss may come before the rest
    if not found:
        raise TypeError(f"the model's output holds no tensor, but is {type(output).__name__}")
    return found[0]


def tensors_in(output: Any) -> Iterator[Tensor]:
    """Yield the tensors of an output, whatever holds them."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping | tuple | list):
        for item in output.values() if isinstance(output, Mapping) else output:
            yield from tensors_in(item)
    elif is_dataclass(output) and not isinstance(output, type):
        for field in fields(output):
            yield from tensors_in(getattr(output, field.name, None))


def _changed(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _changed(item, change) for key, item in value.items()}
    if not isinstance(value, tuple | list):
        return value
    items = [_changed(item, change) for item in value]
    return tuple(items) if isinstance(value, tuple) else items


def _parameters(model: nn.Module) -> Mapping[str, inspect.Parameter] | None:
    """What a model's ``forward`` takes; of a wrapper that hands on all, what the model inside takes."""
    try:
        found = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):  # what is no function of Python does not say it
        return None
    star = (_Parameter.VAR_POSITIONAL, _Parameter.VAR_KEYWORD)
    inner = getattr(model, "_orig_mod", getattr(model, "module", None))
    hands_on = all(parameter.kind in star for parameter in found.values())
    return _parameters(inner) if hands_on and isinstance(inner, nn.Module) else found


def _needed(model: nn.Module) -> int:
    """How many inputs by position ``forward`` cannot do without."""
    by_position = (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        parameter.kind in by_position and parameter.default is _Parameter.empty
        for parameter in (_parameters(model) or {}).values()
    )


def _inputs(model: nn.Module, batch: tuple[Any, ...] | list[Any]) -> int:
    """How many items of a tuple or list the model is given."""
    if not batch:
        return 0
    needed = _needed(model)
    if isinstance(batch[0], Mapping) or _holds_inputs(model, batch[0]):
        return 1
    return needed if 1 < needed <= len(batch) else 1


def _holds_inputs(model: nn.Module, first: Any) -> bool:
    """Whether what comes first in a batch is a tuple of all inputs that the model needs."""
    if not isinstance(first, tuple | list) or len(first) != _needed(model):
        return False
    return len(first) > 1 or isinstance(first, tuple)  # a list of one image may be what a model takes


def _known(model: nn.Module, batch: Mapping[str, Any]) -> dict[str, Any]:
    """What the model knows of a mapping."""
    unknown = left_out(model, batch)
    if unknown and len(unknown) == len(batch):
        takes = ", ".join(_parameters(model) or {})
        raise TypeError(
            f"the batch has the keys {', '.join(unknown)}, but the model's forward takes {takes}: "
            "name the keys so, or give tuples (input, target)"
        )
    return {key: value for key, value in batch.items() if key not in unknown}
