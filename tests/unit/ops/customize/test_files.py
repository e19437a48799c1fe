"""Customizations of files: what the guest has afterwards, and what is refused."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange
from imgtools.change.contradictions import refuse_contradictions
from imgtools.change.writable_tree import WritableTree
from imgtools.errors import HostError, ImgtoolsError, NoSuchGuestFile, NotADirectory, NotAFile, UsageError
from imgtools.ops.customize_plan import Named, Order, plan_orders
from imgtools.records.files import FileKind
from tests.support.memory import Content, Node, directory, link
from tests.unit.ops.customize.test_shelf import used

FILES: dict[str, Content] = {
    "/srv/www/index": Node(content=b"hello", mode=0o640, uid=33, gid=33, mtime=7, xattrs={"user.a": b"1"}),
    "/srv/www/deep/log": "line\n",
    "/srv/www/empty": "",
    "/srv/www/link": link("index"),
    "/opt": directory(),
    "/bin/sh": "",
}


def carried(*wanted: tuple[str, str]) -> WritableTree:
    guest, tree = used(FILES)
    plan = refuse_contradictions(
        tuple(plan_orders(guest, [Named(name, Order(text)) for name, text in wanted])), tree
    )
    apply_changes(tree, [change for change in plan if isinstance(change, FileChange)])
    return tree


def facts(tree: WritableTree, path: str) -> tuple[int, int, int]:
    stat = tree.stat(path)
    return stat.mode & 0o7777, stat.uid, stat.gid


# -- inside the guest ----------------------------------------------------------------------------------------


def test_a_folder_is_copied_with_everything(tmp_path: Path) -> None:
    tree = carried(("copy", "/srv/www:/opt"), ("copy", "/srv/www:/opt/other"))
    for top in ("/opt/www", "/opt/other"):
        assert tree.read_text(f"{top}/deep/log") == "line\n"
        assert tree.read_link(f"{top}/link") == "index"
        assert facts(tree, f"{top}/index") == (0o640, 33, 33)
        assert tree.stat(f"{top}/index").mtime == 7
        assert tree.xattrs(f"{top}/index") == {"user.a": b"1"}


def test_a_link_is_copied_as_a_link() -> None:
    assert carried(("copy", "/srv/www/link:/opt/alias")).read_link("/opt/alias") == "index"


def test_touching_makes_a_file_or_renews_its_time() -> None:
    tree = carried(("touch", "/opt/new"), ("touch", "/srv/www/index"))
    assert tree.read_text("/opt/new") == ""
    assert tree.stat("/srv/www/index").mtime > 10**18
    assert tree.read_text("/srv/www/index") == "hello"


def test_everything_below_a_folder_is_emptied() -> None:
    tree = carried(("truncate-recursive", "/srv/www"))
    assert [tree.stat(f"/srv/www/{name}").size for name in ("index", "deep/log", "empty")] == [0, 0, 0]
    assert tree.read_link("/srv/www/link") == "index"
    assert facts(tree, "/srv/www/index") == (0o640, 33, 33)


def test_a_file_may_be_written_empty() -> None:
    assert carried(("write-file", "/srv/www/index:")).read_text("/srv/www/index") == ""


def test_a_scrubbed_file_is_gone() -> None:
    assert not carried(("scrub", "/srv/www/index")).exists("/srv/www/index")


# -- from the host -------------------------------------------------------------------------------------------


def test_a_tree_of_the_host_is_copied_in(tmp_path: Path) -> None:
    (tmp_path / "site" / "deep").mkdir(parents=True)
    (tmp_path / "site" / "deep" / "x").write_text("x")
    (tmp_path / "site" / "deep" / "x").chmod(0o755)
    (tmp_path / "site" / "link").symlink_to("deep/x")
    tree = carried(("copy-in", f"{tmp_path}/site:/opt"))
    assert tree.read_text("/opt/site/deep/x") == "x"
    assert facts(tree, "/opt/site/deep/x") == (0o755, 0, 0)
    assert tree.read_link("/opt/site/link") == "deep/x"


def test_what_cannot_be_copied_in_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(HostError, match="fifo"):
        carried(("copy-in", f"{tmp_path}:/opt"))


@pytest.mark.host
@pytest.mark.parametrize("links_first", [False, True])
@pytest.mark.parametrize("packing", ["", "gz", "xz"])
def test_an_archive_is_unpacked(tmp_path: Path, packing: str, links_first: bool) -> None:
    """Nothing is written through a link that is there."""
    with tarfile.open(tmp_path / "a.tar", f"w:{packing}") as archive:
        member = tarfile.TarInfo("sub/x")
        member.size, member.mode, member.uid, member.gid, member.mtime = 5, 0o600, 7, 8, 9
        archive.addfile(member, io.BytesIO(b"ahoy!"))
    orders = [("link", "/srv/www/index:/opt/sub/x")] if links_first else []
    tree = carried(("mkdir", "/opt/sub"), *orders, ("tar-in", f"{tmp_path}/a.tar:/opt"))
    assert tree.read_text("/opt/sub/x") == "ahoy!"
    assert facts(tree, "/opt/sub/x") == (0o600, 7, 8)
    assert tree.stat("/opt/sub/x").mtime == 9 * 10**9
    assert tree.lstat("/opt/sub/x").kind is FileKind.FILE  # type: ignore[union-attr]
    assert tree.read_text("/srv/www/index") != "ahoy!"


def test_what_an_archive_cannot_give_is_an_error(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/evil"))
    with pytest.raises(HostError, match=r"a\.tar: \.\./\.\./etc/evil: left out: its name leads upwards"):
        carried(("tar-in", f"{tmp_path}/a.tar:/opt"))


def test_an_upload_keeps_its_mode_and_belongs_to_root(tmp_path: Path) -> None:
    (tool := tmp_path / "tool").write_text("x")
    tool.chmod(0o750)
    assert facts(carried(("upload", f"{tool}:/opt/")), "/opt/tool") == (0o750, 0, 0)


# -- one after the other -------------------------------------------------------------------------------------


def test_each_order_sees_what_those_before_it_did(tmp_path: Path) -> None:
    (conf := tmp_path / "conf").write_text("port 80\n")
    tree = carried(
        ("mkdir", "/opt/site"),
        ("upload", f"{conf}:/opt/site"),
        ("edit", "/opt/site/conf:s/80/8080/"),
        ("append-line", "/opt/site/conf:host x"),
        ("chmod", "600:/opt/site/conf"),
        ("chown", "alice:1000:/opt/site/conf"),
        ("copy", "/opt/site:/opt/copy"),
        ("move", "/opt/site:/opt/moved"),
        ("link", "/opt/moved/conf:/opt/conf"),
        ("write-file", "/opt/last:first"),
        ("write-file", "/opt/last:second"),
        ("hostname", "a"),
        ("hostname", "b"),
    )
    for path in ("/opt/moved/conf", "/opt/copy/conf", "/opt/conf"):
        assert tree.read_text(path) == "port 8080\nhost x\n"
    assert facts(tree, "/opt/moved/conf") == (0o600, 1000, 1000)
    assert not tree.exists("/opt/site")
    assert (tree.read_text("/opt/last"), tree.read_text("/etc/hostname")) == ("second", "b\n")
    assert tree.read_text("/etc/hosts").count("b\n") == 1


def test_what_was_deleted_is_not_there_for_the_next() -> None:
    with pytest.raises(NoSuchGuestFile):
        carried(("delete", "/srv/www"), ("chmod", "600:/srv/www/index"))
    assert carried(("delete", "/srv/www"), ("mkdir", "/srv/www")).list_dir("/srv/www") == []


def test_a_folder_may_give_way_to_a_file_of_its_name() -> None:
    found = carried(("delete", "/srv/www"), ("write-file", "/srv/www:x")).stat("/srv/www")
    assert found.kind is FileKind.FILE


BAD: list[tuple[str, str, type[ImgtoolsError]]] = [
    ("copy", "/srv/www:/srv/www/deep", UsageError),
    ("copy", "/srv/nothing:/opt", NoSuchGuestFile),
    ("copy", "/srv/www:/no/such/folder", NoSuchGuestFile),
    ("copy", "/srv/www", UsageError),
    ("copy-in", "/no/such/file:/opt", HostError),
    ("copy-in", "/etc/hostname:/srv/www/index", NotADirectory),
    ("tar-in", "/no/such.tar:/opt", HostError),
    ("tar-in", "/etc/passwd:/opt", HostError),
    ("tar-in", "/etc/passwd:/nowhere", NotADirectory),
    ("touch", "/no/such/folder/x", NoSuchGuestFile),
    ("touch", "relative", UsageError),
    ("scrub", "/srv/www", NotAFile),
    ("scrub", "/srv/nothing", NoSuchGuestFile),
    ("truncate-recursive", "/srv/www/index", NotADirectory),
    ("write-file", "/etc/motd", UsageError),
    ("append-line", "/etc/motd:a\nb", UsageError),
    ("write-file", "/no/such/folder/x:y", NoSuchGuestFile),
    ("upload", "/etc/passwd:/no/such/folder/x", NoSuchGuestFile),
    ("link", "x:/no/such/folder/l", NoSuchGuestFile),
]


@pytest.mark.parametrize(("name", "text", "error"), BAD)
def test_what_cannot_be_done_is_an_error_before_anything_is_written(
    name: str, text: str, error: type[ImgtoolsError]
) -> None:
    with pytest.raises(error):
        carried((name, text))
