"""The ledger as a picture: for each claim what was found, its size, and its findings on an axis of their own.

It is HTML with drawings in SVG. Colours come from the style sheet, for light and dark.
"""

from collections.abc import Callable, Mapping
from html import escape
from math import log

from normcourse.claims import LEDGER, Claim, Evidence, Scale, Speaks, Verdict
from normcourse.claims.claim import write

__all__ = ["SIGNS", "picture", "scale", "verdict"]

# A sign beside each verdict's words, so that the picture can be scanned.
SIGNS = {
    Verdict.HOLDS: "●",
    Verdict.LIMITED: "◐",
    Verdict.CONTESTED: "◇",
    Verdict.NOT_REPRODUCED: "○",
    Verdict.OPEN: "…",
}
WIDTH, MARGIN = 260, 10
AXIS, LABELS = 34, (48, 62)  # heights of the axis, and of the rows of labels
LANES = {Speaks.FOR: 10, Speaks.LIMITS: 24, Speaks.AGAINST: 24}
LETTER = 6.2  # how wide a letter of a label is, about
VERBS = {
    Speaks.FOR: ("speaks for the claim", "speak for the claim"),
    Speaks.LIMITS: ("limits it", "limit it"),
    Speaks.AGAINST: ("speaks against it", "speak against it"),
}


def picture(evidence: Mapping[str, Evidence], address: str) -> str:
    """Return the picture as one HTML element.

    Args:
        evidence: Of every finding, by id.
        address: Relative address of the ledger's page.
    """
    estimates = {name: found.estimate for name, found in evidence.items()}
    rows = "".join(_row(claim, evidence, estimates, address) for claim in LEDGER)
    return f'<ul class="ledger-picture">{rows}</ul>'


def _row(claim: Claim, evidence: Mapping[str, Evidence], estimates: Mapping[str, float], address: str) -> str:
    link = f'<a href="{address}#ledger-{claim.id.lower()}">{claim.id}: {escape(claim.sentence)}</a>'
    drawn = scale(claim, evidence) if claim.scale else ""
    return (
        f'<li><div><p class="ledger-said">{link}</p>'
        f'<p class="ledger-found">{escape(claim.say(estimates))}</p><p>{verdict(claim)}</p></div>{drawn}</li>'
    )


def verdict(claim: Claim) -> str:
    """Return a claim's verdict as HTML: a sign, which is read as its kind, and for what it holds."""
    sign = f'<span role="img" aria-label="{claim.verdict}:">{SIGNS[claim.verdict]}</span>'
    return f'<span class="verdict">{sign} {escape(claim.stands or claim.verdict)}</span>'


def scale(claim: Claim, evidence: Mapping[str, Evidence]) -> str:
    """Draw the findings of a claim that have an axis in common.

    Those that speak for the claim stand above the others, and each kind has its own sign and colour. A line
    is an interval.

    Args:
        claim: One with a scale.
        evidence: Of its findings, by id.
    """
    if claim.scale is None:
        raise ValueError(f"the findings of {claim.id} have no axis in common")
    found = [evidence[f"{claim.id}.{name}"] for name in claim.scale.findings]
    place = _places(claim.scale, found)
    marks = "".join(_mark(each, place) for each in found)
    band = ""
    if claim.scale.claimed:
        left, right = map(place, claim.scale.claimed)
        size = f'width="{right - left:.1f}" height="{AXIS - 2}"'
        band = f'<rect class="ledger-claimed" x="{left:.1f}" y="2" {size}/>'
    labels, rows = _labels(claim.scale, claim.named, found, place)
    axis = f"M{MARGIN} {AXIS}H{WIDTH - MARGIN}M{place(claim.scale.origin):.1f} 2V{AXIS}"
    return (
        f'<svg class="ledger-scale" role="img" aria-label="{escape(_alt(claim.scale, found))}" '
        f'viewBox="0 0 {WIDTH} {LABELS[rows - 1] + 4}">{band}'
        f'<path class="ledger-axis" d="{axis}"/>'
        f"{labels}{marks}</svg>"
    )


def _places(scale: Scale, found: list[Evidence]) -> Callable[[float], float]:
    """Return what gives a number its place on the axis."""
    along: Callable[[float], float] = log if scale.log else float
    ends = [scale.origin, *(scale.claimed or ()), *(end for each in found for end in (each.low, each.high))]
    first, last = along(min(ends)), along(max(ends))
    length = last - first or 1.0  # where nothing was found but the origin
    return lambda number: MARGIN + (WIDTH - 2 * MARGIN) * (along(number) - first) / length


def _mark(found: Evidence, place: Callable[[float], float]) -> str:
    speaks = found.finding.speaks
    x, y = place(found.estimate), LANES[speaks]
    line = f'<path class="ledger-interval" d="M{place(found.low):.1f} {y}H{place(found.high):.1f}"/>'
    if speaks is Speaks.AGAINST:
        sign = f'<path d="M{x - 5:.1f} {y}l5 -5 5 5 -5 5z"/>'
    else:
        sign = f'<circle cx="{x:.1f}" cy="{y}" r="4"/>'
    if speaks is Speaks.LIMITS:
        sign += f'<path class="ledger-half" d="M{x:.1f} {y - 4}a4 4 0 0 1 0 8z"/>'
    title = f"{found.id}: {found.result}"
    return f'<g class="ledger-{speaks}"><title>{escape(title)}</title>{line}{sign}</g>'


def _labels(
    scale: Scale, named: Mapping[str, str], found: list[Evidence], place: Callable[[float], float]
) -> tuple[str, int]:
    """Write what the origin means, the numbers that the phrase gives, and what is claimed.

    Returns:
        The labels, and how many rows they take. What finds no room in these is left out.
    """
    texts = [(place(scale.origin), f"{scale.origin:g}: {scale.says}")]
    shown = {each.finding.name: each.estimate for each in found}
    for name, spec in named.items():
        if name in shown and abs(place(shown[name]) - place(scale.origin)) > 1:  # where its label stands
            texts.append((place(shown[name]), write(shown[name], spec)))
    if scale.claimed:
        texts.append((sum(map(place, scale.claimed)) / 2, "claimed"))
    labels = []
    taken: list[list[tuple[float, float]]] = [[] for _ in LABELS]
    for x, text in texts:
        width = LETTER * len(text)
        left = min(max(x - width / 2, 0), WIDTH - width)
        for y, row in zip(LABELS, taken, strict=True):
            if all(left > end + 8 or left + width < start - 8 for start, end in row):
                row.append((left, left + width))
                labels.append(f'<text x="{left + width / 2:.1f}" y="{y}">{escape(text)}</text>')
                break
    return "".join(labels), sum(map(bool, taken))


def _alt(scale: Scale, found: list[Evidence]) -> str:
    parts = []
    for speaks, verbs in VERBS.items():
        if shown := [each.result for each in found if each.finding.speaks is speaks]:
            parts.append(f"{', '.join(shown)} {verbs[len(shown) > 1]}")
    return f"Findings on an axis from {scale.origin:g}, {scale.says}: {'; '.join(parts)}."
