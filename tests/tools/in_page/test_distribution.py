"""The folder of Python: named after its contents, whole, and true in all that it says of its files."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.served import run_in_pyodide, served_python
from tools.in_page import distribution, pyodide
from tools.in_page.distribution import assemble
from tools.in_page.sources import Folder

WHEELS = {name: f"contents of {name}".encode() for name in ("numpy", "matplotlib", "six")}
DEPENDS = {"numpy": [], "matplotlib": ["numpy", "six", "pytz"], "six": []}


def sha256(data):
    return hashlib.sha256(data)


def problems(folder):
    """Return what is wrong with a folder: files against its index, its lock and its name."""
    index = json.loads((folder / "files.json").read_text(encoding="utf-8"))
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "files.json"}
    wrong = [f"{name} is in one of both" for name in found.keys() ^ index["files"].keys()]
    for name in found.keys() & index["files"].keys():
        said, data = index["files"][name], found[name]
        integrity = "sha256-" + base64.b64encode(sha256(data).digest()).decode()
        if (said["size"], said["integrity"]) != (len(data), integrity):
            wrong.append(f"{name} is not as the index says")
        if not 0 < said["sent"] <= said["size"] + 50:
            wrong.append(f"{name} is sent in an odd size")
    wheels = {name: sha256(data).hexdigest() for name, data in found.items() if name.endswith(".whl")}
    if {entry["file_name"]: entry["sha256"] for entry in lock.values()} != wheels:
        wrong.append("the lock has other wheels")
    if any(need not in lock for entry in lock.values() for need in entry["depends"]):
        wrong.append("the lock is not closed")
    described = {
        name: (data, index["files"].get(name, {}).get("group")) for name, data in sorted(found.items())
    }
    if folder.name != distribution.PREFIX + distribution._digest(described):
        wrong.append("the name is another")
    return wrong


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Return a source of small files, which stand in for the real ones."""
    wheels, npm = tmp_path / "wheels", tmp_path / "npm"
    wheels.mkdir()
    npm.mkdir()
    entries = {}
    for name, data in WHEELS.items():
        (wheels / f"{name}-1.whl").write_bytes(data)
        entries[name] = {
            "depends": DEPENDS[name],
            "file_name": f"{name}-1.whl",
            "name": name,
            "sha256": sha256(data).hexdigest(),
            "version": "1",
        }
    for name in pyodide.CORE:
        (npm / name).write_bytes(name.encode() * 100)
    lock = {"info": {"python": "3.12.7", "version": "0.27.7"}, "packages": entries}
    monkeypatch.setattr(pyodide, "NPM", npm)
    monkeypatch.setattr(pyodide, "read_lock", lambda: lock)
    for function, own in (("build_wheel", "normcourse"), ("build_wheel_of_pages", "normcourse_pages")):
        built = f"{own}-0.1.0-py3-none-any.whl", own.encode()
        monkeypatch.setattr(distribution.wheel, function, lambda built=built: built)
    return Folder(wheels)


def test_the_folder_is_true_to_its_index_its_lock_and_its_name(source, tmp_path):
    made, line = assemble(tmp_path / "site", [source])
    folder = tmp_path / "site" / made.folder
    assert line == ""
    assert problems(folder) == []
    index = json.loads((folder / "files.json").read_text())
    assert {key: index[key] for key in ("python", "numpy", "pyodide")} == {
        "python": "3.12.7",
        "numpy": "1",
        "pyodide": "0.27.7",
    }
    groups = {name: entry["group"] for name, entry in index["files"].items()}
    own = "normcourse_pages-0.1.0-py3-none-any.whl"
    figures = [name for name in groups if groups[name] == "figures"]
    assert figures == ["matplotlib-1.whl", own, "six-1.whl"]
    assert made.groups == ("exercises", "figures")
    assert made.sent["figures"] == sum(index["files"][name]["size"] for name in figures)


