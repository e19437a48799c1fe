"""Which files grep searches, and what it says of them."""

import gzip

import pytest

from imgtools.errors import NoSuchGuestFile, UsageError
from imgtools.files.line_search import LinePattern
from imgtools.workflows.grep import GrepReport, GrepWanted, grep_files
from tests.support.memory import Node, link, memory_guest_image, serve

FILES = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/var/log/syslog": "one\nneedle here\nthree\n",
    "/var/log/syslog.1.gz": Node(content=gzip.compress(b"an older needle\n")),
    "/var/log/syslog.2.gz": Node(content=gzip.compress(b"needle\n" * 1000)[:-9]),
    "/var/log/windows.txt": Node(content="a needle\r\n".encode("utf-16")),
    "/var/log/wtmp": Node(content=b"\0\0needle\0"),
    "/var/log/current": link("syslog"),
    "/var/log/old/needle.txt": "needle needles\n",
    "/var/log/[odd]": "needle\n",
}

NEEDLE = LinePattern("needle")


def found(
    monkeypatch: pytest.MonkeyPatch,
    *paths: str,
    pattern: LinePattern = NEEDLE,
    wanted: GrepWanted | None = None,
) -> GrepReport:
    request = serve(monkeypatch, "grep", memory_guest_image(FILES))
    return grep_files(request, pattern, paths, wanted)


def test_folders_are_searched_with_all_that_is_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    report = found(monkeypatch, "/var/log", wanted=GrepWanted(exclude=("*.2.gz",)))
    rows = [(row.path.removeprefix("/var/log/"), row.line, row.text) for row in report.rows]
    assert rows == [
        ("[odd]", 1, "needle"),
        ("old/needle.txt", 1, "needle needles"),
        ("syslog", 2, "needle here"),
        ("syslog.1.gz", 1, "an older needle"),
        ("windows.txt", 1, "a needle"),
        ("wtmp", 0, ""),
    ]
    assert [row.path for row in report.rows if row.binary] == ["/var/log/wtmp"]
    assert (report.searched, report.incomplete, report.warnings) == (6, False, ())


def test_what_cannot_be_read_to_its_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    report = found(monkeypatch, "/var/log/syslog.2.gz", "/etc/os-release", pattern=LinePattern("e"))
    assert report.incomplete
    assert [warning.path for warning in report.warnings] == ["/var/log/syslog.2.gz"]
    assert "damaged" in report.warnings[0].text
    assert report.rows[-1].path == "/etc/os-release"  # the others are searched


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (GrepWanted(include=("*.txt",)), ["needle.txt", "windows.txt"]),
        (GrepWanted(include=("*.txt", "wtmp")), ["needle.txt", "windows.txt", "wtmp"]),
        (GrepWanted(include=("*.txt",), exclude=("w*",)), ["needle.txt"]),
        (GrepWanted(include=("*.txt",), exclude_dir=("old",)), ["windows.txt"]),
        (GrepWanted(exclude_dir=("log",), include=("*.txt",)), ["needle.txt", "windows.txt"]),  # named itself
    ],
)
def test_which_files_are_searched(
    monkeypatch: pytest.MonkeyPatch, wanted: GrepWanted, names: list[str]
) -> None:
    report = found(monkeypatch, "/var/log", wanted=wanted)
    assert [row.path.rpartition("/")[2] for row in report.rows] == names


def test_a_named_file_is_searched_whatever_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    report = found(monkeypatch, "/var/log/current", wanted=GrepWanted(include=("*.txt",)))
    assert [(row.path, row.line) for row in report.rows] == [("/var/log/syslog", 2)]


def test_patterns_name_files_where_no_file_has_such_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [row.path for row in found(monkeypatch, "/var/log/[odd]").rows] == ["/var/log/[odd]"]
    assert [row.path for row in found(monkeypatch, "/var/log/sys*.1.gz").rows] == ["/var/log/syslog.1.gz"]
    for missing in ("/var/log/nothing*", "/nowhere"):
        with pytest.raises(NoSuchGuestFile, match=f"{missing[:5]}"):
            found(monkeypatch, "/var/log/syslog", missing)


def test_only_what_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    only = GrepWanted(only_matching=True)
    report = found(monkeypatch, "/var/log/old", pattern=LinePattern("needles?", before=1), wanted=only)
    assert [row.text for row in report.rows] == ["needle", "needles"]
    with pytest.raises(UsageError, match="no match to show"):
        found(monkeypatch, "/var/log/old", pattern=LinePattern("needle", invert=True), wanted=only)


def test_binary_files_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = found(monkeypatch, "/var/log/wtmp", wanted=GrepWanted(as_text=True)).rows
    assert (row.line, row.text, row.binary) == (1, "\0\0needle\0", False)
