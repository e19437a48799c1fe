"""A key that fits nothing is a warning, on stderr and in JSON, in every command that takes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import fixture_image
from tools.options import shown

KEY = ("--key", "nothing:key:x")
SAID = "the key given for nothing is not used"
LINUX, WINDOWS, CHAIN = "debian", "windows", "chain"
ON_GUEST = {
    "apply": ("PLAN",),
    "audit": ("--only", "file-shadow-mode"),
    "cat": ("/etc/hostname",),
    "chmod": ("0600", "/etc/hostname"),
    "chown": ("0:0", "/etc/hostname"),
    "clone": ("-n", "web1", "--unprepared", "--output-dir", "FOLDER"),
    "config delete": ("/etc/hosts/1",),
    "config get": ("/etc/hosts/1/ipaddr",),
    "config match": ("/etc/hosts/1",),
    "config set": ("/etc/hosts/1/canonical", "a"),
    "copy-in": ("FILE", "/etc"),
    "copy-out": ("/etc/hostname", "FOLDER"),
    "cp": ("/etc/hostname", "/etc/hostname2"),
    "customize": ("--hostname", "web1"),
    "df": (),
    "diagnose": ("--only", "init"),
    "diff": ("ROOT", "--only", "facts"),
    "du": ("/etc",),
    "edit": ("/etc/hostname", "-e", "s/a/b/"),
    "filesystems": (),
    "find": ("/etc/ssh",),
    "get-kernel": ("-o", "FOLDER", "--which", "newest"),
    "format": ("/dev/sda4", "--type", "ext4", "--holds", "swap"),
    "grep": ("sshd", "/etc/ssh"),
    "info": (),
    "inspect": (),
    "ln": ("/etc/hostname", "/etc/link"),
    "log": (),
    "ls": ("/etc/ssh",),
    "mkdir": ("/srv/new",),
    "mv": ("/etc/hostname", "/etc/hostname2"),
    "lvm create": ("vg0", "--pv", "/dev/sda4", "--holds", "swap"),
    "partition add": (),
    "partition list": (),
    "partition remove": ("/dev/sda4", "--holds", "swap"),
    "partition set": ("/dev/sda1", "--name", "other"),
    "resize": ("+64M",),
    "rm": ("/etc/hostname",),
    "sbom": (),
    "shell": ("-f", "SCRIPT"),
    "sparsify": (),
    "sysprep": ("--enable", "machine-id"),
    "tail": ("/etc/hostname",),
    "tar-in": ("ARCHIVE", "/srv"),
    "tar-out": ("/etc/ssh", "FOLDER/a.tar"),
    "touch": ("/etc/hostname",),
    "tree": ("/etc",),
    "timeline": ("--kind", "package"),
    "write": ("/etc/hostname", "--from", "FILE"),
}
VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
ON_WINDOWS = {
    "registry delete": (VERSION, "ProductName"),
    "registry diff": (VERSION, VERSION),
    "registry import": ("REG",),
    "registry merge": ("REG",),
    "registry search": ("Professional", "--in", VERSION),
    "registry set": (VERSION, "ProductName", "x"),
    "registry export": (r"HKLM\SOFTWARE\Microsoft\Windows NT",),
    "registry get": (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "ProductName"),
    "registry list": (r"HKLM\SOFTWARE",),
    "repair": ("--only", "windows-dhcp-service"),
}
ON_CHAIN = {
    "amend": ("-o", "lazy_refcounts=on"),
    "bench": ("--count", "1"),
    "bitmap add": ("new",),
    "bitmap clear": ("old",),
    "bitmap delete": ("old",),
    "bitmap disable": ("old",),
    "bitmap enable": ("old",),
    "bitmap list": (),
    "bitmap merge": ("old", "old2"),
    "chain flatten": (),
    "chain move": ("FOLDER",),
    "chain show": (),
    "chain squash": ("--from", "TOP", "--to", "BASE"),
    "check": (),
    "commit": (),
    "compare": ("TOP",),
    "convert": ("FOLDER/new.qcow2",),
    "dd": ("FOLDER/new.raw", "--count", "1"),
    "map": (),
    "measure": (),
    "rebase": ("-b", "BASE", "-F", "qcow2"),
    "snapshot apply": ("s",),
    "snapshot create": ("new",),
    "snapshot delete": ("s",),
    "snapshot list": (),
}
ELSEWHERE = {
    "fleet apply": "warnings are in the database, as with fleet run",
    "fleet run": "warnings are in the database: a key for one image fits none of the others",
    "boot": "tests/cli/test_boot.py: its exit code is the verdict's",
    "mount": "tests/integration/test_mount.py: it needs FUSE",
    "with": "tests/cli/test_with.py: it needs FUSE, and prints what another program prints",
    "rescue": "tests/integration/test_rescue.py: it boots",
}
ALL = {
    **{name: (LINUX, words) for name, words in ON_GUEST.items()},
    **{name: (WINDOWS, words) for name, words in ON_WINDOWS.items()},
    **{name: (CHAIN, words) for name, words in ON_CHAIN.items()},
    "verify": ("arch", ()),  # whose package database is whole
    "lvm extend": ("lvm", ("vg_main/root",)),
    "lvm reduce": ("lvm", ("vg_main/root", "--size", "-4M")),
    "lvm remove": ("lvm", ("vg_main/root", "--holds", "ext4")),
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay with a snapshot, on a base; alone/marked.qcow2 has bitmaps."""
    folder = tmp_path_factory.mktemp("chain")
    base, top = folder / "base.qcow2", folder / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", base, "1M")
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
    qemu_img("snapshot", "-c", "s", top)
    (folder / "alone").mkdir()
    marked = folder / "alone" / "marked.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", marked, "1M")
    for name in ("old", "old2"):
        qemu_img("bitmap", "--add", marked, name)
    return top


def test_all_commands_that_take_a_key_are_looked_at() -> None:
    with_key = {one.command for one in shown() if one.long == "--key"}
    assert with_key == set(ALL) | set(ELSEWHERE)


@pytest.mark.parametrize("name", ALL)
def test_a_key_that_fits_nothing_is_told(name: str, chain: Path, tmp_path: Path) -> None:
    kind, words = ALL[name]
    of_chain = chain.parent / "alone" / "marked.qcow2" if name.startswith("bitmap") else chain
    image = of_chain if kind == CHAIN else fixture_image(kind)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("new\n")
    (tmp_path / "plan").write_text('[{"kind": "remove", "path": "/etc/hostname"}]')
    (tmp_path / "script").write_text("cat /etc/hostname\n")
    (tmp_path / "a.tar").write_bytes(bytes(10240))
    (tmp_path / "a.reg").write_text("[HKEY_LOCAL_MACHINE\\SOFTWARE\\New]\n")
    named = {
        "FOLDER": tmp_path / "folder",
        "ROOT": tmp_path / "folder",
        "FILE": tmp_path / "file",
        "PLAN": tmp_path / "plan",
        "SCRIPT": tmp_path / "script",
        "ARCHIVE": tmp_path / "a.tar",
        "REG": tmp_path / "a.reg",
        "TOP": chain,
        "BASE": chain.with_name("base.qcow2"),
    }
    given = [
        str(named[head]) + (f"/{tail}" if tail else "") if head in named else word
        for word in words
        for head, _, tail in [word.partition("/")]
    ]
    ran = imgtools(*name.split(), image, *given, *KEY, "--json")
    assert ran.err.count(SAID) == 1, ran.err
    assert sum(one["text"].startswith(SAID) for one in ran.json["warnings"]) == 1
