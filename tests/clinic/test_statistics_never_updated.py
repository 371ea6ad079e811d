"""Running statistics that nobody moved."""

import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy

CHECK = "statistics never updated"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[1:3]:
        norm.layer.reset_running_stats()
    return Planted(tuple(norm.name for norm in tracking[1:3])) if tracking[1:] else None


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_its_mend_is_measured() -> None:
    specimen = healthy("the course's CNN")
    with torch.no_grad():
        target = specimen.model.eval()(specimen.batches[0])
    specimen.batches = [(specimen.batches[0], target)]  # what the healthy model answers
    plant(specimen)
    effect = specimen.report(loss=torch.nn.functional.mse_loss)[CHECK].effect
    assert effect is not None
    assert effect.after < 0.1 * effect.before
