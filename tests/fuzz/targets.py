"""What is fuzzed: everything that reads a guest's or an image's bytes, each as a question with bytes as its answer.

Whatever the bytes are, a question ends: in an answer, or in an error of imgtools'. Any other exception is a fault, and
so is a question that takes too long or too much memory.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from imgtools.change.reg_file import read_reg
from imgtools.change.unpack import unpacked
from imgtools.disk.headers import FORMATS, QUICK, HostFile, probe, read_header
from imgtools.disk.headers.foreign import foreign_format
from imgtools.disk.headers.vmdk import read_sparse_extent
from imgtools.engine import evtx, hive, journal, rpm_ndb
from imgtools.engine.hive_log import BASE_BLOCK, checksum, marvin32, read_base_block, replay
from imgtools.engine.regf.editor import HiveEditor
from imgtools.errors import ImgtoolsError
from imgtools.filesystems.btrfs.compression import unpack
from imgtools.filesystems.btrfs.reader import open_btrfs
from imgtools.filesystems.ext.reader import mount_ext
from imgtools.filesystems.fat.reader import mount_fat
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.filesystems.iso.reader import mount_iso
from imgtools.filesystems.ntfs import reparse
from imgtools.filesystems.ntfs.reader import mount_ntfs
from imgtools.filesystems.ntfs.record import apply_fixups, listed_records, parse_record, parse_runs
from imgtools.filesystems.xfs.reader import mount_xfs
from imgtools.guest.accounts.login_defs import read_account_rules
from imgtools.guest.accounts.users import password_state, read_accounts, read_privileged
from imgtools.guest.boot.bootloader import find_boot
from imgtools.guest.find.fstab import parse_fstab, parse_mount_unit
from imgtools.guest.find.linux import recognise_linux
from imgtools.guest.logs.lines import Clock, group_backwards, group_forwards
from imgtools.guest.logs.logins import read_logins
from imgtools.guest.logs.utmp import layout_of
from imgtools.guest.network.program import find_network
from imgtools.guest.packages.applications import parse_apk_installed, parse_dpkg_status
from imgtools.guest.packages.history import LOGS, read_package_history
from imgtools.guest.services.started import enabling_links, find_default_target, find_init
from imgtools.guest.windows.answers import OOBE, SHELL, Answers
from imgtools.guest.windows.bcd import entries_of, read_store
from imgtools.guest.windows.boot_device import BootDevice, at_place, parse_device
from imgtools.guest.windows.inf import read_inf
from imgtools.guest.windows.inf_driver import driver_for, hardware_ids, is_driver
from imgtools.guest.windows.registry import open_registry
from imgtools.guest.windows.sam import read_users
from imgtools.guest.windows.startup_script import with_scripts_extension, with_startup_script
from imgtools.guest.windows.target_os import TargetOs
from imgtools.guest.windows.tasks import parse_task
from imgtools.guest.windows.time_zone import TZI, ZoneRule
from imgtools.records.disks import Declined, Layout
from imgtools.records.files import FileKind
from imgtools.records.request import Secret
from imgtools.records.windows import WindowsTask
from imgtools.volumes.bitlocker import open_bitlocker
from imgtools.volumes.blkid_sample import draw_sketch
from imgtools.volumes.computed_disk import ComputedDisk
from imgtools.volumes.fat_boot_sector import parse_boot_sector
from imgtools.volumes.luks.reader import read_header as luks_header
from imgtools.volumes.lvm import AREA_MAGIC, assemble, crc, read_member
from imgtools.volumes.lvm_text import BadText, parse_text
from imgtools.volumes.md import group_members, is_whole, put_together, read_member_disk
from imgtools.volumes.partitions import read_disk
from imgtools.volumes.snapshot_store import BadStore, open_snapshot
from imgtools.volumes.thin_pool import BadPool, open_thin
from imgtools.volumes.volume_file import DiskFile
from tests.fuzz import checks, seeds
from tests.fuzz.sparse import Sparse
from tests.support import thin
from tests.support.btrfs_damage import without_checksums
from tests.support.hives import Keys, make_hive
from tests.support.luks import luks2_copy, luks2_volume
from tests.support.md import with_checksum
from tests.support.memory import Node, memory_files, memory_volume
from tests.support.volumes import bytes_volume
from tests.support.windows import windows_files

Answer = TypeVar("Answer")
LARGEST = 200_000  # bytes of one file that are read of a fuzzed filesystem
ASKED = 120  # files that are looked at


@dataclass(frozen=True, slots=True)
class Target:
    """One reader: what it is asked, and the healthy things that it is asked about first.

    ``tested`` names the unit test that does the same with hypothesis; the short run leaves it to that.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    ask: Callable[[bytes], object]
    tested: str = ""


