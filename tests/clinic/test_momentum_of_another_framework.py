"""Keras' 0.99 in PyTorch."""

import pytest
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, raw

CHECK = "momentum of another framework"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[:1]:
        norm.layer.momentum = 0.99
    return Planted((tracking[0].name,)) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize(("name", "momentum"), [("MobileNetV2", 0.997), ("EfficientNet", 0.99)])
def test_two_released_models_have_it(name: str, momentum: float) -> None:
    # Their configurations give TensorFlow's numbers to PyTorch's layer: a true finding.
    assert raw(name).report()[CHECK].measured["momentum, the weight of the newest batch"] == momentum
