"""Configuration files through their lenses: what their readers take is taken, and keeps its bytes."""

from __future__ import annotations

import pytest

from imgtools.engine.augeas_files import ConfigFile, edit_config
from imgtools.engine.lens_text import tolerant
from imgtools.errors import OddGuest

FSTAB = "/etc/fstab"


def test_a_file_whose_last_line_has_no_end_keeps_it_so() -> None:
    assert ConfigFile("/etc/ssh/sshd_config", b"PermitRootLogin no").get("PermitRootLogin") == "no"
    assert edit_config("/etc/hosts", b"10.0.0.1 a", [("1/canonical", "b")]) == b"10.0.0.1 b"
    assert edit_config("/etc/hosts", b"10.0.0.1 a\n", [("1/canonical", "b")]) == b"10.0.0.1 b\n"
    assert edit_config("/etc/hosts", None, [("1/ipaddr", "::1"), ("1/canonical", "b")]) == b"::1\tb\n"


@pytest.mark.parametrize(
    "line",
    [
        b"/dev/sda1 / ext4 rw,,nodev 0 1",
        b"/dev/sda1 / ext4 defaults, 0 1",
        b"/dev/sda1 / ext4 ,",
        b"/dev/sda1 / ext3,,ext4 rw 0 1",
        b"/dev/sda1 / ext4 rw 0 1 more",
        b"/dev/sda1 / ext4 rw 0 1\r",
        b"/dev/sda1 / ext4 rw,, 0 1 # why",
    ],
)
def test_an_fstab_that_mount_reads_is_read_and_other_lines_keep_their_bytes(line: bytes) -> None:
    content = b"# disks\n" + line + b"\n/dev/sdb1 /data xfs ro 0 2\n"
    config = ConfigFile(FSTAB, content)
    assert (config.get("1/file"), config.get("2/opt")) == ("/", "ro")
    assert config.text() == content
    assert edit_config(FSTAB, content, [("2/opt", "rw")]) == content.replace(b"xfs ro", b"xfs rw")
    assert edit_config(FSTAB, content, [("2", None)]) == b"# disks\n" + line + b"\n"


def test_a_changed_line_is_written_as_the_lens_writes_it() -> None:
    content = b"/dev/sda1 / ext4 rw,,nodev 0 1\n/dev/sda2 /a ext4 rw, 0 2"
    edited = edit_config(FSTAB, content, [("1/opt[2]", "noexec")])
    assert edited == b"/dev/sda1 / ext4 rw,noexec 0 1\n/dev/sda2 /a ext4 rw, 0 2"


def test_an_fstab_that_mount_does_not_read_is_refused_with_its_line() -> None:
    with pytest.raises(OddGuest, match=r"/etc/fstab:2: does not parse"):
        ConfigFile(FSTAB, b"/dev/sda1 / ext4 rw 0 1\n/dev/sda2 /a\n")


def test_other_lenses_have_no_second_way() -> None:
    assert tolerant(b"a,,b\n", "Hosts.lns") is None