# -- disk images ------------------------------------------------------------------------------------------


def ask_header(content: bytes) -> None:
    """Whatever the format is said to be."""
    descriptor = os.memfd_create("image")
    try:
        os.write(descriptor, content[1:])
        file = HostFile(descriptor, Path("image"))
        formats = [probe(file), FORMATS[content[0] % len(FORMATS)]] if content else [probe(file)]
        foreign_format(file)
        for format in formats:
            try:
                read_header(file, format, QUICK, may_be_cut=True)
            except ImgtoolsError:
                continue
        read_sparse_extent(file, QUICK)
    finally:
        os.close(descriptor)


def of_any_format() -> tuple[bytes, ...]:
    """Images behind one byte that says as what they are read."""
    return tuple(bytes([number]) + image for number, image in enumerate(seeds.images()))


# -- what lies between a disk and a filesystem ------------------------------------------------------------


def ask_table(content: bytes) -> None:
    """A disk as it is, and with the checksums of its GPT put right."""
    for raw in (content, seeds.with_gpt_checksums(content)):
        disk = bytes_volume(raw)
        read_disk(disk, "/dev/sda")
        os.close(draw_sketch(disk))


def ask_lvm(content: bytes) -> None:
    """A physical volume as it is, and with the checksums of its label and its area put right."""
    raw = bytearray(content)
    if len(raw) >= 1024:
        raw[512 + 16 : 512 + 20] = crc(bytes(raw[532:1024])).to_bytes(4, "little")
    if len(raw) >= 4608 and raw[4100:4116] == AREA_MAGIC:
        at, size = (int.from_bytes(raw[place : place + 8], "little") for place in (4136, 4144))
        if at < 1 << 20 and size < 1 << 20:
            raw[4152:4156] = crc(bytes(raw[4096 + at : 4096 + at + size])).to_bytes(4, "little")
        raw[4096:4100] = crc(bytes(raw[4100:4608])).to_bytes(4, "little")
    for image in (content, bytes(raw)):
        member = read_member(bytes_volume(image), "/dev/sda1")
        groups = assemble([member] if member else [])
        for volume in groups.volumes:
            if isinstance(volume.content, DiskFile):
                volume.content.read_at(0, LARGEST)


