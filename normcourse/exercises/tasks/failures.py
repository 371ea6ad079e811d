"""What the pages of silent failures ask before they reveal a cause: practice, without points.

Each page shows the symptoms of three scripts, A, B and C. What an option says is the evidence that denies it,
or, of the right one, what shows it.
"""

from normcourse.exercises.task import AnyTask, ChoiceTask, Option, Question, Section

__all__ = ["PRACTICE"]

_TITLE = "Three diagnoses"
_ANSWER = "DIAGNOSES"


def _task(word: str, section: Section, questions: tuple[Question, ...], *hints: str) -> ChoiceTask:
    return ChoiceTask(
        name=f"failures.{word}",
        title=_TITLE,
        answer=_ANSWER,
        section=section,
        questions=questions,
        beliefs=(),
        hints=hints,
        practice=True,
    )


def _question(name: str, text: str, right: str, **says: str) -> Question:
    """A question for one point; options are named by keywords, with underscores for spaces."""
    options = tuple(Option(option.replace("_", " "), words) for option, words in says.items())
    return Question(name, text, options, right, 1)


SAVED = _task(
    "saved",
    Section("book/05-in-practice/02-what-was-saved", "What was saved"),
    (
        _question(
            "A",
            "Tested in one batch, a network reads nearly every digit. In a service, four at a time, one in"
            " five is misread.",
            "training mode",
            training_mode=(
                "Right: nobody called eval() on the loaded network, and four digits give a poor mean."
            ),
            statistics_not_loaded=(
                "load_state_dict was strict, and it had the whole state: a missing buffer would be an error."
            ),
            overfitting="They are the very digits on which it was tested, and there it read them.",
            other_pictures="They are the same 300 pictures, and nothing was done to them in between.",
        ),
        _question(
            "B",
            "Only the parameters went into the file. Loaded again, the network misreads a quarter.",
            "statistics not loaded",
            statistics_not_loaded=(
                "Right: running means and variances are buffers, and strict=False said nothing of them aloud."
            ),
            weights_not_loaded=(
                "With new weights one answer in ten would be right by chance. Here most of them are."
            ),
            training_mode="eval() is called, on both networks, before anybody asks them.",
            overfitting="The same digits are read well by the network that was saved.",
        ),
        _question(
            "C",
            "Weights averaged over the training do worse than the last ones.",
            "statistics of other weights",
            statistics_of_other_weights=(
                "Right: follow() moves the parameters alone, so the buffers are still those of step 20."
            ),
            average_too_long=(
                "The averaged weights are good: with statistics of their own they read as well as the last."
            ),
            training_mode="eval() is called on the average as on the other.",
            weights_diverged="The last weights, of which the average is made, read nearly everything.",
        ),
    ),
    "For each cause, say what else it would have to show. Is that what the figure shows?",
    "What does a state_dict hold that parameters() does not?",
)

MOVED = _task(
    "moved",
    Section("book/05-in-practice/03-what-moved-the-statistics", "What moved the statistics"),
    (
        _question(
            "A",
            "A network from Keras is trained again in PyTorch. Its test jumps from epoch to epoch.",
            "momentum reversed",
            momentum_reversed=(
                "Right: in PyTorch 0.99 is the weight of the newest batch, so the last seven digits decide."
            ),
            learning_rate_too_high="At the same rate, with a momentum of 0.01, it is fine.",
            overfitting="Overfitting would come and stay. This test gets worse and better by turns.",
            eps_too_small="An eps that is too small would not come and go with the epochs.",
        ),
        _question(
            "B",
            "A frozen body learns a second task with a new head. Afterwards its first task is read worse.",
            "statistics not frozen",
            statistics_not_frozen=(
                "Right: requires_grad_(False) holds parameters; training mode moves running statistics."
            ),
            weights_not_frozen="No parameter of the body has changed by a single bit.",
            head_replaced="The first head is still in its place, and is the one that is asked.",
            tested_in_training_mode="eval() is called before both tests.",
        ),
        _question(
            "C",
            "Gradients of 16 parts of two are added up. The result is worse than with 32 at once.",
            "few values per statistic",
            few_values_per_statistic=(
                "Right: each norm takes its mean over two examples, whatever is added up afterwards."
            ),
            gradients_not_averaged="Each part's loss is multiplied by its share of the 32 before backward().",
            fewer_steps="Both take 150 steps, one for each batch of 32.",
            learning_rate_too_high="The rate is the same as with 32 at once, and there it is fine.",
        ),
    ),
    "What else than weights changes while a network trains?",
    "Over which examples is each mean taken, and how much of it remains after the last batch?",
)

