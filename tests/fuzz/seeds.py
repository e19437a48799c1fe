"""Small healthy things that fuzzing begins with: disks, filesystems, hives, archives. Each is made once a process."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import tempfile
import zlib
from functools import cache
from pathlib import Path

from fixtures import evtx
from fixtures.bitlocker import TAIL, encrypt
from imgtools.guest.windows.answers import Answers
from imgtools.guest.windows.startup_script import with_scripts_extension, with_startup_script
from tests.fuzz.sparse import Sparse, pack
from tests.support import archives as tar
from tests.support import boot_store as bcd
from tests.support import md, thin
from tests.support.btrfs_damage import make_btrfs
from tests.support.guests import DEBIAN_BOOT, DEBIAN_ROOT
from tests.support.hives import make_hive, new_log, old_log, with_sequences
from tests.support.luks import METADATA, luks1_volume, metadata
from tests.support.lvm import group_text, make_pv, segment, volume_text
from tests.support.memory import Node
from tests.support.virtio import disk_inf, other_inf
from tests.support.volumes import blank, debugfs, make_ext, tool

MIB = 1 << 20
MD_SIZE, MD_HEAD = 1280 << 10, 272  # bytes of a member, and of its superblock with eight roles
IMAGE_FORMATS = ("qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "parallels")


@cache
def images() -> tuple[bytes, ...]:
    """The header and the tables of an image of each format that qemu-img writes, and of some that it does not."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        source.write_bytes(b"data" * 10_000)
        for format in IMAGE_FORMATS:
            made = Path(name) / format
            tool("qemu-img", "convert", "-f", "raw", "-O", format, source, made)
            found.append(made.read_bytes()[:262_144])
        overlay = Path(name) / "overlay"
        tool("qemu-img", "create", "-q", "-f", "qcow2", "-b", source, "-F", "raw", overlay)
        tool("qemu-img", "snapshot", "-c", "before", overlay)
        found.append(overlay.read_bytes()[:262_144])
    found.append(b'# Disk DescriptorFile\nversion=1\nCID=1\nRW 2048 FLAT "a" 0\nparentFileNameHint="b"\n')
    found.append(b"LUKS\xba\xbe\0\x01".ljust(104, b"\0") + (8).to_bytes(4, "big").ljust(600, b"\0"))
    found.append(
        b"Bochs Virtual HD Image".ljust(64, b"\0")
        + struct.pack("<IIIIIQ", 0x20000, 512, 1, 1, 1, 512).ljust(448, b"\0")
    )
    cloop = b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop".ljust(128, b"\0")
    found.append(cloop + struct.pack(">IIQQ", 512, 1, 152, 152))
    found.append(bytes(512) + b"koly\0\0\0\x04".ljust(512, b"\0"))
    return tuple(found)


def _tree(top: Path) -> Path:
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "a file with a long name").write_bytes(b"x" * 9000)
    (top / "a" / "b" / "small").write_bytes(b"x")
    (top / "link").symlink_to("t" * 80)
    (top / "short").symlink_to("a")
    return top


def _filesystem(make: list[object], size: int) -> Path:
    path = blank(Path(tempfile.mkdtemp(prefix="imgtools-fuzz-")) / "image", size)
    tool(*make, path)
    return path


def _packed(path: Path) -> Sparse:
    try:
        return pack(path)
    finally:
        path.unlink()
        path.parent.rmdir()


@cache
def ext() -> tuple[Sparse, ...]:
    """ext4 with extents, inline data and attributes; ext2 with tables of blocks."""
    found = []
    for kind in (("-t", "ext4", "-O", "inline_data"), ("-t", "ext4"), ("-t", "ext2")):
        with tempfile.TemporaryDirectory() as name:
            top = _tree(Path(name) / "tree")
            path = make_ext(Path(name) / "image", top, *kind, "-b", 1024, "-N", 32, size=2 * MIB)
            debugfs(path, "ea_set link user.x y", f"ea_set a user.l {'v' * 300}")
            found.append(pack(path))
    return tuple(found)


@cache
def xfs() -> tuple[Sparse, ...]:
    """XFS of version 5 and 4."""
    found = []
    for crc in ("crc=1", "crc=0"):
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "file").write_bytes(b"x" * 9000)
            lines = [
                f"file ---644 0 0 {name}/file",
                "link l--777 0 0 target",
                f"long l--777 0 0 {'t' * 600}",
                "d d--755 0 0",
            ]
            lines += [f"name-{number} ---644 0 0 {name}/file" for number in range(40)]
            (Path(name) / "proto").write_text("boot 0 0\nd--755 0 0\n" + "\n".join(lines) + "\n$\n$\n")
            path = blank(Path(name) / "image", 320 * MIB)
            tool("mkfs.xfs", "-q", "-f", "-m", crc, "-p", Path(name) / "proto", path)
            found.append(pack(path))
    return tuple(found)


