"""Firefox, driven by WebDriver BiDi, which it speaks by itself: no driver has to be installed beside it."""

import itertools
import json
import re
import shutil
import subprocess
import tempfile
from contextlib import closing, contextmanager

import websocket

NAMES = ("firefox-esr", "firefox")
PATIENCE = 60  # seconds


def find_firefox():
    """Return the path of Firefox; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One tab: goes to addresses, runs scripts, types."""

    def __init__(self, address):
        self.socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        self.numbers = itertools.count(1)
        self.send("session.new", capabilities={})
        self.context = self.send("browsingContext.create", type="tab")["context"]

    def send(self, method, **parameters):
        """Send a command and return its result."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def close(self):
        self.socket.close()

    def go(self, url):
        self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def run(self, function, *arguments):
        """Call a function of the page with texts and return the text that it returns, or promises."""
        result = self.send(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": argument} for argument in arguments],
            target={"context": self.context},
            awaitPromise=True,
        )
        assert result["type"] == "success", result
        return result["result"].get("value")

    def type(self, text):
        """Press a key for each character, where the focus is."""
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": keys}
        self.send("input.performActions", context=self.context, actions=[source])


@contextmanager
def firefox(path):
    """Start a headless Firefox with a profile of its own while the context lasts, and give a tab of it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            lines = iter(process.stderr.readline, "")
            found = next(
                filter(None, (re.search(r"WebDriver BiDi listening on (\S+)", line) for line in lines))
            )
            with closing(Tab(f"{found[1]}/session")) as tab:
                yield tab
        finally:
            process.terminate()
            process.wait(timeout=20)
            process.stderr.close()
