"""The folders of Python: named after their contents, whole, and true in all that is said of their files."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.served import core_of, run_in_pyodide, served_python
from tools.in_page import distribution, pyodide
from tools.in_page.distribution import CORE_PREFIX, PREFIX, _digest, assemble
from tools.in_page.sources import Folder

WHEELS = {name: f"contents of {name}".encode() for name in ("numpy", "matplotlib", "six")}
OWN = ("normcourse-0.1.0-py3-none-any.whl", "normcourse_pages-0.1.0-py3-none-any.whl")
DEPENDS = {"numpy": [], "matplotlib": ["numpy", "six", "pytz"], "six": []}


def index_of(folder):
    return json.loads((folder / "files.json").read_text(encoding="utf-8"))


def written(site):
    """Return when each file in the folders was written."""
    return {str(path.relative_to(site)): path.stat().st_mtime_ns for path in site.glob("*/*")}


def sha256(data):
    return hashlib.sha256(data)


def integrity(data):
    return "sha256-" + base64.b64encode(sha256(data).digest()).decode()


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def problems(folder):
    """Return what is wrong with the folders: files against the index, the lock and the folders' names."""
    own = contents(folder)
    index = json.loads(own.pop("files.json"))
    core = contents(folder / index["core"])
    lock = json.loads(own["pyodide-lock.json"])["packages"]
    found = own | {index["core"] + name: data for name, data in core.items()}
    wrong = [f"{name} is in one of both" for name in found.keys() ^ index["files"].keys()]
    for name in found.keys() & index["files"].keys():
        said, data = index["files"][name], found[name]
        if (said["size"], said["integrity"]) != (len(data), integrity(data)):
            wrong.append(f"{name} is not as the index says")
        if not 0 < said.pop("sent") <= said["size"] + 50:
            wrong.append(f"{name} is sent in an odd size")
    wheels = {name: sha256(data).hexdigest() for name, data in core.items() if name.endswith(".whl")}
    wheels |= {
        f"../{folder.name}/{name}": sha256(data).hexdigest()
        for name, data in own.items()
        if name.endswith(".whl")
    }
    if {entry["file_name"]: entry["sha256"] for entry in lock.values()} != wheels:
        wrong.append("the lock has other wheels")
    if any(need not in lock for entry in lock.values() for need in entry["depends"]):
        wrong.append("the lock is not closed")
    if index["core"] != f"../{CORE_PREFIX}{_digest({name: integrity(data) for name, data in core.items()})}/":
        wrong.append("the name of Pyodide's folder is another")
    unnamed = own["pyodide-lock.json"].replace(folder.name.encode(), b"")
    index["files"]["pyodide-lock.json"] |= {"size": len(unnamed), "integrity": integrity(unnamed)}
    if folder.name != PREFIX + _digest(index):
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
    for function, own in zip(("build_wheel", "build_wheel_of_pages"), OWN, strict=True):
        built = own, own.encode()
        monkeypatch.setattr(distribution.wheel, function, lambda built=built: built)
    return Folder(wheels)


def test_the_folders_are_true_to_index_lock_and_names(source, tmp_path):
    made, line = assemble(tmp_path / "site", [source])
    folder = tmp_path / "site" / made.folder
    assert line == ""
    assert problems(folder) == []
    assert contents(folder).keys() == {"files.json", "pyodide-lock.json", *OWN}
    assert core_of(folder) == (folder / index_of(folder)["core"]).resolve()
    index = index_of(folder)
    assert {key: index[key] for key in ("python", "numpy", "pyodide")} == {
        "python": "3.12.7",
        "numpy": "1",
        "pyodide": "0.27.7",
    }
    groups = {name: entry["group"] for name, entry in index["files"].items()}
    figures = [name for name in groups if groups[name] == "figures"]
    assert figures == [f"{index['core']}matplotlib-1.whl", f"{index['core']}six-1.whl", OWN[1]]
    assert made.groups == ("exercises", "figures")
    assert made.sent["figures"] == sum(index["files"][name]["size"] for name in figures)


