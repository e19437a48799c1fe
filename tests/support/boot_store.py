"""The boot configuration of a Windows as setup leaves it, for tests: every object that `bcdedit /enum all` shows."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping

from tests.support.hives import Data, Keys

MANAGER = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
MEMORY_TEST = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
GLOBAL, LOADERS = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}", "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
EMS, DEBUG = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}", "{4636856e-540f-4170-a130-a84776f4c654}"
BAD_MEMORY, HYPERVISOR = "{5189b25c-5558-4bf2-bca4-289b11bd29e2}", "{7ff607e0-4395-11db-b0de-0800200c9a66}"
RESUMING = "{1afa9c49-16ab-4a5c-901b-212802da9460}"
# Those that setup draws by lot.
WINDOWS = "{5d1c6a0e-0008-11ee-9f2c-d0d0d0d00008}"
RESUME = "{5d1c6a0d-0008-11ee-9f2c-d0d0d0d00008}"
RECOVERY = "{5d1c6a10-0008-11ee-9f2c-d0d0d0d00008}"
RAMDISK = "{5d1c6a11-0008-11ee-9f2c-d0d0d0d00008}"


def gpt(partition: str, disk: str) -> bytes:
    """A device that is a partition of a disk with a GPT, as bcdedit stores it: 88 bytes."""
    place = uuid.UUID(partition).bytes_le + bytes(8) + uuid.UUID(disk).bytes_le
    return bytes(16) + bytes.fromhex("0600000000000000 4800000000000000") + place + bytes(16)


def mbr(start: int, signature: int) -> bytes:
    """A device that is a partition of a disk with an MBR."""
    place = struct.pack("<QQII", start, 0, 0, 1) + struct.pack("<I12x", signature)
    return bytes(16) + bytes.fromhex("0600000000000000 4800000000000000") + place + bytes(16)


def ramdisk(partition: bytes, path: str, options: str) -> bytes:
    """A device that is unpacked from a file on a partition: what Windows RE starts from."""
    words = (path + "\0").encode("utf-16-le")
    inner = partition[16:] + words
    file = struct.pack("<III", 1, 12 + len(inner), 5) + inner
    local = struct.pack("<I20x", 3) + file
    head = struct.pack("<IIII", 0, 1, 16 + len(local), 0)
    return uuid.UUID(options.strip("{}")).bytes_le + head + local


def boot_keys(esp: bytes, root: bytes, recovery: bytes, *, efi: bool = True) -> Keys:
    """The keys of the hive. ``esp``, ``root`` and ``recovery`` are devices."""
    end = "efi" if efi else "exe"
    manager = r"\EFI\Microsoft\Boot\bootmgfw.efi" if efi else r"\bootmgr"
    tester = r"\EFI\Microsoft\Boot\memtest.efi" if efi else r"\boot\memtest.exe"
    image = ramdisk(recovery, r"\Recovery\WindowsRE\Winre.wim", RAMDISK)
    keys: dict[str, Mapping[str, Data]] = {
        "Description": {"KeyName": "BCD00000000", "System": 1, "TreatAsSystem": 1}
    }
    # fmt: off
    keys |= _object(MANAGER, 0x10100002, {
        0x11000001: esp, 0x12000002: manager, 0x12000004: "Windows Boot Manager", 0x12000005: "en-US",
        0x14000006: [GLOBAL], 0x23000003: WINDOWS, 0x23000006: RESUME, 0x24000001: [WINDOWS],
        0x24000010: [MEMORY_TEST], 0x25000004: 30,
    })
    keys |= _object(WINDOWS, 0x10200003, {
        0x11000001: root, 0x12000002: rf"\Windows\system32\winload.{end}", 0x12000004: "Windows Server",
        0x12000005: "en-US", 0x14000006: [LOADERS], 0x14000008: [RECOVERY], 0x16000009: True, 0x16000060: True,
        0x17000077: 0x15000075, 0x21000001: root, 0x22000002: r"\Windows", 0x23000003: RESUME, 0x25000020: 3,
        0x250000C2: 1,
    })
    keys |= _object(RESUME, 0x10200004, {
        0x11000001: root, 0x12000002: rf"\Windows\system32\winresume.{end}",
        0x12000004: "Windows Resume Application", 0x12000005: "en-US", 0x14000006: [RESUMING],
        0x14000008: [RECOVERY], 0x16000009: True, 0x21000001: root, 0x22000002: r"\hiberfil.sys", 0x25000008: 1,
        0x26000006: False,
    })
    keys |= _object(RECOVERY, 0x10200003, {
        0x11000001: image, 0x12000002: rf"\windows\system32\winload.{end}",
        0x12000004: "Windows Recovery Environment", 0x14000006: [LOADERS], 0x15000065: 3, 0x21000001: image,
        0x22000002: r"\windows", 0x25000020: 0, 0x250000C2: 1, 0x26000022: True,
    })
    keys |= _object(RAMDISK, 0x30000000, {
        0x12000004: "Windows Recovery", 0x31000003: recovery, 0x32000004: r"\Recovery\WindowsRE\boot.sdi",
    })
    keys |= _object(MEMORY_TEST, 0x10200005, {
        0x11000001: esp, 0x12000002: tester, 0x12000004: "Windows Memory Diagnostic", 0x12000005: "en-US",
        0x14000006: [GLOBAL], 0x1600000B: True,
    })
    keys |= _object(GLOBAL, 0x20100000, {0x14000006: [DEBUG, EMS, BAD_MEMORY]})
    keys |= _object(LOADERS, 0x20200003, {0x14000006: [GLOBAL, HYPERVISOR]})
    keys |= _object(RESUMING, 0x20200004, {0x14000006: [GLOBAL]})
    keys |= _object(EMS, 0x20100000, {0x16000020: False})
    keys |= _object(DEBUG, 0x20100000, {0x15000011: 4})
    keys |= _object(BAD_MEMORY, 0x20100000, {})
    keys |= _object(HYPERVISOR, 0x20200003, {0x250000F3: 0, 0x250000F4: 1, 0x250000F5: 115_200})
    # fmt: on
    return keys


def _object(
    identity: str, kind: int, elements: Mapping[int, bytes | str | int | list[str]]
) -> dict[str, Mapping[str, Data]]:
    """An object's keys; the data of an element as its format says it is stored."""
    keys: dict[str, Mapping[str, Data]] = {
        rf"Objects\{identity}\Description": {"Type": kind},
        rf"Objects\{identity}\Elements": {},
    }
    for element, value in elements.items():
        stored: Data = bytes([value]) if isinstance(value, bool) else value
        if isinstance(value, int) and not isinstance(value, bool):
            stored = struct.pack("<Q", value)
        keys[rf"Objects\{identity}\Elements\{element:08x}"] = {"Element": stored}
    return keys
