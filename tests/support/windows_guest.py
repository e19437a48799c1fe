"""A Windows guest in memory that can be customized, and what its registry says afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from imgtools.change.writable_tree import WritableTree
from imgtools.engine.regvalue import RegistryValue
from imgtools.guest.guest import Guest
from imgtools.guest.windows.registry import open_registry
from imgtools.ops.customize_plan import Named, Order, plan_orders
from imgtools.records.disks import Mount
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from tests.support.hives import Keys
from tests.support.memory import Content, MemoryWriter, memory_volume
from tests.support.windows import SOFTWARE, SYSTEM, windows_tree

SETUP_STATE = r"Microsoft\Windows\CurrentVersion\Setup\State"
GENERALISED: Keys = {SETUP_STATE: {"ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"}}
HKLM = "HKEY_LOCAL_MACHINE"


def windows_guest(
    software: Keys | None = None,
    system: Keys | None = None,
    more: Mapping[str, Content] | None = None,
    major: int = 10,
) -> tuple[Guest, WritableTree]:
    """A guest with the hives of :mod:`tests.support.windows` and these keys besides, and its tree."""
    files = windows_tree({**SOFTWARE, **(software or {})}, {**SYSTEM, **(system or {})}, more)
    tree = WritableTree({}, {"/": MemoryWriter(files, ignores_case=True)}, Engine.MEMORY)
    volume = memory_volume("/dev/sda2", "ntfs")
    os = OsInfo(
        OsType.WINDOWS, "windows", ("windows",), "Windows 10 Pro", major=major, arch="x86_64",
        windows_systemroot="/Windows",
    )  # fmt: skip
    return Guest(volume, os, (Mount("/", volume),), tree, drives=(("C", "/dev/sda2"),)), tree


def value(tree: WritableTree, key: str, name: str) -> RegistryValue | None:
    """A value of the guest's registry, as hivex reads it; ``key`` as in regedit, without HKLM."""
    with open_registry(tree, "/Windows") as registry:
        found = registry.find(rf"{HKLM}\{key}")
        return found.value(name) if found is not None else None


def planned(guest: Guest, *orders: tuple[str, str]) -> tuple[str, ...]:
    """The paths that the plan of some orders writes or removes; none if everything is so already."""
    wanted = [Named(name, Order(text)) for name, text in orders]
    return tuple(getattr(change, "path", "") for change in plan_orders(guest, wanted))
