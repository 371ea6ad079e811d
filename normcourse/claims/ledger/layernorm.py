"""What is said about norms in sequence models, and what our runs found."""

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.predicates import Above, Within

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
