"""Ask every framework every question, carry the network about, and write the record.

A number that differs from the record's by rounding alone is left as it is there, and the network that was
trained in Keras is run again and not trained anew (but `--retrain`). So the file changes where an answer
does.
"""

import json
import os
import sys
import warnings
from importlib.metadata import version
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from normcourse.porting.conventions import RECORD, decode, read
from tools.conventions import flax_, keras_, onnx_, pytorch, to_flax, to_keras, to_onnx
from tools.conventions.cells import QUESTIONS
from tools.conventions.ports import differences, images, trained
from tools.conventions.settling import settled
from tools.conventions.to_pytorch import back

COLUMNS = {
    "PyTorch": pytorch.COLUMN,
    "Keras": keras_.COLUMN,
    "Flax": flax_.COLUMN,
    "ONNX": onnx_.COLUMN,
}
PACKAGES = ("torch", "keras", "flax", "jax", "onnx", "onnxruntime")


def asked() -> dict[str, dict[str, dict[str, str]]]:
    """Return every cell."""
    return {
        key: {framework: vars(column[key]()) for framework, column in COLUMNS.items()} for key in QUESTIONS
    }


def measured(old: dict[str, Any] | None) -> dict[str, Any]:
    """Return the record as it is measured here."""
    network = trained()
    keras_network = to_keras.to_keras(network)
    x = to_keras.channels_last(images())
    weights = None if old is None else {name: decode(v) for name, v in old["network"]["weights"].items()}
    record: dict[str, Any] = {
        "versions": {name: version(name).split("+")[0] for name in PACKAGES},
        "questions": {key: list(question) for key, question in QUESTIONS.items()},
        "cells": asked(),
        "ports": {
            "PyTorch to Keras": differences(network, to_keras.returned(keras_network, x), images()),
            "PyTorch to Flax": differences(network, to_flax.returned(network), images()),
            "PyTorch to ONNX": differences(network, to_onnx.returned(network), images()),
        },
        "network": to_keras.made(weights),
    }
    record["ports"]["Keras to PyTorch"] = back(read(record).network)
    return record


def main(arguments: list[str]) -> None:
    """Write the record and say what changed; with `--check` fail where more than a version did."""
    warnings.filterwarnings("ignore")
    old = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else None
    new = settled(old, measured(None if "--retrain" in arguments else old))
    for key, answers in new["cells"].items():
        for framework, cell in answers.items():
            was = (old or {"cells": {}})["cells"].get(key, {}).get(framework)
            if was != cell:
                print(f"{key}, {framework}: {was and was['observed']!r} is now {cell['observed']!r}")
    text = json.dumps(new, indent=1, ensure_ascii=False) + "\n"
    print("the same" if old == new else "changed", f"({len(text) / 1000:.0f} kB)")
    if "--check" in arguments:
        versions = {"versions": new["versions"]}
        sys.exit(old is None or old | versions != new)
    RECORD.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
