"""What a plan says of volumes that Windows has not let go of."""

from __future__ import annotations

import pytest

from imgtools.change.change import Change, DiscardHibernation, Remove, SetUuid, WriteFile
from imgtools.errors import EditFailed
from imgtools.guest.plan import make_plan
from imgtools.records.disks import Holder, Layout, Mount, Volume
from tests.support.guests import memory_image

SYSTEM = Volume("/dev/sda2", Holder.PARTITION, 1 << 30, "ntfs")
DATA = Volume("/dev/sda3", Holder.PARTITION, 1 << 30, "ntfs")
MOUNTS = (Mount("/", SYSTEM), Mount("/D:", DATA))
ON_C, ON_D = WriteFile("/new.txt", b"x"), WriteFile("/D:/new.txt", b"x")


def warnings(changes: list[Change], on_c: str, on_d: str) -> list[str]:
    image = memory_image(
        {SYSTEM: {"/hiberfil.sys": on_c, "/old": "x"}, DATA: {"/hiberfil.sys": on_d}},
        Layout((), volumes=(SYSTEM, DATA)),
    )
    return [one.text.split(":")[0] for one in make_plan(image, changes, MOUNTS, root=SYSTEM).warnings]


@pytest.mark.parametrize(
    ("changes", "on_c", "on_d", "devices"),
    [
        ([ON_C], "hibr...", "", ["/dev/sda2"]),
        ([Remove("/old")], "HIBR...", "", ["/dev/sda2"]),
        ([ON_C], "wake", "hibr", []),
        ([ON_C], "hib", "", []),
        ([ON_D], "hibr", "", []),
        ([ON_D], "hibr", "hibr", ["/dev/sda3"]),
        ([ON_C, ON_D], "hibr", "hibr", ["/dev/sda2", "/dev/sda3"]),
        ([DiscardHibernation("/dev/sda2"), ON_C], "hibr", "", []),
        ([], "hibr", "hibr", []),
    ],
)
def test_where_windows_is_hibernated(changes: list[Change], on_c: str, on_d: str, devices: list[str]) -> None:
    """The plan was silent, and its deed was refused."""
    assert warnings(changes, on_c, on_d) == [f"Windows is hibernated on {device}" for device in devices]


def test_fstab_is_judged_by_the_uuids_that_the_plan_gives() -> None:
    root = Volume("/dev/sda1", Holder.PARTITION, 1 << 30, "ext4", uuid="0000-01d")
    files = {"/etc/fstab": "UUID=0000-01d / ext4 defaults 0 1\n"}
    image = memory_image({root: files}, Layout((), volumes=(root,)))
    fstab = WriteFile("/etc/fstab", b"UUID=0000-4e3 / ext4 defaults 0 1\n")
    plan = make_plan(image, [SetUuid("/dev/sda1", "0000-4e3"), fstab], [Mount("/", root)], root=root)
    assert len(plan.changes) == 2
    with pytest.raises(EditFailed, match="0000-4e3"):
        make_plan(image, [fstab], [Mount("/", root)], root=root)
