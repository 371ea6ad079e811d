import pytest

from .checks import CASES, RUNNING, check_parity, check_running_parity


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_and_gradients_are_those_of_torch(case):
    check_parity(case)


@pytest.mark.parametrize("momentum", [0.1, 0.3, 0.0, 1.0])
@pytest.mark.parametrize("norm", RUNNING)
def test_training_then_evaluation_is_that_of_torch(norm, momentum):
    check_running_parity(norm, momentum)


def test_cumulative_average_is_that_of_torch():
    """BatchNorm only: torch's InstanceNorm takes momentum=None for 0 and never updates."""
    check_running_parity("batch_norm", None)
