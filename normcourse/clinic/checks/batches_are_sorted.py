"""Batches of examples that are more alike than examples drawn at random."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normcourse.clinic.batches import given_tensors
from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding

NEEDS = ("batches",)
_RATIO = 1.2  # sorted by class, eight drawn digits come to 1.26
_SHUFFLES = 1000
_NUMBERS = 256  # that an example is boiled down to


def find(case: Case) -> Iterator[Finding]:
    """Compare the means of the batches with those of batches of the same examples, shuffled."""
    layers = tuple(norm.name for norm in case.norms if case.uses_batches(norm))
    inputs = [x for batch in case.batches if (x := _input(case.model, batch)) is not None]
    if not layers or len(inputs) < 3 or min(map(len, inputs)) < 2 or len({x.shape[1] for x in inputs}) > 1:
        return
    sizes = [len(x) for x in inputs]
    examples = _standardised(torch.cat(inputs))
    ratio = _ratio(examples, sizes)
    if not ratio >= _RATIO or _is_reached(ratio, examples, sizes):
        return
    usual = sum(sizes) / len(sizes)
    yield Finding(
        name="batches are sorted",
        layers=layers,
        measured={
            "variance of the batches' means, as a multiple of that of random batches": ratio,
            f"shuffled orders that reach it, of {_SHUFFLES}": 0,
            "examples in a batch, on average": usual,
            "examples in a random batch whose mean varies as much": usual / ratio,
        },
        follows=(
            "A batch holds examples that resemble each other, as when data are sorted by class or cut from "
            "one recording, or when batches of two kinds alternate. In training mode a batch norm subtracts "
            "what they have in common, so what tells one batch from another is lost, and the running "
            "statistics end as those of the last batches. If a step calls the model once for each kind, give "
            'examine one module whose forward makes these calls: "called on unlike inputs" is then asked.'
            + (
                ""
                if case.model.training
                else " If they are for evaluation in inference mode, it is no fault."
            )
        ),
        mend="DataLoader(data, batch_size=32, shuffle=True)",
        certainty="likely" if case.model.training else "possible",
        page="03-inference-statistics/03-modes",
    )


def _input(model: nn.Module, batch: Any) -> Tensor | None:
    """The largest floating tensor that a model takes of a batch: a row of few numbers for each example."""
    found = [x for x in given_tensors(model, batch) if x.is_floating_point() and x.dim() > 1 and x.numel()]
    if not found:
        return None
    rows = max(found, key=Tensor.numel).detach().flatten(1).double().cpu()
    return F.adaptive_avg_pool1d(rows[None], _NUMBERS)[0] if rows.shape[1] > _NUMBERS else rows


def _standardised(examples: Tensor) -> Tensor:
    spread, mean = torch.std_mean(examples, 0)
    return ((examples - mean) / spread)[:, spread > 0]


def _is_reached(ratio: float, examples: Tensor, sizes: Sequence[int]) -> bool:
    """Whether the same examples in some random order come to it, too."""
    random = torch.Generator().manual_seed(0)
    orders = (torch.randperm(len(examples), generator=random) for _ in range(_SHUFFLES))
    return any(_ratio(examples[order], sizes) >= ratio for order in orders)


def _ratio(examples: Tensor, sizes: Sequence[int]) -> float:
    """The variance between batches over the one within, as in an analysis of variance: 1 for random ones."""
    total = (len(examples) - 1) * examples.shape[1]  # of the squares, because they are standardised
    between = sum(float(x.sum(0).square().sum()) / len(x) for x in torch.split(examples, list(sizes)))
    within = max(total - between, 1e-9)
    return (between / (len(sizes) - 1)) / (within / (len(examples) - len(sizes)))
