"""The C library's structures, as far as they can be checked without an appliance."""

from __future__ import annotations

import ctypes

import guestfs
import pytest

from imgtools.engine.appliance.calls import CallFailed, Calls, _file_stat, _Statns
from imgtools.records.files import FileKind


def statns(**facts: int) -> _Statns:
    """A structure as the daemon fills it."""
    found = _Statns()
    for name, value in facts.items():
        setattr(found, name, value)
    return found


def test_a_device_node_has_linux_numbers() -> None:
    # What lstatns said of a block device 259, 70000, made with mknod in the appliance.
    found = _file_stat(statns(mode=0o060644, rdev=286327664, nlink=1))
    assert (found.kind, found.device, found.mode) == (FileKind.BLOCK, (259, 70000), 0o644)


def test_times_are_nanoseconds() -> None:
    found = _file_stat(statns(mode=0o100755, size=7, mtime_sec=1795231749, mtime_nsec=835999618))
    assert (found.kind, found.size, found.mtime) == (FileKind.FILE, 7, 1795231749835999618)
    assert found.device == (0, 0)


def test_set_id_bits_stay_and_times_may_be_before_1970() -> None:
    found = _file_stat(statns(mode=0o104755, atime_sec=-1, atime_nsec=500))
    assert (found.mode, found.atime) == (0o4755, -(10**9) + 500)


def test_the_structure_is_as_large_as_libguestfs_has_it() -> None:
    assert ctypes.sizeof(_Statns) == 22 * 8  # struct guestfs_statns: 22 int64_t


def test_a_handle_that_is_not_launched_is_a_named_error(capfd: pytest.CaptureFixture[str]) -> None:
    """The library is there, takes the binding's handle, and its complaint is not printed."""
    calls = Calls(guestfs.GuestFS(python_return_dict=True))
    with pytest.raises(CallFailed, match="lstatns: call launch before using this function"):
        calls.lstat(b"/\xff")
    with pytest.raises(CallFailed):
        calls.shell(b"true")
    assert capfd.readouterr().err == ""