@cache
def btrfs() -> tuple[Sparse, ...]:
    """btrfs with a file, links and attributes, one copy of its trees."""
    with tempfile.TemporaryDirectory() as name:
        top = _tree(Path(name) / "tree")
        os.setxattr(top / "a" / "a file with a long name", "user.x", b"y")
        path = make_btrfs(Path(name) / "image", top, "-m", "single", "-d", "single")
        return (pack(path),)


@cache
def ntfs() -> tuple[Sparse, ...]:
    """NTFS with a file."""
    with tempfile.TemporaryDirectory() as name:
        path = blank(Path(name) / "image", 2 * MIB)
        tool("mkntfs", "-q", "-F", "-Q", "-c", 4096, "-p", 0, "-H", 0, "-S", 0, "-s", 512, path)
        (Path(name) / "file").write_bytes(b"x" * 9000)
        tool("ntfscp", "-f", path, Path(name) / "file", "file")
        return (pack(path),)


@cache
def fat() -> tuple[Sparse, ...]:
    """FAT of 12 and 32 bits."""
    found = []
    for bits, size in ((12, 1440 << 10), (32, 40 * MIB)):
        with tempfile.TemporaryDirectory() as name:
            path = blank(Path(name) / "image", size)
            tool("mkfs.fat", "-F", bits, "-s", 1, path)
            tool(
                "mcopy",
                "-s",
                "-i",
                path,
                _tree_without_links(Path(name) / "tree"),
                "::folder with a long name",
            )
            found.append(pack(path))
    return tuple(found)


def _tree_without_links(top: Path) -> Path:
    _tree(top)
    (top / "link").unlink()
    (top / "short").unlink()
    return top


@cache
def iso() -> tuple[Sparse, ...]:
    """A disc with Rock Ridge and Joliet."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "image"
        tool("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-o", path, _tree(Path(name) / "tree"))
        return (pack(path),)


@cache
def lvm() -> tuple[bytes, ...]:
    """A group's text in a physical volume."""
    text = lvm_text()[0].decode()
    return (bytes(make_pv("a", text))[:65_536], bytes(make_pv("a", None))[:8192])


@cache
def md_members() -> tuple[bytes, ...]:
    """The superblocks of whole arrays, one behind the other: of each level, and one with gaps."""
    made = [(level, 4, 0) for level in (-1, 0, 1)] + [(10, 4, 0x102), (10, 5, 0x10201), (10, 4, 0x201)]
    made += [(4, 3, 0), (5, 4, 2), (5, 3, 1), (6, 5, 2), (6, 4, 8), (6, 5, 18)]
    arrays = [
        [_head(role, level, wanted, layout) for role in range(wanted)] for level, wanted, layout in made
    ]
    arrays.append([_head(role, 10, 4, 0x102) for role in (0, 2)])
    return tuple(b"".join(heads) for heads in arrays)


def _head(role: int, level: int, wanted: int, layout: int) -> bytes:
    raw = md.member(role, level=level, wanted=wanted, layout=layout, size=MD_SIZE)
    return bytes(raw[4096 : 4096 + MD_HEAD])


@cache
def thin_metadata() -> tuple[bytes, ...]:
    """The metadata of pools: empty, small, with a tree of two levels."""
    many = {number * 3: number % 16 for number in range(40)}
    made = [{1: {}}, {1: {0: 3, 1: 4, 9: 5}, 2: {1: 1}}, {1: many, 2: {5: 2}}]
    return tuple(bytes(thin.metadata(volumes, leaf=8)) for volumes in made)


