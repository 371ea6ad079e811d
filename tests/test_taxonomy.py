from dataclasses import FrozenInstanceError
from math import prod

import pytest

from normcourse import TAXONOMY

SHAPE = (8, 6, 7, 5)

# name: view of SHAPE (two groups, three normalized axes), pooled axes, shape of the affine
ROWS = {
    "BatchNorm": ((8, 6, 35), (0, 2), (1, 6, 1)),
    "InstanceNorm": ((8, 6, 35), (2,), (1, 6, 1)),
    "GroupNorm": ((8, 2, 3, 35), (2, 3), (1, 2, 3, 1)),
    "LayerNorm": ((8, 210), (1,), (1, 210)),
    "RMSNorm": ((8, 210), (1,), (1, 210)),
}


def test_the_table_has_these_rows():
    assert list(TAXONOMY) == list(ROWS)
    assert len(TAXONOMY) == 5


@pytest.mark.parametrize("name", ROWS)
def test_row(name):
    view, pool_axes, affine = ROWS[name]
    spec = TAXONOMY[name]
    assert spec.name == name
    assert spec.view_shape(SHAPE, groups=2, features=3) == view
    assert spec.pool_axes == pool_axes
    assert spec.affine_shape(view) == affine


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3, 2, 2), (0, 6, 3)])
def test_view_keeps_every_value(name, shape):
    spec = TAXONOMY[name]
    sizes = spec.view_shape(shape, groups=3, features=1)
    assert len(sizes) == len(spec.view)
    assert prod(sizes) == prod(shape)
    assert set(spec.pool) | set(spec.affine) <= set(spec.view)


def test_only_batch_norm_pools_the_batch_and_only_rms_norm_does_not_centre():
    assert [name for name, spec in TAXONOMY.items() if spec.pools_batch] == ["BatchNorm"]
    assert [name for name, spec in TAXONOMY.items() if not spec.centred] == ["RMSNorm"]


def test_rows_are_read_only():
    with pytest.raises(FrozenInstanceError):
        TAXONOMY["BatchNorm"].pool = "S"
    with pytest.raises(TypeError):
        TAXONOMY["BatchNorm"] = TAXONOMY["LayerNorm"]


def test_unknown_norm():
    with pytest.raises(KeyError, match="WeightNorm"):
        TAXONOMY["WeightNorm"]


def test_str_lists_every_row():
    head, *rows = str(TAXONOMY).splitlines()
    assert head.startswith("norm ")
    assert [row.split()[0] for row in rows] == list(ROWS)
