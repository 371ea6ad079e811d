"""The table of the documentation has every check, and no other; run this file to write it."""

import importlib
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import torch
from planting import PLANTS, TABLE, row
from specimens import NAMES
from test_public_reports import REPORTS, UNSEEN, report_row, unseen_row

from normcourse.clinic.checks import CHECKS

HERE = Path(__file__).parent
WHAT = {"batches": "batches", "optimizer": "the optimiser", "causal": "`causal=True`"}


EXAMPLE = """\
import torch
from torch import nn
from normcourse.clinic import examine

torch.manual_seed(0)
x = 3 + torch.randn(320, 8).double()
y = x.square().mean(1, keepdim=True)

layers = nn.Linear(8, 32), nn.BatchNorm1d(32, momentum=0.001), nn.ReLU(), nn.Linear(32, 1)
model = nn.Sequential(*layers).double()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(300):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()

batches = list(zip(x.split(32), y.split(32)))
print(examine(model, batches, loss=nn.functional.mse_loss, progress=False))
"""

REPORTED = """

## What people reported

Situations that people described in public, made again as small networks: what `examine` says of each.
A call of `torch.utils.checkpoint` without a switch on the module is not seen.

| situation | finding | page |
| --- | --- | --- |
"""


@cache
def printed() -> str:
    """What the example prints."""
    with redirect_stdout(StringIO()) as out, torch.random.fork_rng():
        exec(EXAMPLE, {})
    return out.getvalue().rstrip()


def head() -> str:
    """The page up to the outcomes."""
    checks = "\n".join(
        f"| {check.name} | {check.about} | {', '.join(WHAT[need] for need in check.needs) or 'the model'} |"
        for check in CHECKS
    )
    return f"""# What the clinic looks for

`examine` takes a model, and what else there is: batches, a loss, the optimiser. A network that learns well,
and whose running statistics follow so slowly that it answers badly:

```python
{EXAMPLE}```

```text
{printed()}
```

## The checks

`normcourse.clinic.examine` runs {len(CHECKS)} checks. A finding is *certain* if its state is a fault whatever
the purpose, *likely* if it is one nearly always, and *possible* if that depends on what it then names.

| check | looks for | needs |
| --- | --- | --- |
{checks}

## Tried on models

Each fault was planted in a healthy version of every model in which it can exist ("n/a": it cannot), and
examined. Twelve models are built from configurations of `transformers`, with random weights; three are of
this course; healthy ones have gammas and betas of their own, the running statistics of their batches and a
momentum of 0.1. Unharmed, and without an optimiser, none of them gives a finding. As their library builds
them, models with batch norms give "statistics never updated", and MobileNetV2 and EfficientNet also "momentum
of another framework": the library gives them TensorFlow's 0.997 and 0.99, which PyTorch takes for the weight
of the newest batch.

| check | {" | ".join(NAMES)} |
| --- |{" --- |" * len(NAMES)}
"""


def test_the_table_has_every_check() -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert text.startswith(head())
    rows = text[len(head()) :].partition("\n\n")[0].splitlines()
    assert [row.split("|")[1].strip() for row in rows] == [check.name for check in CHECKS]
    assert REPORTED in text


def test_the_example_shows_a_mend_and_what_it_gains() -> None:
    assert printed().startswith("1 norm (1 batch)")
    assert "mended on a copy: the loss in inference mode" in printed()
    assert "statistics far from the batches (likely)" in printed()


if __name__ == "__main__":
    for path in sorted(HERE.glob("test_*.py")):
        importlib.import_module(path.stem)
    assert PLANTS.keys() == {check.name for check in CHECKS}
    reports = [*map(report_row, REPORTS), *map(unseen_row, UNSEEN)]
    TABLE.write_text(
        head() + "\n".join(row(check.name) for check in CHECKS) + REPORTED + "\n".join(reports) + "\n",
        encoding="utf-8",
    )
