"""`make setup` takes torch's small build where it can, says which it is, and helps where it fails."""

import io
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from tools import setup as module
from tools.progress import Progress
from tools.setup import INDEX, VARIABLE, SetupFailedError, Steps, choose_index, refusal

LINUX = "Linux x86_64"


@pytest.fixture
def serve():
    """Start servers on the loopback address: each path has its body, or a number of seconds to wait first."""
    servers = []

    def start(pages):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                page = pages.get(unquote(self.path))
                if isinstance(page, float):
                    stop.wait(page)
                self.send_response(404 if page is None else 200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                if isinstance(page, bytes):
                    self.wfile.write(page)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        stop = threading.Event()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append((server, stop))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, stop in servers:
        stop.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def never(monkeypatch):
    """Fail if an index is asked."""
    monkeypatch.setattr(module, "refusal", lambda *_: pytest.fail("an index was asked"))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_an_index_that_answers_is_taken(serve):
    index = serve({"/cpu/torch/": b"wheels"}) + "/cpu"
    for address in (index, index + "/"):
        chosen, line = choose_index({VARIABLE: address}, "", LINUX)
        assert chosen == address
        assert line == f"torch: the CPU build from {address}"


def test_an_index_that_answers_late_is_left(serve):
    index = serve({"/torch/": 5.0})
    start = time.monotonic()
    assert refusal(index, {}, patience=0.2) in ("no answer in 0.2 s", "timed out")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"H", "no answer in 0.4 s"),  # each byte in time: the limit of a socket would never be reached
        (b"SSH-2.0-x\r\n", "SSH-2.0-x"),
    ],
)
def test_an_index_that_drips_or_speaks_another_language_is_left_too(sent, reason):
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip():
            connection = server.accept()[0]
            with connection, suppress(OSError):
                while not stop.wait(0.05):
                    connection.sendall(sent)

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.getsockname()[1]}"
            assert refusal(address, {}, 0.4) == reason
        finally:
            stop.set()
            thread.join()


def test_an_index_that_refuses_is_left_and_the_reason_is_said(serve):
    missing = serve({})
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for index, reason in ((missing, "Not Found"), (closed, "refused"), ("no address", "unknown url type")):
        chosen, line = choose_index({VARIABLE: index}, "", LINUX)
        assert chosen is None
        assert f"because {index} fails: " in line
        assert reason in line
        assert "GB" in line


def test_certificates_are_those_that_pip_was_given(tmp_path):
    assert "No such file" in refusal("https://127.0.0.1:9", {"PIP_CERT": str(tmp_path / "missing.pem")})


def test_on_linux_pytorchs_own_index_is_asked_without_being_told(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "refusal", lambda index, _: asked.append(index) or "")
    for machine in (LINUX, "Linux aarch64"):
        assert choose_index({}, "", machine)[0] == INDEX
    assert asked == [INDEX, INDEX]


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    ("environment", "offered", "machine", "words"),
    [
        ({VARIABLE: ""}, "", LINUX, f"{VARIABLE} is off"),
        ({VARIABLE: "off"}, "", LINUX, f"{VARIABLE} is off"),
        ({}, "", "Darwin arm64", "no other index on Darwin arm64"),
        ({}, "Would install torch-2.13.0+cpu", LINUX, "on this machine already"),
        ({}, "Requirement already satisfied: torch==2.13.0 in .venv", LINUX, "on this machine already"),
        ({"PIP_EXTRA_INDEX_URL": INDEX}, "", LINUX, "your settings of pip"),
        ({"PIP_INDEX_URL": "https://download.pytorch.org/whl/cu130"}, "", LINUX, "your settings of pip"),
        ({"PIP_NO_INDEX": "1"}, "", LINUX, "your settings of pip"),
    ],
)
def test_no_index_is_asked_where_none_is_needed(environment, offered, machine, words):
    chosen, line = choose_index(environment, offered, machine)
    assert chosen is None
    assert words in line


def wheel(version):
    data = io.BytesIO()
    info = f"torch-{version}.dist-info"
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return data.getvalue()


