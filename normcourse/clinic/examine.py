"""Examine a model: find its norms, run the checks, try the mends."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from tqdm.auto import tqdm

from normcourse.clinic.batches import call_model, left_out, target_of
from normcourse.clinic.case import Case
from normcourse.clinic.checks import CHECKS, NEEDED
from normcourse.clinic.mends import spread
from normcourse.clinic.passes import TRAINING_BATCHES, Passes, reason, run_passes
from normcourse.clinic.quiet import untouched
from normcourse.clinic.report import RUNNING, Effect, Finding, Report
from normcourse.clinic.subject import Norm, find_norms, unexamined

__all__ = ["examine"]

Loss = Callable[[Any, Any], torch.Tensor]


def examine(
    model: nn.Module,
    batches: Iterable[Any] | None = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    causal: bool = False,
    progress: bool = True,
) -> Report:
    """Examine the norms of a model.

    Without batches it looks at the model as it stands. With batches it also runs it on them, in inference
    mode and with the batch norms in training mode, and sees what each norm is given. With a loss as well,
    each mend that can be tried is tried on a copy, and the loss in inference mode measured before and after.
    Give the model in the mode in which it is used: what is wrong with freezing shows in training mode.
    Nothing is trained, and the model comes back as it was, after an error too: modes, buffers, hooks,
    gradients and the state of the random generators.

    Args:
        model: Any module, on any device. Its norms may be PyTorch's, this package's, or of other
            libraries, found by what they hold and by what they do.
        batches: Inputs on the model's device: tensors; tuples or lists that begin with the inputs (one, or
            as many as ``forward`` cannot do without) and go on with the target; or mappings of keyword
            arguments, of which ``forward`` gets those that it knows. Axis 0 holds the examples, axis 1 of a
            sequence its positions. Ten of the usual size are enough.
        loss: Takes the output and the target of a batch (without one the whole batch, as of a mapping), and
            gives a number.
        optimizer: What trains the model, to see which parameters it has and how it decays them.
        causal: Whether an output at a position must not depend on later positions, as in a language model.
        progress: Whether to show a bar.

    Returns:
        The report, in which the findings that cost most come first. It prints, and has ``names`` and
        ``report["name"]``. A finding is *certain* if its state is a fault whatever the purpose, *likely* if
        it is one nearly always, and *possible* if that depends on what it then names.

    Raises:
        ValueError: ``batches`` are given and empty, or a loss without them.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.99), nn.ReLU())
        >>> report = examine(model, progress=False)
        >>> report.names
        ('statistics never updated', 'momentum of another framework', 'bias taken out')
    """
    with torch.random.fork_rng(devices=()):  # a loader that shuffles draws from it
        given = None if batches is None else list(batches)
    if given is not None and not given:
        raise ValueError("examine got no batches: pass at least one, and no generator that is used up")
    if loss is not None and given is None:
        raise ValueError("examine got a loss but no batches: pass both, or neither")
    norms = find_norms(model)
    skipped = _not_seen(model, norms, given)
    present = {"batches": given, "loss": loss, "optimizer": optimizer, "causal": causal or None}
    with _bar(given, progress) as step:
        passes = _passes(model, norms, given, causal, step, skipped)
        if passes is None:
            present["batches"] = None
        case = Case(model, norms, given or (), passes, optimizer)
        findings: list[Finding] = []
        checked = []
        for check in CHECKS:
            reasons = [NEEDED[what] for what in check.needs if present[what] is None]
            if passes is not None and check.name in passes.failed:
                reasons.append(passes.failed.pop(check.name))
            if reasons:
                skipped[check.name] = reasons[0]
                continue
            step("checks")
            try:
                findings += check.find(case)
                checked.append(check.name)
            except Exception as error:  # a model of a kind that nobody foresaw; the other checks go on
                skipped[check.name] = f"it fails on this model: {reason(error)}"
        if loss is not None and given is not None and passes is not None:
            findings = _tried(model, findings, given, loss, step, skipped)
    return Report(
        tuple(findings),
        Counter(norm.kind for norm in norms),
        tuple(checked),
        skipped | (passes.failed if passes else {}),
        dict(passes.functions) if passes else {},
    )


def _not_seen(model: nn.Module, norms: Sequence[Norm], batches: Sequence[Any] | None) -> dict[str, str]:
    """What no check looks at, and why: by what it is."""
    skipped = {
        f"the layer {name}": f"it holds {' and '.join(held)}, but does not behave as a norm does"
        for name, held in unexamined(model, norms).items()
    }
    unknown = dict.fromkeys(key for batch in batches or () for key in left_out(model, batch))
    if unknown:
        skipped["the model's input"] = (
            f"its forward does not know {', '.join(unknown)}; the loss gets the batch"
        )
    return skipped


_TRIAL_BATCHES = 3  # as many as a mend is measured on, before and after


def _passes(
    model: nn.Module,
    norms: Sequence[Norm],
    batches: Sequence[Any] | None,
    causal: bool,
    step: Callable[[str], object],
    skipped: dict[str, str],
) -> Passes | None:
    """Run the model on the batches; if it fails on them, say so, and go on without."""
    if batches is None:
        return None
    try:
        return run_passes(model, norms, batches, causal=causal, progress=step)
    except Exception as error:
        skipped[RUNNING] = reason(error)
        return None


def _tried(
    model: nn.Module,
    findings: Sequence[Finding],
    batches: Sequence[Any],
    loss: Loss,
    step: Callable[[str], object],
    skipped: dict[str, str],
) -> list[Finding]:
    """Try each mend on a copy, and measure what it does to the loss in inference mode."""
    some = spread(batches, _TRIAL_BATCHES)
    which = "your batches" if len(some) == len(batches) else f"{len(some)} of your {len(batches)} batches"
    before: float | None = None
    tried = []
    for finding in findings:
        if finding.mending is not None:
            step(f"trying to mend: {finding.name}")
            try:
                before = _mean_loss(model, some, loss) if before is None else before
                mended = deepcopy(model)
                finding.mending(mended)
                after = _mean_loss(mended, some, loss)
                effect = Effect(f"the loss in inference mode, on {which},", before, after)
                finding = replace(finding, effect=effect)
            except Exception as error:  # of a model or a loss of any kind: the finding stands without one
                skipped["trying the mends"] = reason(error)
        tried.append(finding)
    return tried


def _mean_loss(model: nn.Module, batches: Sequence[Any], loss: Loss) -> float:
    with untouched(model), torch.no_grad():
        model.eval()
        losses = [float(loss(call_model(model, batch), target_of(model, batch))) for batch in batches]
    return sum(losses) / len(losses)


@contextmanager
def _bar(batches: Sequence[Any] | None, show: bool) -> Iterator[Callable[[str], object]]:
    """A progress bar of the passes and the checks; what is told is the stage."""
    count = 0 if batches is None else len(batches) + min(len(batches), TRAINING_BATCHES) + 1
    with tqdm(total=count + len(CHECKS), disable=not show, leave=False) as bar:

        def step(stage: str) -> None:
            bar.set_description(stage, refresh=False)
            bar.update()

        yield step
