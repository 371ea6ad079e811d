"""What is said about norms in sequence models, and what our runs found."""

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.predicates import Above, Below, Within

__all__ = ["CLAIMS"]

CLAIMS = (
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
            "these two where 8 texts were pooled in training. Losses are in nats, the unit of a "
            "cross-entropy with the natural logarithm."
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
                    "an earlier logit of a trained model by over 0.05 where it moves most: the largest of "
                    "all positions and eight batches."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.05),
                spec=".2f",
                unit="in one logit",
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
        verdict=Verdict.CONTESTED,
        summary=(
            "The first half holds: what LayerNorm gives for a token does not depend on any other one. The "
            "second fits older models better than newer: every decoder language model of our table up to "
            "2022 uses LayerNorm, and most of those since use RMSNorm, which also works across features, but "
            "leaves out the mean. The table is our choice of models with open code, read in November 2026, "
            "and no sample."
        ),
        stands="across features; newer models mostly use RMSNorm",
        phrase=(
            "LayerNorm in {until-2022} of our table's older decoders, RMSNorm in {since-2023} of the newer"
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
                speaks=Speaks.AGAINST,
                predicate=Above(0.5),
                spec=".0%",
                unit="use RMSNorm",
                counted="models",
            ),
        ),
    ),
    Claim(
        id="C17",
        sentence="Post-norm needs a warm-up, pre-norm does not.",
        sources=("xiong2020", "liu2020"),
        verdict=Verdict.LIMITED,
        summary=(
            "At one rate of our grid a warm-up decides whether post-norm trains. But it trains without at "
            "smaller rates, and hardly worse; at higher ones a warm-up does not rescue it. So it needs a low "
            "rate, or a warm-up. Pre-norm trains at every rate of the grid with and without, and gains by a "
            "warm-up at the highest. All this of small models and 300 steps."
        ),
        stands="holds at high rates; at small ones post-norm needs none",
        phrase=(
            "a warm-up rescues {rescued} of post-norm's trainings at one rate; its best loss gains "
            "{best:.2f} nats"
        ),
        findings=(
            Finding(
                id="C17.rescued",
                sentence=(
                    "Six layers at a rate of 0.002, 300 steps: with a warm-up of 100 steps more of "
                    "post-norm's trainings succeed than without, by over half of them."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.5),
                spec=".0%",
            ),
            Finding(
                id="C17.pre",
                sentence=(
                    "Pre-norm without a warm-up: over nine tenths of the trainings succeed at each of five "
                    "rates from 0.0005 to 0.008."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.9),
                spec=".0%",
                unit="succeed",
            ),
            Finding(
                id="C17.small-rates",
                sentence=(
                    "Post-norm without a warm-up: over nine tenths of the trainings succeed at rates of "
                    "0.0005 and 0.001."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.9),
                spec=".0%",
                unit="succeed",
            ),
            Finding(
                id="C17.best",
                sentence=(
                    "Each at the rate that is best on the validation texts, post-norm's test loss without a "
                    "warm-up is less than 0.1 nats above that with one."
                ),
                speaks=Speaks.LIMITS,
                predicate=Below(0.1),
                spec=".3f",
                unit="nats higher",
            ),
            Finding(
                id="C17.deepnorm",
                sentence=(
                    "With DeepNorm's two constants over nine tenths of post-norm's trainings succeed "
                    "without a warm-up at rates of 0.002 and 0.004."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.9),
                spec=".0%",
                unit="succeed",
            ),
            Finding(
                id="C17.pre-gains",
                sentence=(
                    "At a rate of 0.008, the highest, a warm-up lowers pre-norm's test loss by over 0.05 "
                    "nats."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.05),
                spec=".2f",
                unit="nats lower",
            ),
        ),
    ),
    Claim(
        id="C18",
        sentence="RMSNorm does what LayerNorm does, and is cheaper.",
        sources=("zhang2019", "jiang2023", "gupta2026"),
        verdict=Verdict.LIMITED,
        summary=(
            "In a transformer it does: the stream has hardly any mean to take out, and after a linear map "
            "the mean can be folded into the weights exactly. After a sigmoid, where most of an activation "
            "is mean, it learns more slowly: far behind after 300 steps, and within a point or so after four "
            "times as many. Cheaper it is in operations. In time that depends on the code: put "
            "together from several operations, as PyTorch does on a CPU, it is slower than LayerNorm's loop; "
            "compiled into one loop itself it is a little faster."
        ),
        stands="holds in transformers; its time depends on the code",
        phrase=(
            "{loss} nats from LayerNorm's loss; {compiled} times its time compiled, {chain:.0f} times in "
            "PyTorch on a CPU"
        ),
        scale=Scale(("loss", "swap"), 0, "as good"),
        findings=(
            Finding(
                id="C18.loss",
                sentence=(
                    "In the arena's transformer, each at its own best rate of five, RMSNorm's test loss lies "
                    "within 0.05 nats of LayerNorm's."
                ),
                speaks=Speaks.FOR,
                predicate=Within(-0.05, 0.05),
                spec="+.3f",
                unit="nats above LayerNorm",
            ),
            Finding(
                id="C18.swap",
                sentence=(
                    "Put in the place of the layer norms of a trained pre-norm transformer, without training "
                    "again, RMSNorm raises the test loss by less than 0.02 nats."
                ),
                speaks=Speaks.FOR,
                predicate=Below(0.02),
                spec="+.3f",
                unit="nats above LayerNorm",
            ),
            Finding(
                id="C18.folds",
                sentence=(
                    "A pre-norm transformer with LayerNorm and one with RMSNorm, centred weights and the "
                    "affines folded give the same logits, to 1e-9 in float64."
                ),
                speaks=Speaks.FOR,
                predicate=Within(0, 1e-9),
                rounding=True,
            ),
            Finding(
                id="C18.compiled",
                sentence=(
                    "Compiled by torch.compile for a CPU, RMSNorm forward and backward saves up to a fifth "
                    "of the time of LayerNorm compiled likewise."
                ),
                speaks=Speaks.FOR,
                predicate=Within(0.8, 1),
                spec=".2f",
                unit="times the time of LayerNorm",
            ),
            Finding(
                id="C18.chain",
                sentence=(
                    "In PyTorch 2.13 on a CPU, not compiled, RMSNorm forward and backward takes over 1.5 "
                    "times LayerNorm's time."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(1.5),
                spec=".1f",
                unit="times the time of LayerNorm",
            ),
            Finding(
                id="C18.sigmoid",
                sentence=(
                    "With the norm after each sigmoid, a network with RMSNorm gets after 300 steps over 4 "
                    "points fewer of the test digits right than with LayerNorm: the smallest of the "
                    "differences at three learning rates."
                ),
                speaks=Speaks.LIMITS,
                predicate=Above(0.04),
                spec=".1p",
                unit="points fewer right",
            ),
            Finding(
                id="C18.sigmoid-later",
                sentence="At the middle one of these rates under 2 points are left after 1200 steps.",
                speaks=Speaks.FOR,
                predicate=Below(0.02),
                spec=".1p",
                unit="points fewer right",
            ),
        ),
    ),
    Claim(
        id="C19",
        sentence="Norms on queries and keys stabilise training.",
        sources=("dehghani2023", "wortsman2024"),
        verdict=Verdict.LIMITED,
        summary=(
            "At learning rates at which attention logits grow without bound they do: the logits stay small,"
            " and the loss is lower. At the rate that one would choose, and below it, no gain is seen in "
            "our small model, because its logits are small there without any help."
        ),
        stands="holds at rates at which attention logits blow up",
        phrase=(
            "at ten times the chosen rate the loss is {high} nats lower with them, at the chosen one {chosen}"
        ),
        scale=Scale(("high", "chosen", "low"), 0, "no gain"),
        findings=(
            Finding(
                id="C19.high",
                sentence=(
                    "At a rate of 0.1 the test loss of a model with LayerNorm before its branches is over "
                    "0.05 nats lower with RMS norms on queries and keys than without."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.05),
                spec=".2f",
                unit="nats lower",
            ),
            Finding(
                id="C19.logits",
                sentence=(
                    "At that rate its largest attention logit after 300 steps is over 50 times smaller with "
                    "them, in the geometric mean over seeds."
                ),
                speaks=Speaks.FOR,
                predicate=Above(50),
                spec=",.0f",
                unit="times smaller",
            ),
            Finding(
                id="C19.chosen",
                sentence=(
                    "At 0.01, which validation chooses with them and without, the test losses differ by less "
                    "than 0.05 nats."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-0.05, 0.05),
                spec=".2f",
                unit="nats lower",
            ),
            Finding(
                id="C19.low",
                sentence="At 0.003 they differ by less than 0.03 nats.",
                speaks=Speaks.LIMITS,
                predicate=Within(-0.03, 0.03),
                spec=".2f",
                unit="nats lower",
            ),
        ),
    ),
    Claim(
        id="C20",
        sentence="A tanh with a learned scale can replace the norm.",
        sources=("zhu2025", "verma2026"),
        verdict=Verdict.CONTESTED,
        summary=(
            "A small language model trains with it, without any statistics. But it ends behind LayerNorm "
            "with the start of the scale searched as well as the rate, and it stops learning at rates that "
            "LayerNorm bears, because a tanh saturates where a norm divides. Short trainings of a small "
            "model without warm-up: they decide nothing about large ones."
        ),
        stands="trains, but ends behind LayerNorm and at lower rates",
        phrase="its best loss is {behind} nats above LayerNorm's; at three times LayerNorm's rate, {rates}",
        scale=Scale(("behind", "rates"), 0, "as good as LayerNorm"),
        findings=(
            Finding(
                id="C20.trains",
                sentence=(
                    "With dynamic tanh in place of LayerNorm, and its best rate, the test loss lies over 0.5 "
                    "nats below that of a table of the characters' frequencies."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.5),
                spec=".2f",
                unit="nats below the table",
            ),
            Finding(
                id="C20.behind",
                sentence=(
                    "With the start of its scale and its rate chosen on validation, its test loss lies over "
                    "0.03 nats above LayerNorm's at LayerNorm's best rate."
                ),
                speaks=Speaks.AGAINST,
                predicate=Above(0.03),
                spec=".2f",
                unit="nats above LayerNorm",
            ),
            Finding(
                id="C20.rates",
                sentence=(
                    "At a rate of 0.03, three times LayerNorm's best, its test loss lies over 0.3 nats above "
                    "LayerNorm's."
                ),
                speaks=Speaks.AGAINST,
                predicate=Above(0.3),
                spec=".2f",
                unit="nats above LayerNorm",
            ),
        ),
    ),
    Claim(
        id="C21",
        sentence="Norms must be computed in float32.",
        sources=("micikevicius2018",),
        verdict=Verdict.LIMITED,
        summary=(
            "The sum of squares must, where float16 is in use: it overflows at features of 256. In bfloat16 "
            "rounding each step costs about two roundings in place of one, which a small training does not "
            "show. A weight that starts at 1 does not move in bfloat16 at a usual rate. What goes in and "
            "what comes out may have 16 bits."
        ),
        stands="for the sums and the weight, not for input and output",
        phrase=(
            "each step in short numbers: {digits} times the error of one rounding, {training} nats after a "
            "training"
        ),
        scale=Scale(("digits", "cast"), 1, "one rounding"),
        findings=(
            Finding(
                id="C21.overflow",
                sentence=(
                    "With each step in float16, an RMSNorm gives zeros for every input whose features have a "
                    "size of 256 or more."
                ),
                speaks=Speaks.FOR,
                predicate=Above(0.99),
                spec=".0%",
                unit="of the sizes",
                counted="sizes",
            ),
            Finding(
                id="C21.weight",
                sentence=(
                    "A weight that starts at 1 and is stored in bfloat16 is moved by fewer than one in a "
                    "hundred steps of Adam at a rate of 0.001."
                ),
                speaks=Speaks.FOR,
                predicate=Below(0.01),
                spec=".0%",
                unit="of the steps",
                counted="steps",
            ),
            Finding(
                id="C21.digits",
                sentence=(
                    "With each step in bfloat16, the error of an RMSNorm is more than 1.4 times that of one "
                    "rounding."
                ),
                speaks=Speaks.FOR,
                predicate=Above(1.4),
                unit="roundings",
            ),
            Finding(
                id="C21.cast",
                sentence=(
                    "With float32 inside and bfloat16 outside, the error is that of one rounding, to a "
                    "hundredth."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(0.99, 1.01),
                spec=".2f",
                unit="roundings",
            ),
            Finding(
                id="C21.training",
                sentence=(
                    "A small transformer whose norms round each step to bfloat16 ends less than 0.03 nats "
                    "from the one whose norms are in float32."
                ),
                speaks=Speaks.LIMITS,
                predicate=Within(-0.03, 0.03),
                spec="+.3f",
                unit="nats of test loss",
            ),
        ),
    ),
)
