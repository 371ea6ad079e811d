"""The addresses that pages had before they moved lead to where they are now, with what follows #."""

import posixpath
import re
import subprocess
from string import Template

import pytest
import yaml
from bs4 import BeautifulSoup

from tools.node import NODE
from tools.notebooks import ROOT
from tools.site_check.pages import HTML, PAGES

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
REDIRECTS = CONFIG["redirects"]
TEMPLATE = Template((ROOT / CONFIG["redirect_html_template_file"]).read_text(encoding="utf-8"))
MOVED = """
01-covariate-shift/01-covariate-shift
01-covariate-shift/02-inside-a-network
01-covariate-shift/03-the-trial
02-batchnorm-mechanics/01-forward
02-batchnorm-mechanics/02-backward
02-batchnorm-mechanics/03-training
02-batchnorm-mechanics/04-what-the-ratio-depends-on
02-batchnorm-mechanics/05-learning-rates
02-batchnorm-mechanics/06-initialisation
02-batchnorm-mechanics/07-batch-size
02-batchnorm-mechanics/08-regularisation
02-batchnorm-mechanics/09-convolutions
02-batchnorm-mechanics/10-placement
02-batchnorm-mechanics/11-scale-invariance
02-batchnorm-mechanics/12-zero-gamma
04-layernorm-for-transformers/01-one-formula
04-layernorm-for-transformers/02-geometry
04-layernorm-for-transformers/03-sequences
04-layernorm-for-transformers/04-a-small-transformer
04-layernorm-for-transformers/05-where-the-norm-sits
04-layernorm-for-transformers/06-the-arena
04-layernorm-for-transformers/07-published-models
04-layernorm-for-transformers/08-around-language-models
"""


def target(source):
    """Return the page that an old address leads to, by the name that the contents give it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), REDIRECTS[source])).removesuffix(
        ".html"
    )


@pytest.mark.parametrize("source", REDIRECTS)
def test_an_old_address_leads_to_a_page(source):
    assert REDIRECTS[source].endswith(".html")
    assert target(source) in PAGES
    assert source not in PAGES, "the redirect would overwrite a page"


def test_every_page_that_there_was_is_still_reached():
    names = [f"book/{name}" for name in MOVED.split()]
    assert not [name for name in names if name not in {*PAGES, *REDIRECTS}]


@pytest.mark.parametrize("source", REDIRECTS)
def test_the_built_page_sends_on(source):
    page = BeautifulSoup((HTML / f"{source}.html").read_text(encoding="utf-8"), "html.parser")
    assert page.a["href"] == REDIRECTS[source]
    assert (HTML / f"{source}.html").parent.joinpath(page.a["href"]).is_file()


@pytest.mark.parametrize(("fragment", "address"), [("#claim-c6-x", "b.html#claim-c6-x"), ("", "b.html")])
def test_the_place_in_the_page_goes_along(fragment, address):
    page = TEMPLATE.substitute(to_uri="b.html")
    [script] = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    seen = f"const location = {{ hash: '{fragment}', replace: (to) => console.log(to) }};\n{script}"
    done = subprocess.run([NODE, "--eval", seen], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == address
    assert 'content="0; url=b.html"' in page  # for who lets no script run
