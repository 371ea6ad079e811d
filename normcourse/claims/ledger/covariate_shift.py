"""What is said about covariate shift, and what our runs found."""

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.predicates import Above, Below

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        id="C2",
        sentence="The inputs of a layer shift while the weights before it move.",
        sources=("ioffe2015", "santurkar2018"),
        verdict=Verdict.LIMITED,
        summary=(
            "They do, over hundreds of steps by most of a standard deviation. One step moves a mean or a "
            "spread by little. With BatchNorm the distributions of single units hardly move, though what a "
            "layer gets for each example does."
        ),
        stands="holds over many steps, without BatchNorm",
        phrase=(
            "{distribution:.1f} standard deviations in four hundred steps, {with-batchnorm:.2f} with "
            "BatchNorm; {one-step:.2f} in one step"
        ),
        scale=Scale(("distribution", "one-step", "with-batchnorm"), 0, "no shift"),
        findings=(
            Finding(
                id="C2.distribution",
                sentence=(
                    "In 400 steps of a plain deep tanh network, the distribution of an inner layer's input "
                    "moves by more than half a standard deviation."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.5),
                spec=".2f",
                unit="standard deviations",
            ),
            Finding(
                id="C2.gradient",
                sentence=(
                    "From step 200 on, one step of the earlier layers of a plain deep tanh network changes a "
                    "layer's gradient by more than half of its length."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.5),
                spec=".2f",
                unit="of its length",
            ),
            Finding(
                id="C2.one-step",
                sentence=(
                    "In the first 30 steps, one step moves the mean and standard deviation of an inner input "
                    "of that network by less than a twentieth of a standard deviation."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(0.05),
                spec=".3f",
                unit="standard deviations",
            ),
            Finding(
                id="C2.with-batchnorm",
                sentence=(
                    "With BatchNorm before every tanh, the distribution of such an input after 400 steps "
                    "lies within a tenth of a standard deviation of the one at the start."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(0.1),
                spec=".3f",
                unit="standard deviations",
            ),
        ),
    ),
    Claim(
        id="C3",
        sentence="BatchNorm stabilises training by reducing internal covariate shift.",
        sources=("ioffe2015", "lipton2018", "santurkar2018", "awais2021"),
        verdict=Verdict.CONTESTED,
        summary=(
            "It depends on what is called the shift, on the activation and on the time. BatchNorm keeps the "
            "distributions of inner inputs in place. It does not reduce the shift of gradients early in "
            "training. With shift put back as noise, ReLU networks keep most of the gain and tanh networks "
            "lose it."
        ),
        stands="depends on which shift is measured, and when",
        phrase=(
            "ReLU: inner distributions move {distribution:.1f} times as far; tanh: early gradients shift "
            "{gradient-early:.0f} times as much"
        ),
        scale=Scale(("distribution", "gradient-late", "gradient-early"), 1, "as without", log=True),
        findings=(
            Finding(
                id="C3.distribution",
                sentence=(
                    "With BatchNorm in a deep ReLU network, the distributions of inner inputs move less than "
                    "half as far from their start as without it, from step 100 on."
                ),
                speaks=Speaks.FOR,
                predicate=Below(0.5),
                spec=".2f",
                unit="times the distance",
            ),
            Finding(
                id="C3.gradient-late",
                sentence=(
                    "From step 100 on, gradients of a deep ReLU network shift less with BatchNorm than "
                    "without when the earlier layers take a step."
                ),
                speaks=Speaks.FOR,
                predicate=Below(1),
                spec=".2f",
                unit="times the shift",
            ),
            Finding(
                id="C3.gradient-early",
                sentence=(
                    "In the first 30 steps of a deep tanh network at a rate of 0.1, gradients shift more "
                    "than twice as much with BatchNorm as without."
                ),
                speaks=Speaks.AGAINST,
                predicate=Above(2),
                spec=".1f",
                unit="times the shift",
            ),
            Finding(
                id="C3.noise-relu",
                sentence=(
                    "A deep ReLU network with BatchNorm and with noise that shifts its inputs still ends "
                    "with a higher accuracy than one without either."
                ),
                speaks=Speaks.AGAINST,
                predicate=Above(0),
                spec="+.1p",
                unit="points of accuracy",
            ),
            Finding(
                id="C3.noise-tanh",
                sentence=(
                    "Noise of one standard deviation after each BatchNorm takes a deep tanh network below "
                    "the accuracy of the one without a norm."
                ),
                speaks=Speaks.FOR,
                predicate=Below(0),
                spec="+.1p",
                unit="points of accuracy",
            ),
        ),
    ),
)
