"""Which order a released norm computes in is told from its bits."""

from zipfile import ZipFile

import pytest

from tools.released_norms import count

NORM = """
class {name}(nn.Module):
    def __init__(self, width, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.{start}(width))
        self.eps = eps

    def forward(self, x):
        wide = x{cast}
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return {last}
"""


def write(folder, **norms):
    wheel = folder / "some.whl"
    code = "import torch\nfrom torch import nn\n" + "".join(norms.values())
    with ZipFile(wheel, "w") as files:
        files.writestr("transformers/models/some/modeling_some.py", code)
        files.writestr("transformers/models/some/configuration_some.py", NORM)
    return str(wheel)


@pytest.mark.parametrize(
    ("settings", "order"),
    [
        (("ones", "", "self.weight * wide"), "each step in 16 bits"),
        (("ones", ".float()", "self.weight * wide.to(x.dtype)"), "float32, weight after the cast"),
        (("ones", ".float()", "(self.weight * wide).to(x.dtype)"), "float32 to the end"),
        (
            ("zeros", ".float()", "((1 + self.weight.float()) * wide).to(x.dtype)"),
            "float32 to the end, as 1 + w",
        ),
        (("ones", "", "(self.weight * x) * (wide / x)"), "another"),
    ],
)
def test_each_order_is_told_by_its_bits(tmp_path, settings, order):
    start, cast, last = settings
    wheel = write(tmp_path, norm=NORM.format(name="Norm", start=start, cast=cast, last=last))
    assert count(wheel) == {order: 1}


def test_what_is_no_norm_of_one_input_is_not_counted(tmp_path):
    others = (
        "class Half(nn.Module):\n    pass  # of a root: rsqrt\n",
        "class Two(nn.Module):\n    def forward(self, x, y):\n        return torch.rsqrt(x + y)\n",
        NORM.format(name="Far", start="ones", cast=".float()", last="7 * self.weight * wide"),
        NORM.format(name="Fails", start="ones", cast=".float()", last="unknown"),
    )
    wheel = write(tmp_path, **dict(zip("abcd", others, strict=True)))
    assert not count(wheel)
