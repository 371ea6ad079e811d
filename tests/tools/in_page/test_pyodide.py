"""Files come from the first source that has them as the lock says, and the line says where they did not."""

import hashlib
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.in_page import pyodide, sources
from tools.in_page.pyodide import VARIABLE, MissingError, choose_sources, closure, grouped, obtain, read_lock
from tools.in_page.sources import Address, Carrier, Folder


class Source:
    """A source that counts how often it is asked."""

    def __init__(self, name, files, reason=""):
        self.name, self.files, self.reason, self.asked = name, files, reason, []

    def fetch(self, names):
        self.asked.append(sorted(names))
        return {name: self.files[name] for name in names if name in self.files}, self.reason


def sha256(data):
    return hashlib.sha256(data).hexdigest()


WANTED = {"a.whl": sha256(b"a"), "b.whl": sha256(b"b")}


@pytest.fixture
def cache(tmp_path):
    return Folder(tmp_path / "cache", "the cache")


@pytest.fixture
def serve(monkeypatch):
    """Start servers on the loopback address: each path has its body, or a number of seconds to wait first."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(pages):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                page = pages.get(self.path)
                if isinstance(page, float):
                    stop.wait(page)
                self.send_response(200 if isinstance(page, bytes) else 404)
                self.end_headers()
                if isinstance(page, bytes):
                    self.wfile.write(page)

            def log_message(self, *_):
                pass

        asked = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        stop = threading.Event()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append((server, stop))
        return f"http://127.0.0.1:{server.server_port}/", asked

    yield start
    for server, stop in servers:
        stop.set()
        server.shutdown()
        server.server_close()


def test_sources_are_asked_in_order_and_for_what_lacks_alone():
    first, second = Source("first", {"a.whl": b"a"}), Source("second", {"b.whl": b"b"})
    third = Source("third", {})
    got = obtain(WANTED, [first, second, third])
    assert got.files == {"a.whl": b"a", "b.whl": b"b"}
    assert (first.asked, second.asked, third.asked) == ([["a.whl", "b.whl"]], [["b.whl"]], [])


def test_a_file_with_another_hash_is_named_and_sought_on():
    got = obtain(WANTED, [Source("bad", {"a.whl": b"no", "b.whl": b"b"}), Source("good", {"a.whl": b"a"})])
    assert got.files == {"a.whl": b"a", "b.whl": b"b"}
    assert got.wrong == ["a.whl from bad is not what the lock says"]


def test_what_is_nowhere_is_left_out_with_the_reasons():
    got = obtain(WANTED, [Source("one", {"a.whl": b"a"}, "HTTP 404"), Source("other", {}, "no answer")])
    assert got.files == {"a.whl": b"a"}
    assert got.reasons == ["one: HTTP 404", "other: no answer"]


def test_what_was_fetched_comes_from_the_cache_the_next_time(cache):
    far = Source("far", {"a.whl": b"a", "b.whl": b"b"})
    assert obtain(WANTED, [cache, far]).files == obtain(WANTED, [cache, far]).files == far.files
    assert len(far.asked) == 1
    assert sorted(path.name for path in cache.path.iterdir()) == ["a.whl", "b.whl"]  # no half-written file


def test_a_spoilt_cache_is_mended(cache):
    cache.keep("a.whl", b"spoilt")
    got = obtain(WANTED, [cache, Source("far", {"a.whl": b"a", "b.whl": b"b"})])
    assert got.wrong == ["a.whl from the cache is not what the lock says"]
    assert (cache.path / "a.whl").read_bytes() == b"a"


def test_a_wrong_file_is_not_kept(cache):
    obtain(WANTED, [cache, Source("bad", {"a.whl": b"no"})])
    assert not cache.path.exists()


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "file").write_text("")
    cache = Folder(tmp_path / "file" / "cache")
    assert obtain(WANTED, [cache, Source("far", {"a.whl": b"a", "b.whl": b"b"})]).files["a.whl"] == b"a"


def test_the_cache_is_first_and_the_official_address_before_the_carrier():
    cache, address, carrier = choose_sources("0.27.7", {"XDG_CACHE_HOME": "/caches"})
    assert cache.path == Path("/caches/normcourse/pyodide")
    assert address.url == "https://cdn.jsdelivr.net/pyodide/v0.27.7/full/"
    assert isinstance(carrier, Carrier)
    home, *_ = choose_sources("0.27.7", {})
    assert home.path == Path.home() / ".cache" / "normcourse" / "pyodide"


def test_a_folder_may_be_the_only_source(tmp_path):
    [folder] = choose_sources("0.27.7", {VARIABLE: str(tmp_path)})
    assert folder.path == tmp_path


@pytest.mark.parametrize("value", ["off", " OFF "])
def test_all_sources_may_be_cut_off(value):
    with pytest.raises(MissingError, match=f"{VARIABLE} is off"):
        choose_sources("0.27.7", {VARIABLE: value})


LOCK = {
    "packages": {
        name: {"depends": depends, "file_name": f"{name}.whl", "sha256": sha256(name.encode())}
        for name, depends in {
            "numpy": [],
            "matplotlib": ["numpy", "pytz", "pillow", "cycler"],
            "pillow": [],
            "cycler": ["six"],
            "six": [],
            "pytz": ["unheard-of"],
        }.items()
    }
}


def packages_from(*names):
    source = Source("far", {f"{name}.whl": name.encode() for name in names}, "HTTP 404")
    return pyodide.packages(LOCK, [source])


def test_a_package_is_in_one_group_without_what_nothing_uses():
    groups = grouped(LOCK)
    assert {group: sorted(entries) for group, entries in groups.items()} == {
        "exercises": ["numpy"],
        "figures": ["cycler", "matplotlib", "pillow", "six"],
    }
    assert groups["figures"]["matplotlib"]["depends"] == ["numpy", "pillow", "cycler"]
    assert LOCK["packages"]["matplotlib"]["depends"] == ["numpy", "pytz", "pillow", "cycler"]


def test_all_groups_come_whole_and_without_a_line():
    whole, line = packages_from("numpy", "matplotlib", "pillow", "cycler", "six")
    assert whole["exercises"]["numpy"].data == b"numpy"
    assert sorted(whole["figures"]) == ["cycler", "matplotlib", "pillow", "six"]
    assert line == ""


def test_the_figures_may_be_missing_and_the_exercises_not():
    whole, line = packages_from("numpy", "matplotlib", "pillow")
    assert sorted(whole) == ["exercises"]
    assert line == "cycler, six: in no source (far: HTTP 404)"
    with pytest.raises(MissingError, match="numpy: in no source"):
        packages_from("matplotlib", "pillow", "cycler", "six")


def test_the_official_lock_has_what_is_asked_of_it():
    lock = read_lock()
    groups = grouped(lock)
    assert list(groups["exercises"]) == ["numpy"]
    assert "matplotlib" in groups["figures"]
    assert set(closure(lock["packages"], ["matplotlib"])).isdisjoint(pyodide.UNUSED)
    assert set(lock["packages"]) >= pyodide.UNUSED


def test_without_the_npm_package_the_line_says_what_to_do(tmp_path):
    with pytest.raises(MissingError, match="make setup"):
        read_lock(tmp_path)


def test_an_address_gives_what_it_has(serve):
    address, asked = serve({"/a.whl": b"a", "/b.whl": b""})
    found, reason = Address(address).fetch(["a.whl", "none.whl", "b.whl"])
    assert found == {"a.whl": b"a", "b.whl": b""}
    assert reason == "HTTP 404"
    assert asked == ["/a.whl", "/none.whl", "/b.whl"]


def test_an_address_that_does_not_answer_is_left_at_once(serve):
    address, asked = serve({"/a.whl": 5.0, "/b.whl": b"b"})
    start = time.monotonic()
    found, reason = Address(address, patience=0.2).fetch(["a.whl", "b.whl"])
    assert found == {}
    assert reason in ("no answer in 0.2 s", "timed out")
    assert asked == ["/a.whl"]
    assert time.monotonic() - start < 2


def test_an_address_that_refuses_is_left_with_its_reason(serve):
    address, _ = serve({})
    free = address.replace("127.0.0.1", "127.0.0.2")  # the server listens on the other one alone
    found, reason = Address(free).fetch(["a.whl", "b.whl"])
    assert found == {}
    assert "refused" in reason


def carried(tmp_path, monkeypatch, content):
    """Return a carrier whose pip puts this file into the folder that it is run in."""

    def run(command, cwd, **_):
        assert command[1:4] == ["-m", "pip", "download"]
        assert "--only-binary=:all:" in command  # a source package would run code of its own
        if isinstance(content, Exception):
            raise content
        (Path(cwd) / "carrier-1-py3-none-any.whl").write_bytes(content)

    monkeypatch.setattr(sources.subprocess, "run", run)
    return Carrier("carrier==1", limit=5)


def test_a_carrier_gives_its_files_whatever_their_folder(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "made", "w") as wheel:
        wheel.writestr("carrier/assets/a.whl", b"a")
        wheel.writestr("carrier/assets/other.whl", b"other")
    found, reason = carried(tmp_path, monkeypatch, (tmp_path / "made").read_bytes()).fetch(["a.whl", "b.whl"])
    assert found == {"a.whl": b"a"}
    assert reason == "not in it"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "no wheel"),
        (sources.subprocess.CalledProcessError(1, "pip"), "pip does not get it"),
        (sources.subprocess.TimeoutExpired("pip", 5), "not here in 5 s"),
    ],
)
def test_a_carrier_that_vanished_is_a_reason_and_no_failure(tmp_path, monkeypatch, content, reason):
    found, said = carried(tmp_path, monkeypatch, content).fetch(["a.whl"])
    assert found == {}
    assert said.startswith(reason)
