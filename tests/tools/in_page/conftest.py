"""The pages whose cells run in the page."""

import pytest

from tools.imports import ROOT

PAGES = {
    "forward": "02-batchnorm-mechanics/01-forward.ipynb",
    "backward": "02-batchnorm-mechanics/02-backward.ipynb",
    "one formula": "04-layernorm-for-transformers/01-one-formula.ipynb",
}


@pytest.fixture(scope="session")
def pages():
    return {name: ROOT / "book" / path for name, path in PAGES.items()}
