"""What a check is told of the layer before a norm, without batches."""

from torch import Tensor, nn

from normcourse.clinic.case import Case
from normcourse.clinic.subject import find_norms


class Backwards(nn.Sequential):
    """Calls its layers from the last to the first."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in reversed(self):
            x = layer(x)
        return x


def _case(model: nn.Module) -> Case:
    return Case(model, find_norms(model))


def test_the_layer_before_in_a_sequential_and_in_the_one_around_it() -> None:
    inner = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU(), nn.LayerNorm(4))
    case = _case(nn.Sequential(nn.Linear(4, 4), inner))
    assert {norm.name: name for norm, name in case.before.items()} == {"1.2": "1.1"}
    assert (case.ahead("1.0"), case.ahead("1.2"), case.ahead("0")) == ("0", "1.1", None)


def test_nothing_is_known_of_a_forward_of_its_own() -> None:
    case = _case(Backwards(nn.Linear(4, 4), nn.BatchNorm1d(4)))
    assert not case.before
    assert case.ahead("1") is None
    case = _case(Backwards(nn.Linear(4, 4), nn.Sequential(nn.BatchNorm1d(4))))
    assert case.ahead("1.0") is None


def test_a_model_that_is_a_norm_has_nothing_before_it() -> None:
    case = _case(nn.BatchNorm1d(4))
    assert not case.before
    assert case.ahead("") is None
