"""Layers whose every gamma is zero, so that they give beta whatever they are given."""

from collections.abc import Iterator

from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name them: all norms of a kind, or some of a model that was trained.

    A last norm of a residual branch may start there, so some zeros in an untrained model are no fault.
    """
    gammas = {
        norm: gamma for norm in case.norms if (gamma := norm.gamma) is not None and gamma.numel()
    }  # of 1 + w, the sum
    zero = [norm for norm, gamma in gammas.items() if not bool(gamma.any())]
    kinds = {norm.kind for norm in zero} - {norm.kind for norm in gammas if norm not in zero}
    if everywhere := [norm for norm in zero if norm.kind in kinds]:
        yield _finding(
            everywhere,
            gammas,
            "Every norm of the kind multiplies by zero, so outside of residual branches nothing that depends "
            "on the input gets past one, and the gradient before it is zero. A layer that should multiply "
            "by 1 + w may have been replaced by one that multiplies by w, or weights were lost in loading.",
            "likely",
        )
    some = [norm for norm in zero if norm.kind not in kinds]
    if some and any(_moved(gamma) for gamma in gammas.values()):
        yield _finding(
            some,
            gammas,
            "These layers give beta whatever they are given, and the gradient before them is zero. A "
            "residual branch may start so, but other gammas of the model have moved and these have not: they "
            "are not trained, or get no gradient because a second zero stands in their branch.",
            "possible",
        )


def _finding(zero: list[Norm], gammas: dict[Norm, Tensor], follows: str, certainty: str) -> Finding:
    return Finding(
        name="gamma zero",
        layers=tuple(norm.name for norm in zero),
        measured={
            "layers with all gammas zero": len(zero),
            "layers with gammas": len(gammas),
            "largest beta of these layers, in size": max(
                (float(norm.beta.abs().max()) for norm in zero if norm.beta is not None), default=0.0
            ),
        },
        follows=follows,
        mend=_line(zero),
        certainty=certainty,
        page="02-batchnorm-mechanics/14-zero-gamma",
    )


def _line(zero: list[Norm]) -> str:
    names = {norm.called[0] for norm in zero}
    gamma = names.pop() if len(names) == 1 else "weight"
    start = "zeros_" if all(norm.offset for norm in zero) else "ones_"
    return each(
        "gamma zero", first_names(zero), f"nn.init.{start}({{layer}}.{gamma})  # and train", every=True
    )


def _moved(gamma: Tensor) -> bool:
    """Whether a gamma is no longer what it may start as: all zeros or all ones."""
    return bool(((gamma != 0) & (gamma != 1)).any())
