"""Every file that tells of logins."""

from __future__ import annotations

import gzip

from imgtools.guest.logs.logins import read_logins
from imgtools.guest.logs.utmp import LoginRecord
from imgtools.records.system import Warned
from tests.support.memory import Content, memory_files
from tests.unit.guest.logs.test_utmp import T, utmp


def read(files: dict[str, Content]) -> tuple[list[tuple[str, str, str]], list[Warned]]:
    found = list(read_logins(memory_files(files), "x86_64"))
    warnings = [one for one in found if isinstance(one, Warned)]
    records = [one for one in found if not isinstance(one, Warned)]
    assert all(isinstance(one[1], LoginRecord) for one in records)
    return [(path, one.kind.value, one.user) for path, one in records], warnings


def test_old_and_packed_files_count_too() -> None:
    records, warnings = read(
        {
            "/var/log/wtmp": utmp("x86_64", 7, user="ann"),
            "/var/log/wtmp.1": utmp("x86_64", 7, user="bob"),
            "/var/log/wtmp-20240201.gz": gzip.compress(utmp("x86_64", 7, user="eve")),
            "/var/log/btmp": utmp("x86_64", 6, user="root"),
            "/var/log/wtmpx": b"another program's",
        }
    )
    assert sorted(records) == [
        ("/var/log/btmp", "failed login", "root"),
        ("/var/log/wtmp", "login", "ann"),
        ("/var/log/wtmp-20240201.gz", "login", "eve"),
        ("/var/log/wtmp.1", "login", "bob"),
    ]
    assert not warnings


def test_a_damaged_file_costs_only_its_rest() -> None:
    records, warnings = read(
        {
            "/var/log/wtmp": utmp("x86_64", 7, user="ann") + b"\xff" * 384,
            "/var/log/btmp": utmp("x86_64", 6, user="x"),
        }
    )
    assert {one[2] for one in records} == {"ann", "x"}
    assert [one.path for one in warnings] == ["/var/log/wtmp"] and "byte 384" in warnings[0].text


def test_what_is_not_read_is_said() -> None:
    _, warnings = read({"/var/lib/wtmpdb/wtmp.db": b"SQLite format 3\0"})
    assert [one.path for one in warnings] == ["/var/lib/wtmpdb/wtmp.db"]


def test_last_logins_have_names() -> None:
    from imgtools.guest.logs.utmp import layout_of

    form = layout_of("x86_64").lastlog
    records, _ = read({"/etc/passwd": "root:x:0:0::/:\n", "/var/log/lastlog": form.pack(T, b"tty1", b"")})
    assert records == [("/var/log/lastlog", "last login", "root")]
