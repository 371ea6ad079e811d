"""Norms in another mode than the model, or than the rest of its norms."""

from collections.abc import Iterator, Sequence

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm
from normcourse.nn.freezing import is_frozen

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that train in a model that answers, or stand still among others that train."""
    free = [norm for norm in case.norms if norm.tracks and not is_frozen(norm.layer)]
    training = [norm for norm in free if norm.layer.training]
    still = [norm for norm in free if not norm.layer.training]
    if not training or (case.model.training and not still):
        return
    measured: dict[str, float | str] = {
        "layers in training mode": len(training),
        "layers in inference mode": len(still),
    }
    yield _still(still, measured) if case.model.training else _training(training, measured)


def _still(still: Sequence[Norm], measured: dict[str, float | str]) -> Finding:
    """Some stand still in a model that trains."""
    return Finding(
        name="modes mixed",
        layers=tuple(norm.name for norm in still),
        measured=measured
        | {"of those in inference mode, with a gamma or beta that trains": sum(n.learns for n in still)},
        follows=(
            "These layers normalize by their running statistics and leave them alone, while the others "
            "follow the batch. If that is freezing it ends at the next model.train(), because that reaches "
            "every layer; if it was forgotten after an evaluation, the weights are trained against "
            "statistics that no longer follow."
        ),
        mend=each(
            "modes mixed",
            first_names(still),
            "freeze_batch_norm({layer})  # if it is meant; else model.train()",
        ),
        certainty="possible",
        page="03-inference-statistics/04-freezing",
    )


def _training(training: Sequence[Norm], measured: dict[str, float | str]) -> Finding:
    """Some train in a model that answers."""
    return Finding(
        name="modes mixed",
        layers=tuple(norm.name for norm in training),
        measured=measured,
        follows=(
            "The model is in inference mode and these layers are not. They normalize by the batch, so an "
            "answer depends on the others in its batch; and they move their running statistics, so asking "
            "changes the model."
        ),
        mend="model.eval()",
        certainty="likely",
        page="03-inference-statistics/03-modes",
    )
