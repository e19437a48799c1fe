"""What is checked before a file is written: would the guest still understand it?"""

import pytest

from imgtools.errors import EditFailed
from imgtools.guest.checks import check_content
from imgtools.records.disks import Disk, Layout
from imgtools.records.system import Warned
from tests.support.memory import memory_volume

ROOT = memory_volume("/dev/sda1", uuid="1111-2222")
LAYOUT = Layout((Disk("/dev/sda", 1 << 30),), volumes=(ROOT,))


def check(path: str, content: str) -> tuple[Warned, ...]:
    return check_content(path, content.encode("utf-8", "surrogateescape"), LAYOUT, ROOT)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/etc/fstab", "UUID=1111-2222 / ext4 defaults 0 1\nproc /proc proc defaults 0 0\n"),
        ("/etc/fstab", "UUID=1111-2222 / ext3,auto defaults 0 1 # the root\n\n  # nothing\ntmpfs /t tmpfs\n"),
        ("/etc/passwd", "root:x:0:0::/root:/bin/sh\n+::::::\n"),
        ("/etc/app.json", "{}"),
        ("/etc/netplan/a.yaml", "network:\n  version: 2\n"),
        ("/etc/app.toml", "a = 1\n"),
        ("/etc/ssh/sshd_config", "PermitRootLogin no\n"),
        ("/etc/sudoers", "root ALL=(ALL) ALL\n"),
        ("/opt/whatever", "\x00 not known"),
    ],
)
def test_what_is_right_or_unknown_passes(path: str, content: str) -> None:
    assert check(path, content) == ()


@pytest.mark.parametrize(
    ("path", "content", "where"),
    [
        (
            "/etc/fstab",
            "UUID=3333 /home ext4 defaults 0 1\n",
            "line 1: UUID=3333 for /home is not in this image",
        ),
        ("/etc/fstab", "UUID=1111-2222 / xfs defaults 0 1\n", "line 1: UUID=1111-2222 is ext4, not xfs"),
        ("/etc/fstab", "# x\nUUID=1111-2222 /\n", "line 2: 2 fields"),
        ("/etc/fstab", "UUID=1111-2222 / ext4 defaults 0 1 2\n", "line 1: 7 fields"),
        ("/etc/fstab", "UUID=1111-2222 home ext4 defaults 0 1\n", "not a mount point: home"),
        ("/etc/fstab", "UUID=1111-2222 / ext4 defaults, ro 0\n", "not a number: ro"),
        ("/etc/passwd", "root:x:0:0::/root:/bin/sh\nbob:x\n", "line 2: 2 fields where there should be 7"),
        ("/etc/app.json", "{", "not JSON"),
        ("/etc/netplan/a.yaml", "a: [", "not YAML"),
        ("/etc/app.toml", "a =", "not TOML"),
        ("/etc/sudoers.d/bob", "# me\nbob ALL=(ALL\n", "/etc/sudoers.d/bob: line 2:"),
        ("/etc/hosts", "127.0.0.1\n", "/etc/hosts"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: str, content: str, where: str) -> None:
    with pytest.raises(EditFailed) as caught:
        check(path, content)
    assert where in caught.value.message
    assert "--no-check" in caught.value.hint


def test_a_volume_that_may_be_missing_is_only_a_warning() -> None:
    (warning,) = check("/etc/fstab", "UUID=3333 /data ext4 nofail 0 0\n")
    assert "/data" in warning.text