HELD = _task(
    "held",
    Section("book/05-in-practice/04-what-the-batch-held", "What the batch held"),
    (
        _question(
            "A",
            "Files of one digit each, in random order. Own files are read well, new digits badly.",
            "batches of one kind",
            batches_of_one_kind=(
                "Right: the norm subtracts what a file has in common; LayerNorm learns from these files."
            ),
            forgetting=("That would spoil any norm. With LayerNorm the same files teach nearly all."),
            overfitting=(
                "Asked in inference mode, or in mixed batches, the digits it has learnt from are misread too."
            ),
            training_mode="New digits are asked after eval().",
        ),
        _question(
            "B",
            "White digits and inverted ones, a call for each. Training mode is good, inference mode bad.",
            "two kinds in one average",
            two_kinds_in_one_average=(
                "Right: the running mean lies between two kinds of input, and is the mean of neither."
            ),
            momentum_too_small="The default, 0.1, forgets its start in some tens of calls; here are 400.",
            statistics_not_loaded="Nothing was saved or loaded.",
            task_too_hard="In training mode the same weights read both kinds.",
        ),
        _question(
            "C",
            "Every third batch is filled up with zeros. Without padding, digits are then misread.",
            "padding in the pool",
            padding_in_the_pool=(
                "Right: filling has no spread, so the norm divides by too little in the padded batches."
            ),
            padding_read_by_the_last_layer="The last layer gets the mean of the eight real columns alone.",
            fewer_steps="Both networks take 300 steps.",
            sequences_too_short="Without padding in training, the same short sequences are read well.",
        ),
    ),
    "Which examples, and which positions, have a mean in common?",
    "Ask for each script: is what the batch has in common something that the network needs?",
)

GIVEN = _task(
    "given",
    Section("book/05-in-practice/05-what-the-layer-was-given", "What the layer was given"),
    (
        _question(
            "A",
            "With dropout off, a network's answers are smaller than with dropout on, and worse.",
            "dropout before the norm",
            dropout_before_the_norm=(
                "Right: dropout doubles the mean square that the norm tracks, and in use it is off."
            ),
            too_few_steps="In training mode the same weights answer in about the right size.",
            statistics_not_loaded="Nothing was saved or loaded.",
            learning_rate_too_high="With batch statistics and no dropout the same weights answer well.",
        ),
        _question(
            "B",
            "A model's loss on new throws of fair dice is far below that of pure chance.",
            "the norm reads the future",
            the_norm_reads_the_future=(
                "Right: its mean runs over all positions, so what is said early depends on what falls later."
            ),
            the_dice_are_loaded="They come from torch.randint, which favours no number by so much.",
            the_test_was_seen="Training draws new throws at each step; none of the 2000 need ever have come.",
            overfitting="What was learnt by heart would fail on new throws, and the loss is low on them.",
        ),
        _question(
            "C",
            "After a new scanner, a network that was tested reads fewer of the same digits.",
            "inputs scaled otherwise",
            inputs_scaled_otherwise=(
                "Right: every unit is about 16 times as wide; ink of 0 to 16 comes where 0 to 1 was learnt."
            ),
            training_mode="eval() was called, and the mode has not changed since.",
            the_digits_changed="They are the same 300 digits.",
            statistics_not_loaded="The network is the one that was tested; nothing was loaded.",
        ),
    ),
    "What does each norm get in training that it does not get in use, or the other way round?",
    "What is the best loss that anybody can have on fair dice?",
)

#: In the order of the book.
PRACTICE: tuple[AnyTask, ...] = (SAVED, MOVED, HELD, GIVEN)
