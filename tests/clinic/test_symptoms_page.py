"""The page of symptoms names every check, and no finding that does not exist."""

import re

from planting import TABLE

from normcourse.clinic.checks import CHECKS

PAGE = TABLE.parents[1] / "book" / "05-in-practice" / "07-symptoms.md"
NAMES = {check.name for check in CHECKS}


def named(text: str) -> set[str]:
    """What stands in quotation marks outside code, in small letters."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return {name.lower() for name in re.findall(r'"([^"]+)"', prose.partition("---\n\n")[2])}


def test_each_check_stands_on_the_page() -> None:
    assert named(PAGE.read_text(encoding="utf-8")) == NAMES


def test_a_finding_that_does_not_exist_is_seen() -> None:
    assert named('---\n\nIt is "statistics stale", or `x["code"]`.') == {"statistics stale"}
