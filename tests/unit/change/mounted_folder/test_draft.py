"""A folder being changed: what it shows, and the plan that it becomes."""

import errno
from pathlib import Path

import pytest

from imgtools.change.change import MakeDirectory, MakeLink, Remove, SetMode, SetOwner, SetXattr, Upload
from imgtools.change.mounted_folder.draft import Draft
from imgtools.records.files import FileKind
from tests.support.memory import Content, Node, directory, link, memory_files

FILES: dict[str, Content] = {
    "/etc/hostname": Node(content=b"old\n", mode=0o640, uid=5),
    "/etc/link": link("hostname"),
    "/var/log/a": "a",
    "/var/log/b": "b",
}


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    return Draft(memory_files({**FILES, "/mnt": directory()}), tmp_path, {"/": "ext4", "/mnt": "ext4"})


def number_of(caught: pytest.ExceptionInfo[OSError]) -> int | None:
    return caught.value.errno


def test_an_untouched_folder_is_no_plan(draft: Draft) -> None:
    assert draft.list_dir("/etc") == ["hostname", "link"]
    assert draft.read("/etc/hostname", 2, 1) == b"ld"
    assert draft.read_link("/etc/link") == "hostname"
    assert list(draft.changes()) == []


def test_a_written_file_keeps_its_owner_and_mode(draft: Draft) -> None:
    draft.write("/etc/hostname", b"NEW", 0)
    assert draft.read("/etc/hostname", 10, 0) == b"NEW\n"
    (change,) = draft.changes()
    assert isinstance(change, Upload)
    assert (change.path, change.size, change.mode, change.uid) == ("/etc/hostname", 4, 0o640, 5)
    assert change.host_path.read_bytes() == b"NEW\n"


def test_an_editor_that_renames_over_a_file_rewrites_it(draft: Draft) -> None:
    draft.make("/etc/.tmp", FileKind.FILE, 0o600)
    draft.write("/etc/.tmp", b"new", 0)
    draft.rename("/etc/.tmp", "/etc/hostname")
    assert draft.list_dir("/etc") == ["hostname", "link"]
    (change,) = draft.changes()
    assert isinstance(change, Upload)
    assert (change.path, change.mode) == ("/etc/hostname", 0o600)


def test_changes_come_before_removals_and_new_things_after_directories_first(draft: Draft) -> None:
    draft.remove("/var/log/a")
    draft.remove("/var/log/b")
    draft.remove("/var/log")
    draft.make("/srv", FileKind.DIRECTORY, 0o750)
    draft.make("/srv/l", FileKind.LINK, 0o777, target="../etc")
    draft.set_facts("/etc/hostname", mode=0o600)
    draft.set_facts("/etc/link", uid=7)
    draft.set_xattr("/etc/hostname", "user.x", b"1")
    assert [(type(change), change.path) for change in draft.changes()] == [  # type: ignore[union-attr]
        (SetMode, "/etc/hostname"),
        (SetXattr, "/etc/hostname"),
        (SetOwner, "/etc/link"),
        (Remove, "/var/log"),
        (MakeDirectory, "/srv"),
        (MakeLink, "/srv/l"),
    ]


def test_what_was_made_and_removed_again_leaves_nothing(draft: Draft, tmp_path: Path) -> None:
    draft.make("/etc/x", FileKind.FILE, 0o644)
    draft.remove("/etc/x")
    assert list(draft.changes()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_removed_directory_made_again_is_empty(draft: Draft) -> None:
    for path in ("/var/log/a", "/var/log/b", "/var/log"):
        draft.remove(path)
    draft.make("/var/log", FileKind.DIRECTORY, 0o755)
    assert draft.list_dir("/var/log") == []
    assert [type(change) for change in draft.changes()] == [Remove, MakeDirectory]


@pytest.mark.parametrize("kind", ["ntfs", "vfat"])
def test_what_windows_does_not_know_is_refused_or_left_out(kind: str, tmp_path: Path) -> None:
    draft = Draft(memory_files(FILES), tmp_path, {"/": kind})
    draft.make("/etc/new", FileKind.FILE, 0o600)
    draft.set_facts("/etc/new", mode=0o640, uid=5)
    draft.set_facts("/etc/hostname", mode=0o640, gid=5)
    mistakes = [
        (lambda: draft.make("/etc/soft", FileKind.LINK, 0o777, target="x"), errno.EPERM),
        (lambda: draft.make("/etc/pipe", FileKind.FIFO, 0o600), errno.EPERM),
        (lambda: draft.make("/etc/a:b", FileKind.FILE, 0o600), errno.EINVAL),
        (lambda: draft.rename("/etc/new", "/etc/dot."), errno.EINVAL),
        (lambda: draft.make("/etc/Con.txt", FileKind.FILE, 0o600), errno.EINVAL),
    ]
    if kind == "vfat":
        mistakes.append((lambda: draft.link("/etc/new", "/etc/second"), errno.EPERM))
        mistakes.append((lambda: draft.set_xattr("/etc/new", "user.x", b""), errno.EOPNOTSUPP))
    for mistake, number in mistakes:
        with pytest.raises(OSError) as caught:
            mistake()
        assert number_of(caught) == number
    assert [change.path for change in draft.changes()] == ["/etc/new"]  # type: ignore[union-attr]


def test_each_mistake_has_the_number_of_a_filesystem(draft: Draft) -> None:
    mistakes = (
        (lambda: draft.stat("/none"), errno.ENOENT),
        (lambda: draft.list_dir("/etc/hostname"), errno.ENOTDIR),
        (lambda: draft.make("/etc/hostname", FileKind.FILE, 0o644), errno.EEXIST),
        (lambda: draft.make("/none/x", FileKind.FILE, 0o644), errno.ENOENT),
        (lambda: draft.remove("/var/log"), errno.ENOTEMPTY),
        (lambda: draft.rename("/var/log", "/var/log/below"), errno.EINVAL),
        (lambda: draft.rename("/etc", "/var"), errno.ENOTEMPTY),
        (lambda: draft.rename("/etc", "/var/log/a"), errno.ENOTDIR),
        (lambda: draft.rename("/etc", "/mnt/etc"), errno.EXDEV),
        (lambda: draft.rename("/mnt", "/var/mnt"), errno.EXDEV),
        (lambda: draft.remove("/mnt"), errno.EBUSY),
        (lambda: draft.link("/etc", "/etc2"), errno.EPERM),
        (lambda: draft.link("/etc/hostname", "/var/log/a"), errno.EEXIST),
        (lambda: draft.link("/etc/hostname", "/none/a"), errno.ENOENT),
        (lambda: draft.link("/etc/hostname", "/mnt/a"), errno.EXDEV),
        (lambda: draft.rename("/var/log/a", "/etc"), errno.EISDIR),
        (lambda: draft.make("/etc/" + "n" * 256, FileKind.FILE, 0o600), errno.ENAMETOOLONG),
        (lambda: draft.set_xattr("/etc/hostname", "system.posix_acl_access", b""), errno.EOPNOTSUPP),
    )
    for mistake, number in mistakes:
        with pytest.raises(OSError) as caught:
            mistake()
        assert number_of(caught) == number
    assert list(draft.changes()) == []