def ask_md(content: bytes) -> None:
    """Superblocks in a row, each as it is and with its checksum put right, as the members of one array."""
    for is_right in (False, True):
        found = []
        for at in range(0, min(len(content), 8 * seeds.MD_HEAD), seeds.MD_HEAD):
            head = bytearray(content[at : at + seeds.MD_HEAD].ljust(seeds.MD_HEAD, b"\0"))
            raw = bytearray(seeds.MD_SIZE)
            raw[4096 : 4096 + seeds.MD_HEAD] = with_checksum(head) if is_right else head
            member = read_member_disk(bytes_volume(bytes(raw)), f"/dev/sd{chr(97 + len(found))}")
            found += [] if member is None else [member]
        for members in group_members(found).values():
            is_whole(members)
            array = put_together(members, "/dev/md127").content
            if isinstance(array, DiskFile):
                for offset in (0, array.size // 2, max(0, array.size - 100_000)):
                    array.read_at(offset, LARGEST)


def ask_thin(content: bytes) -> None:
    """The metadata of a pool, as it is and with the checksums of its blocks put right."""
    fixed = bytearray(content[: 64 * thin.BLOCK])
    for at in range(0, len(fixed) - thin.BLOCK + 1, thin.BLOCK):
        salt = thin.NODE_SALT if at else thin.SUPERBLOCK_SALT
        fixed[at : at + thin.BLOCK] = thin.sealed(fixed[at : at + thin.BLOCK], salt)
    data = bytes_volume(bytes(16 * thin.POOL_BLOCK))
    for raw in (content, bytes(fixed)):
        sources = [data, bytes_volume(raw)]
        for device in (1, 2):
            rule = partial(
                open_thin, device_id=device, transaction=1, block_size=thin.POOL_BLOCK, size=1 << 40
            )
            with suppress(BadPool, ImgtoolsError):
                disk = ComputedDisk(sources, rule)
                for offset in (0, 5 * thin.POOL_BLOCK, (1 << 40) - 100_000):
                    with suppress(ImgtoolsError):
                        disk.read(offset, LARGEST)


def ask_store(content: bytes) -> None:
    """The store of a snapshot, whatever LVM says of its chunks."""
    sources = [bytes_volume(bytes(1 << 20)), bytes_volume(content)]
    for chunk in (512, 4096, 1 << 20):
        with suppress(BadStore):
            ComputedDisk(sources, partial(open_snapshot, chunk=chunk)).read(0, LARGEST)


def ask_luks1(content: bytes) -> None:
    """A header of LUKS1, with room for key slots behind it."""
    luks_header(bytes_volume(content.ljust(2 << 20, b"\0")))


def ask_luks2(content: bytes) -> None:
    """The JSON of a header of LUKS2, whose checksums are right."""
    luks_header(bytes_volume(luks2_volume(luks2_copy(content), luks2_copy(content, second=True))))


def ask_lvm_text(content: bytes) -> None:
    try:
        parse_text(content.decode("utf-8", "surrogateescape"))
    except BadText:
        return


def ask_bitlocker(disk: Sparse, content: bytes) -> None:
    """Up to the password: to try one takes a second of work, which is what it is for."""
    open_bitlocker(disk.volume(content), Secret(b"-".join([b"000001"] * 8)))


# -- filesystems ------------------------------------------------------------------------------------------


def walk(found: InodeFilesystem | Declined) -> None:
    """Ask everything that can be asked of a filesystem, of so many files."""
    if isinstance(found, Declined):
        return
    todo, asked = ["/"], 0
    _try(found.usage)
    while todo and asked < ASKED:
        here = todo.pop()
        for entry in _try(lambda here=here: found.scan(here)) or ():  # type: ignore[misc]
            asked += 1
            path = f"{here.rstrip('/')}/{entry.name}"
            _try(lambda path=path: found.xattrs(path))  # type: ignore[misc]
            _try(lambda path=path: found.read_link(path))  # type: ignore[misc]
            _try(lambda path=path: found.open(path).read(LARGEST))  # type: ignore[misc]
            if entry.stat.kind is FileKind.DIRECTORY and path.count("/") < 6:
                todo.append(path)
            if asked >= ASKED:
                return


def _try(ask: Callable[[], Answer]) -> Answer | None:
    try:
        return ask()
    except ImgtoolsError:
        return None


def on(disks: Callable[[], Iterable[Sparse]], ask: Callable[[Sparse, bytes], object]) -> tuple[
    Callable[[], Sequence[bytes]], Callable[[bytes], object]
]:  # fmt: skip
    """Seeds and question for what lies on a disk; the first byte says on which of them."""

    def begin() -> Sequence[bytes]:
        return [bytes([number]) + disk.content for number, disk in enumerate(disks())]

    def question(content: bytes) -> object:
        known = tuple(disks())
        return ask(known[content[0] % len(known)], content[1:]) if content else None

    return begin, question


def ask_ntfs_parts(content: bytes) -> None:
    """The structures that are read beside libfsntfs."""
    parse_record(content)
    apply_fixups(content)
    with suppress(ValueError):  # which its caller makes a damaged file of
        list(parse_runs(content))
    for kind in (0x80, 0xA0):
        list(listed_records(content, kind))
    reparse.reparse_tag(content)
    reparse.interix_link(content)
    reparse.interix_device(content)
    _try(lambda: reparse.link_target(content, lambda name: name, lambda name: name))


# -- files of a guest -------------------------------------------------------------------------------------


def ask_hive(content: bytes) -> None:
    """A hive with its checksum put right, and all its keys and values."""
    raw = bytearray(content)
    if len(raw) >= 512:
        raw[508:512] = checksum(bytes(raw[:512])).to_bytes(4, "little")
    with hive.open_hive(bytes(raw), "hive") as opened:
        for number, key in enumerate(opened.root.walk([])):
            _try(key.values)
            _try(lambda key=key: (key.name, key.modified, key.value_count, key.subkey_count))  # type: ignore[misc]
            if number > 500:
                return


def ask_hive_editor(content: bytes) -> None:
    """A hive that is changed: what is there is overwritten, removed, added to; its checksum and numbers put right."""
    raw = bytearray(content)
    if len(raw) >= 512:
        raw[8:12] = raw[4:8]
        raw[508:512] = checksum(bytes(raw[:512])).to_bytes(4, "little")
    editor = HiveEditor(bytes(raw), "hive", 1 << 56)
    names = editor.subkeys("")[:8]
    for name in names:
        for value in editor.values(name)[:8]:
            editor.set_value(name, value.name, 3, value.data[:100_000] + b"more")
            editor.remove_value(name, value.name)
        editor.set_value(rf"{name}\New\Key", "v", 1, bytes(20_000))
        editor.remove_key(name)
    editor.finish()


def ask_boot_store(content: bytes) -> None:
    """A boot configuration with its checksum put right: its entries, and another partition in each device."""
    raw = bytearray(content)
    if len(raw) >= 512:
        raw[508:512] = checksum(bytes(raw[:512])).to_bytes(4, "little")
    with hive.open_hive(bytes(raw), "hive") as opened:
        store = read_store(opened)
        entries_of(store)
        for one in store.objects.values():
            for element, _ in one.devices:
                ask_boot_device(one.elements[element].data)


def ask_boot_device(content: bytes) -> None:
    """A device of a boot configuration, and another partition in its place: no other byte may change."""
    device = parse_device(content)
    if device is not None and device.names_partition:
        place = BootDevice("partition", "dos", "0badcafe", start=1 << 20)
        changed = at_place(content, device, place)
        again = parse_device(changed)
        assert len(changed) == len(content) and again is not None and again.is_same_place(place)


def ask_reg_file(content: bytes) -> None:
    """A .reg file, with a header and without."""
    for raw in (content, b"REGEDIT4\n" + content):
        _try(lambda raw=raw: list(read_reg(raw, "a.reg")))  # type: ignore[misc]


def ask_windows_setup(content: bytes) -> None:
    """Answers for setup, the two files of the group policy, and the rule of a time zone."""

    def answer() -> None:
        answers = Answers(content, "amd64", "/unattend.xml")
        answers.set(OOBE, SHELL, "OOBE", "HideEULAPage", text="true")
        answers.run_at_first_logon("cmd")
        Answers(answers.written(), "amd64", "/unattend.xml")

    _try(answer)
    with_scripts_extension(with_startup_script(content, "x"))
    if len(content) >= TZI.size:
        with suppress(ValueError, OverflowError):
            ZoneRule(*TZI.unpack_from(content)).bias_at(datetime(2026, 7, 1, tzinfo=UTC))


def ask_inf_file(content: bytes) -> None:
    """An INF file, and what it is for two processors."""
    inf = read_inf(content, "a.inf")
    for processor in ("amd64", "x86"):
        _try(lambda processor=processor: driver_for(inf, TargetOs(10, 0, 19045, processor, 1)))  # type: ignore[misc]
    _try(lambda: list(hardware_ids(inf)))
    is_driver(inf)


def ask_hive_log(content: bytes) -> None:
    """A log for the first hive, its checksums put right."""
    raw = bytearray(content)
    if len(raw) >= 1024:
        raw[508:512] = checksum(bytes(raw[:512])).to_bytes(4, "little")
        size = int.from_bytes(raw[516:520], "little")
        record = raw[512 : 512 + min(size, 1 << 20)]
        if len(record) >= 40:
            raw[512 + 24 : 512 + 32] = marvin32(bytes(record[40:])).to_bytes(8, "little")
            raw[512 + 32 : 512 + 40] = marvin32(bytes(raw[512 : 512 + 32])).to_bytes(8, "little")
    known = seeds.hives()[0]
    base = read_base_block(known[:512])
    assert base is not None
    descriptor = os.memfd_create("hive")
    try:
        os.write(descriptor, known)
        replay(descriptor, base, [bytes(raw), content])
        assert os.fstat(descriptor).st_size <= BASE_BLOCK + (512 << 20) + (1 << 20)
    finally:
        os.close(descriptor)


def ask_event_log(content: bytes) -> None:
    """What is read of a log outside the process that libevtx has to itself."""
    for raw in (content, content[:8].ljust(8, b"\0") and b"ElfFile\0" + content[8:]):
        _try(lambda raw=raw: evtx.read_span(io.BytesIO(raw), len(raw)))  # type: ignore[misc]


def ask_logins(content: bytes) -> None:
    """Records of logins, by the layout of each kind of architecture."""
    passwd = "root:x:0:0::/:\nann:x:1000:1000::/:\n"
    files = {
        "/etc/passwd": passwd,
        **{f"/var/log/{name}": content for name in ("wtmp", "btmp.1.gz", "lastlog")},
    }
    for arch in ("x86_64", "aarch64", "s390x"):
        for _one in read_logins(memory_files(files), arch):
            pass


def login_records() -> tuple[bytes, ...]:
    """A boot, a login and its end, and who logged in last."""
    found = []
    for arch in ("x86_64", "aarch64"):
        layout = layout_of(arch)
        kinds = ((2, b"reboot"), (7, b"ann"), (8, b""))
        records = [
            layout.utmp.pack(
                kind, 42, b"pts/0", b"", user, b"192.0.2.1", 0, 0, 0, 1_709_294_400, 5, b"\xc0\0\2\1"
            )
            for kind, user in kinds
        ]
        found += [b"".join(records), layout.lastlog.pack(1_709_294_400, b"tty1", b"")]
    return tuple(found)


def ask_package_logs(content: bytes) -> None:
    """The logs of each package manager."""
    files = dict.fromkeys(LOGS, content) | {"/var/lib/pacman/local/a/desc": content}
    for _one in read_package_history(memory_files(files), UTC):
        pass


PACKAGE_LOGS = (
    b"2024-03-01 13:00:05 upgrade bash:amd64 5.1 5.2\n",
    b"[2024-03-01T13:00:05+0100] [ALPM] upgraded bash (5.1-1 -> 5.2-1)\n[2019-01-01 12:00] [ALPM] removed a (1)\n",
    b"\nRunning `apk add a` at 2024-03-01 13:00:05\n(1/1) Installing a (1-r0)\n",
    b"%NAME%\na\n\n%INSTALLDATE%\n1709294400\n",
)


def ask_journal(content: bytes) -> None:
    journal.read_journal_header(content)
    journal.parse_entry(content)


def ask_rpm(content: bytes) -> None:
    for _ in rpm_ndb.read_headers(io.BytesIO(content)):
        pass


def ask_archive(content: bytes) -> None:
    """An archive as it is, and with the checksums of its headers put right."""
    files = memory_files({"/goal/there": "x", "/goal/link": Node(FileKind.LINK, target="there")})
    for raw in (content, seeds.with_tar_checksums(content)):
        with tempfile.NamedTemporaryFile() as file:
            file.write(raw)
            file.flush()
            for change in _try(lambda file=file: list(unpacked(Path(file.name), "/goal", None, files))) or ():  # type: ignore[misc]
                path = str(getattr(change, "path", ""))
                inside = path.startswith("/goal/") and "/../" not in f"{path}/"
                assert inside or hasattr(change, "text")


CONFIGURED = (
    "/etc/fstab", "/etc/crypttab", "/etc/mdadm.conf", "/etc/os-release", "/etc/debian_version", "/etc/redhat-release",
    "/etc/lsb-release", "/etc/hostname", "/etc/sudoers", "/etc/doas.conf", "/etc/login.defs", "/etc/inittab",
    "/boot/grub/grub.cfg", "/boot/grub/menu.lst", "/boot/grub2/grubenv", "/boot/grub/grubenv", "/boot/extlinux.conf",
    "/boot/loader/loader.conf", "/boot/loader/entries/a.conf", "/boot/vmlinuz-6.1", "/etc/default/grub",
    "/etc/netplan/a.yaml", "/etc/network/interfaces", "/etc/systemd/system/x.service", "/etc/init.d/x",
)  # fmt: skip


def ask_configuration(content: bytes) -> None:
    """One text in the place of every file that is read to know a guest."""
    files = memory_files(dict.fromkeys(CONFIGURED, content))
    find_boot(files, ())
    find_network(files)
    read_privileged(files)
    find_default_target(files, find_init(files))
    enabling_links(files, "x")
    _try(lambda: read_account_rules(files))
    _try(lambda: recognise_linux(files, memory_volume(), Layout(()), lambda mounts: files))


def ask_windows_task(content: bytes) -> None:
    parse_task(content, WindowsTask("x"), "/x")


def ask_windows_account(content: bytes) -> None:
    """What the accounts database keeps of a user, of the domain and of the group of administrators."""
    domain = r"SAM\Domains\Account"
    keys: Keys = {
        domain: {"F": content, "V": content},
        rf"{domain}\Users\000003E9": {"F": content, "V": content},
        rf"{domain}\Users\Names\alice": {"": (1001, b"")},
        r"SAM\Domains\Builtin\Aliases\00000220": {"C": content},
    }
    files = windows_files(more={"/Windows/System32/config/SAM": make_hive(keys)})
    with open_registry(files, "/Windows") as registry:
        read_users(registry)


def windows_accounts() -> tuple[bytes, ...]:
    """Values as long as real ones: their lengths and places point into themselves."""
    places = struct.pack("<16I", *range(0, 64, 4))
    return (places * 6, bytes(0x34) + places, b"\1\5\0\0\0\0\0\5" + places)


def windows_tasks() -> tuple[bytes, ...]:
    text = (
        '<?xml version="1.0"?><Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Triggers>'
        "<BootTrigger/></Triggers><Actions><Exec><Command>x</Command></Exec></Actions></Task>"
    )
    return (text.encode(), ("\ufeff" + text).encode("utf-16-le"))


def ask_lines(content: bytes) -> None:
    """Texts of which each line is an entry."""
    text = content.decode("utf-8", "surrogateescape")
    parse_fstab(text)
    parse_mount_unit(text)
    list(parse_dpkg_status(text))
    list(parse_apk_installed(text))
    lines = content.split(b"\n")
    list(group_forwards(lines, CLOCK))
    list(group_backwards(reversed(lines), CLOCK))


CLOCK = Clock(UTC, 1_700_000_000 * 10**9)


def ask_accounts(content: bytes) -> None:
    for path in ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"):
        accounts = _try(lambda path=path: read_accounts(memory_files({path: content})))  # type: ignore[misc]
        for account in accounts.passwd if accounts else ():
            password_state(accounts, account)


def account_files() -> tuple[bytes, ...]:
    """One of each."""
    return (
        b"root:x:0:0:root:/root:/bin/sh\nbob:!:1000:1000::/home/bob:\n",
        b"root:x:0:\nstaff:!:50:bob,eve\n",
        b"root:$y$j9T$x$y:19700:0:99999:7:::\nbob:!*:::::::\n",
    )


def ask_btrfs(disk: DiskFile) -> None:
    """Walk through a btrfs whose checksums are all right, whatever they are: else nothing is read that is changed."""
    with without_checksums():
        opened = open_btrfs([disk], unpack)
        walk(opened if isinstance(opened, Declined) else opened.mount())
        if not isinstance(opened, Declined):
            opened.try_subvolumes()
            with suppress(ImgtoolsError):
                opened.usage()


TARGETS = (
    Target("headers", of_any_format, ask_header, "tests/unit/disk/headers/test_fuzz.py"),
    Target("partitions", seeds.partition_tables, ask_table),
    Target("lvm", seeds.lvm, ask_lvm),
    Target("lvm-text", seeds.lvm_text, ask_lvm_text),
    Target("md", seeds.md_members, ask_md),
    Target("thin", seeds.thin_metadata, ask_thin),
    Target("snapshot-store", seeds.snapshot_store, ask_store),
    Target("luks1", seeds.luks1, ask_luks1),
    Target("luks2", seeds.luks2_texts, ask_luks2),
    Target("fat-boot-sector", lambda: [one.content[:512] for one in seeds.fat()], parse_boot_sector),
    Target("bitlocker", *on(seeds.bitlocker, ask_bitlocker)),
    Target(
        "ext",
        *on(seeds.ext, lambda disk, raw: walk(mount_ext(disk.volume(raw)))),
        "tests/unit/filesystems/ext/test_reader.py",
    ),
    Target(
        "xfs",
        *on(seeds.xfs, lambda disk, raw: walk(mount_xfs(disk.volume(raw)))),
        "tests/unit/filesystems/xfs/test_reader.py",
    ),
    Target("btrfs", *on(seeds.btrfs, lambda disk, raw: ask_btrfs(disk.volume(raw)))),
    Target(
        "fat",
        *on(seeds.fat, lambda disk, raw: walk(mount_fat(disk.volume(raw)))),
        "tests/unit/filesystems/fat/test_reader.py",
    ),
    Target(
        "iso",
        *on(seeds.iso, lambda disk, raw: walk(mount_iso(disk.volume(raw)))),
        "tests/unit/filesystems/iso/test_reader.py",
    ),
    Target("ntfs", *on(seeds.ntfs, lambda disk, raw: walk(mount_ntfs(disk.volume(raw))))),
    Target("ntfs-parts", lambda: [seeds.ntfs()[0].content[16384:17408], bytes(range(64))], ask_ntfs_parts),
    Target("hive", seeds.hives, ask_hive),
    Target("hive-editor", seeds.hives, ask_hive_editor),
    Target("windows-setup", seeds.windows_setup, ask_windows_setup),
    Target("boot-store", seeds.boot_stores, ask_boot_store),
    Target("boot-device", seeds.boot_devices, ask_boot_device),
    Target("hive-log", seeds.hive_logs, ask_hive_log),
    Target("reg-file", seeds.reg_files, ask_reg_file),
    Target("inf-file", seeds.inf_files, ask_inf_file),
    Target("event-log", seeds.event_logs, ask_event_log),
    Target("logins", login_records, ask_logins),
    Target("package-logs", lambda: PACKAGE_LOGS, ask_package_logs),
    Target("journal", seeds.journal_lines, ask_journal),
    Target("rpm-ndb", seeds.rpm_ndb, ask_rpm),
    Target("archive", seeds.archives, ask_archive),
    Target("accounts", account_files, ask_accounts),
    Target("windows-task", windows_tasks, ask_windows_task),
    Target("windows-account", windows_accounts, ask_windows_account),
    Target("configuration", seeds.guest_texts, ask_configuration),
    Target("lines", seeds.guest_texts, ask_lines),
    Target("checks", lambda: checks.SEEDS, checks.ask_checks),
)
