"""What explains an answer that nobody has listed: made mistakes, output by output, and what is said else."""

import numpy as np
import pytest

from normcourse.exercises.catalogue import find_task
from normcourse.exercises.diagnosis import diagnose, known
from normcourse.exercises.marking import mark
from tests.exercises.outcomes import outcomes

FORWARD, BACKWARD, CONV = (find_task(f"bn.{name}") for name in ("forward", "backward", "conv"))
LN_BACKWARD, RMS_BACKWARD = find_task("ln.backward"), find_task("ln.rms_backward")
BLOCK = find_task("ln.block")


def names(task, answer, seed=0):
    return [mistake.name for mistake in diagnose(task, outcomes(task, answer, seed), seed).whole]


def staged(
    dy,
    x,
    gamma,
    eps,
    half=-0.5,
    power=-1.5,
    two=2.0,
    ddof=0,
    late=lambda var, eps: np.sqrt(var + eps),
    mean=True,
):
    """The backward pass as a walk through the graph, with numbers to spoil."""
    n = len(x)
    centred = x - x.mean(0)
    var = x.var(0, ddof=ddof)
    root = late(var, eps)
    xhat = centred / root
    dxhat = dy * gamma
    dvar = (dxhat * centred).sum(0) * half * root ** (2 * power)
    dmean = -dxhat.sum(0) / root
    dx = dxhat / root + dvar * two * centred / (n - ddof * (not mean)) + dmean / n
    return dx, (dy * xhat).sum(0), dy.sum(0)


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"two": 1.0}, ["variance term without the factor 2"]),
        ({"power": -0.5}, ["unscaled direction"]),  # listed by hand, so called by that
        ({"half": 0.5}, ["sign"]),
        ({"half": -1.0}, ["dx: variance term twice"]),
        ({"late": lambda var, eps: np.sqrt(var) + eps}, ["root: eps outside the root"]),
        ({"late": lambda var, eps: np.sqrt(var)}, ["root without eps"]),
        ({"late": lambda var, eps: np.sqrt(var + 1e-7)}, ["root without eps"]),
        ({"late": lambda var, eps: np.sqrt(var + 1e-5)}, ["1e-05 for eps"]),
        ({"ddof": 1}, ["n - 1"]),
        ({"ddof": 1, "mean": False}, ["n - 1 throughout"]),
    ],
)
def test_mistakes_in_a_staged_backward_pass_are_named(spoilt, said, seed):
    assert names(BACKWARD, lambda *a: staged(*a, **spoilt), seed) == said


def test_the_staged_pass_itself_is_right():
    assert mark(BACKWARD, outcomes(BACKWARD, staged)).status == "right"


@pytest.mark.parametrize(
    "late",
    [
        lambda var, eps: np.sqrt(var) + eps,
        lambda var, eps: np.sqrt(var),
        lambda var, eps: np.sqrt(var + 1e-7),
    ],
)
def test_eps_costs_its_own_check_in_a_backward_pass(late):
    result = mark(BACKWARD, outcomes(BACKWARD, lambda *a: staged(*a, late=late)))
    assert [(check.name, check.passed) for check in result.checks] == [
        ("dx", True),
        ("dgamma", True),
        ("dbeta", True),
        ("eps where it belongs", False),
    ]
    assert "eps" in result.message


@pytest.mark.parametrize(
    "task", [LN_BACKWARD, RMS_BACKWARD, find_task("bn.conv_backward")], ids=lambda t: t.name
)
def test_every_backward_task_has_a_check_for_eps(task):
    assert [check.points for check in task.checks if check.name == "eps where it belongs"] == [1]


def test_a_reshape_without_a_transpose_is_named():
    def answer(x, gamma, beta, eps):
        n, c, h, w = x.shape
        rows = x.reshape(-1, c)
        y = gamma * (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps) + beta
        return y.reshape(n, c, h, w)

    (name,) = names(CONV, answer)
    assert "reshaped without a transpose" in name


def test_outputs_are_explained_one_by_one():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = staged(dy, x, gamma, eps)
        return np.sin(dx), dgamma / len(x), dbeta

    found = diagnose(BACKWARD, outcomes(BACKWARD, answer))
    assert found.whole == ()
    assert [(parts, [m.name for m in some]) for parts, some in found.parts] == [
        (("dgamma",), ["mean of dgamma"])
    ]
    assert found.left == ("dx",)
    message = mark(BACKWARD, outcomes(BACKWARD, answer)).message
    assert message.startswith("This would explain dgamma: Your dgamma is a mean")
    assert f"None of the {known(BACKWARD)} mistakes that we know explains dx. dbeta is right." in message


def test_three_independent_mistakes_are_all_named():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = staged(dy, x, gamma, eps, two=1.0)
        return dx, gamma * dgamma, dbeta / len(x)

    found = diagnose(BACKWARD, outcomes(BACKWARD, answer))
    assert {parts: [m.name for m in some] for parts, some in found.parts} == {
        ("dx",): ["variance term without the factor 2"],
        ("dgamma",): ["gamma in dgamma"],
        ("dbeta",): ["mean of dbeta"],
    }
    assert found.left == ()


def test_one_mistake_in_two_outputs_is_said_once():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = staged(dy, x, gamma, eps, two=0.7)
        return dx, dbeta, dgamma

    found = diagnose(BACKWARD, outcomes(BACKWARD, answer))
    assert [(parts, [m.name for m in some]) for parts, some in found.parts] == [
        (("dgamma", "dbeta"), ["swapped"])
    ]
    assert found.left == ("dx",)


