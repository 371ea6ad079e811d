"""Examine a model: find its norms, run the checks, try the mends."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm.auto import tqdm

from normcourse.clinic.batches import call_model, left_out, target_of
from normcourse.clinic.case import Case
from normcourse.clinic.checks import CHECKS, NEEDED
from normcourse.clinic.mends import spread
from normcourse.clinic.passes import TRAINING_BATCHES, Passes, reason, run_passes
from normcourse.clinic.quiet import copied, random_kept, untouched
from normcourse.clinic.report import OPTIMIZER, RUNNING, Effect, Finding, Report
from normcourse.clinic.subject import Norm, find_norms, unexamined

__all__ = ["examine"]

Loss = Callable[[Any, Any], Tensor]
_TRIAL_BATCHES = 3  # as many as a mend is measured on, before and after


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
    Nothing is trained, and the model comes back as it was, after an error too: modes, parameters, buffers,
    hooks, gradients, plain attributes, and the random state of torch, Python and numpy. For that its tensors
    are copied, so an examination takes at least twice the model's memory. What a model changes outside of
    itself stays changed; hooks that it has run in the passes; and a generator that a loader was given is the
    caller's.

    Args:
        model: Any module, on any device. Its norms may be PyTorch's, this package's, or of other
            libraries, found by what they hold and by what they do.
        batches: A list or loader of inputs on the model's device: tensors; tuples or lists that begin with
            the inputs (one, or as many as ``forward`` cannot do without, or a tuple or mapping of all) and go
            on with the target; or mappings of keyword arguments, of which ``forward`` gets those that it
            knows. Axis 0 holds the examples, axis 1 of a sequence its positions. Ten of the usual size are
            enough.
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
        TypeError: ``batches`` is one tensor or one mapping, and not a list of them.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.99), nn.ReLU())
        >>> report = examine(model, progress=False)
        >>> report.names
        ('statistics never updated', 'momentum of another framework', 'bias taken out')
    """
    given = _listed(batches)
    if loss is not None and given is None:
        raise ValueError("examine got a loss but no batches: pass both, or neither")
    norms = find_norms(model)
    with _bar(given, progress) as step:
        passes, skipped = _passes(model, norms, given, causal, step)
        skipped |= _not_seen(model, norms, given) | _not_trained(model, optimizer)
        present = {
            "batches": passes is not None,
            "optimizer": optimizer is not None and OPTIMIZER not in skipped,
            "causal": causal,
        }
        case = Case(model, norms, given or (), passes, optimizer, causal)
        findings, checked, failed = _checked(case, present, step)
        skipped |= failed
        if loss is not None and given is not None and passes is not None:
            findings, failed = _tried(model, findings, given, loss, step)
            skipped |= failed
    return Report(
        tuple(findings),
        Counter(norm.kind for norm in norms),
        tuple(checked),
        skipped,
        dict(passes.functions) if passes else {},
        model.training,
    )


def _listed(batches: Iterable[Any] | None) -> list[Any] | None:
    """The batches as a list; a loader that shuffles draws from the global generators, which are put back."""
    if batches is None:
        return None
    if isinstance(batches, Tensor | Mapping):
        what = "tensor" if isinstance(batches, Tensor) else "mapping"
        raise TypeError(f"batches must be a list of batches, but got one {what}: write [x] for one batch x")
    with random_kept():
        given = list(batches)
    if not given:
        raise ValueError("examine got no batches: pass at least one, and no generator that is used up")
    return given


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


def _not_trained(model: nn.Module, optimizer: Optimizer | None) -> dict[str, str]:
    """Whether an optimizer is none of the model's; no error, for some keep copies of all parameters."""
    if optimizer is None or not (parameters := set(model.parameters())):
        return {}
    if any(parameter in parameters for group in optimizer.param_groups for parameter in group["params"]):
        return {}
    why = (
        "it has none of the model's parameters, so its steps do not move the model: it was made for another "
        "model, or before this one's parameters were replaced, or works on copies of them"
    )
    return {OPTIMIZER: why}


def _passes(
    model: nn.Module,
    norms: Sequence[Norm],
    batches: Sequence[Any] | None,
    causal: bool,
    step: Callable[[str], object],
) -> tuple[Passes | None, dict[str, str]]:
    """Run the model on the batches; if it fails on them, say so, and go on without."""
    if batches is None:
        return None, {}
    try:
        return run_passes(model, norms, batches, causal=causal, progress=step), {}
    except Exception as error:
        return None, {RUNNING: reason(error)}


def _checked(
    case: Case, present: Mapping[str, bool], step: Callable[[str], object]
) -> tuple[list[Finding], list[str], dict[str, str]]:
    """Run the checks: what they found, which ran, and why the others, and parts of the passes, did not."""
    findings: list[Finding] = []
    checked = []
    skipped = dict(case.passes.failed) if case.passes is not None else {}
    for check in CHECKS:
        lacking = [NEEDED[what] for what in check.needs if not present[what]]
        if lacking:
            skipped[check.name] = lacking[0]
        if check.name in skipped:
            continue
        step("checks")
        try:
            findings += check.find(case)
            checked.append(check.name)
        except Exception as error:  # a model of a kind that nobody foresaw; the other checks go on
            skipped[check.name] = f"it fails on this model: {reason(error)}"
    return findings, checked, skipped


def _tried(
    model: nn.Module,
    findings: Sequence[Finding],
    batches: Sequence[Any],
    loss: Loss,
    step: Callable[[str], object],
) -> tuple[list[Finding], dict[str, str]]:
    """Try each mend on a copy, and measure what it does to the loss in inference mode."""
    some = spread(batches, _TRIAL_BATCHES)
    which = "your batches" if len(some) == len(batches) else f"{len(some)} of your {len(batches)} batches"
    before: float | None = None
    tried, failed = [], {}
    for finding in findings:
        if finding.mending is not None:
            step(f"trying to mend: {finding.name}")
            try:
                if before is None:
                    with untouched(model):
                        before = _mean_loss(model, some, loss)
                with random_kept(model):
                    mended = copied(model)
                    finding.mending(mended)
                    after = _mean_loss(mended, some, loss)
                effect = Effect(f"the loss in inference mode, on {which},", before, after)
                finding = replace(finding, effect=effect)
            except Exception as error:  # of a model or a loss of any kind: the finding stands without one
                failed["trying the mends"] = reason(error)
        tried.append(finding)
    return tried, failed


def _mean_loss(model: nn.Module, batches: Sequence[Any], loss: Loss) -> float:
    """The mean loss in inference mode, in which the model is left."""
    model.eval()
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
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
