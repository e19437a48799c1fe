"""A guest in memory with packages of rpm that own files: real databases of every backend, made by rpmbuild and rpm."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fixtures import rpmdb
from fixtures.tools import run
from imgtools.records.files import FileKind
from tests.support.memory import Content, Node, link

DATABASES = {
    "sqlite": "/var/lib/rpm/rpmdb.sqlite",
    "bdb": "/var/lib/rpm/Packages",
    "ndb": "/usr/lib/sysimage/rpm/Packages.db",
}
PASSWD = "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1::/bin:/sbin/nologin\n"
GROUP = "root:x:0:\nbin:x:1:\ntty:x:5:\n"
MACROS = {
    "_build_id_links": "none", "__os_install_post": "%{nil}", "debug_package": "%{nil}",
    "_binary_payload": "w.ufdio", "__brp_mangle_shebangs": "%{nil}",
}  # fmt: skip


@dataclass(frozen=True)
class Packed:
    """A file (bytes), link (str) or folder (None) of a package, and what stands before it in %files."""

    path: str
    content: bytes | str | None
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    words: str = ""  # %config, %ghost, %caps(...)


def rpm_database(
    backend: str, packages: Mapping[str, Sequence[Packed]], scratch: Path, digest: int = 8
) -> bytes:
    """The database in which these packages are installed.

    :param digest: the algorithm of the files, as rpm numbers them: 1 is MD5, 8 SHA-256.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        place = Path(folder)
        rpms = build_rpms(packages, place, digest)
        database = place / "database"
        # fmt: off
        run("rpm", rpmdb.MACROS, "--dbpath", database, "--define", "_db_backend sqlite", "--root", "/", "--justdb",
            "--nodeps", "--noscripts", "--nosignature", "--ignorearch", "--ignoreos", "--notriggers", "-i", *rpms)
        # fmt: on
        (made,) = rpmdb._BACKENDS[backend](database, place).values()
        return made


def build_rpms(packages: Mapping[str, Sequence[Packed]], place: Path, digest: int = 8) -> list[Path]:
    """The package files, uncompressed."""
    spec = place / "packages.spec"
    spec.write_text(_spec(packages), encoding="utf-8")
    macros = MACROS | {
        "_topdir": str(place / "top"),
        "_binary_filedigest_algorithm": str(digest),
        "_source_filedigest_algorithm": str(digest),
    }
    words = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    run("rpmbuild", rpmdb.MACROS, "--quiet", "--target", "x86_64-linux", *words, "-bb", spec)
    return sorted((place / "top" / "RPMS").rglob("*.rpm"))


def _spec(packages: Mapping[str, Sequence[Packed]]) -> str:
    lines = ["Name: set", "Version: 1", "Release: 1", "Summary: set", "License: MIT", "AutoReqProv: no"]
    lines += ["%description", "set"]
    for name in packages:
        lines += [f"%package -n {name}", f"Summary: {name}", f"%description -n {name}", name]
    lines += ["%install"]
    for one in (one for files in packages.values() for one in files):
        where = f'"%{{buildroot}}{one.path}"'
        lines.append(f'mkdir -p "%{{buildroot}}{one.path.rpartition("/")[0]}"')
        if one.content is None:
            lines.append(f"mkdir -p {where}")
        elif isinstance(one.content, str):
            lines.append(f"ln -sfn '{one.content}' {where}")
        else:
            octal = "".join(f"\\{byte:03o}" for byte in one.content)
            lines.append(f"printf '{octal.replace('%', '%%')}' > {where}")
    for name, files in packages.items():
        lines.append(f"%files -n {name}")
        for one in files:
            attr = "" if isinstance(one.content, str) else f"%attr({one.mode:o},{one.owner},{one.group}) "
            lines.append(f'{attr}{one.words} {"%dir " if one.content is None else ""}"{one.path}"'.strip())
    return "\n".join(lines) + "\n"


def rpm_tree(
    backend: str, packages: Mapping[str, Sequence[Packed]], scratch: Path, digest: int = 8
) -> dict[str, Content]:
    """The whole guest: the database, who there is, and every file as its package has it."""
    ids = {"root": 0, "bin": 1, "tty": 5}
    tree: dict[str, Content] = {
        "/etc/os-release": 'ID=rocky\nID_LIKE="rhel fedora"\nVERSION_ID="9.3"\nPRETTY_NAME="Rocky Linux 9.3"\n',
        "/etc/passwd": PASSWD,
        "/etc/group": GROUP,
        "/etc/fstab": "",
        "/bin": link("usr/bin"),
        DATABASES[backend]: rpm_database(backend, packages, scratch, digest),
    }
    for one in (one for files in packages.values() for one in files):
        if one.content is None:
            tree[one.path] = Node(FileKind.DIRECTORY, mode=one.mode, uid=ids[one.owner], gid=ids[one.group])
        elif isinstance(one.content, str):
            tree[one.path] = Node(FileKind.LINK, target=one.content, mode=0o777)
        else:
            tree[one.path] = Node(
                content=one.content,
                mode=one.mode,
                uid=ids[one.owner],
                gid=ids[one.group],
                xattrs=_xattrs(one),
            )
    return tree


def _xattrs(one: Packed) -> dict[str, bytes]:
    """VFS_CAP_REVISION_2 of the one capability that the tests give (linux/capability.h): cap_net_raw=ep."""
    if "cap_net_raw=ep" not in one.words:
        return {}
    return {"security.capability": bytes.fromhex("0100000200200000000000000000000000000000")}
