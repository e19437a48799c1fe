r"""What a Windows that stopped has left: the header of its dump, and the report of its automatic repair.

The header of a dump, little-endian, 32 and 64 bit: "PAGE", "DUMP" or "DU64"; the bug check's code at 0x28 or 0x38 and
four parameters behind it; the time at 0xFC0 or 0xFA8 as a FILETIME; the kind of dump at 0xF88 or 0xF98. A small dump
(kind 4) has behind that header another one, with a pointer at 0x40 to the driver that Windows blames; names are a
length in characters, and UTF-16.

Sources: "Bug Check Code Reference" (learn.microsoft.com) for the codes; the structures DUMP_HEADER, DUMP_HEADER64 and
TRIAGE_DUMP64 of wdbgexts.h and of Volatility's crash layer for the bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.engine.regvalue import decode_utf16
from imgtools.errors import GuestFileError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.facts import filetime

HEADER_32, HEADER_64 = 0x1000, 0x2000
SMALL = 4  # DUMP_TYPE_TRIAGE
BLAMED = 0x40  # BrokenDriverOffset, in the header of a small dump
LONGEST_NAME = 260
DRIVER = re.compile(r"[\\\w.~$ -]{1,256}\.(?:sys|exe|dll)", re.IGNORECASE)
HEAD = (
    1 << 20
)  # bytes of a dump that are read; a small one has some 300 KiB to 2 MiB, names are at its beginning
MOST_DUMPS = 1000
TRAIL = "System32/LogFiles/Srt/SrtTrail.txt"
TRAIL_LIMIT = 1 << 20
ROOT_CAUSE = re.compile(r"root cause found", re.IGNORECASE)
ATTEMPTS = re.compile(r"number of repair attempts:\s*(\d{1,6})", re.IGNORECASE)

# Names of the codes that are met at boot; others are shown as a number.
CODES = {
    0x0A: "IRQL_NOT_LESS_OR_EQUAL", 0x1A: "MEMORY_MANAGEMENT", 0x1E: "KMODE_EXCEPTION_NOT_HANDLED",
    0x24: "NTFS_FILE_SYSTEM", 0x3B: "SYSTEM_SERVICE_EXCEPTION", 0x4E: "PFN_LIST_CORRUPT",
    0x50: "PAGE_FAULT_IN_NONPAGED_AREA", 0x51: "REGISTRY_ERROR", 0x5C: "HAL_INITIALIZATION_FAILED",
    0x67: "CONFIG_INITIALIZATION_FAILED", 0x6B: "PROCESS1_INITIALIZATION_FAILED",
    0x6F: "SESSION3_INITIALIZATION_FAILED", 0x73: "CONFIG_LIST_FAILED", 0x74: "BAD_SYSTEM_CONFIG_INFO",
    0x75: "CANNOT_WRITE_CONFIGURATION", 0x77: "KERNEL_STACK_INPAGE_ERROR", 0x7A: "KERNEL_DATA_INPAGE_ERROR",
    0x7B: "INACCESSIBLE_BOOT_DEVICE", 0x7C: "BUGCODE_NDIS_DRIVER", 0x7E: "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
    0x7F: "UNEXPECTED_KERNEL_MODE_TRAP", 0x8E: "KERNEL_MODE_EXCEPTION_NOT_HANDLED", 0x9F: "DRIVER_POWER_STATE_FAILURE",
    0xA0: "INTERNAL_POWER_ERROR", 0xA5: "ACPI_BIOS_ERROR", 0xC1: "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION",
    0xC2: "BAD_POOL_CALLER", 0xC4: "DRIVER_VERIFIER_DETECTED_VIOLATION", 0xC5: "DRIVER_CORRUPTED_EXPOOL",
    0xC9: "DRIVER_VERIFIER_IOMANAGER_VIOLATION", 0xCE: "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS",
    0xD1: "DRIVER_IRQL_NOT_LESS_OR_EQUAL", 0xD5: "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL",
    0xDE: "POOL_CORRUPTION_IN_FILE_AREA", 0xED: "UNMOUNTABLE_BOOT_VOLUME", 0xEF: "CRITICAL_PROCESS_DIED",
    0xF4: "CRITICAL_OBJECT_TERMINATION", 0xFC: "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY",
    0x101: "CLOCK_WATCHDOG_TIMEOUT", 0x109: "CRITICAL_STRUCTURE_CORRUPTION", 0x116: "VIDEO_TDR_FAILURE",
    0x124: "WHEA_UNCORRECTABLE_ERROR", 0x133: "DPC_WATCHDOG_VIOLATION", 0x139: "KERNEL_SECURITY_CHECK_FAILURE",
    0x13A: "KERNEL_MODE_HEAP_CORRUPTION", 0x154: "UNEXPECTED_STORE_EXCEPTION",
    0xC0000218: "STATUS_CANNOT_LOAD_REGISTRY_FILE", 0xC000021A: "STATUS_SYSTEM_PROCESS_TERMINATED",
    0xC0000221: "STATUS_IMAGE_CHECKSUM_MISMATCH", 0xE2: "MANUALLY_INITIATED_CRASH",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BugCheck:
    """Why Windows stopped. ``time`` is nanoseconds since 1970 (None: not told), ``driver`` the one that is blamed."""

    code: int
    parameters: tuple[int, ...] = ()
    time: int | None = None
    driver: str = ""

    @property
    def words(self) -> str:
        """The code as Windows shows it: ``0x7B INACCESSIBLE_BOOT_DEVICE (0x..., 0x0, 0x0, 0x0)``."""
        name = CODES.get(self.code, "")
        numbers = ", ".join(f"0x{one:X}" for one in self.parameters)
        return " ".join(filter(None, (f"0x{self.code:X}", name, f"({numbers})" if numbers else "")))


def read_dump(head: bytes) -> BugCheck | None:
    """Return the bug check of a dump, of which ``head`` is the beginning; None if it is none, or is cut short."""
    if head[:4] != b"PAGE" or head[4:8] not in (b"DUMP", b"DU64"):
        return None
    is_64 = head[4:8] == b"DU64"
    size = HEADER_64 if is_64 else HEADER_32
    if len(head) < size:
        return None
    (code,) = struct.unpack_from("<I", head, 0x38 if is_64 else 0x28)
    parameters = struct.unpack_from("<4Q" if is_64 else "<4I", head, 0x40 if is_64 else 0x2C)
    (ticks,) = struct.unpack_from("<Q", head, 0xFA8 if is_64 else 0xFC0)
    (kind,) = struct.unpack_from("<I", head, 0xF98 if is_64 else 0xF88)
    driver = _blamed(head, size + BLAMED) if kind == SMALL else ""
    return BugCheck(code, parameters, filetime(ticks), driver)


def _blamed(head: bytes, pointer: int) -> str:
    """The name of the driver that a small dump blames; "" if it names none.

    The pointer leads to its entry in the list of drivers, which begins with the place of its name, or to the name.
    """
    at = _number(head, pointer)
    return _name(head, at) or _name(head, _number(head, at))


def _number(head: bytes, at: int) -> int:
    """The four bytes at a place; 0 if they are not there."""
    return int.from_bytes(head[at : at + 4], "little") if at and len(head) >= at + 4 else 0


def _name(head: bytes, at: int) -> str:
    length = _number(head, at)
    name = decode_utf16(head[at + 4 : at + 4 + 2 * length]) if length <= LONGEST_NAME else ""
    return name if DRIVER.fullmatch(name) else ""


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump of the guest, and what it tells. ``time`` is when it was made: its own word, else its file's."""

    path: str
    time: int
    check: BugCheck


