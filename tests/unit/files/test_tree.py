"""The guest tree: links, dots, mount points, letter case, globs and walks, all inside the guest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import GuestFileTooBig, NoSuchGuestFile, NotADirectory, NotAFile, TooManyLinks
from imgtools.files.paths import expand_braces
from imgtools.files.tree import GuestTree
from imgtools.records.request import Engine
from tests.support.memory import MemoryFilesystem, directory, link, memory_files


def test_links_are_followed_inside_the_guest() -> None:
    files = memory_files(
        {
            "/usr/lib/os-release": "ID=debian",
            "/etc/os-release": link("../usr/lib/os-release"),
            "/etc/absolute": link("/usr/lib/os-release"),
            "/etc/above": link("../../../../usr/lib/os-release"),
            "/lib": link("usr/lib"),
        }
    )
    for path in ("/etc/os-release", "/etc/absolute", "/etc/above", "/lib/os-release", "//lib/./os-release"):
        assert files.read_text(path) == "ID=debian", path
        assert files.resolve(path) == "/usr/lib/os-release"
    assert files.locate("/lib/os-release") == "/usr/lib/os-release"
    assert files.locate("/etc/absolute") == "/etc/absolute"


def test_dots_after_a_link_count_from_where_the_link_leads() -> None:
    files = memory_files({"/a/b/c/x": "", "/a/b/y": "right", "/l": link("/a/b/c"), "/y": "wrong"})
    assert files.read_text("/l/../y") == "right"


def test_many_questions_about_one_directory_do_not_look_for_it_again() -> None:
    """A thousand files are copied into a directory that is not there yet: each is asked about several times."""
    looked: list[str] = []

    class Counting(MemoryFilesystem):
        def lookup(self, path: str):  # type: ignore[no-untyped-def]
            looked.append(path)
            return super().lookup(path)

    files = GuestTree({"/": Counting({"/srv/here/1": "", "/l": link("srv")})}, Engine.MEMORY)
    for number in range(100):
        assert files.lstat(f"/l/new/deep/{number}") is None
        assert files.exists(f"/l/here/{number}") is (number == 1)
        with pytest.raises(NoSuchGuestFile, match=f"/l/new/{number}$"):
            files.stat(f"/l/new/{number}")
    assert len(looked) < 130, "one look a file, and some for the directories"


def test_links_in_a_circle_are_an_error_not_a_hang() -> None:
    files = memory_files({"/a": link("b"), "/b": link("a"), "/self": link("self/x")})
    for path in ("/a", "/b", "/self"):
        with pytest.raises(TooManyLinks):
            files.stat(path)
        assert not files.exists(path)
        assert files.lstat(path) is not None


def test_each_wrong_kind_has_its_own_error() -> None:
    files = memory_files({"/etc/passwd": "root", "/etc/dir": directory()})
    with pytest.raises(NoSuchGuestFile):
        files.read_bytes("/etc/shadow")
    with pytest.raises(NotAFile):
        files.read_bytes("/etc/dir")
    with pytest.raises(NotADirectory):
        files.read_bytes("/etc/passwd/x")
    with pytest.raises(NotADirectory):
        files.list_dir("/etc/passwd")
    with pytest.raises(GuestFileTooBig):
        files.read_bytes("/etc/passwd", limit=3)
    assert files.read_bytes("/etc/passwd", limit=4) == b"root"


def test_mount_points_hide_what_is_below_them() -> None:
    root = MemoryFilesystem({"/home/hidden": "", "/var/log": directory()})
    home = MemoryFilesystem({"/bob/file": "mine", "/up": link("../etc/passwd"), "/out": link("/var")})
    files = GuestTree({"/": root, "/home": home}, Engine.MEMORY)
    assert files.read_text("/home/bob/file") == "mine"
    assert not files.exists("/home/hidden")
    assert files.is_dir("/home/out/log")
    assert [found.path for found in files.walk("/home")] == [
        "/home",
        "/home/bob",
        "/home/bob/file",
        "/home/out",
        "/home/up",
    ]
    assert {entry.name for entry in files.list_dir("/")} == {"home", "var"}


def test_ntfs_names_are_found_in_any_case_and_told_in_their_own() -> None:
    files = memory_files({"/Windows/System32/cmd.exe": "MZ"}, ignores_case=True)
    assert files.resolve("/WINDOWS/system32/CMD.EXE") == "/Windows/System32/cmd.exe"
    assert list(files.glob("/windows/SYSTEM32/*.EXE")) == ["/Windows/System32/cmd.exe"]
    assert memory_files({"/Etc/x": ""}).exists("/etc/x") is False


def test_globs_are_those_of_a_shell() -> None:
    files = memory_files(
        {"/etc/a.conf": "", "/etc/b.conf": "", "/etc/.c.conf": "", "/etc/d/e.conf": "", "/l": link("etc")}
    )
    assert list(files.glob("/etc/*.conf")) == ["/etc/a.conf", "/etc/b.conf"]
    assert list(files.glob("/etc/.*")) == ["/etc/.c.conf"]
    assert list(files.glob("/*/d/?.conf")) == ["/etc/d/e.conf", "/l/d/e.conf"]
    assert list(files.glob("/etc/{a,x,b}.conf")) == ["/etc/a.conf", "/etc/b.conf"]
    assert list(files.glob("/etc/[ab].conf")) == ["/etc/a.conf", "/etc/b.conf"]
    assert list(files.glob("/nowhere/*")) == []


def test_a_directory_that_contains_itself_does_not_hang_the_walk() -> None:
    class Looping(MemoryFilesystem):
        def scan(self, path: str):  # type: ignore[no-untyped-def]
            return super().scan("/a")

        def lookup(self, path: str):  # type: ignore[no-untyped-def]
            return super().lookup("/a/a" if path != "/" else "/")

    files = GuestTree({"/": Looping({"/a/a": directory()})}, Engine.MEMORY)
    assert len(list(files.walk("/"))) < 5


def test_braces_expand_as_in_a_shell() -> None:
    assert list(expand_braces("a{b,c}d{e,f}")) == ["abde", "abdf", "acde", "acdf"]
    assert list(expand_braces("{a}")) == ["{a}"]


@given(st.text(alphabet="ab/.~", max_size=40))
def test_no_path_leads_out_of_the_guest_or_crashes(path: str) -> None:
    files = memory_files({"/a/b": "x", "/b": link("../../a"), "/a/a": link("/b/..")})
    assert isinstance(files.exists(path), bool)
    if files.exists(path):
        assert files.resolve(path).startswith("/")
        assert ".." not in files.resolve(path).split("/")
