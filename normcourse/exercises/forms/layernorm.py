"""Chapter 4, term by term."""

from normcourse.exercises.forms import norms
from normcourse.exercises.terms import Form, Space, given

__all__ = ["BACKWARD", "FORWARD", "MASKED", "RMS", "RMS_BACKWARD"]

TEXTS = Space((("N", "texts"), ("T", "tokens"), ("F", "features")))

FORWARD = norms.forward(TEXTS, pool="F", parameters="F")
BACKWARD = norms.backward(TEXTS, pool="F", parameters="F")
RMS = norms.rms_forward(TEXTS, pool="F", parameters="F")
RMS_BACKWARD = norms.rms_backward(TEXTS, pool="F", parameters="F")


def _masked() -> tuple[Form, ...]:
    x, mask, eps = given("x", "NTF"), given("mask", "NT"), given("eps")
    real = mask.sum("NT").named("mask.sum()")
    mean = ((x * mask).sum("NT", "statistics") / real).named("mean")
    centred = (x - mean).named("x - mean")
    var = ((centred**2 * mask).sum("NT", "statistics") / real).named("var")
    moments = ((x**2 * mask).sum("NT", "statistics") / real - mean**2).named("var")
    return tuple(
        Form(TEXTS, ((mean, "F"), (v, "F"), ((centred / (v + eps).sqrt() * mask).named("xhat"), "NTF")))
        for v in (var, moments)
    )


MASKED = _masked()
