"""Running statistics that are plain attributes, which neither state_dict() nor .to() knows."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.lines import at
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms of other classes that keep them so."""
    found = {norm: names for norm in case.norms if (names := _plain(norm))}
    if not found:
        return
    yield Finding(
        name="statistics not saved",
        layers=tuple(norm.name for norm in found),
        measured={
            "attributes": ", ".join(dict.fromkeys(name for names in found.values() for name in names)),
            "batch norms that keep their statistics so": len(found),
        },
        follows=(
            "The layer behaves as a batch norm, and its running mean and variance are plain tensors. So a "
            "checkpoint is saved without them, a loaded model normalizes by what they start as, and .to() "
            "and .double() leave them where they are. A buffer is saved and moved."
        ),
        mend="\n".join(
            f'{at(norm.names[0])}.register_buffer("{name}", vars({at(norm.names[0])}).pop("{name}"))'
            for norm, names in found.items()
            for name in names
        ),
        certainty="likely",
        page="02-batchnorm-mechanics/03-write-the-layer",
    )


def _plain(norm: Norm) -> list[str]:
    """The statistics that are attributes of the layer, and neither buffers nor parameters."""
    if norm.own is None or norm.own.statistics is None:
        return []
    saved = (
        norm.layer._buffers.keys() - norm.layer._non_persistent_buffers_set | norm.layer._parameters.keys()
    )
    return [name for name in norm.own.statistics if name not in saved]
