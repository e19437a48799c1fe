"""The stations of Windows, on a server in memory that is sound, and broken in one way each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from fixtures.ailments.windows import TRAIL, cut_program, dump
from fixtures.evtx import build
from fixtures.executables import pe
from imgtools.files.tree import GuestTree
from imgtools.guest.guest import Guest
from imgtools.ops.station import Examined, StationReport, load_stations, visit
from imgtools.records.diagnosis import Remedy, Severity, StationState
from imgtools.records.disks import Disk, Layout, Partition
from imgtools.records.request import Engine
from tests.support import boot_store as bcd
from tests.support.hives import Keys, make_hive
from tests.support.memory import Content, MemoryFilesystem, Node
from tests.support.repairs import (
    BOOT,
    CONFIG,
    DISK,
    DISKS,
    DRIVERS,
    ESP,
    ROOT,
    SERVICES,
    VOLUME,
    element,
    gpt_layout,
    server_filesystems,
)
from tests.support.repairs import server as plain_server

STATIONS = {one.name: one for one in load_stations()}
WINDOWS = tuple(name for name in STATIONS if name.startswith("windows-"))
MANAGER = "/EFI/Microsoft/Boot/bootmgfw.efi"
WHOLE: dict[str, Content] = {
    "/Windows/System32/winload.efi": pe("x86_64"),
    f"{DRIVERS}/partmgr.sys": pe("x86_64"),
    f"{DRIVERS}/storahci.sys": pe("x86_64"),
}
ON_ESP: dict[str, Content] = {MANAGER: pe("x86_64"), "/EFI/Boot/bootx64.efi": pe("x86_64")}
Found = list[tuple[str, Severity, Remedy | None]]


def server(
    *,
    system: Keys | None = None,
    boot: Keys | None = BOOT,
    files: dict[str, Content] | None = None,
    esp: dict[str, Content] | None = None,
) -> Guest:
    """The server with everything that starts it, and what is different."""
    readers = server_filesystems(system=system, boot=boot, files={**WHOLE, **(files or {})})
    for path, content in (ON_ESP if esp is None else esp).items():
        readers["/S:"].put(path, content)
    return replace(plain_server(), files=GuestTree(readers, Engine.MEMORY))


def report(name: str, guest: Guest, layout: Layout | None = None) -> StationReport:
    found = visit(Examined(layout or gpt_layout(), guest), STATIONS[name])
    assert found is not None
    return found


def found(name: str, guest: Guest, layout: Layout | None = None) -> Found:
    return [(one.id, one.severity, one.remedy) for one in report(name, guest, layout).findings]


@pytest.mark.parametrize("name", WINDOWS)
def test_a_sound_server_has_no_finding(name: str) -> None:
    assert report(name, server()).findings == ()


# -- boot manager and boot configuration -------------------------------------------------------------------------


def test_a_boot_manager_that_is_missing_or_damaged() -> None:
    gone = found("windows-boot-files", server(esp={"/EFI/Boot/bootx64.efi": pe("x86_64")}))
    assert gone == [("windows-boot-manager-missing", Severity.BROKEN, None)]
    cut = found("windows-boot-files", server(esp={**ON_ESP, MANAGER: cut_program()}))
    assert cut == [("windows-boot-manager-damaged", Severity.BROKEN, None)]
    foreign = found("windows-boot-files", server(esp={**ON_ESP, MANAGER: pe("aarch64")}))
    assert foreign == [("windows-boot-manager-damaged", Severity.BROKEN, None)]


def test_a_boot_manager_that_windows_has_a_copy_of_is_mended() -> None:
    guest = server(esp={}, files={"/Windows/Boot/EFI/bootmgfw.efi": pe("x86_64")})
    remedy = Remedy("windows-boot-files")
    assert found("windows-boot-files", guest) == [("windows-boot-manager-missing", Severity.BROKEN, remedy)]


def test_firmware_that_finds_no_fallback_is_suspicious() -> None:
    (one,) = found("windows-boot-files", server(esp={MANAGER: pe("x86_64")}))
    assert one[:2] == ("windows-fallback-missing", Severity.SUSPICIOUS)


class Bytes:
    """A device in memory."""

    def __init__(self, content: bytes) -> None:
        self.name, self.size, self.content = "/dev/sda", len(content), content

    def read_at(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]


def bios(flags: tuple[str, ...], mbr: bytes, record: bytes) -> tuple[Examined, Guest]:
    part = Partition(VOLUME.device, 3, 1 << 20, 1 << 30, "0x7", flags=flags)
    disk = Disk("/dev/sda", 2 << 30, table="dos", table_id="d0d00006", partitions=(part,))
    keys = bcd.boot_keys(*[bcd.mbr(1 << 20, 0xD0D00006)] * 3, efi=False)
    readers = server_filesystems(
        boot=None,
        files={
            **WHOLE,
            "/bootmgr": b"\xe9\xd5\x01",
            "/Boot/BCD": make_hive(keys, "BCD"),
            "/Windows/System32/winload.exe": pe("x86_64"),
        },
    )
    guest = replace(plain_server(), files=GuestTree({"/": readers["/"]}, Engine.MEMORY), mounts=())
    devices = {"/dev/sda": Bytes(mbr), VOLUME.device: Bytes(record)}
    return Examined(Layout((disk,), volumes=(VOLUME,)), guest, open_device=devices.get), guest


CODE, BOOTS = b"\x33\xc0" * 220, b"\xeb\x52\x90NTFS" + b"B\0O\0O\0T\0M\0G\0R\0" + bytes(9000)


@pytest.mark.parametrize(
    ("flags", "mbr", "record", "ids"),
    [
        (("boot",), CODE, BOOTS, []),
        ((), CODE, BOOTS, ["windows-partition-inactive"]),
        (("boot",), CODE, bytes(9000), ["windows-boot-record-damaged"]),
        (("boot",), bytes(512), bytes(9000), []),
    ],
    ids=["sound", "inactive", "boot record", "no code at all"],
)
def test_what_bios_starts(flags: tuple[str, ...], mbr: bytes, record: bytes, ids: list[str]) -> None:
    examined, _guest = bios(flags, mbr, record)
    found = visit(examined, STATIONS["windows-boot-files"])
    assert found is not None
    assert [one.id for one in found.findings] == ids


def test_a_bios_windows_is_started_from_its_own_volume() -> None:
    examined, _guest = bios(("boot",), CODE, BOOTS)
    found = visit(examined, STATIONS["windows-boot-store"])
    assert found is not None
    assert found.state is StationState.SOUND


def test_a_boot_configuration_that_is_not_in_the_image_is_not_known() -> None:
    guest = server(boot=None, esp={})
    alone = replace(guest, mounts=guest.mounts[:1])
    for name in ("windows-boot-files", "windows-boot-store"):
        assert report(name, alone).state is StationState.UNKNOWN


def test_devices_of_another_disk_are_named_again() -> None:
    other = "0BADD15C-0000-4000-8000-000000000100"
    lost = report("windows-boot-store", server(), gpt_layout(disk=other))
    (one,) = lost.findings
    assert (one.id, one.remedy) == ("windows-boot-device-missing", Remedy("windows-boot-devices"))
    assert [each.text for each in one.evidence] == [
        f"the boot manager names partition {ESP} of disk {DISK}",
        f"its default entry names partition {ROOT} of disk {DISK}",
    ]


def test_an_entry_of_a_missing_default_and_one_in_safe_mode() -> None:
    lost = element(0x23000003, "{00000000-0000-0000-0000-000000000000}", of=bcd.MANAGER)
    assert [one[0] for one in found("windows-boot-store", server(boot=lost))] == [
        "windows-boot-entry-missing"
    ]
    (one,) = found("windows-boot-store", server(boot=element(0x25000080, (1).to_bytes(8, "little"))))
    assert one == ("windows-safe-mode", Severity.SUSPICIOUS, Remedy("windows-safe-mode-off"))


def test_a_loader_that_is_missing_or_damaged_has_its_copy() -> None:
    path, copy = "/Windows/System32/winload.efi", {"/Windows/System32/Boot/winload.efi": pe("x86_64")}
    remedy = Remedy("windows-boot-files")
    assert found("windows-boot-store", server(files={path: bytes(99)})) == [
        ("windows-loader-damaged", Severity.BROKEN, None)
    ]
    assert found("windows-boot-store", server(files={path: bytes(99), **copy})) == [
        ("windows-loader-damaged", Severity.BROKEN, remedy)
    ]
    elsewhere = element(0x12000002, r"\Windows\system32\gone.efi")
    assert found("windows-boot-store", server(boot=elsewhere))[0][0] == "windows-loader-missing"


# -- registry and drivers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({f"{CONFIG}/SAM": b"regf"}, [("windows-hive-damaged", None)]),
        ({f"{CONFIG}/SAM": make_hive({"Other": {}}, "SAM")}, [("windows-hive-damaged", None)]),
        (
            {f"{CONFIG}/SAM": b"", f"{CONFIG}/RegBack/SAM": make_hive({"SAM": {}}, "SAM")},
            [("windows-hive-damaged", Remedy("windows-hive-backup"))],
        ),
    ],
    ids=["cut", "another", "with a backup"],
)
def test_a_hive_that_is_damaged(
    files: dict[str, Content], expected: Sequence[tuple[str, Remedy | None]]
) -> None:
    assert [(one[0], one[2]) for one in found("windows-registry", server(files=files))] == expected


def test_a_control_set_that_is_not_there() -> None:
    select: Keys = {"Select": {"Current": 7, "Default": 7, "LastKnownGood": 1}}
    (one,) = report("windows-registry", server(system=select)).findings
    assert (one.id, one.remedy) == ("windows-control-set-missing", Remedy("windows-last-known-good"))
    assert one.evidence[0].text == "Current is 7; there is no ControlSet007"


def driver(name: str, **values: int) -> Keys:
    return {rf"{SERVICES}\{name}": {"Start": 0, "Type": 1, "ErrorControl": 1, **values}}


@pytest.mark.parametrize(
    ("system", "files", "expected"),
    [
        (driver("gone"), {}, ("windows-boot-driver-missing", Severity.SUSPICIOUS, "windows-service")),
        (driver("gone", ErrorControl=3), {}, ("windows-boot-driver-missing", Severity.BROKEN, "")),
        (driver("Ntfs", Type=2), {}, ("windows-boot-driver-missing", Severity.BROKEN, "")),
        (
            driver("cut"),
            {f"{DRIVERS}/cut.sys": cut_program()},
            ("windows-boot-driver-damaged", Severity.BROKEN, "windows-driver-file"),
        ),
        (
            driver("arm"),
            {f"{DRIVERS}/arm.sys": pe("aarch64")},
            ("windows-boot-driver-damaged", Severity.BROKEN, "windows-driver-file"),
        ),
        (
            {DISKS: {"UpperFilters": ["partmgr", "gone"]}},
            {},
            ("windows-filter-missing", Severity.BROKEN, "windows-device-filters"),
        ),
        (
            driver("storahci", Start=3),
            {},
            ("windows-storage-driver-missing", Severity.BROKEN, "windows-service"),
        ),
    ],
    ids=["gone", "critical", "needed", "cut", "another processor", "filter", "no controller"],
)
def test_drivers_that_stop_windows(
    system: Keys, files: dict[str, Content], expected: tuple[str, Severity, str]
) -> None:
    (one,) = report("windows-drivers", server(system=system, files=files)).findings
    assert (one.id, one.severity, one.remedy.repair if one.remedy else "") == expected


@pytest.mark.parametrize("values", [{"Start": 3}, {"Start": 1}, {"Type": 0x10}])
def test_a_driver_that_does_not_start_at_boot_is_not_looked_at(values: dict[str, int]) -> None:
    assert found("windows-drivers", server(system=driver("gone", **values))) == []


# -- volume, setup, crash ----------------------------------------------------------------------------------------


def test_a_hibernated_windows() -> None:
    (one,) = found("windows-volume", server(files={"/hiberfil.sys": b"HIBR" + bytes(4096)}))
    assert one == ("windows-hibernated", Severity.SUSPICIOUS, Remedy("windows-hibernation", ("discard=yes",)))


def test_a_volume_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = server()
    full = MemoryFilesystem({}).usage()
    monkeypatch.setattr(MemoryFilesystem, "usage", lambda self: replace(full, available=1 << 20))
    assert [one[0] for one in found("windows-volume", guest)] == ["windows-volume-full"]


@pytest.mark.parametrize(
    ("state", "scheduled", "ids"),
    [("dirty", False, ["windows-volume-dirty"]), ("dirty", True, []), ("open log", False, [])],
)
def test_a_volume_that_is_dirty_until_a_check_is_ordered(
    monkeypatch: pytest.MonkeyPatch, state: str, scheduled: bool, ids: list[str]
) -> None:
    from imgtools.guest.windows import volume_state

    monkeypatch.setattr(volume_state, "volume_state", lambda disk: volume_state.VolumeState(state))
    lines = [r"autocheck autochk /p \??\C:"] if scheduled else ["autocheck autochk *"]
    guest = server(system={r"ControlSet001\Control\Session Manager": {"BootExecute": lines}})
    seen = visit(
        Examined(gpt_layout(), guest, open_device=lambda device: Bytes(b"")), STATIONS["windows-volume"]
    )
    assert seen is not None
    assert [one.id for one in seen.findings] == ids


def test_updates_setup_and_automatic_repair() -> None:
    pending = server(files={"/Windows/WinSxS/pending.xml": "<x/>"})
    assert found("windows-setup", pending)[0] == (
        "windows-updates-pending",
        Severity.SUSPICIOUS,
        Remedy("windows-pending-updates"),
    )
    going = server(system={"Setup": {"SystemSetupInProgress": 1, "SetupType": 2}})
    assert [one[0] for one in found("windows-setup", going)] == ["windows-setup-in-progress"]
    trail = "/Windows/System32/LogFiles/Srt/SrtTrail.txt"
    (loop,) = report("windows-setup", server(files={trail: TRAIL})).findings
    assert (loop.id, loop.remedy) == ("windows-recovery-loop", Remedy("windows-recovery-loop"))
    assert loop.evidence[0].line == 11
    ended = server(files={trail: TRAIL}, boot=element(0x16000009, b"\0"))
    assert found("windows-setup", ended) == []


LOG = "/Windows/System32/winevt/Logs/System.evtx"
STARTED = "2024-03-01T13:00:00Z 4 6005 EventLog System started"


def test_automatic_repair_before_the_last_boot_is_over() -> None:
    trail = "/Windows/System32/LogFiles/Srt/SrtTrail.txt"
    guest = server(files={trail: Node(content=TRAIL.encode(), mtime=1), LOG: build([STARTED])})
    assert found("windows-setup", guest) == []


def crashed(check: bytes, *events: str) -> Guest:
    return server(files={"/Windows/Minidump/1.dmp": check, LOG: build([STARTED, *events])})


OLD, NEW = 133_500_000_000_000_000, 133_600_000_000_000_000  # before and after the event log's last event
TOLD = "2024-03-01T13:00:09Z 2 1001 Microsoft-Windows-WER-SystemErrorReporting System 0x0000007e (0x1, 0x2, 0x3, 0x4)"


@pytest.mark.parametrize(
    ("make", "severity"),
    [
        (lambda: crashed(dump(0x7E, driver="badflt.sys", time=NEW)), Severity.BROKEN),
        (lambda: crashed(dump(0x7E, time=OLD), TOLD), Severity.SUSPICIOUS),
        (lambda: crashed(dump(0x7E, time=OLD)), None),
    ],
    ids=["the last thing", "before the last boot", "long ago"],
)
def test_the_last_bug_check(make: Callable[[], Guest], severity: Severity | None) -> None:
    seen = report("windows-crash", make()).findings
    assert [(one.id, one.severity) for one in seen] == ([("windows-stop-code", severity)] if severity else [])


def test_a_driver_that_a_dump_blames_is_named_with_what_removes_it() -> None:
    (one,) = report("windows-crash", crashed(dump(0x7E, 1, driver="badflt.sys", time=NEW))).findings
    assert "it blames badflt.sys" in one.text
    assert "windows-driver-file.file=badflt.sys" in one.advice
    (needed,) = report("windows-crash", crashed(dump(0xED, driver="ntfs.sys", time=NEW))).findings
    assert "windows-check-disk" in needed.advice


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        ("7 disk", "disk-errors"),
        ("55 Ntfs", "filesystem-errors"),
        ("7000 Service\\x20Control\\x20Manager", ""),
    ],
)
def test_events_of_the_last_boot(event: str, cause: str) -> None:
    guest = server(files={LOG: build([STARTED, f"2024-03-01T13:00:09Z 2 {event} System text"])})
    assert [one[0] for one in found("logs", guest)] == ([cause] if cause else [])
