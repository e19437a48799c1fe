"""What is checked before a file is written: would the guest still understand it?"""

from pathlib import Path

import pytest

from imgtools.change.change import Upload, WriteFile
from imgtools.errors import EditFailed
from imgtools.guest.checks import LARGEST, check_writes
from imgtools.records.disks import Disk, Layout
from imgtools.records.system import Warned
from tests.support.memory import link, memory_files, memory_volume

ROOT = memory_volume("/dev/sda1", uuid="1111-2222")
LAYOUT = Layout((Disk("/dev/sda", 1 << 30),), volumes=(ROOT,))


def check(
    path: str,
    content: str,
    before: str | None = None,
    *,
    thorough: bool = True,
    told: tuple[Warned, ...] = (),
) -> tuple[Warned, ...]:
    files = memory_files({} if before is None else {path: before})
    change = WriteFile(path, content.encode("utf-8", "surrogateescape"))
    return check_writes([change], files, lambda: LAYOUT, ROOT, thorough=thorough, told=told)


@pytest.mark.host
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/etc/fstab", "UUID=1111-2222 / ext4 defaults 0 1\nproc /proc proc defaults 0 0\n"),
        ("/etc/fstab", "UUID=1111-2222 / ext3,auto defaults 0 1 # the root\n\n  # nothing\ntmpfs /t tmpfs\n"),
        ("/etc/passwd", "root:x:0:0::/root:/bin/sh\n+::::::\n# of the house\n"),
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


@pytest.mark.host
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
        ("/etc/passwd", "bob:x:one:1::/:/bin/sh\n", "line 1: no name, or a number that is none"),
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


def test_what_was_wrong_before_is_no_reason_to_refuse() -> None:
    """Who mends one line of two must be let; the other is named."""
    before = "UUID=3333 /home ext4 defaults 0 1\nUUID=1111-2222 /\n"
    after = "UUID=3333 /home ext4 defaults 0 1\nUUID=1111-2222 / ext4 defaults 0 1\n"
    (warning,) = check("/etc/fstab", after, before)
    assert warning.text == "line 1: UUID=3333 for /home is not in this image, as before"
    told = (Warned("line 1: UUID=3333 for /home is not in this image", "/etc/fstab"),)
    assert check("/etc/fstab", after, before, told=told) == ()


def test_a_second_problem_of_the_same_words_is_new() -> None:
    before = "root:x:0:0::/root:/bin/sh\nbob:x\n"
    check("/etc/passwd", before, before)
    with pytest.raises(EditFailed, match="line 3"):
        check("/etc/passwd", f"{before}eve:x\n", before)


@pytest.mark.parametrize(
    "path", ["/etc/fstab", "/etc/passwd", "/etc/sudoers.d/x", "/etc/ssh/sshd_config.d/x.conf"]
)
@pytest.mark.host
def test_what_locks_out_is_looked_at_in_every_plan(path: str) -> None:
    with pytest.raises(EditFailed):
        check(path, "Match\n" if "sshd" in path else "x\n", thorough=False)


def test_other_files_are_looked_at_where_that_is_asked_for() -> None:
    assert check("/etc/app.json", "{", thorough=False) == ()


def test_a_copied_file_is_looked_at_too(tmp_path: Path) -> None:
    copied = tmp_path / "archive"
    copied.write_bytes(b"....bob:x\n....")
    change = Upload("/etc/passwd", copied, 6, offset=4)
    with pytest.raises(EditFailed, match="line 1: 2 fields"):
        check_writes([change], memory_files({}), lambda: LAYOUT, ROOT, thorough=False)


@pytest.mark.parametrize(("size", "is_looked_at"), [(LARGEST, True), (LARGEST + 1, False)])
def test_no_file_of_any_size_is_looked_at(tmp_path: Path, size: int, is_looked_at: bool) -> None:
    content = b"#" * (size - 2) + b"\nx"
    path = tmp_path / "passwd"
    path.write_bytes(content)
    change = Upload("/etc/group", path, size)
    if is_looked_at:
        with pytest.raises(EditFailed):
            check_writes([change], memory_files({}), lambda: LAYOUT, ROOT, thorough=False)
    else:
        assert check_writes([change], memory_files({}), lambda: LAYOUT, ROOT, thorough=False) == ()


def test_a_link_to_a_decisive_file_is_that_file() -> None:
    files = memory_files({"/etc/fstab": "", "/root/tab": link("/etc/fstab")})
    with pytest.raises(EditFailed, match="/etc/fstab"):
        check_writes([WriteFile("/root/tab", b"x\n")], files, lambda: LAYOUT, ROOT, thorough=False)
