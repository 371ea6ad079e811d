"""A block that is run twice for each batch."""

import pytest
import torch
import transformers
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "gradient checkpointing"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    found = [norm for norm in norms_of(specimen, "batch") if isinstance(norm.layer, nn.BatchNorm2d)][:1]
    for norm in found:
        parent = norm.name.rpartition(".")[0]
        specimen.model.get_submodule(parent).gradient_checkpointing = True  # type: ignore[assignment]
    return Planted((found[0].name,)) if found else None


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_a_released_model_has_it_and_its_statistics_move_twice() -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    small = {"conv_dim": (8,), "conv_kernel": (4,), "conv_stride": (4,), "num_conv_pos_embedding_groups": 2}
    still = {"layerdrop": 0.0, "mask_time_prob": 0.0, "feat_extract_norm": "layer"}
    config = transformers.Wav2Vec2ConformerConfig(**sizes, **small, **still)
    model = transformers.Wav2Vec2ConformerModel(config).train()
    assert CHECK not in examine(model, progress=False).names
    model.activation_checkpointing_enable()
    (name,) = examine(model, progress=False)[CHECK].layers
    model(torch.randn(2, 64)).last_hidden_state.sum().backward()
    assert model.get_submodule(name).num_batches_tracked == 2


def test_its_momentum_acts_as_the_old_one_did() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=0.1))
    model.gradient_checkpointing = True  # type: ignore[assignment]
    finding = examine(model, progress=False)[CHECK]
    assert finding.measured["momentum that acts"] == pytest.approx(0.19)
    assert finding.mend == 'model.get_submodule("1").momentum = 0.0513'


@pytest.mark.parametrize(
    "norm",
    [
        ours.BatchNorm1d(4),
        nn.BatchNorm1d(4, momentum=None),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.LayerNorm(4),
        nn.BatchNorm1d(4).eval(),
    ],
)
def test_what_is_tracked_once_or_not_at_all_is_silent(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(4, 4), norm)
    model.gradient_checkpointing = True  # type: ignore[assignment]
    assert CHECK not in examine(model, progress=False).names


def test_of_nested_switches_the_innermost_parts_are_run_again() -> None:
    block = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), block)
    model.gradient_checkpointing = block.gradient_checkpointing = True  # type: ignore[assignment]
    assert examine(model, progress=False)[CHECK].layers == ("2.1",)


def test_each_momentum_has_its_own_mend() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4, momentum=0.1), nn.BatchNorm1d(4, momentum=0.01))
    model.gradient_checkpointing = True  # type: ignore[assignment]
    exec(examine(model, progress=False)[CHECK].mend, {"model": model})
    assert [1 - (1 - norm.momentum) ** 2 for norm in model] == pytest.approx([0.1, 0.01], rel=0.01)