def test_a_file_that_was_changed_is_seen(source, tmp_path):
    made, _ = assemble(tmp_path / "site", [source])
    (tmp_path / "site" / made.folder / "numpy-1.whl").write_bytes(b"changed")
    said = problems(tmp_path / "site" / made.folder)
    assert said == [
        "numpy-1.whl is not as the index says",
        "the lock has other wheels",
        "the name is another",
    ]


def test_the_lock_is_the_official_one_less_what_is_not_served(source, tmp_path):
    made, _ = assemble(tmp_path / "site", [source])
    lock = json.loads((tmp_path / "site" / made.folder / "pyodide-lock.json").read_text())
    assert lock["info"] == pyodide.read_lock()["info"]
    assert lock["packages"]["numpy"] == pyodide.read_lock()["packages"]["numpy"]
    assert lock["packages"]["matplotlib"]["depends"] == ["numpy", "six"]
    own = lock["packages"]["normcourse"]
    assert (own["version"], own["depends"]) == ("0.1.0", ["numpy"])


def test_the_name_stays_while_the_contents_do(source, tmp_path):
    first, _ = assemble(tmp_path / "site", [source])
    kept = tmp_path / "site" / first.folder / "numpy-1.whl"
    before = kept.stat().st_mtime_ns
    assert assemble(tmp_path / "site", [source]) == (first, "")
    assert kept.stat().st_mtime_ns == before  # not written again
    assert assemble(tmp_path / "other", [source])[0] == first


def test_other_contents_replace_the_folder(source, tmp_path, monkeypatch):
    first, _ = assemble(tmp_path / "site", [source])
    monkeypatch.setattr(
        distribution.wheel, "build_wheel", lambda: ("normcourse-0.1.0-py3-none-any.whl", b"new")
    )
    second, _ = assemble(tmp_path / "site", [source])
    assert second.folder != first.folder
    assert [path.name for path in (tmp_path / "site").iterdir()] == [second.folder]


def test_a_folder_that_was_cut_short_is_made_again(source, tmp_path):
    made, _ = assemble(tmp_path / "site", [source])
    (tmp_path / "site" / made.folder / "files.json").unlink()
    (tmp_path / "site" / made.folder / "numpy-1.whl").unlink()
    assert assemble(tmp_path / "site", [source]) == (made, "")
    assert problems(tmp_path / "site" / made.folder) == []


def test_the_exercises_do_without_the_figures(source, tmp_path):
    (source.path / "six-1.whl").unlink()
    made, line = assemble(tmp_path / "site", [source])
    assert made.groups == ("exercises",)
    assert line.startswith("six: in no source")
    assert problems(tmp_path / "site" / made.folder) == []


@pytest.mark.parametrize("fault", ["gone", "changed"])
def test_without_numpy_there_is_nothing_and_the_reason(source, tmp_path, fault):
    first, _ = assemble(tmp_path / "site", [source])
    path = source.path / "numpy-1.whl"
    path.unlink() if fault == "gone" else path.write_bytes(b"changed")
    made, line = assemble(tmp_path / "site", [source])
    assert made is None
    assert "numpy" in line
    assert ("is not what the lock says" in line) == (fault == "changed")
    assert not (tmp_path / "site" / first.folder).exists()  # of no use to the pages


def test_all_may_be_cut_off(tmp_path, monkeypatch):
    monkeypatch.setenv(pyodide.VARIABLE, "off")
    assert assemble(tmp_path) == (None, f"{pyodide.VARIABLE} is off")


def test_what_the_site_serves_is_true():
    folder = served_python()
    assert problems(folder) == []
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    official = pyodide.read_lock()
    assert lock["info"] == official["info"]
    for name in lock["packages"].keys() - {"normcourse", "normcourse-pages"}:
        assert lock["packages"][name]["sha256"] == official["packages"][name]["sha256"]


def test_what_the_site_serves_draws_figures():
    folder = served_python()
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    if "matplotlib" not in lock["packages"]:
        pytest.skip("the site was built without the packages of figures")
    script = Path(__file__).with_name("figures.py")
    assert run_in_pyodide(folder, script, "drawn", "matplotlib") == [b"\x89PNG\r\n\x1a\n".hex(), "<?xml"]
