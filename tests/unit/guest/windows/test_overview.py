"""Everything of a Windows guest at once: what is damaged or missing costs its own part, and is told."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from imgtools.errors import ToolMissing
from imgtools.guest.guest import Guest
from imgtools.guest.windows.overview import WindowsOverview, windows_overview
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from imgtools.records.system import OsInfo, OsType
from tests.support.boot_store import boot_keys, gpt
from tests.support.hives import make_hive, with_sequences
from tests.support.memory import Content, memory_files, memory_volume
from tests.support.windows import SOFTWARE, SYSTEM, windows_tree

CONFIG = "/Windows/System32/config"
DISK = "D0D0D0D0-0008-4000-8000-000000000001"
BCD = make_hive(boot_keys(*(gpt(f"{DISK[:-3]}10{number}", DISK) for number in (1, 2, 3))), "BCD")
WHOLE: Mapping[str, Content] = {f"{CONFIG}/SAM": make_hive({"SAM": {}}, "SAM"), "/Boot/BCD": BCD}
SERVICES = {
    rf"ControlSet002\Services\S{number}": {"Type": 0x10, "Start": 2, "ImagePath": r"C:\x.exe"}
    for number in range(50)
}
TASKS = {
    rf"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\F\T{number}": {"Id": f"{{{number}}}"}
    for number in range(50)
}
SYSTEM_HIVE = make_hive(dict(SYSTEM) | SERVICES, "SYSTEM")
SOFTWARE_HIVE = make_hive(dict(SOFTWARE) | TASKS, "SOFTWARE")


def overview(
    more: Mapping[str, Content],
    without: str = "",
    layout: Layout | None = None,
    major: int = 10,
    others: Sequence[str] = (),
) -> WindowsOverview:
    files = windows_tree(more={**WHOLE, **more})
    files.pop(without, None)
    os = OsInfo(OsType.WINDOWS, major=major, arch="x86_64", windows_systemroot="/Windows")
    guest = Guest(memory_volume("/dev/sda2", "ntfs"), os, (), memory_files(files, ignores_case=True))
    return windows_overview(guest, layout or Layout(()), others)


def test_a_healthy_guest_has_no_warnings() -> None:
    found = overview({f"{CONFIG}/SYSTEM": SYSTEM_HIVE, f"{CONFIG}/SOFTWARE": SOFTWARE_HIVE})
    assert found.warnings == ()
    assert (len(found.row.services), len(found.row.tasks), len(found.row.boot or ())) == (50, 50, 5)
    assert found.row.image_state == "IMAGE_STATE_COMPLETE"


@pytest.mark.parametrize("seed", range(12))
def test_hives_with_wrong_bytes_anywhere_are_read_as_far_as_that_goes(seed: int) -> None:
    """No byte of a guest ends an inspection: what is left out is told, or the wrong bytes were nobody's."""
    drawn = random.Random(seed)

    def hurt(hive: bytes) -> bytes:
        wrong = bytearray(hive)
        for _ in range(drawn.choice((1, 3, 10, 40))):
            wrong[drawn.randrange(4096, len(wrong))] = drawn.randrange(256)
        return bytes(wrong)

    found = overview(
        {
            f"{CONFIG}/SYSTEM": hurt(SYSTEM_HIVE),
            f"{CONFIG}/SOFTWARE": hurt(SOFTWARE_HIVE),
            "/Boot/BCD": hurt(BCD),
        }
    )
    assert isinstance(found.row.services, tuple)


@pytest.mark.parametrize("name", ["SYSTEM", "SOFTWARE", "SAM"])
def test_a_hive_that_is_missing_is_told(name: str) -> None:
    found = overview({}, without=f"{CONFIG}/{name}")
    assert [name in one.text for one in found.warnings] == [True]


def test_a_users_hive_that_was_not_closed_is_told() -> None:
    """What it shows of his programs may be out of date."""
    own = with_sequences(make_hive({"Software": {}}, "NTUSER"), 7, 6)
    found = overview({"/Users/alice.NEW/NTUSER.DAT": own})
    assert [(one.path, "not closed" in one.text) for one in found.warnings] == [
        ("/Users/alice.NEW/NTUSER.DAT", True)
    ]


@pytest.mark.parametrize(("major", "told"), [(5, False), (6, True), (10, True)])
def test_only_a_windows_that_has_a_boot_configuration_lacks_one(major: int, told: bool) -> None:
    found = overview({}, without="/Boot/BCD", major=major)
    assert found.row.boot is None
    assert any("boot configuration" in one.text for one in found.warnings) is told


def test_without_hivex_there_is_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """That nothing boots it, or that it has no accounts, would be wrong."""

    def missing() -> None:
        raise ToolMissing("the Python binding of hivex is not installed")

    monkeypatch.setattr("imgtools.engine.hive.load_hivex", missing)
    found = overview({})
    assert [one.text for one in found.warnings] == ["the Python binding of hivex is not installed"]
    assert (found.users, found.row.services) == ((), ())


def disk_with(*numbers: int) -> Layout:
    """The GPT disk that the boot configuration names, as far as it has these partitions."""
    partitions = tuple(
        Partition(f"/dev/sda{number}", number, number << 20, 1 << 20, "", id=f"{DISK[:-3]}10{number}")
        for number in numbers
    )
    return Layout((Disk("/dev/sda", 1 << 30, table="gpt", table_id=DISK, partitions=partitions),))


@pytest.mark.parametrize(
    ("partitions", "others", "known"),
    [((1, 2, 3), ["/dev/sdb1"], True), ((1, 3), ["/dev/sdb1"], False), ((1, 3), [], True)],
)
def test_the_boot_configuration_of_another_system_is_not_this_ones(
    partitions: tuple[int, ...], others: list[str], known: bool
) -> None:
    """Alone in its image it may name a disk that the guest was cloned from; beside others it may be theirs."""
    found = overview({}, layout=disk_with(*partitions), others=others)
    assert (found.row.boot is not None) is known
    assert any("starts another system than /dev/sda2" in one.text for one in found.warnings) is not known


def test_volumes_of_bitlocker_are_in_the_overview() -> None:
    layout = Layout((), volumes=(Volume("/dev/sdb1", Holder.PARTITION, 1 << 20, "BitLocker"),))
    assert [one.device for one in overview({}, layout=layout).row.bitlocker] == ["/dev/sdb1"]
