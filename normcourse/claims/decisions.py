"""Which statistics, when: the table of the chapter on inference."""

from collections.abc import Sequence

from normcourse.claims.decision import Because, Decision
from normcourse.claims.predicates import Above, Below, Within

__all__ = ["DECISIONS"]

_NO_COST = Within(-1, 1)  # points of accuracy that would change no decision

#: Situations in the order of a network's life, in use, in training, on new data.
DECISIONS: Sequence[Decision] = (
    Decision(
        "answering questions like those of the training data, one at a time or in batches",
        "Running statistics: call `model.eval()`. If training mode has already answered, its batches are in "
        "the running statistics: load the saved network again, or recalibrate.",
        (
            Because("C11.ordered", Above(10), "training mode, batches of 32 sorted by class"),
            Because(
                "C5.training-mode",
                Above(0),
                "training mode, answers that change with the other half of a batch of 8",
            ),
            Because(
                "C5.company",
                Within(-1e-6, 1e-6),
                "inference mode, answers that change with half of the batch",
            ),
            Because("C5.moved", Above(1), "after one pass in training mode, batches of 8 sorted by class"),
        ),
    ),
    Decision(
        "answering a stream in which neighbours are alike, and nothing has shifted",
        "Running statistics. A batch's own statistics lose accuracy, and more, the less mixed the batch is.",
        (
            Because(
                "C15.clean-sticky-small",
                Below(-10),
                "the batch's own, a class that stays for ten digits, batches of 32",
            ),
            Because("C15.clean-sticky", Below(0), "the same, batches of 128"),
            Because("C15.clean-half", Below(0), "batches of 128, half of one class"),
            Because("C15.clean-two", Below(0), "batches of 128, two classes"),
            Because("C15.clean-one", Below(0), "batches of 128, one class"),
        ),
    ),
    Decision(
        "evaluating during training, while the learning rate is high",
        "Recalibrate on some hundreds of training examples before each evaluation: 512 were enough here; on "
        "ImageNet, as published, 1,000 to 10,000.",
        (
            Because("C11.lag", Above(0), "running statistics against recalibrated ones, step 300"),
            Because(
                "C11.recalibrated", _NO_COST, "recalibrated on 512, against the test images' own statistics"
            ),
        ),
    ),
    Decision(
        "finished, and the learning rate has not been lowered",
        "Recalibrate once, before you save.",
        (
            Because(
                "C11.lag-finished",
                Above(0),
                "running statistics against recalibrated ones, at the last of 600 steps",
            ),
        ),
    ),
    Decision(
        "finished training in mixed batches of some tens, at momentum 0.1, with a rate that has fallen to "
        "zero",
        "Running statistics as they are. After fine-tuning in batches of 2, or with a momentum as small as "
        "0.001, recalibrate once.",
        (
            Because("C11.lag-gone", _NO_COST, "running statistics against recalibrated ones, batches of 32"),
            Because("C14.renewed-after", Above(0), "after fine-tuning in batches of 2: recalibrating"),
            Because("C11.slow-average", Above(10), "at momentum 0.001, against recalibrated ones"),
        ),
    ),
    Decision(
        "training, and thinking of `momentum=None`, the plain mean of all batches",
        "Keep the default, 0.1, and recalibrate before you evaluate. The plain mean is for weights that "
        "stand still.",
        (
            Because("C11.few-steps", Above(0), "the plain mean against recalibrated ones, step 60"),
            Because(
                "C11.plain-mean", Above(0), "against the default, from step 100 on, where the gap is least"
            ),
        ),
    ),
    Decision(
        "training with fewer than 8 examples to a mean, in a batch or in a micro-batch",
        "Another norm, such as `GroupNorm`, if you can train from the start. What counts is the "
        "micro-batch, not the sum of several.",
        (
            Because("C10.group-two", Above(5), "BatchNorm's error less GroupNorm's, batches of 2"),
            Because("C10.group-four", Above(0), "the same, batches of 4"),
            Because(
                "C10.ghosts",
                Above(0),
                "batches of 128: error with statistics of pairs, less that of whole ones",
            ),
        ),
    ),
    Decision(
        "training with 8 to 15 examples to a mean",
        "Measure. On our digits no cost is seen at 8, or hardly any; on ImageNet, as published, some is.",
        (
            Because("C10.group-eight", Within(-1.5, 1.5), "BatchNorm's error less GroupNorm's, batches of 8"),
            Because("C16.eight-each", Within(-1, 2), "each process its own 8, against `SyncBatchNorm`"),
        ),
    ),
    Decision(
        "training with 16 or more to a mean, drawn at random, on one process or on each of several",
        "Leave it: `BatchNorm`, and `DistributedDataParallel` as it comes. Random means shuffled, on one "
        "process as well.",
        (
            Because(
                "C10.group-sixteen", Within(-1.5, 1.5), "BatchNorm's error less GroupNorm's, batches of 16"
            ),
            Because("C16.large-parts", _NO_COST, "each process its own 32, against `SyncBatchNorm`"),
        ),
    ),
    Decision(
        "training on several processes, with fewer than 8 random examples on each",
        "`SyncBatchNorm` (on GPUs), or another norm from the start. Synchronised, the sum over the processes "
        "counts: below 16, see the two rows on few examples. Recalibrating afterwards hardly helps.",
        (
            Because("C16.small-parts", Above(5), "each process its own 2, against `SyncBatchNorm`"),
            Because("C16.four-each", Above(0), "the same, 4"),
            Because("C16.small-in-the-weights", Above(5), "2 on each, after recalibrating"),
        ),
    ),
    Decision(
        "training on several processes, and the data are sorted over them",
        "Shuffle over all processes: `DistributedSampler(data, shuffle=True)`, and `set_epoch` in each "
        "epoch. If you cannot, `SyncBatchNorm`. Recalibrating afterwards brings little back.",
        (
            Because("C16.shuffled", Above(5), "each process its own 32, shuffled against sorted"),
            Because("C16.sorted-parts", Above(5), "sorted: each its own 32, against `SyncBatchNorm`"),
            Because("C16.in-the-weights", Above(5), "the same, after recalibrating"),
        ),
    ),
    Decision(
        "meeting inputs that have all changed in brightness or contrast in the same way, and able to collect "
        "a mixed sample of them",
        "Recalibrate on the sample; 100 images were enough here. It needs no labels.",
        (
            Because("C15.recalibrated", Above(10), "half the contrast: recalibrated on 100 images, gains"),
            Because("C15.shifted-large", Above(10), "brighter: 128 images, by their own statistics, gain"),
        ),
    ),
    Decision(
        "meeting a change that is more than a new mean and width",
        "Recalibrate, label a hundred inputs and measure: some changes come back in part, others not at "
        "all. If too many are still wrong, label more and fine-tune.",
        (
            Because("C15.blurred", Above(10), "blur: batches of 128, by their own statistics, gain"),
            Because("C15.noisy", Above(10), "the same, noise"),
            Because("C15.inverted", Below(10), "the same, ink and paper swapped"),
            Because("C15.recalibrated-far", Within(5, 25), "handwriting: recalibrated on 100 images, gains"),
        ),
    ),
    Decision(
        "meeting another brightness or contrast, the same for all inputs of a batch, in batches with all "
        "classes, and an answer may depend on its batch",
        "The statistics of each batch; if it may be that nothing has changed, look below at what that would "
        "lose. Not where some inputs of a batch have changed and others have not, because one mean fits "
        "neither.",
        (
            Because("C15.shifted-large", Above(10), "brighter, batches of 128: gain"),
            Because("C15.contrast", Above(10), "paler, batches of 128: gain"),
            Because("C15.shifted-small", Above(10), "brighter, batches of 8: gain"),
            Because("C15.clean-large", _NO_COST, "if nothing has changed: batches of 128"),
            Because("C15.clean-middle", Within(-2, 0), "the same, batches of 32"),
            Because("C15.clean-small", Below(0), "the same, batches of 8"),
        ),
    ),
    Decision(
        "meeting another brightness or contrast, noise or blur, one input at a time",
        "Neither the running statistics nor the input's own are of use: collect a sample and recalibrate. "
        "Until then, the two blended (source weight 4) gain a little.",
        (
            Because("C15.single", Below(0), "its own alone against the running ones, average over the four"),
            Because(
                "C15.single-mixed", Within(0, 10), "blended against the running ones, average over the four"
            ),
            Because("C15.single-mixed-clean", Within(-2, 0), "blended, where nothing has changed"),
        ),
    ),
    Decision(
        "meeting another brightness, the same for all inputs of a batch, in a stream in which neighbours are "
        "alike",
        "Collect a mixed sample and recalibrate. Until then the statistics of large batches: they are wrong, "
        "but less than the running ones, if a batch holds several classes.",
        (
            Because("C15.recalibrated", Above(10), "half the contrast: recalibrated on 100 images, gains"),
            Because(
                "C15.shifted-sticky",
                Above(10),
                "brighter, a class that stays for ten digits, batches of 128: gain",
            ),
            Because("C15.shifted-sticky-small", Within(5, 20), "the same, batches of 8: gain"),
            Because("C15.shifted-half", Above(10), "batches of 128, half of one class: gain"),
            Because("C15.shifted-two", Above(10), "batches of 128, two classes: gain"),
            Because("C15.shifted-one", Below(5), "batches of 128, one class"),
        ),
    ),
    Decision(
        "fine-tuning to inputs that differ in contrast alone, in batches of 2",
        "Recalibrate, then freeze; or train in training mode at a very low rate (here 0.00004 with batches "
        "of 2, which is 0.0003 with 16), and recalibrate at the end.",
        (
            Because("C14.near-two", Above(0), "recalibrated and frozen, over training mode"),
            Because("C14.renewed-after", Above(0), "training mode, at that rate: recalibrating at the end"),
        ),
    ),
    Decision(
        "fine-tuning to inputs that differ in contrast alone, in batches of 16",
        "Training mode, or recalibrate and then freeze.",
        (Because("C14.near-sixteen", Within(-2, 2), "recalibrated and frozen, over training mode"),),
    ),
    Decision(
        "fine-tuning to inputs of another kind, in batches of 2 or of 16",
        "Training mode; after batches of 2, recalibrate at the end.",
        (
            Because("C14.far-two", Below(0), "recalibrated and frozen, over training mode, batches of 2"),
            Because("C14.far-sixteen", Below(0), "the same, batches of 16"),
            Because(
                "C14.renewed-after-far", Above(0), "training mode, batches of 2: recalibrating at the end"
            ),
        ),
    ),
    Decision(
        "freezing for any reason",
        "Recalibrate before, not after; freeze so that `model.train()` cannot thaw (`freeze_batch_norm`); "
        "try lower learning rates too; near the old data, in tiny batches, leave γ and β free.",
        (
            Because(
                "C14.renewed-frozen",
                Below(-5),
                "frozen as it came: recalibrating afterwards, handwriting, batches of 2",
            ),
            Because("C14.affine", Below(0), "γ and β frozen too, half the contrast, batches of 2"),
            Because("C14.undone", Above(0.5), "layers that `model.train()` thaws after `layer.eval()`"),
            Because(
                "C14.rate", Below(0.5), "frozen, at the rate that is best for training mode, digits read"
            ),
            Because("C11.gradient", Above(1), "gradients of the filters, frozen against not"),
        ),
    ),
    Decision(
        "training or answering sequences",
        "`LayerNorm` or `RMSNorm`: no statistics to choose. (Chapter 4 says why.)",
        (
            Because(
                "C12.leak",
                Above(0),
                "BatchNorm, training mode: what is said of a letter moves with *later* letters, by up to",
            ),
            Because("C12.alone", Above(0), "one test text alone, training mode, is read worse, by"),
        ),
    ),
)
