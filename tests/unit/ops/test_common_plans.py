"""The steps that many operations take, each at its boundary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest

from imgtools.change.change import Change, EditLines, LineEdit, Remove, RunInGuest, Truncate, WriteFile
from imgtools.errors import OddGuest
from imgtools.ops import common_plans as plans
from imgtools.records.files import FileKind
from tests.support.memory import Content, Node, directory, link, memory_files
from tests.support.sysprep import guest_of

TREE: dict[str, Content] = {
    "/var/a/one": "1",
    "/var/a/two": "22",
    "/var/a/.dot": "333",
    "/var/a/link": link("/var/b/"),
    "/var/a/pipe": Node(FileKind.FIFO),
    "/var/b/three": "4444",
    "/var/empty": directory(),
    "/lib": link("/var"),
}


def paths(changes: Iterable[Change]) -> list[str]:
    return [change.path for change in changes]  # type: ignore[union-attr]


def test_the_weight_of_a_tree_is_its_regular_files_and_all_its_names() -> None:
    files = memory_files(TREE)
    assert plans.weigh(files, "/var/a") == (6, 6)
    assert plans.weigh(files, "/var/empty") == (0, 1)
    assert plans.removal(files, "/var/a") == Remove("/var/a", recursive=True, size=6, count=6)
    assert plans.removal(files, "/var/a/two") == Remove("/var/a/two", size=2)
    assert plans.removal(files, "/var/a/link") == Remove("/var/a/link", size=7)
    assert plans.removal(files, "/var/none") == Remove("/var/none", size=0)


def test_what_matches_is_removed_once_sorted_and_as_the_shell_sees_it() -> None:
    files = memory_files(TREE)
    found = list(plans.remove_matching(files, "/var/a/t*", "/var/a/*", "/lib/a/one", "/gone/*"))
    assert paths(found) == ["/var/a/link", "/var/a/one", "/var/a/pipe", "/var/a/two"]
    kept = plans.remove_matching(files, "/var/a/*", keep=("/var/a/one", "/var/a/link"))
    assert paths(kept) == ["/var/a/pipe", "/var/a/two"]
    guest = guest_of(TREE)
    plan = plans.removing("/var/a/o*", "/var/a/.d*", keep=("/var/a/one",))
    assert paths(plan(guest, None)) == ["/var/a/.dot"]


def test_a_directory_is_emptied_of_dot_files_too_and_stays() -> None:
    guest = guest_of(TREE)
    wanted = Remove("/var/a", recursive=True, contents_only=True, size=6, count=5)
    assert list(plans.emptying("/var/a", "/var/empty", "/var/none", "/var/a/one")(guest, None)) == [wanted]
    assert list(plans.empty_directory(guest.files, "/lib/a")) == [wanted]
    one = memory_files({"/x/y": ""})
    assert list(plans.empty_directory(one, "/x")) == [
        Remove("/x", recursive=True, contents_only=True, count=1)
    ]


def test_only_files_below_a_directory_go() -> None:
    files = memory_files(TREE)
    found = list(plans.remove_files_below(files, "/var/[ae]*", "/var/b/three", keep_names=("one",)))
    assert found == [Remove("/var/a/.dot", size=3), Remove("/var/a/two", size=2)]


def test_lines_are_dropped_from_files_where_they_really_are() -> None:
    guest = guest_of(TREE)
    found = list(plans.dropping_lines("x=", "/lib/a/o*", "/var/empty", "/var/b/*")(guest, None))
    edit = (LineEdit("x="),)
    assert found == [EditLines("/var/a/one", edit), EditLines("/var/b/three", edit)]


def test_only_a_file_that_holds_something_is_emptied() -> None:
    files = memory_files({"/a": "12", "/b": "", "/c": link("/a"), "/d/e": "", "/f": link("/d")})
    found = [change for path in ("/a", "/b", "/c", "/d", "/none") for change in plans.truncate(files, path)]
    assert found == [Truncate("/a", size_before=2)]
    through = memory_files({"/d/e": "1", "/f": link("/d")})
    assert list(plans.truncate(through, "/f/e")) == [Truncate("/d/e", size_before=1)]


def test_a_file_is_written_again_only_if_it_changes() -> None:
    files = memory_files({"/a": b"\xff1", "/b": link("/a")})
    digest = hashlib.sha256(b"\xff1").hexdigest()
    assert list(plans.rewrite(files, "/b", "\udcff1")) == []
    assert list(plans.rewrite(files, "/b", "\udcfe")) == [WriteFile("/a", b"\xfe", before=digest)]


def test_homes_are_those_of_accounts_and_what_is_below_home() -> None:
    passwd = "root:x:0:0::/root:\nx:x:1:1::/srv/x:\ny:x:2:2::/none:\nz:x:3:3::/:\n"
    more: dict[str, Content] = {
        "/etc/passwd": passwd, "/srv/x/.h": "1", "/home/gone/.h": "22", "/home/file": "", "/root/.h": "",
        "/home/alice": directory(),
    }  # fmt: skip
    guest = guest_of(more)
    assert plans.homes(guest.files) == ("/root", "/srv/x", "/home/alice", "/home/gone")
    assert list(plans.removing_from_homes(".h", ".none")(guest, None)) == [
        Remove("/home/gone/.h", size=2), Remove("/root/.h"), Remove("/srv/x/.h", size=1),
    ]  # fmt: skip
    with pytest.raises(OddGuest):
        list(plans.removing_from_homes(".h")(guest_of({"/etc/passwd": "odd\n"}), None))


@pytest.mark.parametrize(
    ("tools", "runs"),
    [
        (("/usr/bin/update-ca-trust",), "update-ca-trust extract"),
        (("/usr/sbin/update-ca-certificates",), "update-ca-certificates"),
        (("/usr/bin/update-ca-trust", "/usr/sbin/update-ca-certificates"), "update-ca-trust extract"),
        ((), None),
    ],
)
def test_one_tool_of_the_guest_puts_certificates_together(tools: tuple[str, ...], runs: str | None) -> None:
    found = list(plans.refresh_ca_store(guest_of(dict.fromkeys(tools, ""))))
    assert found == ([RunInGuest(runs, what=runs)] if runs else [])
