"""Which running statistics cost a network in training its accuracy: of which layer, means or variances?

Source:
    The training of `running_momenta` at its high rate, read once, with PyTorch's usual momentum.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse.data import Split, load_drawn_digits
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.inference import drawn_cnn, running_momenta
from normcourse.experiments.inference.kept_statistics import recalibrated, statistics_of, with_statistics

__all__ = ["OLD", "SWEEP", "measure"]

#: Which statistics are left as the training made them, while all others are recalibrated, as places among a
#: mean and a variance for each of three layers.
OLD: Mapping[str, tuple[int, ...]] = {
    "none": (),
    "layer 1": (0, 1),
    "layer 2": (2, 3),
    "layer 3": (4, 5),
    "means": (0, 2, 4),
    "variances": (1, 3, 5),
    "all": (0, 1, 2, 3, 4, 5),
}


def measure(*, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Train a network for each seed and read it once for each entry of `OLD`.

    Returns:
        The accuracy on images of the test split, ``"accuracy"``, shape ``(seeds, len(OLD))``.
    """
    images = 1000 if steps > 6 else 100  # a test repeats the short run and cannot wait
    return {"accuracy": np.array([_one(steps, images, seed) for seed in seeds])}


def _one(steps: int, images: int, seed: int) -> list[float]:
    data = load_drawn_digits()
    model = drawn_cnn.network(seed)
    config = drawn_cnn.Config(0.1, steps=steps, decay=False)
    for _ in drawn_cnn.train(model, data.train, config, seed=seed):
        pass
    # The images that recalibrate are those of running_momenta.
    most = max(running_momenta.SIZES)
    chosen = np.random.default_rng([seed, 1]).permutation(len(data.train.y))[:most]
    own = drawn_cnn.tensors(data.train)[0][torch.from_numpy(chosen[:512])]
    old = statistics_of(model)
    new = statistics_of(recalibrated(model, own))
    test = Split(data.test.x[:images], data.test.y[:images])
    accuracy = []
    for places in OLD.values():
        mixed = [old[at] if at in places else value for at, value in enumerate(new)]
        accuracy.append(running_momenta._accuracy(with_statistics(model, mixed), test))
    return accuracy


#: It takes a minute. The corner is a very short run, before rounding grows.
SWEEP = Sweep(
    "running_layers",
    {"steps": (6, 300)},
    tuple(range(8)),
    measure,
    corner={"steps": 6},
    tolerances={"accuracy": examples(10, of=1000)},
)
