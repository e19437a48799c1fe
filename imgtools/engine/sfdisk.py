"""Partition tables of a disk that is a file on the host: read and written with sfdisk.

A script of sfdisk names everything of a table: numbers, places, types, GUIDs, names and attributes, so a table that
is read, changed and written again differs in nothing else, and the backup GPT comes to the end of the disk. What a
script does not name (boot code, a hybrid MBR, the active flag of a protective MBR) is carried over from the first
sector here. What was written is read again and compared.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.process import UNTRUSTED, Completed, Fence, Kind, ToolFailed, run
from imgtools.errors import BadImage, EngineFailed, UnsupportedFormat

SECTOR = 512
EXTENDED = frozenset({"5", "f", "85"})
ENTRY_BYTES = 128  # of a GPT entry
MOST_SECTORS_MBR = 2**32 - 1
DISK_ID, SLOTS, SIGNATURE = 440, 446, 510  # offsets in the first sector
# fdisk speaks of each 4 KiB as of a sector with -b; sfdisk has no such option.
QUIET = ("--wipe", "never", "--wipe-partitions", "never", "--no-reread", "--no-tell-kernel", "-q")

_FIELD = re.compile(r'([\w-]+)(?:=\s*("[^"]*"|[^,\s]+))?\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Entry:
    """One partition. ``start`` and ``size`` count sectors."""

    number: int
    start: int
    size: int
    type: str  # GPT: a GUID, upper case; MBR: hexadecimal digits, as sfdisk writes them ("83", "f")
    uuid: str = ""  # GPT only
    name: str = ""  # GPT only
    attributes: str = ""  # GPT only, in sfdisk's words: "LegacyBIOSBootable GUID:48,60"
    bootable: bool = False  # MBR only: the active flag

    @property
    def end(self) -> int:
        """The first sector behind it."""
        return self.start + self.size


@dataclass(frozen=True, slots=True)
class HybridSlot:
    """One used entry of a hybrid MBR; ``number`` is the GPT partition that it repeats, 0 if it is none."""

    index: int  # 0 to 3
    number: int
    raw: bytes  # 16 bytes


@dataclass(frozen=True, slots=True)
class PartitionTable:
    """A whole table. ``first`` and ``last`` are the first and last sector that a partition may use."""

    label: str  # "gpt" or "dos"
    id: str  # GPT: the disk's GUID; MBR: "0x" and eight digits
    sector_size: int
    first: int
    last: int
    entries: tuple[Entry, ...]
    slots: int = 128  # how many entries a GPT has room for
    hybrid: tuple[HybridSlot, ...] = ()
    active: bool = False  # the protective MBR is marked bootable, as some firmware wants it
    problems: tuple[str, ...] = ()  # a copy of the GPT that is damaged, in sfdisk's words

    def entry(self, number: int) -> Entry | None:
        """Return the partition with a number, if there is one."""
        return next((entry for entry in self.entries if entry.number == number), None)

    def is_extended(self, entry: Entry) -> bool:
        """Whether a partition is the one that holds the logical ones."""
        return self.label == "dos" and entry.number <= 4 and entry.type in EXTENDED

    def is_logical(self, entry: Entry) -> bool:
        """Whether a partition lies in an extended one."""
        return self.label == "dos" and entry.number > 4

    @property
    def extended(self) -> Entry | None:
        """The extended partition, if there is one."""
        return next((entry for entry in self.entries if self.is_extended(entry)), None)


# -- reading ------------------------------------------------------------------------------------------------


def read_table(host_path: Path, *, sector_size: int = SECTOR) -> PartitionTable:
    """Read the table of a disk.

    :raises BadImage: there is none, or both copies of a GPT are damaged.
    :raises UnsupportedFormat: it is neither GPT nor MBR, or a GPT of a make that would not survive being written.
    """
    text, complaints = _dump(host_path, sector_size)
    table = parse_script(text)
    first = _read(host_path, 0, SECTOR)
    if table.label == "gpt":
        _refuse_odd_header(_read(host_path, table.sector_size, SECTOR))
        table = replace(table, hybrid=_hybrid(first, table), active=first[SLOTS] == 0x80)
    elif any(entry.type == "ee" for entry in table.entries):
        raise BadImage("both copies of the GPT are damaged", hint="gdisk may find what is left of them")
    else:
        sectors = _length(host_path) // table.sector_size
        table = replace(table, first=1, last=min(sectors, MOST_SECTORS_MBR) - 1)
    return replace(table, problems=tuple(complaints))


def _dump(host_path: Path, sector_size: int) -> tuple[str, list[str]]:
    path = os.fspath(host_path.absolute())
    try:
        if sector_size == SECTOR:
            done = run(["sfdisk", "--dump", path], Fence(Kind.READER, (host_path,)), limits=UNTRUSTED)
            text = done.text
        else:
            text, done = _fdisk_dump(path, sector_size)
    except ToolFailed as error:
        if "recognized partition table" in error.done.complaint:
            raise BadImage("the disk has no partition table") from None
        raise BadImage(f"the partition table cannot be read: {error.done.complaint}") from None
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    return text, [line.strip() for line in lines if "corrupt" in line or "Omitting" in line]


def _fdisk_dump(path: str, sector_size: int) -> tuple[str, Completed]:
    with scratch_folder() as folder:
        script = folder / "script"
        words = f"O\n{script}\nq\n".encode()
        argv = ["fdisk", "-b", str(sector_size), "--wipe", "never", path]
        fence = Fence(Kind.READER, (Path(path),), (Path(folder),))
        done = run(argv, fence, limits=UNTRUSTED, stdin=words)
        # Where fdisk finds no table it makes a new one in memory, and says so.
        if b"does not contain a recognized partition table" in done.stdout + done.stderr:
            raise BadImage(f"the disk has no partition table for sectors of {sector_size} bytes")
        return script.read_text("utf-8", "surrogateescape"), done


def parse_script(text: str) -> PartitionTable:
    """Read what ``sfdisk --dump`` prints.

    :raises UnsupportedFormat: the label is neither ``gpt`` nor ``dos``.
    """
    headers: dict[str, str] = {}
    entries: list[Entry] = []
    for line in text.splitlines():
        node, colon, rest = line.partition(" : ")
        if colon:
            entries.append(_parse_entry(node, rest))
        elif ": " in line:
            name, _, value = line.partition(": ")
            headers[name] = value.strip()
    label = headers.get("label", "")
    if label not in ("gpt", "dos"):
        raise UnsupportedFormat(
            f"a partition table of the kind {label or 'unknown'}", hint="only GPT and MBR can be changed"
        )
    return PartitionTable(
        label=label,
        id=headers.get("label-id", ""),
        sector_size=int(headers.get("sector-size", SECTOR)),
        first=int(headers.get("first-lba", 1)),
        last=int(headers.get("last-lba", MOST_SECTORS_MBR - 1)),
        entries=tuple(entries),
        slots=int(headers.get("table-length", 128)),
    )


def _parse_entry(node: str, rest: str) -> Entry:
    number = re.search(r"(\d+)$", node.strip())
    fields = {name: value.strip('"') for name, value in _FIELD.findall(rest)}
    return Entry(
        number=int(number[1]) if number else 0,
        start=int(fields["start"]),
        size=int(fields["size"]),
        type=fields.get("type", ""),
        uuid=fields.get("uuid", ""),
        name=_unmangle(fields.get("name", "")),
        attributes=fields.get("attrs", ""),
        bootable="bootable" in fields,
    )


def _unmangle(name: str) -> str:
    """Undo the ``\\xNN`` of a name in a script."""
    raw = name.encode("utf-8", "surrogateescape")
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), raw)
    return raw.decode("utf-8", "surrogateescape")


def _mangle(name: str) -> str:
    """Write a name so that nothing in it means anything to a script."""
    raw = name.encode("utf-8", "surrogateescape")
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b" -_." else f"\\x{byte:02x}"
        for byte in raw
    )


def _refuse_odd_header(header: bytes) -> None:
    """sfdisk puts the entries behind the header, where something else lies if they are elsewhere now."""
    if header[:8] != b"EFI PART":  # the primary copy is damaged
        return
    place, _, size = struct.unpack_from("<QII", header, 72)
    if place != 2 or size != ENTRY_BYTES:
        raise UnsupportedFormat(
            f"a GPT with entries of {size} bytes at sector {place}", hint="only the usual make can be changed"
        )


def _hybrid(first: bytes, table: PartitionTable) -> tuple[HybridSlot, ...]:
    """Return the used slots of a hybrid MBR; none if the MBR only protects."""
    slots = [first[SLOTS + 16 * index : SLOTS + 16 * index + 16] for index in range(4)]
    used = [(index, raw) for index, raw in enumerate(slots) if raw[4]]
    if first[SIGNATURE:SECTOR] != b"\x55\xaa" or all(raw[4] == 0xEE for _, raw in used):
        return ()
    numbers = {(entry.start, entry.size): entry.number for entry in table.entries}
    places = [struct.unpack_from("<II", raw, 8) for _, raw in used]
    return tuple(
        HybridSlot(index, 0 if raw[4] == 0xEE else numbers.get(place, 0), raw)
        for (index, raw), place in zip(used, places, strict=True)
    )


def _read(host_path: Path, offset: int, size: int) -> bytes:
    with host_path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(size).ljust(size, b"\0")


def _length(host_path: Path) -> int:
    with host_path.open("rb") as stream:
        return stream.seek(0, os.SEEK_END)


# -- writing ------------------------------------------------------------------------------------------------


def write_table(host_path: Path, table: PartitionTable) -> None:
    """Write a table to a disk; its length says where the backup GPT goes. Boot code stays.

    :raises EngineFailed: sfdisk refuses it, or what it wrote is not what was asked for.
    """
    before = _read(host_path, 0, SECTOR)
    script = format_script(table)
    path = os.fspath(host_path.absolute())
    if table.sector_size == SECTOR:
        fence = Fence(Kind.WRITER, writes=(host_path,))
        run(["sfdisk", *QUIET, path], fence, stdin=script.encode("utf-8", "surrogateescape"))
    else:
        _fdisk_write(path, table.sector_size, script)
    _finish_first_sector(host_path, before, table)
    _verify(read_table(host_path, sector_size=table.sector_size), table)


def _fdisk_write(path: str, sector_size: int, script: str) -> None:
    with scratch_folder() as folder:
        place = folder / "script"
        place.write_text(script, "utf-8", "surrogateescape")
        argv = ["fdisk", "-b", str(sector_size), "--wipe", "never", path]
        fence = Fence(Kind.WRITER, (place,), (Path(path),))
        run(argv, fence, stdin=f"I\n{place}\nw\n".encode())


def format_script(table: PartitionTable) -> str:
    """Return a table as a script of sfdisk."""
    lines = [f"label: {table.label}", f"label-id: {table.id}", "unit: sectors"]
    lines += [f"sector-size: {table.sector_size}"]
    if table.label == "gpt":
        lines += [f"first-lba: {table.first}", f"last-lba: {table.last}", f"table-length: {table.slots}"]
    # Primary partitions first: the extended one must be there before the logical ones.
    entries = sorted(table.entries, key=lambda entry: entry.number)
    return "\n".join([*lines, "", *(_format_entry(entry) for entry in entries)]) + "\n"


def _format_entry(entry: Entry) -> str:
    words = [f"start={entry.start}", f"size={entry.size}", f"type={entry.type}"]
    words += [f"uuid={entry.uuid}"] if entry.uuid else []
    words += [f'name="{_mangle(entry.name)}"'] if entry.name else []
    words += [f'attrs="{entry.attributes}"'] if entry.attributes else []
    words += ["bootable"] if entry.bootable else []
    return f"disk{entry.number} : {', '.join(words)}"


def _finish_first_sector(host_path: Path, before: bytes, table: PartitionTable) -> None:
    """Put back what a script does not name: boot code, the id of a protective MBR, a hybrid MBR, its active flag."""
    with host_path.open("r+b") as stream:
        sector = bytearray(stream.read(SECTOR))
        kept = SLOTS if table.label == "gpt" else DISK_ID
        sector[:kept] = before[:kept]
        sector[DISK_ID + 4 : SLOTS] = before[DISK_ID + 4 : SLOTS]
        if table.label == "gpt" and table.active:
            sector[SLOTS] = 0x80
        if table.hybrid:
            sector[SLOTS:SIGNATURE] = hybrid_slots(table)
        stream.seek(0)
        stream.write(sector)
        stream.flush()
        os.fsync(stream.fileno())


def hybrid_slots(table: PartitionTable) -> bytes:
    """Return the 64 bytes of a hybrid MBR's slots, with the partitions where the table has them now.

    :raises UnsupportedFormat: a partition now lies beyond what an MBR can name.
    """
    slots = bytearray(64)
    for slot in table.hybrid:
        raw = bytearray(slot.raw)
        entry = table.entry(slot.number) if slot.number else None
        if slot.number and entry is None:  # deleted
            continue
        if entry is not None and struct.unpack_from("<II", raw, 8) != (entry.start, entry.size):
            if entry.end > MOST_SECTORS_MBR:
                raise UnsupportedFormat(
                    f"partition {entry.number} would end beyond what the disk's hybrid MBR can name (2 TiB)",
                    hint="make the GPT a plain one first: gdisk, expert menu, n",
                )
            raw[1:4] = raw[5:8] = b"\xfe\xff\xff"  # cylinders, heads and sectors: "see the numbers"
            struct.pack_into("<II", raw, 8, entry.start, entry.size)
        slots[16 * slot.index : 16 * slot.index + 16] = raw
    return bytes(slots)


def _verify(found: PartitionTable, wanted: PartitionTable) -> None:
    """Make sure that a table came out as it was asked for."""
    if found.label != wanted.label or found.id.lower() != wanted.id.lower():
        raise EngineFailed("sfdisk did not keep the kind or the id of the partition table")
    entries = _by_number(wanted.entries)
    for number, entry in _by_number(found.entries).items():
        if entries.pop(number, None) != entry:
            raise EngineFailed(f"sfdisk wrote another partition {number} than it was asked for: {entry}")
    if entries:
        raise EngineFailed(f"sfdisk did not write the partitions {sorted(entries)}")


def _by_number(entries: Sequence[Entry]) -> dict[int, Entry]:
    return {entry.number: entry for entry in entries}
