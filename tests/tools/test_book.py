"""What Sphinx says of its state becomes one line of progress."""

import io

from tools.book import Screen

SAID = """
\x1b[01mupdating environment: \x1b[39;49;00m[new config] 61 added, 1 changed, 0 removed
\x1b[01mreading sources... \x1b[39;49;00m[ 50%] \x1b[35mbook/a\x1b[39;49;00m .. book/c
\x1b[01mreading sources... \x1b[39;49;00m[100%] book/d
looking for now-outdated files... none found
\x1b[01mwriting output... \x1b[39;49;00m[ 25%] \x1b[32mbook/a\x1b[39;49;00m
"""


def test_phases_and_shares_are_read_and_nothing_else_is_shown():
    stream = io.StringIO()
    screen = Screen(stream)
    seen = []
    for line in SAID.splitlines():
        screen.write(line)
        seen.append(screen.progress and (screen.phase, screen.progress.done, screen.progress.doing))
    screen.end()
    assert seen == [
        None,
        None,
        ("reading sources", 50.0, "book/a .. book/c"),
        None,
        None,
        ("writing output", 25.0, "book/a"),
    ]
    assert stream.getvalue() == ""  # it took less than five seconds
