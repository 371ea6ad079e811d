"""A later position reaches an earlier one's output in a model that must be causal."""

from collections.abc import Iterator, Sequence

from normcourse.clinic.case import Case
from normcourse.clinic.leaks import Leak
from normcourse.clinic.lines import replaced
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm
from normcourse.nn.freezing import is_frozen

NEEDS = ("batches", "causal")


def find(case: Case) -> Iterator[Finding]:
    """Name the first layer that the leak reaches, or the model where none shows it."""
    leak = case.seen().later
    if leak is None:
        return
    own = next((norm for norm in case.norms if leak.norm and norm.name == leak.layer), None)
    pooling = [
        norm
        for norm in case.norms
        if leak.training and norm.tracks and not is_frozen(norm.layer) and case.calls(norm)
    ]
    concerned = pooling or ([own] if own else [])
    yield Finding(
        name="later positions leak",
        layers=tuple(norm.name for norm in pooling) or (leak.layer or type(case.model).__name__,),
        measured={
            "axis of the positions": leak.axis,
            "change of the earlier positions' outputs, in standard deviations": leak.change,
        },
        follows=(
            "With another last position the earlier ones get other outputs"
            + (" in training mode" if leak.training else "")
            + ", so in training the model can read what it has to predict, and that is not there when it "
            "writes one position after another. "
            + _where(leak)
            + (
                ""
                if leak.sure
                else " This took axis 1 for the positions, and on axis 2 nothing leaks: if they are there, "
                "all is well."
            )
        ),
        mend=_line(case, leak, concerned),
        certainty=_certainty(leak),
        page="04-layernorm-for-transformers/03-sequences",
    )


def _line(case: Case, leak: Leak, concerned: Sequence[Norm]) -> str:
    last = all(call.shape[-1] == norm.features for norm in concerned for call in case.calls(norm))
    if not concerned or not last:
        return "# normalize over the features of one position, and mask what comes after it"
    lines = {norm: f"nn.LayerNorm({norm.features})" for norm in concerned}
    return replaced("later positions leak", lines, "of one position; then train")


def _certainty(leak: Leak) -> str:
    if not leak.sure:
        return "possible"
    return "certain" if not leak.training and (leak.layer or leak.judged) else "likely"


def _where(leak: Leak) -> str:
    if leak.training:
        return (
            f"{leak.layer or 'The model'} is the first to show it: it takes one mean and variance of several "
            "positions, so each position is normalized by those after it. In inference mode the "
            "running statistics are constants, and nothing leaks."
        )
    if leak.norm:
        return f"{leak.layer} is the first norm to show it, so it pools over positions."
    if leak.layer:
        return (
            f"{leak.layer} is the first module whose output changes while what it is given does not, and it "
            "is no norm that was recognised: look there for a norm that is called as a function or written "
            "out, and for a mask."
        )
    if not leak.judged:
        return (
            "Which layer lets it through was not found, because some inside get tensors without an axis of "
            "that length, as after padding or in another order of the axes."
        )
    return (
        "No layer inside lets it through, so look at the model's own code: at norms called as functions, "
        "and at masks."
    )
