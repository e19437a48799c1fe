"""The writing commands where only the appliance writes: XFS and btrfs, booted once for each guest."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from imgtools.errors import EditFailed
from tests.support.command import imgtools
from tests.support.edits import beside, digest, plan_file
from tests.support.fixtures import copy_fixture, fixture_image

pytestmark = pytest.mark.appliance

LOGIN = "/files/etc/ssh/sshd_config/PermitRootLogin"
LABEL = "SCHILY.xattr.security.selinux"


def planned(image: Path, *words: str | Path) -> list[dict[str, Any]]:  # Any: JSON
    """The changes that a command plans, without writing."""
    first, *rest = words
    found: list[dict[str, Any]] = imgtools(*str(first).split(), image, *rest, "--json").data["changes"]
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("host") / "tree"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_bytes(b"\0copied\xff")
    (folder / "link").symlink_to("below/file")
    return folder


def members(image: Path, folder: Path, *paths: str) -> dict[str, tarfile.TarInfo]:
    """What a guest's folders hold, read in one go."""
    found: dict[str, tarfile.TarInfo] = {}
    for number, path in enumerate(paths):
        archive = folder / f"{number}.tar"
        command = [sys.executable, "-m", "imgtools", "tar-out", image, path, archive]
        subprocess.run(command, check=True, capture_output=True)
        with tarfile.open(archive) as opened:
            found |= {f"{path}/{one.name.removeprefix('./').rstrip('/')}": one for one in opened}
    return found


def test_every_command_on_xfs_in_one_boot(tree: Path, tmp_path: Path) -> None:
    """Their plans are made without booting, and carried out together."""
    source = fixture_image("rocky")
    changes = [
        *planned(source, "edit", "/etc/hosts", "-e", "s/localhost/here/", "--backup", ".bak"),
        *planned(source, "config set", LOGIN, "no"),
        *planned(source, "copy-in", tree, "/srv"),
        *planned(source, "write", "/etc/written", "--content", "text", "--mode", "0600"),
        *planned(source, "mkdir", "/srv/new/deep", "--parents"),
        *planned(source, "mv", "/etc/hostname", "/etc/renamed"),
        *planned(source, "rm", "/etc/machine-id"),
        *planned(source, "chmod", "0640", "/etc/locale.conf"),
        *planned(source, "touch", "/boot/touched"),
        *planned(source, "ln", "../etc/hosts", "/srv/soft"),
        *planned(source, "ln --hard", "/etc/fstab", "/etc/second"),
    ]
    image = copy_fixture("rocky", tmp_path)[0]
    done = imgtools("apply", image, plan_file(tmp_path, changes), "--write", "--json")
    assert done.data["written"] and done.json["engine"] == "appliance"
    assert beside(image) == set()
    assert "127.0.0.1 here" in imgtools("cat", image, "/etc/hosts").out
    assert "localhost" in imgtools("cat", image, "/etc/hosts.bak").out
    assert imgtools("config", "get", image, LOGIN).out == "no\n"
    found = members(image, tmp_path, "/etc", "/srv", "/boot")
    assert found["/etc/written"].mode == 0o600
    assert found["/etc/locale.conf"].mode == 0o640
    assert found["/srv/tree/link"].linkname == "below/file"
    assert found["/srv/new/deep"].isdir()
    assert found["/srv/soft"].linkname == "../etc/hosts"
    assert found["/etc/second"].islnk() or found["/etc/fstab"].islnk()
    assert {"/etc/renamed", "/boot/touched", "/srv/tree/below/file"} <= set(found)
    assert not {"/etc/hostname", "/etc/machine-id"} & set(found)
    # New files have the labels that the guest's policy gives them, as old ones keep theirs.
    assert "etc_t" in found["/etc/written"].pax_headers[LABEL]


def test_a_plan_on_btrfs_reads_and_writes_in_one_boot(tree: Path, tmp_path: Path) -> None:
    image = copy_fixture("opensuse", tmp_path)[0]
    upload = {"kind": "upload", "path": "/srv/copied", "host_path": str(tree / "below" / "file")}
    changes = [
        {"kind": "edit-lines", "path": "/etc/hosts", "edits": [{"append": "10.1.2.3 db"}]},
        {
            "kind": "edit-config",
            "path": "/etc/ssh/sshd_config",
            "settings": [{"node": "Port", "value": "99"}],
        },
        upload,
        {"kind": "make-directory", "path": "/srv/new/deep"},
        {"kind": "write-file", "path": "/var/written", "content": "other subvolume\n", "mode": "0600"},
        {"kind": "make-link", "path": "/srv/soft", "target": "../etc/hosts"},
        {"kind": "move", "path": "/etc/hostname", "to": "/etc/renamed"},
    ]
    done = imgtools("apply", image, plan_file(tmp_path, changes), "--write", "--json")
    assert done.data["written"] and done.json["engine"] == "appliance"
    assert beside(image) == set()
    paths = set(imgtools("find", image, "/").out.splitlines())
    assert {"/srv/copied", "/srv/new/deep", "/var/written", "/srv/soft", "/etc/renamed"} <= paths
    assert "/etc/hostname" not in paths


@pytest.mark.parametrize(
    ("name", "words", "reason"),
    [
        ("broken:ntfs-dirty", ("write", "/new.txt", "--content", "x"), "marked dirty"),
        ("broken:ntfs-hibernated", ("registry set", r"HKLM\SOFTWARE\X", "v", "x"), "hibernated"),
    ],
)
def test_ntfs_that_windows_has_not_let_go_of_is_not_written(
    name: str, words: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    """ntfs-3g in the appliance would mount a dirty volume and write."""
    image = copy_fixture(name, tmp_path)[0]
    before = digest(image)
    planned = imgtools(*words[0].split(), image, *words[1:])
    assert ("Windows is hibernated on /dev/sda2" in planned.err) is (reason == "hibernated")
    ran = imgtools(*words[0].split(), image, *words[1:], "--write", code=EditFailed.exit_code)
    assert reason in ran.err and "shut it down fully" in ran.err
    assert digest(image) == before and beside(image) == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a capability away for good")
def test_where_nothing_may_be_mounted_the_appliance_writes(tmp_path: Path) -> None:
    """As in a container: /dev/fuse is there, and CAP_SYS_ADMIN is not."""
    (image,) = copy_fixture("debian", tmp_path)
    confined = [
        "setpriv",
        "--bounding-set=-sys_admin",
        "--inh-caps=-sys_admin",
        sys.executable,
        "-m",
        "imgtools",
    ]
    edit = [*confined, "write", image, "/etc/hostname", "--content", "web1", "--write", "-v"]
    ran = subprocess.run(edit, check=True, capture_output=True, text=True)
    assert "not written directly: /dev/sda3: a volume cannot be shown as a file" in ran.stderr
    assert imgtools("cat", image, "/etc/hostname").out == "web1\n"
    refused = subprocess.run([*confined, "sparsify", image], capture_output=True, text=True, check=False)
    assert refused.returncode == 30 and "imgtools doctor says what is in the way" in refused.stderr
