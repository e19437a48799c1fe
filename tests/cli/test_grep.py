"""imgtools grep, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.command import Ran, imgtools
from tests.support.fixtures import fixture_image
from tests.support.memory import Content, Node, memory_guest_image, serve

GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/etc/a.conf": "one\nport 22\nthree\n",
    "/etc/b.conf": "Port 80\nport 443\n\n\n\nport 8080",
    "/etc/c.bin": Node(content=b"\0port\0"),
    "/etc/\x1b[31m": "port 1\n",
    "/srv/gone.gz": "not packed: port\n",
}
Run = Callable[..., Ran]


@pytest.fixture
def grep(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*words: str, code: int = 0) -> Ran:
        serve(monkeypatch, "grep", memory_guest_image(GUEST))
        return imgtools("grep", "memory.img", *words, code=code)

    return run


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("port", "/etc/a.conf"), ["port 22"]),  # one file: no need to say which
        (
            ("port", "/etc/[ab].conf"),
            ["/etc/a.conf:port 22", "/etc/b.conf:port 443", "/etc/b.conf:port 8080"],
        ),
        (("-n", "port", "/etc/a.conf"), ["2:port 22"]),
        (("-i", "-c", "port", "/etc/[ab].conf"), ["/etc/a.conf:1", "/etc/b.conf:3"]),
        (("-l", "port", "/etc", "--include", "*.conf"), ["/etc/a.conf", "/etc/b.conf"]),
        (("-o", "[0-9]+", "/etc/a.conf"), ["22"]),
        (("-v", "port|^$", "/etc/a.conf"), ["one", "three"]),
        (("-C", "1", "-n", "port", "/etc/a.conf"), ["1-one", "2:port 22", "3-three"]),
        (("-A1", "443|8080", "/etc/b.conf"), ["port 443", "", "--", "port 8080"]),
        (("-F", "port 22", "/etc/a.conf"), ["port 22"]),
        (("-w", "por", "/etc/a.conf", "/etc/c.bin"), None),
        (("-x", "one|por", "/etc/a.conf"), ["one"]),
        (("--max-count", "1", "port", "/etc/b.conf"), ["port 443"]),
        (("port", "/etc/c.bin"), ["/etc/c.bin: binary file matches"]),
        (("--text", "port", "/etc/c.bin"), [r"\x00port\x00"]),
    ],
)
def test_what_is_printed(grep: Run, words: tuple[str, ...], lines: list[str] | None) -> None:
    ran = grep(*words, code=0 if lines else 1)
    assert ran.out.splitlines() == (lines or [])


def test_names_are_cleaned(grep: Run) -> None:
    assert "\x1b" not in grep("port", "/etc").out


def test_without_a_path_everything_is_searched(grep: Run) -> None:
    ran = grep("-l", "not packed|ID=", code=1)
    assert ran.out.splitlines() == ["/etc/os-release"]
    assert "/srv/gone.gz" in ran.err


def test_the_document(grep: Run) -> None:
    document = json.loads(grep("--json", "-B1", "port", "/etc/a.conf").out)
    assert document["schema"] == "imgtools.grep/1"
    assert document["data"]["rows"] == [
        {"path": "/etc/a.conf", "line": 1, "text": "one", "match": False, "binary": False},
        {"path": "/etc/a.conf", "line": 2, "text": "port 22", "match": True, "binary": False},
    ]
    assert document["data"]["searched"] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nothing of this", "/etc"), 1, ""),
        (("port", "/nowhere"), 25, "no such file in the guest: /nowhere"),
        (("(", "/etc"), 2, "not a regular expression"),
        (("-c", "-l", "port", "/etc"), 2, "three answers"),
        (("-o", "-v", "port", "/etc"), 2, "no match to show"),
    ],
)
def test_what_is_refused(grep: Run, words: tuple[str, ...], code: int, says: str) -> None:
    ran = grep(*words, code=code)
    assert says in ran.err
    assert not ran.out


def test_on_an_image() -> None:
    ran = imgtools("grep", fixture_image("debian"), "-n", "-w", "root", "/etc/passwd", "/etc/group")
    assert ran.out.splitlines()[0].startswith("/etc/passwd:1:root:x:0:0:")
