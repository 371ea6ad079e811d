"""A batch norm that is called several times in one pass, on inputs of unlike mean and variance."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import exp

from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.passes import Call, pooled
from normcourse.clinic.report import Finding

NEEDS = ("batches",)
_APART = 0.5  # standard deviations of the means, or a factor of 1.6 between two widths
_SIGMAS = 2


def find(case: Case) -> Iterator[Finding]:
    """Name the norms whose one set of running statistics stands for unlike inputs."""
    passes = case.seen()
    found = {}
    for norm in case.norms:
        if norm.kind == "batch" and norm.tracks:
            places = _places(passes.of(norm))
            means, widths = _apart(places)
            if means or widths:
                found[norm] = (len(places), means, widths)
    if not found:
        return
    yield Finding(
        name="called on unlike inputs",
        layers=tuple(norm.name for norm in found),
        measured={
            "calls in one pass": max(calls for calls, _, _ in found.values()),
            **_apart_by(found.values()),
        },
        follows=(
            "One pass calls the layer several times, on inputs of unlike mean or variance. In training mode "
            "each call is normalized by its own batch, but in inference mode all by the same running "
            "statistics, which are a mixture of them, so the two modes differ."
        ),
        mend=each(
            "called on unlike inputs",
            first_names(found),
            "norms = nn.ModuleList(copy.deepcopy({layer}) for _ in range("
            f"{max(calls for calls, _, _ in found.values())}))  # one a call; then recalibrate",
        ),
        certainty="likely",
        page="03-inference-statistics/06-test-time-adaptation",
    )


def _apart_by(found: Iterable[tuple[int, float, float]]) -> dict[str, float]:
    """The largest distances, of those that are more than noise."""
    _, means, widths = map(max, zip(*found, strict=True))
    measured = {
        "distance of two calls' means, in standard deviations": means,
        "ratio of their standard deviations": exp(widths) if widths else 0.0,
    }
    return {what: value for what, value in measured.items() if value}


def _places(calls: Sequence[Call]) -> list[tuple[Tensor, Tensor, int]]:
    """For the first call of a pass, the second and so on: mean, variance and examples of all batches."""
    turns: dict[int, list[Call]] = defaultdict(list)
    seen: dict[int, int] = defaultdict(int)
    for call in calls:
        turns[seen[call.batch]].append(call)
        seen[call.batch] += 1
    return [(*pooled(those), sum(call.shape[0] for call in those)) for those in turns.values()]


def _apart(places: Sequence[tuple[Tensor, Tensor, int]]) -> tuple[float, float]:
    """How far two places' means and log widths lie apart, as root mean squares; 0 where noise may do it."""
    furthest = [0.0, 0.0]
    for number, (mean, var, count) in enumerate(places):
        for other_mean, other_var, other_count in places[:number]:
            alive = (var > 0) & (other_var > 0)
            if not bool(alive.any()):
                continue
            noise = 1 / count + 1 / other_count  # as if an example's positions, and the channels, were alike
            means = ((mean - other_mean).square() / (var + other_var) * 2)[alive]
            widths = ((var / other_var).log() / 2)[alive].square()
            for what, squares in enumerate((means, widths)):
                apart = float(squares.mean())
                if apart > _APART**2 + _SIGMAS**2 * noise:
                    furthest[what] = max(furthest[what], apart**0.5)
    return furthest[0], furthest[1]
