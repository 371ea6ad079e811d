"""What is said about BatchNorm at inference, and what our runs found."""

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.predicates import Above, Within

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        id="C5",
        sentence="Running statistics make inference deterministic.",
        sources=("ioffe2015",),
        verdict=Verdict.LIMITED,
        summary=(
            "With fixed statistics an answer does not depend on the rest of its batch: to the last bit at "
            "the same batch size, up to rounding at another. It does depend on the statistics, and whoever "
            "asks in training mode does without them, and moves them."
        ),
        stands="holds unless the network is asked in training mode",
        phrase="{company} of the answers change with their batch; {training-mode} do in training mode",
        scale=Scale(("company", "training-mode"), 0, "no answer changes"),
        findings=(
            Finding(
                id="C5.company",
                sentence=(
                    "In inference mode, in batches of 32 on one CPU, no example's logits change in any bit "
                    "when half of its batch is replaced."
                ),
                speaks=Speaks.FOR,
                predicate=Within(0, 1e-9),
                spec=".0%",
                unit="of the examples",
            ),
            Finding(
                id="C5.training-mode",
                sentence=(
                    "In training mode, in batches of 8, replacing half of the batch changes the answer for "
                    "more than a twentieth of the examples."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.05),
                spec=".0%",
                unit="of the examples",
            ),
            Finding(
                id="C5.rounding",
                sentence=(
                    "In inference mode, logits from batches of 32 and from one example at a time differ, in "
                    "float64, by at most 1e-12 of the largest logit."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(1e-18, 1e-12),
                unit="of the largest logit",
                rounding=True,
            ),
            Finding(
                id="C5.moved",
                sentence=(
                    "Asking a trained CNN once in training mode, in batches of 8 sorted by class, costs "
                    "inference mode more than 3 points of accuracy afterwards."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(3),
                unit="points of accuracy lost",
            ),
        ),
    ),
    Claim(
        id="C11",
        sentence="BatchNorm behaves differently in training and at inference.",
        sources=("ioffe2015", "wu2021"),
        verdict=Verdict.LIMITED,
        summary=(
            "In training mode a batch sorted by class ruins the answers, and even where both modes give the "
            "same output, their gradients differ. While a network learns fast, its running statistics, which "
            "are averages over past batches, lag behind the weights, which costs accuracy at inference. In "
            "large shuffled batches the answers are about as good in both modes, and when the learning rate "
            "has fallen to zero, the lag is gone."
        ),
        stands="holds for sorted batches, and while a network learns fast",
        phrase=(
            "in training mode, batches sorted by class lose {ordered:.0f} points, shuffled ones {shuffled}; "
            "late averages {lag:.0f}"
        ),
        scale=Scale(("ordered", "shuffled", "lag", "lag-gone"), 0, "nothing lost"),
        findings=(
            Finding(
                id="C11.ordered",
                sentence=(
                    "A trained CNN, asked in training mode in batches of 32 sorted by class, loses more than "
                    "50 points of accuracy."
                ),
                speaks=Speaks.FOR,
                predicate=Above(50),
                unit="points of accuracy lost",
            ),
            Finding(
                id="C11.gradient",
                sentence=(
                    "Frozen at the statistics of one batch, a trained CNN gives that batch the same logits, "
                    "and the gradients of its filters are on average more than twice as long as through the "
                    "batch's statistics."
                ),
                speaks=Speaks.FOR,
                predicate=Above(2),
                unit="times the length",
            ),
            Finding(
                id="C11.shuffled",
                sentence=(
                    "A trained CNN, asked in training mode in shuffled batches of 128, is within a point of "
                    "its accuracy in inference mode."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-1, 1),
                unit="points of accuracy lost",
            ),
            Finding(
                id="C11.lag",
                sentence=(
                    "After 300 steps at a learning rate that stays at 0.1, a small CNN is on average more "
                    "than 3 points less accurate with running statistics (momentum 0.1) than with "
                    "recalibrated ones."
                ),
                speaks=Speaks.FOR,
                predicate=Above(3),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C11.lag-gone",
                sentence=(
                    "If the rate falls from 0.1 to zero over 600 steps, the two differ on average by less "
                    "than half a point at the end."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-0.5, 0.5),
                unit="points of test accuracy lost",
            ),
        ),
    ),
)
