"""Models to examine: a dozen architectures of a public library, and networks of this course."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.clinic import Report, examine
from normcourse.clinic.mends import recalibrated
from normcourse.clinic.subject import find_norms
from normcourse.experiments.inference import drawn_cnn
from normcourse.models import CausalTransformer

IMAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "ResNet": (
        "ResNet", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "layer_type": "basic"}
    ),
    "RegNet": ("RegNet", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "groups_width": 4}),
    "MobileNetV2": ("MobileNetV2", {"depth_multiplier": 0.35, "image_size": 32}),
    "EfficientNet": (
        "EfficientNet",
        {"width_coefficient": 0.2, "depth_coefficient": 0.2, "image_size": 32, "hidden_dim": 256,
         "initializer_range": 0.3},
    ),
    "ConvNeXt": ("ConvNext", {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}),
    "Swin": (
        "Swin",
        {"image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2],
         "window_size": 4},
    ),
    "ViT": ("ViT", {"image_size": 32, "patch_size": 8}),
}  # fmt: skip
_SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_HEADS = {"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "BERT": ("Bert", _SMALL),
    "GPT-2": ("GPT2", {"n_embd": 16, "n_layer": 2, "n_head": 2, "bos_token_id": 1, "eos_token_id": 2}),
    "Llama": ("Llama", _SMALL | _HEADS),
    "Qwen3": ("Qwen3", _SMALL | _HEADS),
    "Gemma": ("Gemma", _SMALL | _HEADS),
}
CAUSAL = ("GPT-2", "Llama", "Qwen3", "Gemma", "the course's transformer")


@dataclass
class Specimen:
    """A model, and what `examine` is given with it."""

    name: str
    model: nn.Module
    batches: list[Any]
    settings: dict[str, Any] = field(default_factory=dict)  # of examine: loss, optimizer, causal

    def report(self, *, with_batches: bool = True, **settings: Any) -> Report:
        """Examine it, with its batches or without."""
        batches = self.batches if with_batches else None
        return examine(self.model, batches, progress=False, **{**self.settings, **settings})


def _released(kind: str, settings: dict[str, Any]) -> nn.Module:
    if kind in {kind for kind, _ in TEXTS.values()}:
        settings = {"vocab_size": 50, **settings}
    elif kind == "ViT":
        settings = {**_SMALL, **settings}
    config = getattr(transformers, f"{kind}Config")(**settings)
    model: nn.Module = getattr(transformers, f"{kind}Model")(config)
    return model


def _digits_mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 32, bias=False), ours.BatchNorm1d(32), nn.ReLU(),
        nn.Linear(32, 32, bias=False), ours.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip


def _transformer() -> nn.Module:
    return CausalTransformer(50, context=12, width=16, heads=2, layers=2)


BUILD: dict[str, Callable[[], nn.Module]] = {
    **{name: partial(_released, *of) for name, of in {**IMAGES, **TEXTS}.items()},
    "the course's MLP": _digits_mlp,
    "the course's CNN": lambda: drawn_cnn.network(0).float(),
    "the course's transformer": _transformer,
}
NAMES = tuple(BUILD)


def _batches(name: str) -> list[Any]:
    random = torch.Generator().manual_seed(1)

    def tokens() -> Tensor:
        return torch.randint(1, 50, (6, 12), generator=random)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random)

    kinds: dict[str, Callable[[], Any]] = {
        **dict.fromkeys(IMAGES, lambda: {"pixel_values": normal(6, 3, 64, 64)}),
        **dict.fromkeys(
            ("MobileNetV2", "EfficientNet", "ViT", "Swin"), lambda: {"pixel_values": normal(6, 3, 32, 32)}
        ),
        **dict.fromkeys(TEXTS, lambda: {"input_ids": tokens()}),
        "the course's MLP": lambda: normal(32, 64),
        "the course's CNN": lambda: normal(16, 256),
        "the course's transformer": tokens,
    }
    return [kinds[name]() for _ in range(3)]


def raw(name: str) -> Specimen:
    """A model as its library builds it, with random weights."""
    torch.manual_seed(0)
    return Specimen(name, BUILD[name](), _batches(name), {"causal": True} if name in CAUSAL else {})


def healthy(name: str) -> Specimen:
    """The same as after training: own gammas and betas, statistics of its batches, PyTorch's momentum."""
    return deepcopy(_healthy(name))


@cache
def _healthy(name: str) -> Specimen:
    specimen = raw(name)
    random = torch.Generator().manual_seed(2)
    norms = find_norms(specimen.model)
    with torch.no_grad():
        for norm in norms:
            if norm.tracks:
                norm.layer.momentum = 0.1
            for parameter in norm.layer.parameters(recurse=False):
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=random))
    if any(norm.tracks for norm in norms):
        recalibrated(specimen.model, specimen.batches)
    specimen.model.train()
    return specimen


each_model = pytest.mark.parametrize("name", NAMES)
