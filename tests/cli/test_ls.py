"""imgtools ls, as it is typed: forms of times, CSV, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest

from imgtools.cli import ls as ls_command
from tests.support.command import Ran, imgtools
from tests.support.fixtures import fixture_image
from tests.support.memory import Content, Node, link, memory_guest_image, serve

DAY = 86400
NOW = 1_700_000_000
GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/etc/passwd": "bob:x:1000:100::/home/bob:/bin/sh\n",
    "/srv/now": Node(content=b"abc", mtime=(NOW - DAY + 1) * 10**9, uid=1000),
    "/srv/old": Node(content=b"abc", mtime=(NOW - DAY) * 10**9, mode=0o4755),
    "/srv/then": Node(content=b"", mtime=(NOW + DAY) * 10**9),
    "/srv/way": link('a,"b'),
    "/srv/\x1b[31m\n": "",
}
Run = Callable[..., Ran]


@pytest.fixture
def ls(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(ls_command, "clock", lambda: NOW * 10**9)

    def run(*words: str, code: int = 0) -> Ran:
        serve(monkeypatch, "ls", memory_guest_image(GUEST))
        return imgtools("ls", "memory.img", *words, code=code)

    return run


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("/srv", "--time", "years"), 2, "no such form of times: years"),
        (("/srv", "--csv", "--json"), 2, "--csv does not go with"),
        (("/srv", "--csv", "-h"), 2, "--csv does not go with"),
        (("/srv/none",), 25, "no such file in the guest: /srv/none"),
        (("/srv/old/x",), 25, "not a directory in the guest: /srv/old"),
    ],
)
def test_what_is_refused(ls: Run, words: tuple[str, ...], code: int, says: str) -> None:
    ran = ls(*words, code=code)
    assert says in ran.err
    assert not ran.out or "--json" in words


@pytest.mark.parametrize(
    ("form", "now", "old", "then"),
    [
        ("utc", "2023-11-13T22:13:21Z", "2023-11-13T22:13:20Z", "2023-11-15T22:13:20Z"),
        ("seconds", str(NOW - DAY + 1), str(NOW - DAY), str(NOW + DAY)),
        ("relative", str(DAY - 1), str(DAY), str(-DAY)),
        ("days", "0", "1", "-1"),
    ],
)
def test_times_have_the_form_that_is_asked_for(ls: Run, form: str, now: str, old: str, then: str) -> None:
    rows = [line.split("\t") for line in ls("/srv", "--time", form).out.splitlines()]
    assert rows[0][5] == "Modified"
    assert {row[-1]: row[5] for row in rows[1:] if row[-1] in ("now", "old", "then")} == {
        "now": now,
        "old": old,
        "then": then,
    }


def test_csv_has_a_line_for_each_file_with_all_that_is_known(ls: Run) -> None:
    ran = ls("/srv", "--csv", "--checksum", "md5", "--time", "days")
    assert "\x1b" not in ran.out
    rows = list(csv.DictReader(ran.out.splitlines()))
    assert [row["path"] for row in rows] == [
        "/srv/\\x1b[31m\\n",
        "/srv/now",
        "/srv/old",
        "/srv/then",
        "/srv/way",
    ]
    now = rows[1]
    assert (now["kind"], now["mode"], now["uid"], now["owner"], now["size"]) == (
        "-",
        "0644",
        "1000",
        "bob",
        "3",
    )
    assert now["checksum"] == "900150983cd24fb0d6963f7d28e17f72"
    assert rows[2]["mode"] == "4755"
    assert rows[2]["mtime"] == "1"
    assert rows[4]["target"] == 'a,"b'


def test_csv_of_an_image() -> None:
    ran = imgtools("ls", fixture_image("debian"), "/etc/ssh", "--csv")
    names = imgtools("ls", fixture_image("debian"), "/etc/ssh").out.splitlines()
    assert [row["path"] for row in csv.DictReader(ran.out.splitlines())] == [
        f"/etc/ssh/{name}" for name in names
    ]
