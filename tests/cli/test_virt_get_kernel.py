"""imgtools virt virt-get-kernel: the newest kernel under the peer's options and words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image

KERNEL = "6.1.0-18-amd64"


def get(*words: str | Path, code: int = 0) -> str:
    ran = imgtools("virt", "virt-get-kernel", *words, code=code)
    return ran.out if code == 0 else ran.err.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "you must give either -a or -d options"),
        (("-a", "x", "-d", "y"), "you cannot give -a and -d options together"),
        (("-a", "x", "-a", "y"), "--add option can only be given once"),
        (("-a", "x", "--prefix", "p", "--prefix", "q"), "--prefix option can only be given once"),
        (("-a", "x", "y"), "stray argument 'y'"),
        (("--machine-readable=paper",), "invalid format string for --machine-readable: paper"),
        (("-a", fixture_image("debian"), "-o", "/nowhere"), "no such folder: /nowhere"),
        (("-a", fixture_image("windows")), "Windows 10 Pro has no kernel of Linux"),
    ],
)
def test_what_is_refused(words: tuple[str | Path, ...], says: str) -> None:
    assert get(*words, code=1) == f"virt-get-kernel: {says}"


def test_the_newest_is_copied_and_named(tmp_path: Path) -> None:
    image = fixture_image("debian")
    names = [f"vmlinuz-{KERNEL}", f"initrd.img-{KERNEL}"]
    said = get("-a", image, "--format", "qcow2", "-o", tmp_path)
    assert said == "".join(f"download: /boot/{name} -> {tmp_path}/{name}\n" for name in names)
    for name in names:
        (told,) = imgtools("ls", image, f"/boot/{name}", "--json").data["files"]
        assert (tmp_path / name).stat().st_size == told["size"]
        (tmp_path / name).write_text("old")
    assert get("-add", image, "-q", "-o", tmp_path) == ""  # one dash will do; what is there gives way
    assert all((tmp_path / name).read_bytes() != b"old" for name in names)


def test_names_without_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = get("-a", fixture_image("debian"), "--unversioned-names", "--prefix", "web")
    assert said.splitlines()[0] == f"download: /boot/vmlinuz-{KERNEL} -> ./web-vmlinuz"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["web-initrd.img", "web-vmlinuz"]


def test_what_it_can_do_is_told_to_programs(tmp_path: Path) -> None:
    assert get("--machine-readable") == "virt-get-kernel\n"
    assert get(f"--machine-readable=file:{tmp_path / 'facts'}") == ""
    assert (tmp_path / "facts").read_text() == "virt-get-kernel\n"


def test_an_error_is_told_as_json_too(tmp_path: Path) -> None:
    place = tmp_path / "told"
    words = ("x", "x", f"--machine-readable=file:{place}")
    imgtools("virt", "virt-sparsify", *words, code=1)
    (line,) = place.read_text().splitlines()
    assert json.loads(line)["type"] == "error"
