"""Who may write what imgtools makes on NTFS, as ntfssecaudit reads it: those who may write beside it, not everybody."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from imgtools.filesystems.ntfs.inherited import ACL_NAME, ADMINISTRATORS, SYSTEM, inherited
from tests.support.command import imgtools
from tests.support.edits import plan_file
from tests.support.fixtures import copy_fixture
from tests.unit.filesystems.ntfs.test_inherited import ALL, EVERYONE, READ, USERS, descriptor

pytestmark = pytest.mark.host
OF_WINDOWS = descriptor((0, 3, ALL, SYSTEM), (0, 3, ALL, ADMINISTRATORS), (0, 3, READ, USERS))
START, SIZE = 51 << 20, 400 << 20  # of the volume with Windows, in the recipe


def rights(image: Path, path: str) -> bytes:
    """The security descriptor of a file."""
    raw = image.with_suffix(".raw")
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    with raw.open("rb") as stream, image.with_suffix(".volume").open("wb") as volume:
        stream.seek(START)
        for _ in range(SIZE >> 20):
            volume.write(stream.read(1 << 20))
    told = subprocess.run(
        ["ntfssecaudit", "-v", image.with_suffix(".volume"), path], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split()[1:] for line in told.splitlines() if line.startswith("        0")]
    return bytes.fromhex("".join(word for words in lines for word in words))


@pytest.mark.parametrize("engine", ["direct", pytest.param("appliance", marks=pytest.mark.appliance)])
@pytest.mark.skipif(os.geteuid() != 0, reason="ntfs-3g mounts for root only")
def test_what_is_made_has_the_rights_of_its_folder(engine: str, tmp_path: Path) -> None:
    """One folder hands down those of a folder of Windows, the other what mkntfs gives to the top of a volume."""
    (image,) = copy_fixture("windows", tmp_path)
    value = base64.b64encode(OF_WINDOWS).decode()
    changes = [
        {"kind": "set-xattr", "path": "/Windows", "name": ACL_NAME, "value_b64": value},
        {"kind": "make-directory", "path": "/Windows/Folder"},
        {"kind": "write-file", "path": "/Windows/new.txt", "content": "x"},
        {"kind": "write-file", "path": "/Windows/Folder/in.txt", "content": "x"},
        {"kind": "write-file", "path": "/beside.txt", "content": "x"},
    ]
    imgtools("apply", image, plan_file(tmp_path, changes), "--write", "--engine", engine)
    for path in ("/Windows/new.txt", "/Windows/Folder", "/Windows/Folder/in.txt"):
        found = rights(image, path)
        assert USERS in found and SYSTEM in found and EVERYONE not in found, path
    assert rights(image, "/beside.txt") == inherited(rights(image, "/"), is_folder=False)
