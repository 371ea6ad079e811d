"""The ledger: what is said about normalization, and what our runs found."""

from collections.abc import Sequence

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.predicates import Above, Below, Covers, Within

__all__ = ["LEDGER"]

#: Every claim that the course tests, in order.
LEDGER: Sequence[Claim] = (
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
    Claim(
        id="C12",
        sentence="BatchNorm is not ideal for sequence models.",
        sources=("ba2016", "shen2020"),
        verdict=Verdict.LIMITED,
        summary=(
            "Not because it does not train: on texts of one length a small language model trains with it "
            "nearly as well as with LayerNorm. But in training mode the end of a text moves what is said at "
            "its beginning, and where the pool is one text, the model learns to read the future. And the "
            "statistics suffer from padding and from batches of one; running statistics and a mask repair "
            "these two. Losses are in nats, the unit of a cross-entropy with the natural logarithm."
        ),
        stands="holds while statistics come from the batch at hand",
        phrase=(
            "its loss is {trains} above LayerNorm's; asked about one text in training mode it rises by "
            "{alone:.1f}"
        ),
        scale=Scale(("trains", "writes", "alone", "padding"), 0, "as good"),
        findings=(
            Finding(
                id="C12.leak",
                sentence=(
                    "In batches of 8 texts of 32 in training mode, replacing a text's last character moves "
                    "an earlier logit of a trained model by over 0.05: the largest of eight batches."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.05),
                spec=".2f",
                unit="between the logits",
            ),
            Finding(
                id="C12.cheats",
                sentence=(
                    "Trained with the statistics of each text by itself, BatchNorm's loss in training mode "
                    "on new places of the training text lies over 0.2 nats below LayerNorm's."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.2),
                spec=".2f",
                unit="nats below LayerNorm",
            ),
            Finding(
                id="C12.writes",
                sentence=(
                    "Trained so and in the same mode, BatchNorm is over 0.5 nats worse than LayerNorm at "
                    "guessing the next character of a text that ends there."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.5),
                spec=".2f",
                unit="nats worse than LayerNorm",
            ),
            Finding(
                id="C12.alone",
                sentence=(
                    "Trained in batches of 8 texts, a batch of one test text in training mode costs over "
                    "0.3 nats more than inference mode."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.3),
                spec=".2f",
                unit="nats worse",
            ),
            Finding(
                id="C12.padding",
                sentence=(
                    "Trained on padded texts, the loss in training mode on texts of 8 characters without "
                    "padding is over 1 nat above that with 24 padding tokens beside each."
                ),
                speaks=Speaks.FOR,
                predicate=Above(1),
                spec=".2f",
                unit="nats worse",
            ),
            Finding(
                id="C12.trains",
                sentence=(
                    "On texts of one length at a rate of 0.003, the test loss in inference mode differs from "
                    "LayerNorm's by less than 0.1 nats."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-0.1, 0.1),
                spec=".2f",
                unit="nats worse than LayerNorm",
            ),
        ),
    ),
    Claim(
        id="C13",
        sentence="LayerNorm normalizes across features and is the standard in transformers.",
        sources=("ba2016", "xiong2020"),
        verdict=Verdict.LIMITED,
        summary=(
            "Across features: what LayerNorm gives for a token does not depend on any other one. It was the "
            "standard of decoder language models up to about 2022, as far as the models of our table show. "
            "Most of those since use RMSNorm, which also works across features, but leaves out the mean."
        ),
        stands="held for older models; most newer ones use RMSNorm",
        phrase=(
            "LayerNorm in {until-2022} of our table's older models, RMSNorm in {since-2023} of the newer ones"
        ),
        findings=(
            Finding(
                id="C13.features",
                sentence=(
                    "LayerNorm's output for a token stays the same, to 1e-12 in float64, when all other "
                    "tokens of its batch are replaced or left out."
                ),
                speaks=Speaks.FOR,
                predicate=Within(0, 1e-12),
                rounding=True,
            ),
            Finding(
                id="C13.until-2022",
                sentence="Of the decoder language models in our table, all up to 2022 use LayerNorm.",
                speaks=Speaks.FOR,
                predicate=Above(0.99),
                spec=".0%",
                unit="use LayerNorm",
                counted="models",
            ),
            Finding(
                id="C13.since-2023",
                sentence="Of those since 2023, more than half use RMSNorm in place of LayerNorm.",
                speaks=Speaks.LIMITS,
                predicate=Above(0.5),
                spec=".0%",
                unit="use RMSNorm",
                counted="models",
            ),
        ),
    ),
)
