"""Disks that are resized: divided with sfdisk, each partition with a filesystem of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.disks import MIB

# As cloud images have it: the root is number 1 and lies behind 14 and 15.
CLOUD = """label: gpt
label-id: 11111111-2222-3333-4444-555555555555
14: start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, uuid=AAAAAAAA-0000-0000-0000-00000000000E
15: start=4096, size=4096, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=AAAAAAAA-0000-0000-0000-00000000000F
1: start=8192, size=65536, name="cloud root", attrs="GUID:48,60", uuid=AAAAAAAA-0000-0000-0000-000000000001
"""
ROOT_START, ROOT_SIZE = 8192 * 512, 65536 * 512
LOGICAL = """label: dos
label-id: 0x12345678
1: start=2048, size=8192, type=83, bootable
2: start=10240, size=30720, type=5
5: start=12288, size=28672, type=83
"""


def run(*words: str | Path) -> str:
    """Run a program of the host and return what it prints."""
    done = subprocess.run([*map(str, words)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ext4_file(path: Path, size: int, *, data: int = 0) -> Path:
    """Make an ext4 in a file: /hello with a word, and a file of ``data`` bytes."""
    tree = path.with_name(path.name + ".tree")
    tree.mkdir()
    (tree / "hello").write_text("still here")
    (tree / "data").write_bytes(os.urandom(data))
    _make(path, size, "mke2fs", "-q", "-t", "ext4", "-d", tree)
    return path


def _make(path: Path, size: int, *words: str | Path) -> Path:
    path.touch()
    os.truncate(path, size)
    run(*words, path)
    return path


def made_file(path: Path, size: int, *words: str) -> Path:
    """Make a filesystem in a file, with any program."""
    return _make(path, size, *words)


def disk_of(
    path: Path, size: int, script: str, parts: Mapping[int, Path], format: str = "raw", *words: str
) -> Path:
    """Make a disk with a table, and put files at offsets of it; ``words`` are for ``qemu-img convert``."""
    raw = path if format == "raw" else path.with_name(path.name + ".plain")
    raw.touch()
    os.truncate(raw, size)
    if script:
        subprocess.run(["sfdisk", "-q", raw], input=script.encode(), check=True, capture_output=True)
    for offset, part in parts.items():
        run("dd", f"if={part}", f"of={raw}", "bs=4096", f"seek={offset // 4096}", "conv=notrunc,sparse")
    if raw != path:
        run("qemu-img", "convert", "-f", "raw", "-O", format, *words, raw, path)
        raw.unlink()
    return path


def cloud_disk(path: Path, format: str = "raw", *, data: int = 0) -> Path:
    """A disk of 40 MiB, divided as cloud images are, with an ext4 of 32 MiB as root."""
    root = ext4_file(path.with_name(path.name + ".root"), ROOT_SIZE, data=data)
    return disk_of(path, 40 * MIB, CLOUD, {ROOT_START: root}, format)


def flat(path: Path) -> Path:
    """The disk that an image means, as a raw file beside it."""
    raw = path.with_name(path.name + ".flat")
    run("qemu-img", "convert", "-O", "raw", path, raw)
    return raw


def virtual_size(path: Path) -> int:
    """What the image says its disk is, in bytes."""
    return int(json.loads(run("qemu-img", "info", "--output", "json", path))["virtual-size"])


def table_of(path: Path) -> dict[int, dict[str, Any]]:  # Any: JSON of sfdisk
    """The partitions of an image by number, in sfdisk's words."""
    raw = flat(path)
    found = json.loads(run("sfdisk", "--json", raw))["partitiontable"]
    run("sfdisk", "--verify", raw)
    if found["label"] == "gpt":
        assert raw.stat().st_size // 512 - 34 == found["lastlba"]
    return {int(one.pop("node").removeprefix(str(raw)).strip("p")): one for one in found["partitions"]}


def part_of(path: Path, start: int, size: int) -> Path:
    """A partition of an image as a file."""
    raw, part = flat(path), path.with_name(path.name + ".part")
    with raw.open("rb") as source, part.open("wb") as target:
        source.seek(start)
        target.write(source.read(size))
    return part


def ext4_size(part: Path) -> int:
    """The bytes of an ext4, which has to be clean and have its file still."""
    run("e2fsck", "-f", "-n", part)
    assert run("debugfs", "-R", "cat /hello", part) == "still here"
    facts = dict(line.split(":", 1) for line in run("dumpe2fs", "-h", part).splitlines() if ":" in line)
    return int(facts["Block count"]) * int(facts["Block size"])
