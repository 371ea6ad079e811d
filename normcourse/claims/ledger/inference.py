"""What is said about BatchNorm at inference, and what our runs found."""

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.predicates import Above, Below, Within

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
            "are averages over past batches, lag behind the weights, which costs accuracy at inference; a "
            "plain mean of all batches costs more, and with recalibrated ones no loss is seen. In large "
            "shuffled batches the answers are about as good in both modes, and when the learning rate has "
            "fallen to zero, the lag is gone."
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
                id="C11.lag-finished",
                sentence=(
                    "A training that ends after 600 steps at a rate of 0.1, without lowering it, leaves "
                    "running statistics with which the network is more than a point less accurate than "
                    "recalibrated."
                ),
                speaks=Speaks.FOR,
                predicate=Above(1),
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
            Finding(
                id="C11.slow-average",
                sentence=(
                    "At a momentum of 0.001 the same network is at the end over 50 points less accurate with "
                    "running statistics than with recalibrated ones."
                ),
                speaks=Speaks.FOR,
                predicate=Above(50),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C11.recalibrated",
                sentence=(
                    "After 300 steps at a rate that stays at 0.1, a small CNN recalibrated with 512 training "
                    "images is on average within a point of its accuracy with the statistics of the 1000 "
                    "test images themselves."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-1, 1),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C11.plain-mean",
                sentence=(
                    "With the plain mean of all batches (momentum=None) a small CNN is, at nine readings of "
                    "three trainings from step 100 on, on average at least 3 points less accurate than with "
                    "PyTorch's default momentum, 0.1. (Shown: the reading where the gap is least.)"
                ),
                speaks=Speaks.FOR,
                predicate=Above(3),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C11.few-steps",
                sentence=(
                    "After the first 60 steps at a rate of 0.1, a small CNN is on average more than 5 points "
                    "less accurate with the plain mean of all batches than with recalibrated statistics."
                ),
                speaks=Speaks.FOR,
                predicate=Above(5),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C11.tiny-batches",
                sentence=(
                    "Networks trained in batches of 2 lose more than 0.05 nats at inference because the "
                    "running variance is unbiased, while training divides by the biased one."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.05),
                spec=".2f",
                unit="nats of test loss",
            ),
            Finding(
                id="C11.larger-batches",
                sentence=(
                    "In batches of 8, the test loss with either running variance is on average the same "
                    "within 0.01 nats."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-0.01, 0.01),
                spec=".3f",
                unit="nats of test loss",
            ),
        ),
    ),
    Claim(
        id="C14",
        sentence="Freeze BatchNorm when you fine-tune.",
        sources=("wu2018", "wu2021"),
        attribution=(
            "In detectors it is the default: {cite:t}`wu2018` compare GroupNorm with batch norms that were "
            "frozen for fine-tuning."
        ),
        verdict=Verdict.CONTESTED,
        summary=(
            "It depends on the new data and on the batch together, in runs of 1600 images, each way at its "
            "chosen rate. In batches of two, on data near the old ones, recalibrating and then freezing is "
            "ahead of training mode; on data far from them, training mode is ahead, at both sizes that we "
            "ran. What tiny batches spoil is partly the average alone, which can be computed anew later. "
            "With gamma and beta trained, frozen networks bear only lower learning rates; at equal low ones "
            "they were not behind far from the old data in batches of two, so more steps, "
            "which were not run, may change the order. "
            "GroupNorm has nothing to freeze; it did better near the old data, and far from them no "
            "difference from frozen BatchNorm was seen in batches of two."
        ),
        stands="holds for tiny batches on near data, fails on far data",
        phrase=(
            "in batches of two {near-two:+.1f} points of accuracy on a near target, {far-two:+.1f} on a far "
            "one"
        ),
        scale=Scale(("near-two", "near-sixteen", "far-two", "far-sixteen"), 0, "no gain"),
        findings=(
            Finding(
                id="C14.near-two",
                sentence=(
                    "Fine-tuned in batches of 2 on 100 drawn digits at half the contrast, a CNN that was "
                    "recalibrated and frozen is more accurate than one in training mode."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0),
                spec="+.1f",
                unit="points of accuracy gained",
            ),
            Finding(
                id="C14.near-sixteen",
                sentence="In batches of 16 the two differ on average by less than two points.",
                speaks=Speaks.LIMITS,
                predicate=Within(-2, 2),
                spec="+.1f",
                unit="points of accuracy gained",
            ),
            Finding(
                id="C14.far-two",
                sentence=(
                    "On 100 handwritten digits, in batches of 2, the frozen one is on average more than two "
                    "points less accurate."
                ),
                speaks=Speaks.AGAINST,
                predicate=Below(-2),
                spec="+.1f",
                unit="points of accuracy gained",
            ),
            Finding(
                id="C14.far-sixteen",
                sentence="In batches of 16 it is on average more than six points less accurate.",
                speaks=Speaks.AGAINST,
                predicate=Below(-6),
                spec="+.1f",
                unit="points of accuracy gained",
            ),
            Finding(
                id="C14.renewed-after",
                sentence=(
                    "After training mode in batches of 2, at half the contrast, recalibrating on the same "
                    "100 images brings accuracy back."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0),
                unit="points of accuracy brought back",
            ),
            Finding(
                id="C14.renewed-after-far",
                sentence=(
                    "On handwritten digits too: after training mode in batches of 2, recalibrating on the "
                    "same 100 images adds to the accuracy."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0),
                spec="+.1f",
                unit="points of accuracy gained",
            ),
            Finding(
                id="C14.renewed-frozen",
                sentence=(
                    "Recalibrating after training with frozen statistics costs: on handwritten digits, in "
                    "batches of 2, more than 10 points."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-10),
                spec="+.1f",
                unit="points of accuracy gained",
            ),
            Finding(
                id="C14.rate",
                sentence=(
                    "At the rate of 0.1 that is best for training mode, on handwritten digits in batches of "
                    "16, a frozen network ends below 15% of right answers: it bears only a lower one."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(0.15),
                spec=".0%",
                unit="right",
            ),
            Finding(
                id="C14.affine",
                sentence=(
                    "With gamma and beta frozen as well as the statistics, the CNN ends, at half the "
                    "contrast in batches of 2 and at the same rate, 0.003, below one with its statistics "
                    "alone frozen."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(0),
                spec="+.1f",
                unit="points of accuracy over frozen statistics alone",
            ),
            Finding(
                id="C14.group-near",
                sentence=(
                    "A CNN that had GroupNorm from the start ends, at half the contrast in batches of 2, "
                    "more than half a point above a recalibrated and frozen one with BatchNorm."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.5),
                spec="+.1f",
                unit="points of accuracy over frozen BatchNorm",
            ),
            Finding(
                id="C14.group-far",
                sentence=(
                    "On handwritten digits, in batches of 2, it ends more than two points below BatchNorm in "
                    "training mode."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-2),
                spec="+.1f",
                unit="points of accuracy over BatchNorm in training mode",
            ),
            Finding(
                id="C14.undone",
                sentence=(
                    "One call of model.train() undoes what layer.eval() froze: of a CNN's three batch norms, "
                    "all are in training mode again."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.99),
                spec=".0%",
                unit="in training mode again",
                counted="batch norms",
            ),
        ),
    ),
    Claim(
        id="C15",
        sentence="The statistics of the test batch repair a shift.",
        sources=("schneider2020", "nado2020", "gong2022"),
        verdict=Verdict.LIMITED,
        summary=(
            "A small CNN that reads digits is given brighter ones. With mean and variance of each batch "
            "in place of the running ones it reads most of them again, in batches of 8 as of 128, and "
            "more of them than by the running ones even where a batch holds the classes in uneven "
            "shares. Not repaired are changes that are more than a new mean and width, batches of one "
            "class, and single digits. Where nothing has shifted, small or uneven batches lose from a "
            "few points to nearly everything."
        ),
        stands="holds for a new mean and width, in large mixed batches",
        phrase=(
            "{shifted-large:+.0f} points on brighter digits, {single:+.0f} on single ones, {clean-two:+.0f} "
            "on unchanged ones of two classes"
        ),
        scale=Scale(
            (
                "shifted-large",
                "shifted-small",
                "shifted-two",
                "inverted",
                "single",
                "clean-large",
                "clean-small",
                "clean-two",
                "clean-one",
            ),
            0,
            "as good as running statistics",
        ),
        findings=(
            Finding(
                id="C15.shifted-large",
                sentence=(
                    "A small CNN that reads digits is given brighter ones, in shuffled batches of 128: by "
                    "each batch's statistics it has more than 60 points more accuracy than by the running "
                    "ones."
                ),
                speaks=Speaks.FOR,
                predicate=Above(60),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.shifted-small",
                sentence=(
                    "In shuffled batches of 8, brighter digits have more than 50 points more by the "
                    "batch's statistics than by the running ones."
                ),
                speaks=Speaks.FOR,
                predicate=Above(50),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.contrast",
                sentence=(
                    "Paler digits, in shuffled batches of 128, have more than 40 points more by each "
                    "batch's statistics than by the running ones."
                ),
                speaks=Speaks.FOR,
                predicate=Above(40),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.blurred",
                sentence=("Blurred digits, in shuffled batches of 128, have more than 20 points more."),
                speaks=Speaks.FOR,
                predicate=Above(20),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.noisy",
                sentence=("Noisy digits, in shuffled batches of 128, have more than 25 points more."),
                speaks=Speaks.FOR,
                predicate=Above(25),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.recalibrated",
                sentence=(
                    "Recalibrated on 100 drawn digits at half the contrast, without labels or a step of "
                    "training, the network reads more than 30 points more of such digits."
                ),
                speaks=Speaks.FOR,
                predicate=Above(30),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.recalibrated-far",
                sentence=(
                    "Recalibrated on 100 handwritten digits it reads between 5 and 25 points more of those."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(5, 25),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.shifted-sticky",
                sentence=(
                    "From a stream in which a class stays for ten digits on average, in batches of 128, "
                    "brighter digits have more than 50 points more by the batch's statistics."
                ),
                speaks=Speaks.FOR,
                predicate=Above(50),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.shifted-sticky-small",
                sentence=("From that stream in batches of 8, between 5 and 20 points more."),
                speaks=Speaks.LIMITS,
                predicate=Within(5, 20),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.shifted-half",
                sentence=(
                    "In batches of 128 of which one class is a little over half, brighter digits have "
                    "more than 40 points more by the batch's statistics."
                ),
                speaks=Speaks.FOR,
                predicate=Above(40),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.shifted-two",
                sentence=(
                    "In batches of 128 of two classes, brighter digits have more than 15 points more by "
                    "the batch's statistics."
                ),
                speaks=Speaks.FOR,
                predicate=Above(15),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.shifted-one",
                sentence=(
                    "In batches of 128 of one class, brighter digits have less than 5 points more by the "
                    "batch's statistics, if any."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(5),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.inverted",
                sentence=(
                    "With ink and paper swapped, in shuffled batches of 128, digits have less than 10 "
                    "points more by the batch's statistics, if any."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(10),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.single",
                sentence=(
                    "A digit that is normalized by its own statistics alone has, on average over four "
                    "kinds of changed digits, more than 3 points less than by the running ones."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-3),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.single-mixed",
                sentence=(
                    "Mixed with the running statistics at a source weight of 4, single digits have, on "
                    "average over the four kinds, between nothing and 10 points more than by the running "
                    "ones."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(0, 10),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.single-mixed-clean",
                sentence=("Mixed so, single digits of the unchanged kind have less than 2 points less."),
                speaks=Speaks.LIMITS,
                predicate=Within(-2, 0),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-large",
                sentence=(
                    "Clean digits in shuffled batches of 128 are, by the batch's statistics, within a "
                    "point of the running ones."
                ),
                speaks=Speaks.FOR,
                predicate=Within(-1, 1),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-middle",
                sentence=(
                    "In shuffled batches of 32, clean digits have less than 2 points less by the batch's "
                    "statistics."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-2, 0),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-small",
                sentence=(
                    "Clean digits in shuffled batches of 8 have more than 3 points less by the batch's "
                    "statistics."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-3),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-sticky",
                sentence=(
                    "From a stream in which a class stays for ten digits on average, in batches of 128, "
                    "clean digits have more than a point less by the batch's statistics."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-1),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-sticky-small",
                sentence=(
                    "From that stream in batches of 32, clean digits have more than 20 points less by the "
                    "batch's statistics."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-20),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-half",
                sentence=(
                    "In batches of 128 of which one class is a little over half, clean digits have more "
                    "than 8 points less by the batch's statistics."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-8),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-two",
                sentence=(
                    "In batches of 128 of two classes, clean digits have more than 25 points less by the "
                    "batch's statistics."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-25),
                spec="+.1f",
                unit="points of accuracy",
            ),
            Finding(
                id="C15.clean-one",
                sentence=(
                    "In batches of 128 of one class, clean digits have more than 60 points less by the "
                    "batch's statistics."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(-60),
                spec="+.1f",
                unit="points of accuracy",
            ),
        ),
    ),
    Claim(
        id="C16",
        sentence="Training on several devices needs synchronised BatchNorm.",
        sources=("peng2018", "goyal2017"),
        verdict=Verdict.LIMITED,
        summary=(
            "By default each worker normalizes its own part of the batch, and worker 0's running statistics "
            "are saved. With parts of 2 examples, or where each worker reads classes of its own, the network "
            "that is saved is far worse than a synchronised one. Most of that is in the weights: "
            "statistics that are computed anew bring little of it back. Shuffling avoids the harm of sorted "
            "parts. With random parts of 32 examples no cost is seen, with 8 hardly any."
        ),
        stands="holds for small or sorted parts, not for large random ones",
        phrase=(
            "it is {small-parts:.0f} points ahead with two examples a worker, {sorted-parts:.0f} with "
            "sorted parts, {large-parts:.0f} with large random ones"
        ),
        scale=Scale(("small-parts", "sorted-parts", "in-the-weights", "large-parts"), 0, "nothing lost"),
        findings=(
            Finding(
                id="C16.small-parts",
                sentence=(
                    "With random parts of 2 digits on each of three workers, the network that "
                    "DistributedDataParallel's default saves is more than 30 points less accurate than with "
                    "synchronised BatchNorm."
                ),
                speaks=Speaks.FOR,
                predicate=Above(30),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C16.small-in-the-weights",
                sentence=(
                    "More than 20 of these points are still lost after the running statistics have been "
                    "computed anew."
                ),
                speaks=Speaks.FOR,
                predicate=Above(20),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C16.four-each",
                sentence=(
                    "With random parts of 4 digits on each worker it is more than a point less accurate."
                ),
                speaks=Speaks.FOR,
                predicate=Above(1),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C16.sorted-parts",
                sentence=(
                    "Where each of three workers reads digits of its own, 32 in a step, it is more than 8 "
                    "points less accurate."
                ),
                speaks=Speaks.FOR,
                predicate=Above(8),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C16.in-the-weights",
                sentence=(
                    "More than 7 of these points are still lost after the running statistics have been "
                    "computed anew on digits of all classes."
                ),
                speaks=Speaks.FOR,
                predicate=Above(7),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C16.shuffled",
                sentence=(
                    "Given random parts of 32 in place of digits of its own, each worker by "
                    "DistributedDataParallel's default, the network is more than 8 points more accurate."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(8),
                unit="points of test accuracy gained",
            ),
            Finding(
                id="C16.large-parts",
                sentence=(
                    "With random parts of 32 digits on each worker, the two are on average within a point of "
                    "each other."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-1, 1),
                unit="points of test accuracy lost",
            ),
            Finding(
                id="C16.eight-each",
                sentence=(
                    "With random parts of 8 digits on each worker, the default is at most 2 points less "
                    "accurate, on average, and at most one more."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-1, 2),
                unit="points of test accuracy lost",
            ),
        ),
    ),
)
