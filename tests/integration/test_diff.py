"""What is planted in the real Debian is found, and nothing else; virt-diff, which boots, finds the same files."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.edits import plan_file
from tests.support.fixtures import fixture_image, overlay_image

pytestmark = pytest.mark.real

WANTS = "/etc/systemd/system/multi-user.target.wants"
SHELL = "/usr/bin/nologin-planted"
# What is done to the overlay; then what differs: files, and facts of the system.
PLAN = [
    {"kind": "write-file", "path": "/etc/hostname", "content": "planted\n"},
    {"kind": "write-file", "path": "/srv/new", "content": "new\n"},
    {"kind": "set-mode", "path": "/etc/issue", "mode": "0600"},
    {"kind": "set-owner", "path": "/etc/issue.net", "uid": 33, "gid": 33},
    {"kind": "set-xattr", "path": "/etc/debian_version", "name": "user.planted", "value": "MQ=="},
    {"kind": "remove", "path": f"{WANTS}/cron.service"},
    {"kind": "remove", "path": "/etc/mime.types"},
    {"kind": "make-link", "path": "/srv/link", "target": "/etc/issue"},
]
EDITS = (
    ("/etc/passwd", f"s,:/root:/bin/bash,:/root:{SHELL},"),
    ("/etc/ssh/sshd_config", r"s/^#?PermitRootLogin .*/PermitRootLogin no/"),
)
FILES = {
    "/etc/hostname": ("changed", ["content"]),
    "/srv/new": ("added", []),
    "/srv/link": ("added", []),
    "/etc/issue": ("changed", ["mode"]),
    "/etc/issue.net": ("changed", ["owner"]),
    "/etc/debian_version": ("changed", ["xattrs"]),
    f"{WANTS}/cron.service": ("removed", []),
    "/etc/mime.types": ("removed", []),
    "/etc/passwd": ("changed", ["content"]),
    "/etc/ssh/sshd_config": ("changed", ["content"]),
    "/var/lib/dpkg/status": ("changed", ["content"]),
}
FACTS = {
    ("system", "hostname", "", "planted"),
    ("package", "cron:amd64", "version", "9:9-9"),
    ("user", "root", "shell", SHELL),
    ("service", "cron.service", "", None),
    ("configuration", "/files/etc/hostname/hostname", "", "planted"),
    ("configuration", "/files/etc/passwd/root/shell", "", SHELL),
    ("configuration", "/files/etc/ssh/sshd_config/PermitRootLogin", "", "no"),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The real Debian and an overlay on it with what is planted."""
    folder = tmp_path_factory.mktemp("real")
    overlay = overlay_image("real", folder)
    (base,) = (one for one in folder.iterdir() if one.name == fixture_image("real").name)
    imgtools("apply", overlay, plan_file(folder, PLAN), "--write", "--no-check")
    for path, expression in EDITS:
        imgtools("edit", overlay, path, "-e", expression, "--write", "--no-check")
    status = imgtools("cat", overlay, "/var/lib/dpkg/status").out
    before, package, after = status.partition("Package: cron\n")
    old = next(line for line in after.split("\n") if line.startswith("Version: "))
    (folder / "status").write_text(before + package + after.replace(f"{old}\n", "Version: 9:9-9\n", 1))
    imgtools("write", overlay, "/var/lib/dpkg/status", "--from", folder / "status", "--write")
    return base, overlay


@pytest.mark.parametrize("compare", ["changed", "all"])
def test_what_was_planted_is_found_and_nothing_else(pair: tuple[Path, Path], compare: str) -> None:
    data = imgtools("diff", *pair, "--json", "--compare", compare, code=1).data
    assert {one["path"]: (one["became"], one["details"]) for one in data["files"]} == FILES
    assert {(one["about"], one["name"], one["field"], one["new"]) for one in data["facts"]} == FACTS
    assert data["shared"] and not data["incomplete"]


@pytest.mark.appliance
@pytest.mark.timeout(3000)  # it boots two machines, and walks through both
def test_virt_diff_finds_the_same_files(pair: tuple[Path, Path]) -> None:
    """It compares what lstat and listxattr say, and checksums."""
    env = {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "LIBGUESTFS_BACKEND": "direct",
        "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg",
    }
    words = ["virt-diff", "--xattrs", "--uids", "-a", pair[0], "-A", pair[1]]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=env)
    theirs = {
        "/" + line.partition(" /")[2].partition(" -> ")[0]
        for line in done.stdout.splitlines()
        if re.match(r"[-+=] [-dl] [0-7]{4} ", line)
    }
    ours = {one["path"] for one in imgtools("diff", *pair, "--json", code=1).data["files"]}
    assert theirs == ours