def newest_dump(files: GuestReader, systemroot: str) -> Dump | None:
    """Return the dump that was made last; None if there is none that can be read."""
    found = [one for path in _dumps(files, systemroot) if (one := _dump(files, path)) is not None]
    return max(found, key=lambda one: one.time, default=None)


def _dumps(files: GuestReader, systemroot: str) -> Iterator[str]:
    """Yield the dump of the memory and the newest small one; of others only their times are looked at."""
    whole = join(systemroot, "MEMORY.DMP")
    if files.is_file(whole):
        yield whole
    small = [
        path
        for path, _ in zip(files.glob(join(systemroot, "Minidump/*.dmp")), range(MOST_DUMPS), strict=False)
    ]
    if small:
        yield max(small, key=lambda path: files.stat(path).mtime)


def _dump(files: GuestReader, path: str) -> Dump | None:
    try:
        with files.open(path) as stream:
            check = read_dump(stream.read(HEAD))
        return Dump(path, check.time or files.stat(path).mtime, check) if check is not None else None
    except GuestFileError:
        return None


# -- automatic repair --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RepairTrail:
    """What automatic repair has written. ``causes`` are the root causes that it found, each with its line from 1 on."""

    attempts: int
    causes: tuple[tuple[int, str], ...]


def read_trail(content: bytes) -> RepairTrail:
    """Return what SrtTrail.txt says.

    Behind "Root cause found:" stands a rule of dashes, then the cause, up to an empty line or another rule.
    """
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = content[:TRAIL_LIMIT].decode(encoding, "replace")
    counts = [int(one) for one in ATTEMPTS.findall(text)]
    return RepairTrail(max(counts, default=0), tuple(_causes(text.splitlines())))


def _causes(lines: list[str]) -> Iterator[tuple[int, str]]:
    wanted = False
    for number, line in enumerate(lines, 1):
        words = line.strip()
        if ROOT_CAUSE.search(words):
            wanted = True
        elif wanted and words and words.strip("-="):
            yield number, words
            wanted = False


def repair_trail(files: GuestReader, systemroot: str) -> RepairTrail | None:
    """Return what automatic repair has written last; None if it never ran."""
    path = join(systemroot, TRAIL)
    if not files.is_file(path):
        return None
    with files.open(path) as stream:
        return read_trail(stream.read(TRAIL_LIMIT))
