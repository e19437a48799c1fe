"""Plans, copies and digests for tests that edit whole images."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from tests.support.fixtures import copy_image, fixture

MOTD = [{"kind": "write-file", "path": "/etc/motd", "content": "changed\n"}]
DIRECT = ("--engine", "direct")


def plan_file(folder: Path, changes: object) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(changes))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def disk_digest(path: Path, form: str | None = None) -> str:
    """What the disk holds, whatever its format."""
    flat = path.parent / "flat"
    forms = ["-f", form] if form else []
    subprocess.run(["qemu-img", "convert", *forms, "-O", "raw", path, flat], check=True)
    found = digest(flat)
    flat.unlink()
    return found


def copy_family(name: str, folder: Path) -> Path:
    """A fixture's first disk, with the files that it names beside it."""
    image = fixture(name).image
    return {path: copy_image(path, folder) for path in image.parent.iterdir() if path.is_file()}[image]


def beside(path: Path) -> set[str]:
    """Files of ours that lie beside an image."""
    return {one.name for one in path.parent.iterdir() if "imgtools" in one.name}


def read(image: Path, path: str, *options: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "imgtools", "cat", *options, image, path],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
