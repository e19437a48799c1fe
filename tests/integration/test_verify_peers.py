"""`imgtools verify` finds what `debsums` and `rpm -Va` find, on the same files with the same planted changes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from fixtures import real, rpmdb
from tests.support.command import imgtools
from tests.support.rpm_guest import Packed, build_rpms

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a tree with its owners is made by root only")
OS_RELEASE = 'ID=rocky\nID_LIKE="rhel fedora"\nVERSION_ID="9.3"\nPRETTY_NAME="Rocky Linux 9.3"\n'


def run(*words: str | Path, codes: Sequence[int] = (0,)) -> str:
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, errors="surrogateescape", check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode in codes, done.stderr
    return done.stdout + done.stderr


def disk_of(tree: Path, image: Path, size: str) -> Path:
    """An ext4 of the tree as a whole disk."""
    run("mke2fs", "-q", "-t", "ext4", "-d", tree, image, size)
    return image


def differing(image: Path, code: int) -> set[str]:
    """The paths of what is changed or missing in content, as both peers of dpkg tell no more."""
    data = imgtools("verify", image, "--config", "--json", code=code).data
    return {one["path"] for one in data["findings"]}


# -- dpkg ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the real Debian, as its packages were unpacked."""
    tree = tmp_path_factory.mktemp("debian") / "tree"
    tree.mkdir()
    run("tar", "-C", tree, "--xattrs", "--xattrs-include=*", "-xf", real.root_archive())
    return tree


def debsums(tree: Path) -> set[str]:
    """What `debsums -a` says is changed or missing."""
    said = run("debsums", f"--root={tree}", "--all", "--silent", codes=(0, 2))
    patterns = (
        r"debsums: changed file (\S+)",
        r"debsums: missing file (\S+)",
        r"debsums: can't open \S+ file (\S+)",
    )
    matches = (re.match(one, line) for line in said.splitlines() for one in patterns)
    return {found[1].removeprefix(str(tree)) for found in matches if found}


def test_debsums_says_the_same(debian: Path, tmp_path: Path) -> None:
    assert debsums(debian) == differing(disk_of(debian, tmp_path / "clean.raw", "3G"), 0) == set()
    changed = (
        "bin/ls",
        "usr/lib/os-release",
        "etc/adduser.conf",
        "usr/share/doc/bash/copyright",
        "usr/sbin/sshd",
    )
    for path in changed:
        with (debian / path).open("r+b") as stream:
            first = stream.read(1)
            stream.seek(0)
            stream.write(bytes([first[0] ^ 1]))
    missing = ("bin/cat", "usr/share/perl5/Debconf/Config.pm", "usr/share/man/man1/bash.1.gz")
    for path in missing:
        (debian / path).unlink()
    found = debsums(debian)
    assert found == differing(disk_of(debian, tmp_path / "changed.raw", "3G"), 1)
    assert {f"/{path}" for path in (*changed, *missing)} == found


# -- rpm -----------------------------------------------------------------------------------------------------

PACKED = {
    "tool": (
        Packed("/usr/bin/tool", b"program", 0o4755),
        Packed("/usr/bin/ping", b"ping", 0o755, words="%caps(cap_net_raw=ep)"),
        Packed("/usr/bin/alias", "tool"),
        Packed("/usr/share/tool", None, 0o755),
        Packed("/usr/share/tool/data", b"data"),
        Packed("/usr/share/tool/more", b"more"),
        Packed("/usr/share/tool/gone", b"gone"),
        Packed("/usr/share/tool/made", b"made", words="%verify(not md5 size mode)"),
        Packed("/usr/share/tool/size", b"size"),
        Packed("/etc/tool.conf", b"a=b", 0o640, words="%config(noreplace)"),
        Packed("/etc/may.conf", b"a", words="%config(missingok)"),
        Packed("/var/log/tool.log", b"", 0o600, words="%ghost"),
        Packed("/usr/share/doc/tool", b"read", words="%doc"),
    ),
    "other": (Packed("/usr/bin/other", b"other", 0o755), Packed("/usr/bin/another", b"another", 0o755)),
}
# What rpm says of a file: a letter for each difference (rpm(8), "VERIFY OPTIONS").
LETTERS = {
    "changed": "S5", "wrong mode": "M", "wrong owner": "UG", "wrong link": "L", "wrong capabilities": "P",
    "wrong kind": "ML",
}  # fmt: skip


