"""What is said about BatchNorm in training, and what our runs found."""

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.predicates import Above, Below, Covers, Within

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        id="C1",
        sentence="After normalization each feature has zero mean and unit variance over the batch.",
        sources=("ioffe2015",),
        verdict=Verdict.LIMITED,
        summary=(
            "The mean is zero up to rounding. The variance is σ²/(σ² + ε): near one where the feature's "
            "standard deviation is well above √ε, and far below one under it. γ and β then give the feature "
            "any mean and scale."
        ),
        stands="holds unless the values of a feature hardly differ",
        phrase="mean zero, variance {variance:.3f}, but {small-feature:.2f} where values hardly differ",
        scale=Scale(("variance", "small-feature"), 1, "unit variance"),
        findings=(
            Finding(
                id="C1.mean",
                sentence="The mean of a standardised feature is zero up to rounding.",
                speaks=Speaks.FOR,
                predicate=Within(0, 1e-12),
                rounding=True,
            ),
            Finding(
                id="C1.variance",
                sentence="A feature of standard deviation 1 comes out with a variance of 1 to four digits.",
                speaks=Speaks.FOR,
                predicate=Within(0.9999, 1),
                spec=".5f",
            ),
            Finding(
                id="C1.small-feature",
                sentence="A feature whose standard deviation is 0.001 comes out with a variance near 0.1.",
                speaks=Speaks.LIMITS,
                predicate=Within(0.07, 0.12),
                spec=".3f",
            ),
        ),
    ),
    Claim(
        id="C4",
        sentence="Scale and shift can undo the normalization.",
        sources=("ioffe2015",),
        verdict=Verdict.LIMITED,
        summary=(
            "Exactly for the one batch whose mean and variance they copy, and for fixed statistics at "
            "inference. Not for the batches of training: each has its own statistics."
        ),
        stands="holds for the batch that they copy",
        phrase="set for one batch they do; on another it is off by {other-batch:.1f} standard deviations",
        scale=Scale(("same-batch", "other-batch"), 0, "undone"),
        findings=(
            Finding(
                id="C4.same-batch",
                sentence="γ = √(σ² + ε) and β = μ of a batch give that batch back up to rounding.",
                speaks=Speaks.FOR,
                predicate=Within(0, 1e-12),
                unit="standard deviations",
                rounding=True,
            ),
            Finding(
                id="C4.other-batch",
                sentence=(
                    "On another batch of 60 digits the same γ and β miss by over a tenth of a standard "
                    "deviation."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.1),
                spec=".2f",
                unit="standard deviations",
            ),
        ),
    ),
    Claim(
        id="C6",
        sentence="BatchNorm often needs 2 to 5 times fewer training steps.",
        sources=("ioffe2015",),
        verdict=Verdict.LIMITED,
        summary=(
            "It needs fewer in each of these races. How many times fewer depends on the rival and on the "
            "finishing line: 2 to 5 times in deep ReLU networks, with Adam and a good start, or with a good "
            "start and a target that must be held; over 10 times against a bad start and to the first touch "
            "of the target; less than 2 times with tanh, and in a shallow ReLU network to a higher target."
        ),
        attribution=(
            'The paper counts 14 times fewer, for a network in which more than BatchNorm was changed. "2 to '
            '5 times" is often read, as a rule without a source.'
        ),
        stands="holds for deep ReLU networks; elsewhere the rival decides",
        phrase=(
            "{six-relu:.0f} times fewer with six ReLU layers, {tanh:.1f} with six tanh layers, "
            "{small-init:.0f} after a bad start"
        ),
        scale=Scale(
            (
                "small-init",
                "small-init-held",
                "larger-init",
                "larger-init-held",
                "adam",
                "six-relu",
                "twelve-relu",
                "tanh",
                "higher-target",
            ),
            1,
            "as many",
            log=True,
            claimed=(2, 5),
        ),
        findings=(
            Finding(
                id="C6.small-init",
                sentence="With small weights (std 0.1), 95% is first touched in over 10 times fewer steps.",
                speaks=Speaks.LIMITS,
                predicate=Above(10),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.small-init-held",
                sentence="With small weights, 95% is held for 100 steps after 2 to 10 times fewer steps.",
                speaks=Speaks.LIMITS,
                predicate=Within(2, 10),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.larger-init",
                sentence="With weights of std 0.4, 95% is first touched in 3 to 10 times fewer steps.",
                speaks=Speaks.LIMITS,
                predicate=Within(3, 10),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.adam",
                sentence="With Adam and a good start, sigmoids first touch 95% 2 to 5 times sooner.",
                speaks=Speaks.FOR,
                predicate=Within(2, 5),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.six-relu",
                sentence="Six ReLU layers first touch 40% on MNIST-1D 2 to 5 times sooner.",
                speaks=Speaks.FOR,
                predicate=Within(2, 5),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.twelve-relu",
                sentence="Twelve ReLU layers first touch 40% on MNIST-1D 2 to 5 times sooner.",
                speaks=Speaks.FOR,
                predicate=Within(2, 5),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.tanh",
                sentence="Six tanh layers first touch 40% on MNIST-1D less than twice as soon.",
                speaks=Speaks.LIMITS,
                predicate=Within(1, 2),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.higher-target",
                sentence="Two ReLU layers first touch 50% on MNIST-1D less than twice as soon.",
                speaks=Speaks.LIMITS,
                predicate=Within(1, 2),
                unit="times fewer steps",
            ),
            Finding(
                id="C6.larger-init-held",
                sentence="With weights of std 0.4, 95% is held for 100 steps after 2 to 5 times fewer steps.",
                speaks=Speaks.FOR,
                predicate=Within(2, 5),
                unit="times fewer steps",
            ),
        ),
    ),
    Claim(
        id="C7",
        sentence="BatchNorm allows higher learning rates without divergence.",
        sources=("ioffe2015", "bjorck2018"),
        verdict=Verdict.LIMITED,
        summary=(
            "Several times higher in deep ReLU networks and twice in a shallow one; with tanh no higher rate "
            "was seen. At a rate of 10 a ReLU network of six layers answers like chance even so."
        ),
        stands="holds for ReLU, most for deep networks; with tanh not seen",
        phrase=(
            "{shallow-relu:.0f} times higher with two ReLU layers, {deep-relu:.0f} times with twelve; with "
            "tanh no gain seen"
        ),
        scale=Scale(("deep-relu", "shallow-relu", "tanh"), 1, "no higher", log=True),
        findings=(
            Finding(
                id="C7.deep-relu",
                sentence="With 12 ReLU layers the largest usable rate is over 5 times higher.",
                speaks=Speaks.FOR,
                predicate=Above(5),
                unit="times higher",
            ),
            Finding(
                id="C7.shallow-relu",
                sentence="With 2 ReLU layers the largest usable rate is one step of the grid (2.15) higher.",
                speaks=Speaks.LIMITS,
                predicate=Within(2.1, 2.2),
                spec=".2f",
                unit="times higher",
            ),
            Finding(
                id="C7.tanh",
                sentence="With 6 tanh layers no higher usable rate is seen.",
                speaks=Speaks.LIMITS,
                predicate=Covers(1),
                unit="times higher",
            ),
            Finding(
                id="C7.too-high",
                sentence="At a rate of 10 the ReLU network with 6 layers and BatchNorm answers like chance.",
                speaks=Speaks.LIMITS,
                predicate=Below(0.15),
                spec=".1%",
                unit="correct",
            ),
        ),
    ),
    Claim(
        id="C8",
        sentence="BatchNorm makes training less sensitive to the initial weights.",
        sources=("ioffe2015",),
        verdict=Verdict.LIMITED,
        summary=(
            "A deep ReLU network with it trains from first weights a hundredth of the usual size to ten "
            "times that size: six of these seven sizes are too much or too little for a network without a "
            "norm, which needs the size right within a factor of three. But a tiny learning rate rescues "
            "part of a plain network that starts too large; against a good start little is left to win; and "
            "weights ten times too large cost some accuracy unless the learning rate follows."
        ),
        stands="holds after a bad start, hardly after a good one",
        phrase=(
            "{too-small:.0p} points more accurate after far too small first weights, {good-start} after good "
            "ones"
        ),
        scale=Scale(("too-small", "good-start", "too-large"), 0, "no gain"),
        findings=(
            Finding(
                id="C8.too-small",
                sentence="With weights 100 times too small, six ReLU layers are far more accurate with it.",
                speaks=Speaks.FOR,
                predicate=Above(0.5),
                spec=".0p",
                unit="points of accuracy",
            ),
            Finding(
                id="C8.range",
                sentence=(
                    "With six ReLU layers, six more of seven sizes of first weights, from 0.01 to 10 times "
                    "the usual, train to 90% with it; on the average of the seeds, over 5 more."
                ),
                speaks=Speaks.FOR,
                predicate=Above(5),
                unit="more sizes",
            ),
            Finding(
                id="C8.good-start",
                sentence=(
                    "Against sigmoids with weights of the right size, it gains at most 3 points of accuracy."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-0.03, 0.03),
                spec=".1p",
                unit="points of accuracy",
            ),
            Finding(
                id="C8.rival-rescued",
                sentence="With weights 10 times too large, a tiny rate brings plain ReLU over half correct.",
                speaks=Speaks.LIMITS,
                predicate=Above(0.5),
                spec=".0%",
                unit="correct",
            ),
            Finding(
                id="C8.too-large",
                sentence="With weights 10 times too large and the usual rate, it loses accuracy with ReLU.",
                speaks=Speaks.LIMITS,
                predicate=Below(0),
                spec=".1p",
                unit="points of accuracy",
            ),
        ),
    ),
    Claim(
        id="C9",
        sentence="BatchNorm is a mild regulariser.",
        sources=("ioffe2015", "luo2019"),
        verdict=Verdict.LIMITED,
        summary=(
            "A regulariser makes a network do better on new data without fitting the training data better; a "
            "mild one does so a little. With few examples of MNIST-1D, BatchNorm does: both networks have "
            "learnt the training data, and it is ahead on new data. On digits no gain is seen in batches of "
            "8 and 32, and about a point in full batches. The gain is there without any noise in the "
            "statistics, and no gain from the noise was seen."
        ),
        stands="holds on one of two data sets, with noise or without",
        phrase=(
            "{without-noise} points better on new data, with few examples of one data set; on digits hardly "
            "any"
        ),
        scale=Scale(("without-noise", "digits", "noise"), 0, "no gain"),
        findings=(
            Finding(
                id="C9.without-noise",
                sentence="With 256 MNIST-1D examples in full batches, BatchNorm gains over 3 points.",
                speaks=Speaks.FOR,
                predicate=Above(3),
                unit="points of test accuracy",
            ),
            Finding(
                id="C9.digits",
                sentence="On 256 digits in batches of 32, no gain of BatchNorm on no norm is seen.",
                speaks=Speaks.LIMITS,
                predicate=Covers(0),
                unit="points of test accuracy",
            ),
            Finding(
                id="C9.noise",
                sentence=(
                    "On 256 MNIST-1D examples, statistics of parts of 32 examples, which are noisier, give "
                    "no gain that is seen over statistics of the whole batch."
                ),
                speaks=Speaks.LIMITS,
                predicate=Covers(0),
                unit="points of test accuracy",
            ),
        ),
    ),
    Claim(
        id="C10",
        sentence="BatchNorm depends on the batch size: small batches give noisy statistics.",
        sources=("ioffe2017", "wu2018"),
        verdict=Verdict.LIMITED,
        summary=(
            "The noise of the mean is σ/√N, and what becomes of one example depends on the others at any "
            "size. It costs accuracy in small batches: much at 2, even where the gradient is that of 128 "
            "examples, a little at 4, and at 8 no cost is seen on these digits. But at 2 most of the harm is "
            "not the noise of the mean: every standardised value is near +1 or −1, so sizes are lost. On "
            "ImageNet the published harm begins at larger batches."
        ),
        stands="costs accuracy below eight examples a batch, on our digits",
        phrase=(
            "errors rise by {two:.0f} points in batches of two, by {four} in batches of four; at eight no "
            "rise is seen"
        ),
        scale=Scale(("two", "four", "eight", "ghosts"), 0, "no more errors"),
        findings=(
            Finding(
                id="C10.noise",
                sentence="From batches of 2 to 256 the noise of the mean falls as size to the power -1/2.",
                speaks=Speaks.FOR,
                predicate=Within(-0.53, -0.47),
                spec=".3f",
                unit="(the power)",
            ),
            Finding(
                id="C10.two",
                sentence="With batches of 2, BatchNorm errs over 10 points more on digits than no norm.",
                speaks=Speaks.FOR,
                predicate=Above(10),
                unit="points of test error",
            ),
            Finding(
                id="C10.four",
                sentence="With batches of 4, BatchNorm errs more often on digits than no norm.",
                speaks=Speaks.FOR,
                predicate=Above(0),
                unit="points of test error",
            ),
            Finding(
                id="C10.eight",
                sentence="With batches of 8, no difference between BatchNorm and no norm is seen on digits.",
                speaks=Speaks.LIMITS,
                predicate=Covers(0),
                unit="points of test error",
            ),
            Finding(
                id="C10.group-two",
                sentence=("With batches of 2, BatchNorm errs over 10 points more on digits than GroupNorm."),
                speaks=Speaks.FOR,
                predicate=Above(10),
                unit="points of test error",
            ),
            Finding(
                id="C10.group-four",
                sentence=("With batches of 4, BatchNorm errs more often on digits than GroupNorm."),
                speaks=Speaks.FOR,
                predicate=Above(0),
                unit="points of test error",
            ),
            Finding(
                id="C10.group-eight",
                sentence=(
                    "With batches of 8, the two errors on digits differ on average by less than 1.5 points."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-1.5, 1.5),
                unit="points of test error",
            ),
            Finding(
                id="C10.group-sixteen",
                sentence=(
                    "With batches of 16, the two errors on digits differ on average by less than 1.5 points."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-1.5, 1.5),
                unit="points of test error",
            ),
            Finding(
                id="C10.answers",
                sentence=(
                    "For a small network on MNIST-1D, where many answers are close, the rest of a batch of "
                    "32 in training mode changes over a tenth of the answers of inference mode."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.1),
                spec=".0%",
                unit="of the answers",
            ),
            Finding(
                id="C10.ghosts",
                sentence=(
                    "In batches of 128, BatchNorm with statistics of pairs errs over 10 points more than "
                    "with statistics of the whole batch."
                ),
                speaks=Speaks.FOR,
                predicate=Above(10),
                unit="points of test error",
            ),
        ),
    ),
)