def test_a_file_that_was_changed_is_seen(source, tmp_path):
    made, _ = assemble(tmp_path / "site", [source])
    core = core_of(tmp_path / "site" / made.folder)
    (core / "numpy-1.whl").write_bytes(b"changed")
    assert problems(tmp_path / "site" / made.folder) == [
        f"../{core.name}/numpy-1.whl is not as the index says",
        "the lock has other wheels",
        "the name of Pyodide's folder is another",
    ]


def test_an_index_that_was_changed_is_seen(source, tmp_path):
    made, _ = assemble(tmp_path / "site", [source])
    path = tmp_path / "site" / made.folder / "files.json"
    path.write_text(path.read_text().replace('"numpy": "1"', '"numpy": "2"'))
    assert problems(tmp_path / "site" / made.folder) == ["the name is another"]


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
    before = written(tmp_path / "site")
    assert len(before) == 2 + len(OWN) + len(WHEELS) + len(pyodide.CORE)
    assert assemble(tmp_path / "site", [source]) == (first, "")
    assert written(tmp_path / "site") == before  # not again
    assert assemble(tmp_path / "other", [source])[0] == first


def test_an_edit_of_the_course_leaves_what_others_made_as_it_was(source, tmp_path, monkeypatch):
    first, _ = assemble(tmp_path / "site", [source])
    core = core_of(tmp_path / "site" / first.folder)
    before = written(tmp_path / "site")
    monkeypatch.setattr(distribution.wheel, "build_wheel", lambda: (OWN[0], b"new"))
    second, _ = assemble(tmp_path / "site", [source])
    assert second.folder != first.folder
    assert problems(tmp_path / "site" / second.folder) == []
    assert {path.name for path in (tmp_path / "site").iterdir()} == {core.name, second.folder}
    after = written(tmp_path / "site")
    kept = [name for name in before if name.startswith(core.name)]
    assert len(kept) == len(WHEELS) + len(pyodide.CORE)
    assert {name: after.get(name) for name in kept} == {name: before[name] for name in kept}


@pytest.mark.parametrize("name", pyodide.CORE)
def test_another_official_file_changes_both_addresses(source, tmp_path, name):
    assemble(tmp_path / "site", [source])
    before = {path.name for path in (tmp_path / "site").iterdir()}
    (pyodide.NPM / name).write_bytes(b"new")
    second, _ = assemble(tmp_path / "site", [source])
    after = {path.name for path in (tmp_path / "site").iterdir()}
    assert (len(after), before & after) == (2, set())
    assert problems(tmp_path / "site" / second.folder) == []


@pytest.mark.parametrize(
    "lost",
    [
        ("python-*/files.json", "python-*/normcourse-*"),
        ("pyodide-*/numpy-1.whl",),
        ("pyodide-*/*",),
        ("python-*/*", "pyodide-*/*"),
    ],
)
def test_a_folder_that_was_cut_short_is_made_again(source, tmp_path, lost):
    made, _ = assemble(tmp_path / "site", [source])
    for pattern in lost:
        for path in list((tmp_path / "site").glob(pattern)):
            path.unlink()
    assert assemble(tmp_path / "site", [source]) == (made, "")
    assert problems(tmp_path / "site" / made.folder) == []
    assert len(list((tmp_path / "site").iterdir())) == 2


def test_the_exercises_do_without_the_figures(source, tmp_path):
    (source.path / "six-1.whl").unlink()
    made, line = assemble(tmp_path / "site", [source])
    assert made.groups == ("exercises",)
    assert line.startswith("six: in no source")
    assert problems(tmp_path / "site" / made.folder) == []


@pytest.mark.parametrize("fault", ["gone", "changed"])
def test_without_numpy_there_is_nothing_and_the_reason(source, tmp_path, fault):
    assert assemble(tmp_path / "site", [source])[0]
    path = source.path / "numpy-1.whl"
    path.unlink() if fault == "gone" else path.write_bytes(b"changed")
    made, line = assemble(tmp_path / "site", [source])
    assert made is None
    assert "numpy" in line
    assert ("is not what the lock says" in line) == (fault == "changed")
    assert list((tmp_path / "site").iterdir()) == []  # of no use to the pages


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