def test_of_both_indexes_pip_takes_the_cpu_build_at_the_pinned_version(serve):
    [pin] = [line for line in module.CONSTRAINTS.read_text().splitlines() if line.startswith("torch==")]
    version = pin.removeprefix("torch==")
    pages = {}
    for folder, full in (("/plain/torch/", version), ("/cpu/torch/", f"{version}+cpu")):
        name = f"torch-{full}-py3-none-any.whl"
        pages |= {folder: f'<!DOCTYPE html><a href="{name}">{name}</a>'.encode(), folder + name: wheel(full)}
    host = serve(pages)
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--dry-run", "--ignore-installed"]
    command += ["--no-deps", "--constraint", str(module.CONSTRAINTS), "--index-url", f"{host}/plain", "torch"]
    settings = {**os.environ, "PIP_CONFIG_FILE": os.devnull}  # which --isolated would obey
    for more, taken in (([], version), (["--extra-index-url", f"{host}/cpu"], f"{version}+cpu")):
        run = subprocess.run([*command, *more], env=settings, capture_output=True, text=True, check=False)
        assert run.stdout.rstrip().endswith(f"Would install torch-{taken}"), run.stdout + run.stderr


@pytest.fixture
def steps(tmp_path):
    """Return a maker of steps whose Python is a shell script."""
    made = tmp_path / "venv"
    (made / "bin").mkdir(parents=True)

    def make(script):
        python = made / "bin" / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        return Steps(Progress(100, "test", io.StringIO()), made, made / "setup.log")

    return make


def test_the_chosen_index_is_added_to_those_that_pip_has(steps):
    made = steps("true")
    made.install(None)
    assert "index-url" not in made.log.read_text()
    made.install("https://example.org/cpu")
    command = made.log.read_text().splitlines()[-1]
    assert " --extra-index-url https://example.org/cpu " in command
    assert f" --constraint {module.CONSTRAINTS} " in command
    assert made.progress.done == 2 * module.SECONDS["pip"]


def test_a_failure_shows_the_end_of_what_pip_wrote_and_what_to_do(steps):
    ignored = "WARNING: Location 'file:///x' is ignored: it is neither a file nor a directory."
    made = steps(f'seq 100\necho ERROR: no torch >&2\nfor i in $(seq 99); do echo "{ignored}"; done\nexit 3')
    with pytest.raises(SetupFailedError, match="status 3") as failure:
        made.install(None)
    text = str(failure.value)
    assert "    99\n    100\n    ERROR: no torch\n" in text
    assert "ignored" not in text
    assert "    80\n" not in text
    assert "PIP_INDEX_URL" in text
    assert "make setup" in text
    assert ignored in made.log.read_text()
    assert str(made.log) in text


def test_a_missing_command_is_named(steps, monkeypatch):
    made = steps("true")
    made.environment["PATH"] = ""
    with pytest.raises(SetupFailedError, match="npm cannot be run"):
        made.install_fonts()


def test_the_share_of_pip_grows_from_nothing_to_everything(steps):
    made = steps("true")
    made.packages = 4
    told = made._share_of_pip
    assert told("Obtaining file:///x\n") == (0.0, "finding packages")
    found = "Collecting a>=1\n  Downloading a-1.whl.metadata (2 kB)\nProcessing /near/b-1.whl (from a)\n"
    assert told(found) == (pytest.approx((2 * 0.3 + 0.2) / 4), "finding packages")
    fetching = f"{found}Downloading a_b-1-py3-none-any.whl (2 MB)\n"
    fetched = f"{found}  Downloading a_b-1-py3-none-any.whl (2 MB)\n"
    assert told(fetched)[1] == told(fetching)[1] == "fetching a_b (2 MB)"
    assert told(fetched * 9)[0] == 0.5
    packages = made.venv / "lib" / "python3.11" / "site-packages"
    for number in range(4):
        (packages / f"p{number}-1.dist-info").mkdir(parents=True)
    assert told(f"{fetched}Installing collected packages: a, b\n") == (1.0, "installing packages")