def test_placements_are_explained_one_by_one():
    def answer(x, sublayer, norm, placement):
        return {
            "pre": lambda: sublayer(norm(x)),
            "post": lambda: x + sublayer(norm(x)),
            "both": lambda: np.cos(x),
        }[placement]()

    found = diagnose(BLOCK, outcomes(BLOCK, answer))
    assert [(parts, [m.name for m in some]) for parts, some in found.parts] == [
        (('"pre"',), ["no sum"]),
        (('"post"',), ["post: as pre"]),
    ]
    assert found.left == ('"both"',)


def test_a_large_error_hides_no_small_one():
    """A term too large by the count, and another that is a little off: not "left out", though near it."""

    def answer(dy, x, gamma, eps):
        root = np.sqrt(x.var((0, 2, 3), keepdims=True) + eps)
        xhat = (x - x.mean((0, 2, 3), keepdims=True)) / root
        h = dy * gamma[:, None, None]
        along = 2 * xhat * (h * xhat).mean((0, 2, 3), keepdims=True)
        dx = (h - h.sum((0, 2, 3), keepdims=True) - along) / root
        return dx, (dy * xhat).sum((0, 2, 3)), dy.sum((0, 2, 3))

    found = names(find_task("bn.conv_backward"), answer)
    assert "no path through sigma" not in found


def test_the_unknown_is_said_with_what_to_test_next():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = staged(dy, x, gamma, eps)
        return dx + 0.1 * np.cos(np.arange(dx.size)).reshape(dx.shape), dgamma, dbeta

    message = mark(BACKWARD, outcomes(BACKWARD, answer)).message
    assert "explains dx. dgamma and dbeta are right." in message
    assert "A thing to test: each column of dx sums to zero. In your answer it is off by up to" in message


def test_what_holds_is_said_too():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = staged(dy, x, gamma, eps)
        return 1.37 * dx, dgamma, dbeta

    message = mark(BACKWARD, outcomes(BACKWARD, answer)).message
    assert "dx is 1.37 times what is due, on every probe." in message
    assert "In your answer, as it should be, each column of dx sums to zero and" in message


def test_where_it_goes_wrong_is_said():
    def answer(x, gamma, beta, eps):
        return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps * (1 + eps)) + beta

    message = mark(FORWARD, outcomes(FORWARD, answer)).message
    assert (
        'All is right on "three examples" and "a larger batch"; what differs on "a large eps" is where'
        in message
    )


def test_a_factor_that_is_nearly_1_is_not_called_1():
    message = mark(
        FORWARD,
        outcomes(FORWARD, lambda x, gamma, beta, eps: 1.00001 * FORWARD.reference(x, gamma, beta, eps)),
    ).message
    assert "times what is due" not in message


def test_zeros_everywhere_are_called_by_no_made_name():
    found = diagnose(
        BACKWARD, outcomes(BACKWARD, lambda dy, x, gamma, eps: (0 * x, *staged(dy, x, gamma, eps)[1:]))
    )
    assert (found.whole, found.parts, found.left) == ((), (), ("dx",))


def test_lost_digits_are_said():
    def rounded(x, gamma, beta, eps):
        return np.round(FORWARD.reference(x, gamma, beta, eps), 3)

    assert "rounded to 3 decimals" in mark(FORWARD, outcomes(FORWARD, rounded)).message


def test_outputs_that_are_turned_round_are_named():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = staged(dy, x, gamma, eps)
        return dgamma, dbeta, dx

    assert names(BACKWARD, answer) == ["outputs in another order"]


def test_right_values_in_another_shape_are_told_as_that():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = staged(dy, x, gamma, eps)
        return dx.T, dgamma[None], dbeta

    message = mark(BACKWARD, outcomes(BACKWARD, answer)).message
    assert "The values of dx are right, its shape is not: it is (" in message
    assert "Transpose it" in message
    assert "Reshape it, or leave out a keepdims." in message
    assert "None of the" not in message


def test_what_is_not_written_yet_is_not_called_unknown():
    message = mark(BACKWARD, outcomes(BACKWARD, lambda *a: (None, *staged(*a)[1:]))).message
    assert message == "dx is not written yet. dgamma and dbeta are right."


def test_a_sign_is_told_for_every_way_of_writing():
    """A minus that is missing in dvar, or a term that is subtracted: the same numbers, the same sentence."""
    wrong = mark(BACKWARD, outcomes(BACKWARD, lambda *a: staged(*a, half=0.5))).message
    assert "If you go by dvar, it is -0.5 times a sum, and is added." in wrong


def test_a_property_that_holds_where_all_is_right_clears_nothing():
    def answer(dy, x, gamma, eps):
        return staged(dy, x, gamma, eps, late=lambda var, eps: np.sqrt(var + eps * (1 + eps)))

    message = mark(BACKWARD, outcomes(BACKWARD, answer)).message
    assert 'what differs on "a large eps" is where to look' in message
    assert "the sum of dx * (x - mean)" not in message


def test_shapes_that_do_not_fit_get_a_hint():
    def answer(x, gamma, beta, eps):
        return gamma * (x - x.mean(axis=1)) / np.sqrt(x.var(axis=1) + eps) + beta

    assert "with keepdims=True" in mark(FORWARD, outcomes(FORWARD, answer)).message


def test_nothing_warns_whatever_is_tried(recwarn):
    diagnose(BACKWARD, outcomes(BACKWARD, lambda dy, x, gamma, eps: (1e200 * dy, 0 * gamma, 0 * gamma)))
    assert not recwarn
