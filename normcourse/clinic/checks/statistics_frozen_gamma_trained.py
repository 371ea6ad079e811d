"""Batch norms whose running statistics stand still, while gamma and beta learn."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.nn.freezing import is_frozen

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms of a model in training mode that eval() alone froze; none if some train."""
    free = [norm for norm in case.norms if norm.tracks and not is_frozen(norm.layer)]
    if not case.model.training or any(norm.layer.training for norm in free):
        return
    learning = [norm for norm in free if norm.kind == "batch" and norm.learns]
    if learning:
        yield Finding(
            name="statistics frozen gamma trained",
            layers=tuple(norm.name for norm in learning),
            measured={
                "layers in inference mode with a gamma or beta that trains": len(learning),
                "layers with running statistics": sum(norm.tracks for norm in case.norms),
            },
            follows=(
                "The running statistics stand still and gamma and beta learn. Whether that is a fault "
                "depends on what was to be frozen: eval() does not hold gamma and beta, and the next "
                "model.train() sets the statistics moving again. The gradient is another one too, because "
                "none flows through the statistics, so a learning rate of training mode may be too high."
            ),
            mend="freeze_batch_norm(model, affine=True)",
            certainty="possible",
            page="03-inference-statistics/04-freezing",
        )
