"""The exercises in the page work in Firefox too, where the machine has it."""

import os

import pytest

from normcourse.exercises import find_exercise
from tests.browser.exercises import ANY, PATIENCE_MS, address
from tests.browser.firefox import find_firefox, firefox

EXERCISE = find_exercise(ANY)
FORWARD = EXERCISE.tasks[0]
# Typed, not pasted: after the key of this character the editor indents by itself.
ENTER = "\ue007"
SCALED = "gamma * (x - x.mean(0)) / (x.var(0, ddof=1) + eps) ** 0.5"
ANSWER = f"def bn_forward(x, gamma, beta, eps):{ENTER}return {SCALED} + beta"

BEGIN = """async () => {
    const wait = async (selector) => {
        while (!document.querySelector(selector)) await new Promise((done) => setTimeout(done, 50));
        return document.querySelector(selector);
    };
    (await wait(".in-page-bar button")).click();
    await wait(".cm-content");
}"""
SELECT = """() => {
    const editor = document.querySelector(".cm-content");
    editor.focus();
    getSelection().selectAllChildren(editor);
}"""
SAID = """async (label, wanted, patience) => {
    const box = document.querySelector(`[aria-label="${label}"]`);
    const end = performance.now() + Number(patience);
    while (!box.textContent.includes(wanted) && performance.now() < end) {
        await new Promise((done) => setTimeout(done, 50));
    }
    return box.textContent;
}"""
PRESS = """(name) => {
    const group = document.querySelector(".in-page-buttons");
    [...group.querySelectorAll("button")].find((button) => button.textContent === name).click();
}"""


@pytest.fixture(scope="module")
def tab(site, served):
    path = find_firefox()
    if path is None:
        if os.environ.get("NORMCOURSE_REQUIRE_BROWSER"):
            pytest.fail("there is no Firefox (Debian: apt-get install firefox-esr)")
        pytest.skip("there is no Firefox")
    with firefox(path) as opened:
        opened.go(address(site, EXERCISE))
        opened.run(BEGIN)
        yield opened


def test_a_mistake_is_named_and_a_loop_is_stopped(tab):
    label = f"What came of it: {FORWARD.title}"
    tab.run(SELECT)
    tab.type(ANSWER)
    tab.run(PRESS, "Check")
    assert "You divide the sum of squares by n - 1" in tab.run(SAID, label, "by n - 1", str(PATIENCE_MS))
    assert tab.run('() => localStorage.getItem("normcourse/answer/batchnorm/bn-forward")') is not None
    tab.run(SELECT)
    tab.type(f"while True:{ENTER}pass")
    tab.run(PRESS, "Check")
    assert "Stopped after 10 seconds" in tab.run(SAID, label, "Stopped", str(PATIENCE_MS))
