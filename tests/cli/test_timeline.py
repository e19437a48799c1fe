"""imgtools timeline, on images."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tests.support.memory import Content, Node, memory_guest_image, serve
from tests.unit.guest.logs.test_utmp import utmp

T = 1_709_294_400  # 2024-03-01 12:00 UTC
GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\0",
    "/var/log/dpkg.log": Node(
        content=b"2024-03-01 12:00:10 install nginx:amd64 <none> 1.18\n", mtime=T * 10**9
    ),
    "/var/log/wtmp": Node(content=utmp("x86_64", 7, user="ann", line="pts/0", time=T), mtime=T * 10**9),
    '/srv/a|b",\x1b[31m': Node(content=b"x", mtime=(T + 5) * 10**9, mode=0o640, uid=7),
}
OTHERS = ("--kind", "package", "--kind", "login")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def run(*words: str, code: int = 0):  # type: ignore[no-untyped-def]
        serve(monkeypatch, "timeline", memory_guest_image(GUEST))
        return imgtools("timeline", "memory.img", *words, code=code)

    return run


def test_a_line_each(told) -> None:  # type: ignore[no-untyped-def]
    assert told(*OTHERS).out.splitlines() == [
        "Time\tKind\tWhat\tWhere\tText",
        "2024-03-01T12:00:00Z\tlogin\tlogin\t/var/log/wtmp\tann on pts/0",
        "2024-03-01T12:00:10Z\tpackage\tinstall\t/var/log/dpkg.log\tnginx:amd64 1.18",
    ]


def test_json_and_a_line_each(told) -> None:  # type: ignore[no-untyped-def]
    entries = told(*OTHERS, "--json").data["entries"]
    lines = [json.loads(line) for line in told(*OTHERS, "--json-lines").out.splitlines()]
    assert entries == lines and [one["what"] for one in lines] == ["login", "install"]
    (file,) = told("--kind", "file", "--path", "/srv", "--since", "@1", "--json").data["entries"]
    assert file["file"] == {
        "kind": "file",
        "size": 1,
        "mode": 0o640,
        "uid": 7,
        "gid": 0,
        "inode": file["file"]["inode"],
    }


def test_csv_is_csv_whatever_a_name_holds(told) -> None:  # type: ignore[no-untyped-def]
    rows = list(
        csv.DictReader(io.StringIO(told("--csv", "--path", "/srv", "--kind", "file", "--since", "@1").out))
    )
    assert [(row["where"], row["mode"], row["uid"], row["what"]) for row in rows] == [
        ('/srv/a|b",\\x1b[31m', "0640", "7", "m...")
    ]


def test_body_has_eleven_fields_whatever_a_name_holds(told) -> None:  # type: ignore[no-untyped-def]
    lines = told("--body").out.splitlines()
    assert {line.count("|") for line in lines} == {10}
    (odd,) = (line for line in lines if "/srv/a" in line)
    assert odd.split("|")[1] == '/srv/a%7Cb",\\x1b[31m'
    assert odd.split("|")[3:9] == ["r/rrw-r-----", "7", "0", "1", "0", str(T + 5)]


@pytest.mark.parametrize(
    "words",
    [
        ("--body", "--csv"),
        ("--json", "--json-lines"),
        ("--body", "--since", "yesterday"),
        ("--body", "--kind", "log"),
        ("--since", "never"),
        ("--since", "2024-03-02", "--until", "2024-03-01"),
        ("--kind", "nothing"),
    ],
)
def test_words_that_do_not_fit(told, words: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    told(*words, code=2)


def test_a_path_that_is_not_there(told) -> None:  # type: ignore[no-untyped-def]
    told("--path", "/gone", code=25)


def test_events_of_windows() -> None:
    entries = imgtools("timeline", fixture_image("windows"), "--kind", "event", "--json", code=None).data[
        "entries"
    ]
    times = [one["time"] for one in entries]
    assert times == sorted(times)


def test_a_file_is_born_when_its_filesystem_says_so() -> None:
    found = imgtools("timeline", fixture_image("debian"), "--kind", "file", "--json").data["entries"]
    times = [one["time"] for one in found]
    assert times == sorted(times)
    assert any("b" in one["what"] for one in found)


def test_the_body_file_says_what_that_of_the_sleuth_kit_says(tmp_path: Path) -> None:
    """`fls -m` reads the same ext4 with code of its own: names, inodes, owners, sizes and times."""
    tree, image = tmp_path / "tree", tmp_path / "disk.raw"
    (tree / "etc" / "deep").mkdir(parents=True)
    (tree / "etc" / "deep" / "file").write_text("content")
    (tree / "etc" / "link").symlink_to("deep/file")
    (tree / "setuid").write_text("x")
    (tree / "setuid").chmod(0o4755)
    with image.open("wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, image], check=True)
    done = subprocess.run(["fls", "-r", "-p", "-m", "/", image], check=True, capture_output=True, text=True)
    theirs = {line.split("|")[1]: line.split("|")[2:] for line in done.stdout.splitlines()}
    ours = {
        line.split("|")[1]: line.split("|")[2:]
        for line in imgtools("timeline", image, "--body").out.splitlines()
    }
    for path in ("/etc/deep/file", "/setuid", "/etc/deep"):
        assert ours[path][0] == theirs[path][0].partition("-")[0]
        assert ours[path][1:] == theirs[path][1:], path