@cache
def snapshot_store() -> tuple[bytes, ...]:
    """Stores of chunks of 512 and of 4096 bytes, with some chunks kept."""
    found = []
    for chunk in (512, 4096):
        raw = bytearray(32 * chunk)
        struct.pack_into("<4I", raw, 0, 0x70416E53, 1, 1, chunk // 512)
        for number in range(5):
            struct.pack_into("<QQ", raw, chunk + 16 * number, number * 7, number + 2)
        found.append(bytes(raw))
    return tuple(found)


@cache
def luks1() -> tuple[bytes, ...]:
    """A header of LUKS1."""
    return (luks1_volume()[:1024],)


def luks2_texts() -> tuple[bytes, ...]:
    """The JSON of headers of LUKS2: with one key slot, and with a token."""
    token = {"type": "clevis", "keyslots": ["0"], "jwe": {}}
    return tuple(json.dumps(one).encode() for one in (METADATA, metadata(tokens={"0": token})))


@cache
def lvm_text() -> tuple[bytes, ...]:
    """A group with a linear and a striped volume."""
    volumes = [
        volume_text("root", "r", [segment(0, 4, ("pv0", 0)), segment(4, 2, ("pv0", 8))]),
        volume_text("data", "d", [segment(0, 4, ("pv0", 4), ("pv0", 6))]),
    ]
    return (group_text(["a"], volumes).encode(),)


@cache
def bitlocker() -> tuple[Sparse, ...]:
    """An encrypted volume."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "image"
        path.write_bytes(bytes(64 << 10))
        encrypt(path, (64 << 10) + TAIL)
        return (pack(path),)


@cache
def partition_tables() -> tuple[bytes, ...]:
    """An MBR with logical partitions, and a GPT."""
    first = bytearray(64 * 512)
    struct.pack_into("<B3xB3xII", first, 446, 0x80, 0x83, 8, 8)
    struct.pack_into("<B3xB3xII", first, 462, 0, 5, 16, 32)
    struct.pack_into("<B3xB3xII", first, 16 * 512 + 446, 0, 0x83, 2, 4)
    struct.pack_into("<B3xB3xII", first, 16 * 512 + 462, 0, 5, 8, 8)
    struct.pack_into("<B3xB3xII", first, 24 * 512 + 446, 0, 0x83, 2, 4)
    for sector in (0, 16, 24):
        first[sector * 512 + 510 : sector * 512 + 512] = b"\x55\xaa"
    return (bytes(first), gpt())


def gpt() -> bytes:
    """A GPT with one partition, without its backup."""
    disk = bytearray(64 * 512)
    struct.pack_into("<B3xB3xII", disk, 446, 0, 0xEE, 1, 63)
    disk[510:512] = b"\x55\xaa"
    entries = struct.pack("<16s16sQQQ", b"k" * 16, b"i" * 16, 34, 60, 5) + "root".encode("utf-16-le").ljust(
        72, b"\0"
    )
    disk[1024 : 1024 + 512] = entries.ljust(512, b"\0")
    head = struct.pack(
        "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, 63, 34, 62, b"g" * 16, 2, 4, 128, 0
    )
    disk[512:604] = head
    return with_gpt_checksums(bytes(disk))


def with_gpt_checksums(content: bytes) -> bytes:
    """A disk whose GPT has the right checksums, whatever it says: else nothing behind them is ever read."""
    raw = bytearray(content)
    if len(raw) < 1024:
        return content
    size, count, each = *struct.unpack_from("<I", raw, 524), *struct.unpack_from("<II", raw, 512 + 80)
    (place,) = struct.unpack_from("<Q", raw, 512 + 72)
    if count * each <= 1 << 16 and place < 1 << 20:
        struct.pack_into("<I", raw, 512 + 88, zlib.crc32(raw[place * 512 : place * 512 + count * each]))
    if 92 <= size <= 512:
        struct.pack_into("<I", raw, 512 + 16, 0)
        struct.pack_into("<I", raw, 512 + 16, zlib.crc32(raw[512 : 512 + size]))
    return bytes(raw)


@cache
def hives() -> tuple[bytes, ...]:
    """Hives with keys and values of each kind."""
    keys = {
        "Select": {"Current": 1, "name": "text", "many": ["a", "b"], "raw": b"1" * 40},
        "A\\B\\C": {"": "x", "q": (11, bytes(8))},
    }
    return (make_hive(keys), make_hive({f"Key{number}": {"v": number} for number in range(60)}))


@cache
def boot_devices() -> tuple[bytes, ...]:
    """Partitions of both tables, and a file on one."""
    gpt = bcd.gpt("D0D0D0D0-0008-4000-8000-000000000103", "D0D0D0D0-0008-4000-8000-000000000100")
    return (gpt, bcd.mbr(1 << 20, 0xD0D00006), bcd.ramdisk(gpt, r"\Recovery\Winre.wim", bcd.RAMDISK))


@cache
def boot_stores() -> tuple[bytes, ...]:
    """A whole boot configuration."""
    gpt, mbr, _ = boot_devices()
    return (make_hive(bcd.boot_keys(gpt, gpt, mbr), "BCD"),)


@cache
def reg_files() -> tuple[bytes, ...]:
    """.reg files with a line of each kind, in both encodings."""
    text = (
        'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]\r\n@="x"\r\n'
        '"a\\"b"=dword:0000002a ; c\r\n"n"=hex(7):61,00,\\\r\n  00,00\r\n"gone"=-\r\n[-HKEY_USERS\\B]\r\n'
    )
    return (text.encode(), text.encode("utf-16"))


@cache
def windows_setup() -> tuple[bytes, ...]:
    """Answers, scripts.ini, gpt.ini, and the rule of a time zone."""
    answers = Answers(b"", "amd64", "/unattend.xml")
    answers.run_at_first_logon("cmd /c ver")
    rule = struct.pack("<iii16s16s", -60, 0, -60, b"\0\0\x0a" + bytes(13), b"\0\0\3" + bytes(13))
    return (answers.written(), with_startup_script(b"", "x"), with_scripts_extension(b""), rule)


@cache
def inf_files() -> tuple[bytes, ...]:
    """INF files of a driver that boots and of one that does not, in both encodings."""
    texts = (disk_inf(), other_inf(decoration="NTx86"))
    return tuple(text.encode(encoding) for text in texts for encoding in ("utf-8", "utf-16"))


@cache
def hive_logs() -> tuple[bytes, ...]:
    """Logs of both formats, for the first hive."""
    before = hives()[0]
    after = bytearray(before)
    after[8000:8004] = b"\1\2\3\4"
    dirty = with_sequences(before, 2, 1)
    return (new_log(dirty, bytes(after), 1), old_log(dirty, bytes(after), 2))


@cache
def event_logs() -> tuple[bytes, ...]:
    """A log with three events."""
    lines = [f"2024-01-0{day}T00:00:00Z 4 {day} Provider System a=b c=d" for day in (1, 2, 3)]
    return (evtx.build(lines)[:24_576],)


@cache
def archives() -> tuple[bytes, ...]:
    """Archives in the three formats of tar."""
    found = []
    for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
            for name, kind in (
                ("d", tarfile.DIRTYPE),
                ("d/f", tarfile.REGTYPE),
                ("l", tarfile.SYMTYPE),
                ("c", tarfile.CHRTYPE),
                ("n" * 90, tarfile.REGTYPE),
            ):
                one = tarfile.TarInfo(name)
                one.type, one.linkname = kind, "d/f" if kind == tarfile.SYMTYPE else ""
                if format == tarfile.PAX_FORMAT:
                    one.pax_headers = {"SCHILY.xattr.user.a": "v", "path": name * 3}
                one.size = 5 if kind == tarfile.REGTYPE else 0
                archive.addfile(one, io.BytesIO(b"hello"))
        found.append(stream.getvalue())
    return (*found, *sparse_archives())


def sparse_archives() -> tuple[bytes, ...]:
    """Files with holes in the formats of GNU tar."""
    old = tar.header("s", b"S", 512, magic=tar.GNU, map=tar.pairs(512, 512, 4096, 0), realsize=4096)
    version_1 = {
        f"GNU.sparse.{key}": value for key, value in (("major", "1"), ("minor", "0"), ("realsize", "99"))
    }
    return (
        old + bytes(512) + tar.END,
        tar.member("s", content=b"12345", pax={"GNU.sparse.size": "99", "GNU.sparse.map": "10,2,50,3"}),
        tar.member("s", content=tar.padded(b"2\n10\n2\n50\n3\n") + b"12345", pax=version_1),
    )


def rpm_ndb() -> tuple[bytes, ...]:
    """A database of one package."""
    tags = [(1000, 6, 0), (1001, 6, 5), (1002, 6, 9), (1003, 4, 12), (1004, 9, 16)]
    store = b"name\0" + b"1.0\0" + b"2\0\0" + struct.pack(">I", 1) + b"summary\0"
    blob = struct.pack(">II", len(tags), len(store))
    blob += b"".join(struct.pack(">IIII", tag, kind, at, 1) for tag, kind, at in tags) + store
    head = struct.pack("<4sIII", b"RpmP", 0, 1, 1).ljust(32, b"\0") + struct.pack(
        "<4sIII", b"Slot", 1, 256, 9
    )
    return (head.ljust(4096, b"\0") + struct.pack("<4sIII", b"BlbS", 1, 1, len(blob)) + blob,)


def journal_lines() -> tuple[bytes, ...]:
    """Lines as journalctl prints them."""
    return (
        b'{"__REALTIME_TIMESTAMP":"1709290800000000","MESSAGE":"Started","PRIORITY":"6","_PID":"42","UNIT":"a.service"}',
        b'{"__REALTIME_TIMESTAMP":"1","MESSAGE":[71,114,252],"PRIORITY":["6","7"],"SYSLOG_PID":"1","_COMM":null}',
    )


def guest_texts() -> tuple[bytes, ...]:
    """Configuration files of a guest."""
    texts = [
        content
        for tree in (DEBIAN_ROOT, DEBIAN_BOOT)
        for content in tree.values()
        if not isinstance(content, Node)
    ]
    encoded = (text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text for text in texts)
    return tuple(
        sorted({os.fsencode(text) if isinstance(text, str) else bytes(text)[:4000] for text in encoded})
    )


def with_tar_checksums(content: bytes) -> bytes:
    """Every block that is not empty with the checksum of a tar header."""
    raw = bytearray(content)
    for at in range(0, len(raw) - 511, 512):
        if any(raw[at : at + 512]):
            raw[at + 148 : at + 156] = b" " * 8
            raw[at + 148 : at + 156] = b"%06o\0 " % sum(raw[at : at + 512])
    return bytes(raw)
