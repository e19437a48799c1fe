"""Which files belong to which package: every format, merged /usr, diversions, and databases that are damaged."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from imgtools.errors import OddGuest, UnsupportedGuest
from imgtools.guest.packages.owned_files import owned_paths, package_files
from imgtools.records.files import FileKind
from imgtools.records.packages import PackageFile
from tests.support.memory import Content, link, memory_files
from tests.support.rpm_guest import DATABASES, Packed, rpm_database, rpm_tree

MD5 = "0" * 31 + "1"
INFO = "/var/lib/dpkg/info"


def told(tree: dict[str, Content], package_format: str) -> dict[tuple[str, str], PackageFile]:
    return {(one.package, one.path): one for one in package_files(memory_files(tree), package_format)}


# -- dpkg ----------------------------------------------------------------------------------------------------

STATUS = """\
Package: tool
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Conffiles:
 /etc/tool.conf 11111111111111111111111111111111
 /etc/with space.conf 22222222222222222222222222222222
 /etc/old.conf 33333333333333333333333333333333 obsolete
 /etc/new.conf newconffile

Package: gone
Status: deinstall ok config-files
Conffiles:
 /etc/gone.conf 44444444444444444444444444444444

Package: other
Status: install ok unpacked
Architecture: all
"""


def dpkg_tree(**more: str) -> dict[str, Content]:
    return {
        "/bin": link("usr/bin"),
        "/usr/bin/tool": "x",
        "/var/lib/dpkg/status": STATUS,
        f"{INFO}/tool:amd64.list": "/.\n/bin\n/bin/tool\n/etc\n/etc/tool.conf\n/etc/with space.conf\n/etc/old.conf\n"
        "/etc/new.conf\n/usr\n/usr/share\n/usr/share/doc\n/usr/share/doc/tool\n/usr/share/doc/tool/copyright\n"
        "/usr/lib/libtool.so\n",
        f"{INFO}/tool:amd64.md5sums": f"{MD5}  bin/tool\n{MD5}  usr/share/doc/tool/copyright\n{MD5}  usr/gone\n",
        f"{INFO}/other.list": "/.\n/bin\n/bin/tool\n/usr/sbin/other\n",
        f"{INFO}/gone.list": "/etc/gone.conf\n",
        **more,
    }


def test_dpkg_tells_contents_configuration_and_folders() -> None:
    found = told(dpkg_tree(), "deb")
    tool = found["tool", "/bin/tool"]
    assert (tool.kind, tool.digest, tool.algorithm, tool.mode) == (FileKind.FILE, MD5, "md5", None)
    assert found["tool", "/usr/share/doc/tool"].kind is FileKind.DIRECTORY
    assert found["tool", "/usr/share/doc/tool/copyright"].is_doc
    assert (
        found["tool", "/usr/lib/libtool.so"].kind is None
    )  # a file without a checksum, a link or an empty folder
    assert found["tool", "/etc/tool.conf"].digest == "1" * 32
    assert found["tool", "/etc/with space.conf"].is_config
    assert (found["tool", "/etc/old.conf"].is_optional, found["tool", "/etc/new.conf"].digest) == (True, "")
    assert ("tool", "/usr/gone") not in found  # another package has taken it over
    assert ("other", "/usr/sbin/other") in found
    assert ("gone", "/etc/gone.conf") not in found


def test_a_diverted_file_is_where_the_diversion_says_but_for_who_diverts() -> None:
    tree = dpkg_tree(**{"/var/lib/dpkg/diversions": "/bin/tool\n/bin/tool.distrib\nother\n/a\n/b\n:\n"})
    found = told(tree, "deb")
    assert ("tool", "/bin/tool.distrib") in found
    assert ("other", "/bin/tool") in found


def test_an_override_tells_owners_and_mode() -> None:
    tree = dpkg_tree(**{"/var/lib/dpkg/statoverride": "root #5 4750 /bin/tool\n"})
    one = told(tree, "deb")["tool", "/bin/tool"]
    assert (one.owner, one.group, one.mode) == ("root", 5, 0o4750)


@pytest.mark.parametrize(
    ("config", "excluded"),
    [
        ("path-exclude=/usr/share/doc/*\n", True),
        ("path-exclude /usr/share/doc/*\n", True),
        ("# path-exclude=/usr/share/doc/*\n", False),
        ("path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n", False),
        ("path-include=/usr/share/doc/*/copyright\npath-exclude=/usr/share/doc/*\n", True),
    ],
)
def test_what_dpkg_was_told_not_to_unpack_may_be_missing(config: str, excluded: bool) -> None:
    tree = dpkg_tree(
        **{"/etc/dpkg/dpkg.cfg.d/docker": config, "/etc/dpkg/dpkg.cfg.d/x.dpkg-old": "path-exclude=*\n"}
    )
    assert told(tree, "deb")["tool", "/usr/share/doc/tool/copyright"].is_optional is excluded


def test_owners_are_found_by_the_place_where_a_file_really_is() -> None:
    owned = owned_paths(memory_files(dpkg_tree()), "deb")
    assert (owned.owner("/usr/bin/tool"), owned.owner("/bin/tool")) == ("tool", "tool")
    assert "/usr/sbin/other" in owned
    assert "/usr/bin/unknown" not in owned


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({f"{INFO}/other.list": "usr/bin/relative\n"}, f"{INFO}/other.list names"),
        ({f"{INFO}/tool:amd64.md5sums": "no checksum\n"}, f"{INFO}/tool:amd64.md5sums line 1 is no checksum"),
        ({"/var/lib/dpkg/statoverride": "root root rwx /bin/tool\n"}, "statoverride line 1 does not parse"),
    ],
)
def test_a_damaged_dpkg_database_is_named(change: dict[str, str], named: str) -> None:
    files = memory_files(dpkg_tree(**change))
    with pytest.raises(OddGuest, match=named):
        list(package_files(files, "deb"))
    lost: list[tuple[str, str]] = []
    found = [one.path for one in package_files(files, "deb", lambda path, why: lost.append((path, why)))]
    assert len(lost) == 1 and "/etc/tool.conf" in found


def test_a_lost_list_is_named() -> None:
    tree = dpkg_tree()
    del tree[f"{INFO}/other.list"]
    tree["/var/lib/dpkg/status"] = str(tree["/var/lib/dpkg/status"]).replace("ok unpacked", "ok installed")
    with pytest.raises(OddGuest, match=f"{INFO}/other.list is not there"):
        list(package_files(memory_files(tree), "deb"))


@pytest.mark.parametrize("state", ["half-configured", "unpacked"])
def test_a_package_of_which_only_the_status_is_left_has_no_files(state: str) -> None:
    """As dpkg has it, and `diagnose` (``half_dpkg``); it was never whole, so nothing is lost."""
    tree = dpkg_tree()
    before = [one.path for one in package_files(memory_files(tree), "deb")]
    tree["/var/lib/dpkg/status"] = (
        f"{tree['/var/lib/dpkg/status']}\n\nPackage: half\nStatus: install reinstreq {state}\nArchitecture: all\n"
    )
    assert [one.path for one in package_files(memory_files(tree), "deb")] == before


def test_images_without_dpkg_have_checksums_alone() -> None:
    tree: dict[str, Content] = {"/var/lib/dpkg/status.d/base.md5sums": f"{MD5}  etc/base\n"}
    assert [(one.path, one.digest) for one in package_files(memory_files(tree), "deb")] == [
        ("/etc/base", MD5)
    ]


# -- apk -----------------------------------------------------------------------------------------------------

APK = """\
C:Q1kn4ZQpd5uCYJgLCqmtzYA6LQFpo=
P:musl
V:1.2.4-r4
F:lib
R:libc.musl-x86_64.so.1
a:0:0:777
Z:Q17yJ3JFNypA4mxhJJr0ou6CzsJVI=
F:etc
M:0:5:1775
R:motd
Z:Q17yJ3JFNypA4mxhJJr0ou6CzsJVI=
F:etc/init.d
R:start
a:0:0:755
Z:Q17yJ3JFNypA4mxhJJr0ou6CzsJVI=

