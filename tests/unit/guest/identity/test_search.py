"""What a search of all files finds, where it looks, and where it stops."""

from __future__ import annotations

from itertools import count

import pytest

from imgtools.errors import BadImage
from imgtools.guest.identity.collect import Identity, Kind
from imgtools.guest.identity.search import CHUNK, Bounds, Searched, Trace, search
from tests.support.memory import Content, Node, link, memory_files

NAME = Identity(Kind.HOST_NAME, "web1", ("web1",))
ADDRESS = Identity(Kind.ADDRESS, "10.0.0.5", ("10.0.0.5",))
ID = Identity(Kind.MACHINE_ID, "a" * 32, ("a" * 32, "A" * 32))


def look(
    files: dict[str, Content], *identities: Identity, bounds: Bounds | None = None, since: int = 0
) -> Searched:
    return search(memory_files(files), identities, bounds=bounds, since=since)


def places(found: Searched) -> list[str]:
    return [one.path for one in found.traces]


def test_everywhere_the_machines_own_first() -> None:
    files: dict[str, Content] = {
        "/usr/share/doc/a": "web1",
        "/data/b": "at web1.",
        "/etc/c": "x web1\n",
        "/usr/local/d": "\0web1\0",
        "/top": "web1",
        "/proc/e": "web1",
        "/bin": link("usr/bin"),
        "/usr/bin/f": "WEB1 aweb1 web10 web1_ web-1",
    }
    found = look(files, NAME)
    assert places(found) == ["/top", "/etc/c", "/usr/local/d", "/data/b", "/usr/share/doc/a"]
    assert found.files == 6 and found.size == 4 + 8 + 7 + 6 + 4 + 28
    assert found.stopped == "" and found.passed_over == 0


def test_a_word_in_what_the_distribution_ships_is_a_word() -> None:
    word = Identity(Kind.HOST_NAME, "elsewhere", ("elsewhere",))
    files: dict[str, Content] = {"/usr/lib/a.py": "look elsewhere web1", "/usr/local/b": "elsewhere"}
    assert [(one.text, one.path) for one in look(files, word, NAME).traces] == [
        ("elsewhere", "/usr/local/b"),
        ("web1", "/usr/lib/a.py"),
    ]


def test_names_of_files_folders_and_links() -> None:
    files: dict[str, Content] = {
        "/var/lib/web1/data": "",
        "/var/a": link("web1"),
        "/var/rabbit@web1": link("x"),
    }
    assert look(files, NAME).traces == [
        Trace(Kind.HOST_NAME, "web1", "/var/lib/web1", in_name=True),
        Trace(Kind.HOST_NAME, "web1", "/var/rabbit@web1", in_name=True),
    ]


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("10.0.0.5", True),
        ("=10.0.0.5/24", True),
        ("at 10.0.0.5.", True),
        ("10.0.0.53", False),
        ("10.0.0.5.1", False),
        ("110.0.0.5", False),
        ("1.10.0.0.5", False),
        ("::ffff:10.0.0.5", False),
    ],
)
def test_an_address_is_no_part_of_a_longer_one(text: str, is_there: bool) -> None:
    assert bool(look({"/etc/a": text}, ADDRESS).traces) is is_there


def test_what_lies_across_two_pieces_is_found_once() -> None:
    for before in range(CHUNK - 5, CHUNK + 2):
        found = look({"/var/a": b"." * before + b"web1." + b"." * CHUNK + b"web1"}, NAME)
        assert places(found) == ["/var/a"], before
    for before in range(CHUNK - 6, CHUNK + 2):  # nor is a part of a word taken for it
        assert not places(look({"/var/a": b"." * before + b"aweb12" + b"." * CHUNK}, NAME)), before


def test_bounds() -> None:
    files: dict[str, Content] = {f"/etc/{number:02}": "web1 " * 10 for number in range(30)}
    assert len(look(files, NAME).traces) == 20
    two = look(files, NAME, ID, bounds=Bounds(of_identity=3))
    assert len(two.traces) == 3 and two.files == 30
    few = look(files, NAME, bounds=Bounds(traces=5))
    assert len(few.traces) == 5 and few.stopped == "5 traces were found"
    small = look(files, NAME, bounds=Bounds(total=120))
    assert (small.size, small.stopped) == (120, "120 bytes were read")
    clock = map(float, count()).__next__
    slow = search(memory_files(files), [NAME], bounds=Bounds(seconds=4), clock=clock)
    assert slow.stopped == "4 seconds were not enough" and slow.files < 5


def test_of_large_files_the_beginning_is_read_and_of_programs_nothing() -> None:
    files: dict[str, Content] = {
        "/etc/a": "x" * 20 + " web1",
        "/usr/lib/b": "web1" + "x" * 20,
        "/usr/lib/c": "web1",
    }
    found = look(files, NAME, bounds=Bounds(of_file=20, of_shipped=10))
    assert places(found) == ["/usr/lib/c"] and found.passed_over == 2 and found.files == 2


def test_a_damaged_file_does_not_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    files = memory_files({"/etc/a": "web1", "/etc/b": "web1"})
    opened = files.open

    def broken(path: str) -> object:
        if path == "/etc/a":
            raise BadImage("a block lies outside")
        return opened(path)

    monkeypatch.setattr(files, "open", broken)
    found = search(files, [NAME])
    assert places(found) == ["/etc/b"] and found.passed_over == 1


# -- logs ----------------------------------------------------------------------------------------------------

SECOND = 10**9
BUILT = 1_700_000_000 * SECOND  # November 2023
LATER = BUILT + 86400 * SECOND
LOGS = {
    "rfc3339": "2024-05-01T10:00:00Z web a\n",
    "dpkg": "2024-05-01 10:00:00 status installed\n",
    "bracket": "[2024-05-01 10:00:00] started\n",
    "pri": "<13>2024-05-01T10:00:00 x\n",
    "json": '{"@timestamp":"2024-05-01T10:00:00Z"}\n',
    "syslog": "Dec  1 10:00:00 web sshd[1]: x\n",
    "apache": '10.0.0.9 - - [01/May/2024:10:00:00 +0000] "GET / HTTP/1.1" 200\n',
}
NO_LOGS = {
    "old": "2019-05-01 10:00:00 x\n",
    "inside": "released 2024-05-01 10:00:00\n",
    "no-month": "Foo  1 10:00:00 x\n",
    "no-date": "2024-19-39 10:00:00 x\n",
    "old-apache": "h - - [01/May/2019:10:00:00 +0000] x\n",
    "no-apache": "h - - [01/Foo/2024:10:00:00 +0000] x\n",
}


@pytest.mark.parametrize("name", [*LOGS, *NO_LOGS])
def test_text_of_logs_tells_of_the_machine_wherever_it_stands(name: str) -> None:
    line = (LOGS | NO_LOGS)[name]
    node = Node(content=line.encode() * 3, mtime=LATER)
    found = look({"/opt/x": node}, since=BUILT)
    assert [(one.kind, one.path) for one in found.traces] == ([(Kind.LOG, "/opt/x")] if name in LOGS else [])


def test_what_is_older_than_the_system_or_shipped_with_it_is_no_log_of_the_machine() -> None:
    three = (LOGS["dpkg"] * 3).encode()
    files: dict[str, Content] = {
        "/var/a": Node(content=three, mtime=BUILT),
        "/usr/share/b": Node(content=three, mtime=LATER),
        "/var/c": Node(content=three[:-60], mtime=LATER),
        "/var/d": Node(content=b"\0" + three, mtime=LATER),
    }
    assert look(files, since=BUILT).traces == []
