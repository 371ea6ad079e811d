"""A later position reaches an earlier one's output in a model that must be causal."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding

NEEDS = ("batches", "causal")


def find(case: Case) -> Iterator[Finding]:
    """Name the first norm that the leak reaches, or the model where no norm shows it."""
    leak = case.seen().later
    if leak is None:
        return
    yield Finding(
        name="later positions leak",
        layers=(leak.layer or type(case.model).__name__,),
        measured={"change of the earlier positions' outputs, in standard deviations": leak.change},
        follows=(
            "With another last position the earlier ones get other outputs, so in training the model can "
            "read what it has to predict, and that is not there when it writes one position after another. "
            + (
                f"{leak.layer} is the first norm to show it, so it pools over positions."
                if leak.layer
                else "No norm layer that was recognised lets it through: look at norms called as functions, "
                "and at masks."
            )
        ),
        mend="layer = nn.LayerNorm(width)  # or another norm that pools over the features of one position",
        certainty="certain",
        page="04-layernorm-for-transformers/03-sequences",
    )
