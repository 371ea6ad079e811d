"""Norms in another mode than the model, or than the rest of its norms."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.mends import each, first_names
from normcourse.clinic.report import Finding
from normcourse.nn.freezing import is_frozen

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that train in a model that answers, or stand still among others that train."""
    free = [norm for norm in case.norms if norm.tracks and not is_frozen(norm.layer)]
    training = [norm for norm in free if norm.layer.training]
    still = [norm for norm in free if not norm.layer.training]
    if not training or (case.model.training and not still):
        return
    measured = {"layers in training mode": len(training), "layers in inference mode": len(still)}
    if case.model.training:
        measured["of those in inference mode, with a gamma or beta that trains"] = sum(
            norm.learns for norm in still
        )
        yield Finding(
            name="modes mixed",
            layers=tuple(norm.name for norm in still),
            measured=measured,
            follows=(
                "These layers normalize by their running statistics and leave them alone, while the others "
                "follow the batch. If that is freezing it ends at the next model.train(), because that "
                "reaches every layer; if it was forgotten after an evaluation, the weights are trained "
                "against statistics that no longer follow."
            ),
            mend=each(
                "modes mixed",
                first_names(still),
                "normcourse.nn.freeze_batch_norm({layer})  # if it is meant; else model.train()",
            ),
            certainty="possible",
            page="03-inference-statistics/04-freezing",
        )
    else:
        yield Finding(
            name="modes mixed",
            layers=tuple(norm.name for norm in training),
            measured=measured,
            follows=(
                "The model is in inference mode and these layers are not. They normalize by the batch, so an "
                "answer depends on the others in its batch; and they move their running statistics, so "
                "asking changes the model."
            ),
            mend="model.eval()",
            certainty="likely",
            page="03-inference-statistics/03-modes",
        )
