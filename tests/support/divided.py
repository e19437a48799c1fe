"""Disks with partitions and real filesystems in them, made of files: no root, no boot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from imgtools.engine.sfdisk import Entry, PartitionTable, read_table, write_table
from imgtools.resize.partitioning import last_usable

MIB = 1 << 20
UNIT = MIB // 512  # sectors


def run(*argv: str | os.PathLike[str]) -> str:
    """What a program of the host says; an error if it fails."""
    return subprocess.run(
        list(argv), check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    ).stdout


def at(
    number: int, start: int, size: int, type: str, *, uuid: str = "", name: str = "", attributes: str = ""
) -> Entry:
    """A partition whose place and size are MiB."""
    return Entry(number, start * UNIT, size * UNIT, type, uuid, name, attributes)


def make_disk(
    host_path: Path, size: int, label: str, entries: Sequence[Entry], contents: Mapping[int, Sequence[str]]
) -> None:
    """Make a raw disk of ``size`` MiB; ``contents`` are the programs that make the filesystems, by number."""
    identity = "D0D0D0D0-0077-4000-8000-000000000001" if label == "gpt" else "0xd0d00077"
    table = PartitionTable(label, identity, 512, 34 if label == "gpt" else 1, 0, tuple(entries))
    with host_path.open("wb") as stream:
        stream.truncate(size * MIB)
    write_table(
        host_path,
        PartitionTable(label, identity, 512, table.first, last_usable(table, size * MIB), table.entries),
    )
    for number, argv in contents.items():
        entry = table.entry(number)
        assert entry is not None
        part = host_path.with_suffix(f".{number}")
        with part.open("wb") as stream:
            stream.truncate(entry.size * 512)
        run(*argv, part)
        put(host_path, entry.start * 512, part)
        part.unlink()


def put(host_path: Path, offset: int, content: Path) -> None:
    """Write a file's bytes into a disk."""
    run(
        "dd",
        f"if={content}",
        f"of={host_path}",
        "bs=1M",
        f"seek={offset}",
        "oflag=seek_bytes",
        "conv=notrunc,sparse",
    )


def take(image: Path, format: str, number: int, target: Path) -> Path:
    """Copy one partition of an image to a file, and return it."""
    raw = image
    if format != "raw":
        raw = target.with_suffix(".disk")
        run("qemu-img", "convert", "-f", format, "-O", "raw", image, raw)
    entry = read_table(raw).entry(number)
    assert entry is not None
    skip, count = entry.start * 512, entry.size * 512
    flags = "iflag=skip_bytes,count_bytes"
    run("dd", f"if={raw}", f"of={target}", "bs=1M", f"skip={skip}", f"count={count}", flags, "conv=sparse")
    return target


def table_of(image: Path, format: str, folder: Path) -> PartitionTable:
    """The partition table of an image."""
    raw = folder / "table.raw"
    run("qemu-img", "convert", "-f", format, "-O", "raw", image, raw)
    return read_table(raw)