@pytest.fixture
def rocky(tmp_path: Path) -> Path:
    """A tree into which rpm itself has installed packages, with its own database."""
    tree = tmp_path / "tree"
    for folder in ("etc", "usr/bin", "dev"):
        (tree / folder).mkdir(parents=True)
    (tree / "bin").symlink_to("usr/bin")
    (tree / "etc/os-release").write_text(OS_RELEASE)
    (tree / "etc/fstab").write_text("")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nbin:x:1:1::/bin:/sbin/nologin\n")
    (tree / "etc/group").write_text("root:x:0:\nbin:x:1:\ntty:x:5:\n")
    rpms = build_rpms(PACKED, tmp_path)
    run(
        "rpm", rpmdb.MACROS, "--root", tree, "--define", "_dbpath /var/lib/rpm", "--define", "_db_backend sqlite",
        "--nodeps", "--noscripts", "--nosignature", "--ignorearch", "--ignoreos", "-i", *rpms,
    )  # fmt: skip
    return tree


def rpm_va(tree: Path) -> dict[str, str]:
    """What `rpm -Va` says: the letters of each path, times left out; `missing` is a word."""
    said = run(
        "rpm", rpmdb.MACROS, "--root", tree, "--define", "_dbpath /var/lib/rpm", "--define", "_db_backend sqlite",
        "--nodeps", "--noscripts", "-Va", codes=(0, 1, 2, 3),
    )  # fmt: skip
    found = {}
    for line in said.splitlines():
        match = re.match(r"(missing|[A-Z0-9.?]{8,9})\s+(?:[cdglr] )?(/\S+)", line)
        if match and (letters := match[1].replace(".", "").replace("T", "")):
            found[match[2]] = letters
    return found


def ours(image: Path, code: int) -> dict[str, set[str]]:
    data = imgtools("verify", image, "--config", "--json", code=code).data
    found: dict[str, set[str]] = {}
    for one in data["findings"]:
        found.setdefault(one["path"], set()).add(one["what"])
    return found


def agree(ours: dict[str, set[str]], theirs: dict[str, str]) -> None:
    """Each file that one names, the other names too, for a reason that is the same."""
    assert set(ours) == set(theirs)
    for path, letters in theirs.items():
        if letters == "missing":
            assert ours[path] == {"missing"}, path
            continue
        told = {letter for what in ours[path] for letter in LETTERS[what]}
        assert set(letters) <= told, (path, letters, ours[path])
        assert all(set(LETTERS[what]) & set(letters) for what in ours[path]), (path, letters, ours[path])


def test_rpm_says_the_same(rocky: Path, tmp_path: Path) -> None:
    clean = ours(disk_of(rocky, tmp_path / "clean.raw", "64M"), 0)
    agree(clean, rpm_va(rocky))
    assert clean == {}
    (rocky / "usr/bin/tool").write_bytes(b"prograx")
    (rocky / "usr/bin/tool").chmod(0o4755)
    (rocky / "usr/share/tool/data").chmod(0o666)
    os.chown(rocky / "usr/share/tool/more", 1, 5)
    (rocky / "usr/share/tool/gone").unlink()
    (rocky / "usr/share/tool/made").write_bytes(b"made otherwise")
    (rocky / "usr/share/tool/size").write_bytes(b"longer")
    (rocky / "usr/share/tool").chmod(0o777)
    (rocky / "usr/bin/alias").unlink()
    (rocky / "usr/bin/alias").symlink_to("other")
    os.removexattr(rocky / "usr/bin/ping", "security.capability")
    capability = bytes.fromhex("0100000200100000000000000000000000000000")
    os.setxattr(rocky / "usr/bin/another", "security.capability", capability)
    (rocky / "usr/bin/other").unlink()
    (rocky / "usr/bin/other").mkdir(mode=0o755)
    (rocky / "etc/tool.conf").write_bytes(b"a=c")
    (rocky / "etc/may.conf").unlink()
    (rocky / "var/log").mkdir(parents=True)
    (rocky / "var/log/tool.log").write_bytes(b"a line")
    found = ours(disk_of(rocky, tmp_path / "changed.raw", "64M"), 1)
    agree(found, rpm_va(rocky))
    assert len(found) == 12
    assert found["/var/log/tool.log"] == {"wrong mode"}  # of a ghost, too
