"""How two guests differ, on guests in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.errors import NoSuchGuestFile, OddGuest, UsageError
from imgtools.files.tree import GuestTree
from imgtools.image.handle import Image
from imgtools.records.comparison import Changed, ContentCheck, FileDifference
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsInfo, OsType
from imgtools.workflows.diff import DiffWish, GuestDiffReport, diff
from imgtools.workflows.diff_config import compare_nodes, make_tree, says_secret
from imgtools.workflows.diff_files import FileWish, TreeComparison, check_wish
from imgtools.workflows.diff_sides import Side, require_two
from tests.support.memory import Content, MemoryFilesystem, Node, link, memory_files, memory_guest_image

HASH = "$6$salt$0123456789"
BASE: dict[str, Content] = {
    "/etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "/etc/hostname": "one\n",
    "/etc/fstab": "",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n",
    "/etc/shadow": f"root:{HASH}:19000:0:99999:7:::\nann:{HASH}:19000:0:99999:7:::\n",
    "/etc/group": "root:x:0:\nann:x:1000:\nsudo:x:27:ann\n",
    "/etc/systemd/system/multi-user.target.wants/ssh.service": link("/lib/systemd/system/ssh.service"),
    "/lib/systemd/system/ssh.service": "[Install]\nWantedBy=multi-user.target\n",
    "/lib/systemd/systemd": "",
    "/bin/sh": "",
    "/usr/bin/tool": b"\0binary",
    "/var/lib/dpkg/status": (
        "Package: bash\nStatus: install ok installed\nVersion: 5.1-1\nArchitecture: amd64\n\n"
        "Package: nginx\nStatus: install ok installed\nVersion: 1:1.18-0\nArchitecture: all\n"
    ),
}


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> object:
    """Compare two guests in memory."""

    def run(
        old: dict[str, Content], new: dict[str, Content], wish: DiffWish | None = None
    ) -> GuestDiffReport:
        images = {"old.img": memory_guest_image(old), "new.img": memory_guest_image(new)}

        @contextmanager
        def open_request(request: ImageRequest) -> Iterator[Image]:
            yield images[str(request.host_path)]

        monkeypatch.setattr("imgtools.workflows.diff_sides.open_request", open_request)
        monkeypatch.setattr("imgtools.workflows.diff.shared_blocks", lambda *_images: None)
        monkeypatch.setattr("imgtools.workflows.diff.compare_configuration", lambda *_what: iter(()))
        requests = [ImageRequest((DiskSource(Path(name)),)) for name in images]
        return diff(*requests, wish)

    return run


def facts(report: GuestDiffReport) -> list[tuple[str, ...]]:
    return [
        (
            one.about.value,
            one.name,
            one.became.value,
            one.field,
            *(v for v in (one.old, one.new) if v is not None),
        )
        for one in report.facts
    ]


def test_the_same_guest(compare) -> None:  # type: ignore[no-untyped-def]
    report = compare(BASE, dict(BASE))
    assert report.same and not report.facts and not report.files and not report.incomplete


def test_what_it_means_comes_as_facts(compare) -> None:  # type: ignore[no-untyped-def]
    new = BASE | {
        "/etc/hostname": "two\n",
        "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/zsh\n"
        "bob:x:1001:1001::/home/bob:/bin/sh\n",
        "/etc/group": "root:x:0:\nann:x:1000:\nsudo:x:27:ann,bob\nbob:x:1001:\n",
        "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nArchitecture: amd64\n\n"
        "Package: curl\nStatus: install ok installed\nVersion: 8\nArchitecture: amd64\n",
    }
    del new["/etc/systemd/system/multi-user.target.wants/ssh.service"]
    found = facts(compare(BASE, new, DiffWish(trees=False)))
    assert ("system", "hostname", "changed", "", "one", "two") in found
    assert ("package", "bash:amd64", "changed", "version", "5.1-1", "5.2-1") in found
    assert ("package", "curl:amd64", "added", "", "8") in found
    assert ("package", "nginx:all", "removed", "", "1:1.18-0") in found
    assert ("user", "ann", "changed", "shell", "/bin/sh", "/bin/zsh") in found
    assert ("group", "sudo", "changed", "members", "ann", "ann, bob") in found
    assert ("service", "ssh.service", "removed", "", "enabled") in found
    assert [one[:3] for one in found if one[0] == "user" and one[1] == "bob"] == [("user", "bob", "added")]


def test_a_password_that_differs_is_told_and_not_shown(compare) -> None:  # type: ignore[no-untyped-def]
    other = "$6$other$9876543210"
    new = BASE | {"/etc/shadow": f"root:{other}:19000:0:99999:7:::\nann:{HASH}:19000:0:99999:7:::\n"}
    report = compare(BASE, new, DiffWish(FileWish(content=True)))
    (found,) = report.facts
    assert (found.name, found.field, found.hidden, found.old, found.new) == (
        "root",
        "password",
        True,
        None,
        None,
    )
    assert "$6$" not in repr(report)


def test_accounts_that_do_not_parse_are_not_told_to_be_the_same(compare) -> None:  # type: ignore[no-untyped-def]
    report = compare(BASE, BASE | {"/etc/passwd": "root:x:zero\n"})
    assert report.incomplete and any("users are not compared" in one.text for one in report.warnings)
    assert [one.path for one in report.files] == ["/etc/passwd"]


def test_both_are_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "b").symlink_to("a")
    one, other = (ImageRequest((DiskSource(tmp_path / name),)) for name in "ab")
    with pytest.raises(UsageError, match="the same file"):
        require_two(one, other)
    require_two(one, replace(other, disks=(replace(other.disks[0], snapshot="s"),)))


def test_a_guest_of_two_disks_against_one() -> None:
    one = ImageRequest((DiskSource(Path("a")), DiskSource(Path("b"))))
    with pytest.raises(UsageError, match="2 disks and the second 1"):
        require_two(one, ImageRequest((DiskSource(Path("c")),)))


# -- files ---------------------------------------------------------------------------------------------------------


def side(files: dict[str, Content] | GuestTree) -> Side:
    tree = files if isinstance(files, GuestTree) else memory_files(files)
    return Side("side", tree, OsInfo(OsType.UNKNOWN))


def differences(old: object, new: object, wish: FileWish | None = None) -> list[FileDifference]:
    sides = [side(one) for one in (old, new)]  # type: ignore[arg-type]
    return list(TreeComparison(*sides, wish or FileWish()).differences())


def test_each_way_in_which_a_file_can_differ() -> None:
    old: dict[str, Content] = {
        "/same": "x",
        "/content": "old",
        "/mode": Node(content=b"x", mode=0o644),
        "/owner": Node(content=b"x", uid=0),
        "/xattrs": Node(content=b"x", xattrs={"user.a": b"1", "user.same": b"1"}),
        "/times": Node(content=b"x", mtime=1),
        "/target": link("one"),
        "/kind": "x",
        "/gone": "x",
    }
    new: dict[str, Content] = {
        "/same": "x",
        "/content": "new",
        "/mode": Node(content=b"x", mode=0o4755),
        "/owner": Node(content=b"x", uid=33),
        "/xattrs": Node(content=b"x", xattrs={"user.a": b"2", "user.same": b"1"}),
        "/times": Node(content=b"x", mtime=2),
        "/target": link("two"),
        "/kind": link("x"),
        "/come": "x",
    }
    found = {one.path: (one.became.value, one.details) for one in differences(old, new)}
    assert found == {
        "/content": ("changed", ("content",)),
        "/mode": ("changed", ("mode",)),
        "/owner": ("changed", ("owner",)),
        "/xattrs": ("changed", ("xattrs",)),
        "/target": ("changed", ("target",)),
        "/kind": ("changed", ("kind", "mode")),
        "/gone": ("removed", ()),
        "/come": ("added", ()),
    }
    with_times = {one.path: one.details for one in differences(old, new, FileWish(times=True))}
    assert with_times["/times"] == ("times",) and "/same" not in with_times


def test_paths_and_patterns() -> None:
    old: dict[str, Content] = {"/etc/a": "1", "/etc/b.pyc": "1", "/etc/cache/x/y": "1", "/var/a": "1"}
    new: dict[str, Content] = {"/etc/a": "2", "/etc/b.pyc": "2", "/etc/cache/x/y": "2", "/var/a": "2"}

    def paths(wish: FileWish) -> list[str]:
        return [one.path for one in differences(old, new, wish)]

    assert paths(FileWish(("/etc", "/etc/a"))) == ["/etc/a", "/etc/b.pyc", "/etc/cache/x/y"]
    assert paths(FileWish(exclude=("*.pyc", "/etc/cache"))) == ["/etc/a", "/var/a"]
    assert paths(FileWish(exclude=("/etc/*",))) == ["/var/a"]
    with pytest.raises(NoSuchGuestFile):
        paths(FileWish(("/gone",)))


def test_a_path_that_one_side_has() -> None:
    found = differences({"/opt/a/x": ""}, {"/etc/x": ""}, FileWish(("/opt/a",)))
    assert [(one.path, one.became) for one in found] == [
        ("/opt/a", Changed.REMOVED),
        ("/opt/a/x", Changed.REMOVED),
    ]


def test_a_path_behind_a_link_is_called_as_it_was_asked_for() -> None:
    old: dict[str, Content] = {"/bin": link("usr/bin"), "/usr/bin/a": "1"}
    new: dict[str, Content] = {"/bin": link("usr/bin"), "/usr/bin/a": "2"}
    assert [one.path for one in differences(old, new, FileWish(("/bin",)))] == ["/bin/a"]


def test_text_is_shown_only_of_what_everybody_may_read() -> None:
    old: dict[str, Content] = {
        "/etc/motd": "one\n",
        "/etc/closed": Node(content=b"secret one\n", mode=0o600),
        "/etc/shadow": "root:secret\n",
        "/bin/x": b"\0a",
    }
    new: dict[str, Content] = {
        "/etc/motd": "two\n",
        "/etc/closed": Node(content=b"secret two\n", mode=0o600),
        "/etc/shadow": "root:secrets\n",
        "/bin/x": b"\0b",
    }
    found = {one.path: one.diff for one in differences(old, new, FileWish(content=True))}
    assert found.pop("/etc/motd") == "--- a/etc/motd\n+++ b/etc/motd\n@@ -1 +1 @@\n-one\n+two\n"
    assert set(found) == {"/bin/x", "/etc/closed", "/etc/shadow"} and not any(found.values())


def test_checksums_of_what_differs() -> None:
    (found,) = differences({"/a": "x", "/b": ""}, {"/a": "y", "/b": ""}, FileWish(checksum="md5"))
    assert found.old and found.new
    assert (found.old.checksum, found.new.checksum) == (
        "9dd4e461268c8034f5c8564e155c67a6",
        "415290769594460e2e485922904f345d",
    )
    with pytest.raises(UsageError, match="no such checksum"):
        check_wish(FileWish(checksum="crc"))


class Clocked(MemoryFilesystem):
    """With times of inodes, as a disk has them; reading a file is counted."""

    def __init__(self, files: dict[str, Content], ctimes: dict[str, int]) -> None:
        super().__init__(files)
        self.ctimes, self.opened = ctimes, list[str]()

    def lookup(self, path: str) -> FileStat | None:
        found = super().lookup(path)
        return None if found is None else replace(found, ctime=self.ctimes.get(path, 1), mtime=5)

    def open(self, path: str):  # type: ignore[no-untyped-def]
        self.opened.append(path)
        return super().open(path)


@pytest.mark.parametrize(
    ("how", "found", "opened"),
    [
        (ContentCheck.TIMES, [], []),
        (ContentCheck.CHANGED, ["/touched"], ["/equal", "/touched"]),
        (ContentCheck.ALL, ["/hidden", "/touched"], ["/equal", "/hidden", "/touched"]),
    ],
)
def test_how_content_is_told_to_be_the_same(how: ContentCheck, found: list[str], opened: list[str]) -> None:
    """`/hidden` was changed behind the back of its filesystem: only reading everything finds that."""
    old = Clocked({"/equal": "a", "/hidden": "a", "/touched": "a"}, {})
    new = Clocked({"/equal": "a", "/hidden": "b", "/touched": "b"}, {"/touched": 2, "/equal": 2})
    trees = [GuestTree({"/": one}, Engine.MEMORY) for one in (old, new)]
    assert [one.path for one in differences(*trees, FileWish(compare=how))] == found
    assert old.opened == new.opened == opened


@pytest.mark.parametrize(
    ("ctime", "related", "is_read"), [(1, False, False), (10**9, False, True), (10**9, True, False)]
)
def test_equal_times_in_whole_seconds_prove_nothing(ctime: int, related: bool, is_read: bool) -> None:
    """An image that can be made again has one time for all its files; two of them may hold different ones."""
    disks = [Clocked({"/x": text}, {"/x": ctime}) for text in ("a", "b")]
    sides = [side(GuestTree({"/": disk}, Engine.MEMORY)) for disk in disks]
    found = list(TreeComparison(*sides, FileWish(), related=related).differences())
    assert [one.path for one in found] == (["/x"] if is_read else [])


class Damaged(MemoryFilesystem):
    """With a folder that cannot be listed and a file whose inode is lost."""

    def scan(self, path: str):  # type: ignore[no-untyped-def]
        if path == "/bad":
            raise OddGuest("damaged")
        return [
            FileEntry(one.name, FileStat(FileKind.UNKNOWN, 0)) if one.name == "lost" else one
            for one in super().scan(path)
        ]


def test_what_cannot_be_read_is_not_told_to_be_gone() -> None:
    files: dict[str, Content] = {"/bad/a/b": "x", "/bad2": "x", "/good": "x", "/lost": "x"}
    old, new = memory_files(files), GuestTree({"/": Damaged(files)}, Engine.MEMORY)
    for sides in ((old, new), (new, old)):
        found = TreeComparison(*(side(one) for one in sides), FileWish())
        assert list(found.differences()) == []
        assert [one.path for one in found.refused.warnings] == ["/bad", "/lost"]


# -- configuration -------------------------------------------------------------------------------------------------


def nodes(old: list[tuple[str, str | None]], new: list[tuple[str, str | None]]) -> list[tuple[str, ...]]:
    return [
        (one.became.value, one.name, one.old or "", one.new or "")
        for one in compare_nodes(make_tree(old), make_tree(new), "/files/f")
    ]


def test_nodes_by_name() -> None:
    old = [("#comment[1]", "one"), ("PermitRootLogin", "no"), ("Port", "22"), ("Match/User", "a")]
    new = [("PermitRootLogin", "yes"), ("#comment[1]", "other"), ("UseDNS", "no"), ("Match/User", "a")]
    assert nodes(old, new) == [
        ("changed", "/files/f/PermitRootLogin", "no", "yes"),
        ("removed", "/files/f/Port", "22", ""),
        ("added", "/files/f/UseDNS", "", "no"),
    ]


def test_a_node_that_only_moved_to_another_number_is_the_same() -> None:
    old = [("1/ipaddr", "::1"), ("1/canonical", "a"), ("2/ipaddr", "::2"), ("2/canonical", "b")]
    new = [("1/ipaddr", "::9"), ("1/canonical", "z"), *((f"{int(n[0]) + 1}{n[1:]}", v) for n, v in old)]
    assert nodes(old, new) == [
        ("added", "/files/f/1/ipaddr", "", "::9"),
        ("added", "/files/f/1/canonical", "", "z"),
    ]


def test_one_of_a_name_and_two() -> None:
    assert nodes([("AcceptEnv", "A")], [("AcceptEnv[1]", "A"), ("AcceptEnv[2]", "B")]) == [
        ("added", "/files/f/AcceptEnv[2]", "", "B")
    ]


def test_a_node_too_deep() -> None:
    with pytest.raises(OddGuest):
        make_tree([("/".join("a" * 100), "x")])


@pytest.mark.parametrize(
    ("name", "values", "is_secret"),
    [
        ("rootpw/password", ("hunter2",), True),
        ("psk", (None, "abcdefgh"), True),
        ("DefaultPassword", ("x", None), True),
        ("PasswordAuthentication", ("yes", "no"), False),
        ("PASS_MAX_DAYS", ("99999", "90"), False),
        ("Port", ("22", "2222"), False),
    ],
)
def test_names_of_secrets(name: str, values: tuple[str | None, ...], is_secret: bool) -> None:
    assert says_secret(name, *values) is is_secret
