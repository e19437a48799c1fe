"""Files of a mounted filesystem: what is asked of the appliance, and what comes back."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from imgtools.engine.appliance.calls import CallFailed
from imgtools.engine.appliance.files import PIECE, ApplianceFilesystem
from imgtools.errors import OddGuest
from imgtools.records.files import FileKind, FileStat
from tests.support.appliance import FakeCalls

FILE = FileStat(FileKind.FILE, 5)
FOLDER = FileStat(FileKind.DIRECTORY, 4096)
LINK = FileStat(FileKind.LINK, 17)


class FakeAppliance:
    """An appliance whose calls are made at once."""

    def __init__(self, calls: FakeCalls) -> None:
        self.calls = calls

    def call(self, work: Callable[[], Any], *, seconds: float = 0) -> Any:
        return work()


@pytest.fixture
def calls() -> FakeCalls:
    """A filesystem with a folder, two files and a name that is not UTF-8."""
    fake = FakeCalls()
    fake.stats = {b"/v0/etc": FOLDER, b"/v0/etc/a": FILE, b"/v0/etc/b\xff": FILE}
    fake.contents = {b"/v0/etc/a": b"hello", b"/v0/etc/b\xff": b"bytes"}
    return fake


def filesystem(calls: FakeCalls, content: str = "ext4") -> ApplianceFilesystem:
    """The filesystem on /v0."""
    return ApplianceFilesystem(FakeAppliance(calls), "/v0", content)  # type: ignore[arg-type]


def test_names_that_are_not_utf8_are_found_listed_and_read(calls: FakeCalls) -> None:
    files = filesystem(calls)
    assert [entry.name for entry in files.scan("/etc")] == ["a", "b\udcff"]
    assert files.lookup("/etc/b\udcff") == FILE
    assert files.open("/etc/b\udcff").read() == b"bytes"


def test_what_is_not_there_is_none(calls: FakeCalls) -> None:
    files = filesystem(calls)
    assert files.lookup("/etc/nothing") is None
    calls.stats[b"/v0/etc/a/b"] = errno.ENOTDIR
    assert files.lookup("/etc/a/b") is None


def test_after_a_listing_nothing_in_it_is_asked_again(calls: FakeCalls) -> None:
    files = filesystem(calls)
    files.scan("/etc")
    calls.asked.clear()
    assert files.lookup("/etc/a") == FILE
    assert files.lookup("/etc/nothing") is None
    assert [entry.name for entry in files.scan("/etc")] == ["a", "b\udcff"]
    assert calls.asked == []


def test_where_case_does_not_count_a_listing_does_not_say_no(calls: FakeCalls) -> None:
    files = filesystem(calls, "vfat")
    files.scan("/etc")
    calls.stats[b"/v0/etc/A"] = FILE
    assert files.ignores_case
    assert files.lookup("/etc/A") == FILE


def test_a_name_with_a_damaged_inode_is_there_and_unknown(calls: FakeCalls) -> None:
    calls.stats[b"/v0/etc/bad"] = errno.EUCLEAN
    files = filesystem(calls)
    lookup = files.lookup("/etc/bad")
    assert lookup is not None
    assert lookup.kind is FileKind.UNKNOWN
    assert {entry.name: entry.stat.kind for entry in files.scan("/etc")}["bad"] is FileKind.UNKNOWN


def test_other_failures_are_errors_with_the_guests_path(calls: FakeCalls) -> None:
    calls.stats[b"/v0/etc/secret"] = errno.EACCES
    with pytest.raises(CallFailed, match=r"^/etc/secret: Permission denied$"):
        filesystem(calls).lookup("/etc/secret")


def test_damage_met_while_reading_is_the_guests(calls: FakeCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    def pread(path: bytes, length: int, offset: int) -> bytes:
        raise CallFailed("pread: /v0/etc/a", errno.EIO)

    monkeypatch.setattr(calls, "pread", pread)
    with pytest.raises(OddGuest, match="/etc/a cannot be read: Input/output error"):
        filesystem(calls).open("/etc/a").read()


def test_reads_seek_and_end_where_the_file_ends(calls: FakeCalls) -> None:
    content = bytes(range(256)) * 4096 * 3 + b"end"
    calls.contents[b"/v0/etc/a"] = content
    calls.stats[b"/v0/etc/a"] = FileStat(FileKind.FILE, len(content))
    with filesystem(calls).open("/etc/a") as stream:
        assert stream.read() == content
        assert stream.seek(-3, 2) == len(content) - 3
        assert stream.read() == b"end"
        stream.seek(PIECE - 2)
        assert stream.read(4) == content[PIECE - 2 : PIECE + 2]
    assert max(len(path) for _, path in calls.asked) < 100


def test_a_large_file_takes_few_requests(calls: FakeCalls) -> None:
    content = bytes(4 * PIECE)
    calls.contents[b"/v0/etc/a"] = content
    calls.stats[b"/v0/etc/a"] = FileStat(FileKind.FILE, len(content))
    assert len(filesystem(calls).open("/etc/a").read()) == len(content)
    assert [name for name, _ in calls.asked].count("pread") == 4


def test_junctions_do_not_lead_to_where_the_appliance_mounts(calls: FakeCalls) -> None:
    """ntfs-3g prolongs the targets of junctions by its own mount point."""
    calls.stats[b"/v0/Documents and Settings"] = LINK
    calls.links[b"/v0/Documents and Settings"] = b"/sysroot/v0/Users"
    files = filesystem(calls, "ntfs")
    assert files.read_link("/Documents and Settings") == "/Users"
    lookup = files.lookup("/Documents and Settings")
    assert lookup is not None
    assert lookup.size == 6
    (scanned,) = [one.stat for one in filesystem(calls, "ntfs").scan("/") if one.stat.kind is FileKind.LINK]
    assert scanned.size == 6


def test_on_linux_filesystems_a_target_is_what_it_is(calls: FakeCalls) -> None:
    calls.links[b"/v0/l"] = b"/sysroot/v0/\xff"
    assert filesystem(calls).read_link("/l") == "/sysroot/v0/\udcff"


def test_a_filesystem_without_attributes_has_none(calls: FakeCalls) -> None:
    assert filesystem(calls).xattrs("/etc/a") == {}