P:next
F:usr
"""


def test_apk_tells_modes_owners_and_contents() -> None:
    found = told({"/lib/apk/db/installed": APK}, "apk")
    assert found["musl", "/lib"] == PackageFile("/lib", "musl", FileKind.DIRECTORY, 0o755, 0, 0)
    assert (found["musl", "/etc"].mode, found["musl", "/etc"].group) == (0o1775, 5)
    motd = found["musl", "/etc/motd"]
    assert (motd.mode, motd.is_config, motd.algorithm, len(motd.digest)) == (0o644, True, "sha1", 40)
    start = found["musl", "/etc/init.d/start"]
    assert (start.mode, start.is_config) == (0o755, False)
    assert found["musl", "/lib/libc.musl-x86_64.so.1"].hashes_link
    assert found["next", "/usr"].mode == 0o755


@pytest.mark.parametrize("line", ["R:", "R:a/b", "Z:Q9xx", "Z:Q1%%", "a:root:0:755", "M:0:0:9"])
def test_a_damaged_line_of_apk_is_named(line: str) -> None:
    files = memory_files({"/lib/apk/db/installed": f"P:musl\nF:lib\nR:x\n{line}\n"})
    if line.startswith("M"):
        files = memory_files({"/lib/apk/db/installed": f"P:musl\nF:lib\n{line}\n\n"})
    with pytest.raises(OddGuest, match="/lib/apk/db/installed line"):
        list(package_files(files, "apk"))


# -- pacman --------------------------------------------------------------------------------------------------

LOCAL = "/var/lib/pacman/local/tool-1-1"
MTREE = r"""#mtree
/set type=file uid=0 gid=0 mode=644
./.PKGINFO time=1.0 size=3 sha256digest=aa
./usr time=1.0 mode=755 type=dir
./usr/bin time=1.0 mode=755 type=dir
./usr/bin/tool time=1.0 mode=4755 size=3 md5digest=bb sha256digest=cc
./usr/bin/alias time=1.0 mode=777 type=link link=to\040ol
./etc/tool\040x.conf time=1.0 gid=5 size=4 md5digest=dd
"""


def pacman_tree(mtree: bytes = gzip.compress(MTREE.encode())) -> dict[str, Content]:
    return {
        f"{LOCAL}/desc": "%NAME%\ntool\n\n%VERSION%\n1-1\n",
        f"{LOCAL}/files": "%FILES%\nusr/\nusr/bin/\nusr/bin/tool\nusr/bin/alias\netc/tool x.conf\nusr/share/man/m\n\n"
        "%BACKUP%\netc/tool x.conf\tdd\n",
        f"{LOCAL}/mtree": mtree,
        "/etc/pacman.conf": "[options]\nNoExtract = usr/share/man/* !usr/share/man/keep\n",
    }


def test_pacman_tells_what_its_mtree_has() -> None:
    found = told(pacman_tree(), "pacman")
    tool = found["tool", "/usr/bin/tool"]
    assert (tool.mode, tool.size, tool.algorithm, tool.digest) == (0o4755, 3, "sha256", "cc")
    assert (found["tool", "/usr/bin/alias"].target, found["tool", "/usr/bin/alias"].mode) == ("to ol", None)
    config = found["tool", "/etc/tool x.conf"]
    assert (config.is_config, config.group, config.algorithm, config.mode) == (True, 5, "md5", 0o644)
    assert found["tool", "/usr"].kind is FileKind.DIRECTORY
    assert found["tool", "/usr/share/man/m"].is_optional
    assert not any(path.startswith("/.") for _package, path in found)


@pytest.mark.parametrize("mtree", [b"\x1f\x8bnothing", gzip.compress(MTREE.encode())[:-20]])
def test_a_damaged_mtree_is_named(mtree: bytes) -> None:
    with pytest.raises(OddGuest, match=f"{LOCAL}/mtree"):
        list(package_files(memory_files(pacman_tree(mtree)), "pacman"))


# -- rpm -----------------------------------------------------------------------------------------------------

PACKED = {
    "tool": (
        Packed("/usr/bin/tool", b"program", 0o4755, group="tty"),
        Packed("/usr/bin/ping", b"ping", 0o755, words="%caps(cap_net_raw=ep)"),
        Packed("/usr/bin/alias", "tool"),
        Packed("/usr/share/tool", None, 0o755, "bin"),
        Packed("/etc/tool.conf", b"a=b\n", 0o640, words="%config(noreplace)"),
        Packed("/etc/may.conf", b"a", words="%config(missingok)"),
        Packed("/var/log/tool.log", b"", 0o600, words="%ghost"),
        Packed("/usr/share/tool/README", b"read", words="%doc"),
        Packed("/usr/share/tool/made", b"made", words="%verify(not md5 size mode)"),
    ),
    "other": (Packed("/usr/bin/other", b"other"),),
}


@pytest.mark.host
@pytest.mark.parametrize("backend", ["sqlite", "bdb", "ndb"])
@pytest.mark.parametrize(("digest", "algorithm"), [(1, "md5"), (8, "sha256")])
def test_rpm_of_every_backend(backend: str, digest: int, algorithm: str, tmp_path: Path) -> None:
    found = told(rpm_tree(backend, PACKED, tmp_path, digest), "rpm")
    tool = found["tool", "/usr/bin/tool"]
    content = hashlib.new(algorithm, b"program").hexdigest()
    assert (tool.mode, tool.owner, tool.group, tool.size) == (0o4755, "root", "tty", 7)
    assert (tool.digest, tool.algorithm, tool.capabilities) == (content, algorithm, "")
    assert "cap_net_raw" in (found["tool", "/usr/bin/ping"].capabilities or "")
    alias = found["tool", "/usr/bin/alias"]
    assert (alias.kind, alias.target, alias.mode, alias.digest) == (FileKind.LINK, "tool", None, "")
    assert (found["tool", "/usr/share/tool"].kind, found["tool", "/usr/share/tool"].owner) == (
        FileKind.DIRECTORY,
        "bin",
    )
    assert (found["tool", "/etc/tool.conf"].is_config, found["tool", "/etc/tool.conf"].is_optional) == (
        True,
        False,
    )
    assert found["tool", "/etc/may.conf"].is_optional
    log = found["tool", "/var/log/tool.log"]
    assert (log.is_ghost, log.is_optional, log.digest, log.size, log.mode) == (True, True, "", None, 0o600)
    assert found["tool", "/usr/share/tool/README"].is_doc
    made = found["tool", "/usr/share/tool/made"]
    assert (made.digest, made.size, made.mode, made.owner) == ("", None, None, "root")
    assert ("other", "/usr/bin/other") in found


@pytest.mark.host
@pytest.mark.parametrize("backend", ["sqlite", "bdb", "ndb"])
def test_every_damaged_copy_of_an_rpm_database_ends_in_files_or_an_odd_guest(
    backend: str, tmp_path: Path
) -> None:
    good = rpm_database(backend, PACKED, tmp_path)
    place = DATABASES[backend]
    for at in range(0, len(good), 1 + len(good) // 23):
        broken = good[:at] + bytes(byte ^ 0xFF for byte in good[at : at + 7]) + good[at + 7 :]
        try:
            list(package_files(memory_files({place: broken}), "rpm"))
        except OddGuest as error:
            assert place in error.message


# -- all -----------------------------------------------------------------------------------------------------


def test_a_format_that_is_not_known_is_refused() -> None:
    with pytest.raises(UnsupportedGuest, match="ebuild"):
        list(package_files(memory_files({}), "ebuild"))
