"""Records of logins, on every layout."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest

from imgtools.guest.logs.utmp import BadRecord, LoginKind, LoginRecord, layout_of, read_lastlog, read_records

T = 1_709_294_400  # 2024-03-01 12:00 UTC
ARCHES = ("x86_64", "i386", "aarch64", "s390x", "ppc64le")


def utmp(
    arch: str, kind: int, *, user: str = "", line: str = "", host: str = "", pid: int = 0, time: int = T,
    micros: int = 0, address: bytes = b"",
) -> bytes:  # fmt: skip
    form = layout_of(arch).utmp
    texts = (text.encode() for text in (line, "", user, host))
    return form.pack(kind, pid, *texts, 0, 0, 0, time, micros, address)


@pytest.mark.parametrize(
    ("arch", "size", "last"),
    [("x86_64", 384, 292), ("aarch64", 400, 296), ("s390x", 400, 296), ("ppc64le", 384, 292)],
)
def test_sizes_of_glibc(arch: str, size: int, last: int) -> None:
    layout = layout_of(arch)
    assert (layout.utmp.size, layout.lastlog.size) == (size, last)


@pytest.mark.parametrize("arch", ARCHES)
def test_what_records_tell(arch: str) -> None:
    content = b"".join(
        (
            utmp(arch, 2, user="reboot", line="~", host="6.1.0-18-amd64"),
            utmp(arch, 1, user="runlevel", line="~", pid=ord("5")),
            utmp(arch, 6, user="LOGIN", line="tty1", pid=5),
            utmp(arch, 7, user="ann", line="pts/0", host="", pid=42, micros=5, address=bytes([192, 0, 2, 1])),
            utmp(arch, 8, line="pts/0", pid=42, time=T + 60),
            utmp(arch, 1, user="shutdown", line="~", host="6.1.0"),
            utmp(arch, 7, user="gone", time=0),
        )
    )
    found = list(read_records(io.BytesIO(content), layout_of(arch)))
    assert found == [
        LoginRecord(T * 10**9, LoginKind.BOOT, "", "", "6.1.0-18-amd64"),
        LoginRecord(T * 10**9, LoginKind.RUN_LEVEL, "", "5", ""),
        LoginRecord(T * 10**9 + 5000, LoginKind.LOGIN, "ann", "pts/0", "192.0.2.1", 42),
        LoginRecord((T + 60) * 10**9, LoginKind.LOGOUT, "", "pts/0", "", 42),
        LoginRecord(T * 10**9, LoginKind.SHUTDOWN, "", "", "6.1.0"),
    ]


def test_of_btmp_each_is_a_login_that_failed() -> None:
    content = utmp("x86_64", 6, user="root", line="ssh:notty", host="203.0.113.9", pid=7)
    (found,) = read_records(io.BytesIO(content), layout_of("x86_64"), failed=True)
    assert (found.kind, found.user, found.host) == (LoginKind.FAILED, "root", "203.0.113.9")


def test_a_file_that_ends_within_a_record() -> None:
    content = utmp("x86_64", 7, user="ann") * 2
    reading = read_records(io.BytesIO(content[:-1]), layout_of("x86_64"))
    assert next(reading).user == "ann"
    with pytest.raises(BadRecord, match="ends within a record, at byte 384"):
        next(reading)


@pytest.mark.parametrize("content", [b"\xff" * 384, b"plain text\n" * 100])
def test_what_is_no_record(content: bytes) -> None:
    with pytest.raises(BadRecord):
        list(read_records(io.BytesIO(content), layout_of("x86_64")))


def test_last_logins_of_the_accounts_that_there_are() -> None:
    form = layout_of("x86_64").lastlog
    content = bytearray(form.size * 1001)
    form.pack_into(content, form.size * 1000, T, b"pts/0", b"192.0.2.1")
    users = {0: "root", 1000: "ann", 1001: "behind the end", 4_294_967_295: "nobody"}
    assert list(read_lastlog(io.BytesIO(content), layout_of("x86_64"), users)) == [
        LoginRecord(T * 10**9, LoginKind.LAST, "ann", "pts/0", "192.0.2.1")
    ]


@pytest.mark.host
def test_last_says_the_same(tmp_path: Path) -> None:
    content = b"".join(
        utmp("x86_64", 7, user=f"user{n}", line=f"pts/{n}", host=f"192.0.2.{n}", pid=n, time=T + n)
        for n in range(1, 30)
    )
    (tmp_path / "wtmp").write_bytes(content)
    done = subprocess.run(
        ["last", "-w", "--time-format", "iso", "-f", tmp_path / "wtmp"],
        check=True, capture_output=True, text=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    theirs = {tuple(line.split()[:4]) for line in done.stdout.splitlines() if line.startswith("user")}
    ours = set()
    for one in read_records(io.BytesIO(content), layout_of("x86_64")):
        second = one.time // 10**9 - T
        ours.add((one.user, one.line, one.host, f"2024-03-01T12:00:{second:02}+00:00"))
    assert theirs == ours and len(ours) == 29


def test_struct_has_no_padding_of_this_machine() -> None:
    assert struct.calcsize(layout_of("aarch64").utmp.format) == 400
