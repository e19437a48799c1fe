"""The boot configuration of Windows: what the entries say, what they inherit, and which partitions they name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import pytest

from imgtools.change.change import Change, RegistrySet
from imgtools.change.compose import compose
from imgtools.engine.hive import open_hive
from imgtools.errors import OddGuest
from imgtools.guest.windows.bcd import (
    BOOT_LOG,
    BOOT_STATUS_POLICY,
    DEFAULT,
    INHERITS,
    PATH,
    SAFE_BOOT,
    BootStore,
    boot_entries,
    boot_store,
    drop_element,
    entries_of,
    make_object,
    read_store,
    set_flag,
    set_ids,
    set_number,
)
from imgtools.guest.windows.registry import open_registry
from tests.support import boot_store as bcd
from tests.support.hives import Data, Keys, make_hive
from tests.support.memory import memory_files

pytestmark = pytest.mark.host

DISK, ESP, ROOT, RE = (f"D0D0D0D0-0008-4000-8000-0000000001{end}" for end in ("00", "01", "03", "04"))
KEYS = bcd.boot_keys(*(bcd.gpt(one, DISK) for one in (ESP, ROOT, RE)))
WINDOWS = rf"Objects\{bcd.WINDOWS}\Elements"
NAME = "/EFI/Microsoft/Boot/BCD"


def store_of(more: Keys | None = None, without: tuple[str, ...] = ()) -> BootStore:
    keys = {key: values for key, values in {**KEYS, **(more or {})}.items() if not key.startswith(without)}
    with open_hive(make_hive(keys, "BCD"), NAME) as hive:
        return read_store(hive)


def element(number: int, data: Data, of: str = bcd.WINDOWS) -> dict[str, Mapping[str, Data]]:
    return {rf"Objects\{of}\Elements\{number:08x}": {"Element": data}}


def after(store: BootStore, changes: list[Change], hive: bytes) -> BootStore:
    """The store as the changes leave it."""
    files = memory_files({NAME: hive})
    (write,) = compose(changes, files)
    with open_hive(write.content, NAME) as changed:  # type: ignore[union-attr]
        return read_store(changed)


def test_entries_are_in_the_order_of_the_menu_with_their_partitions() -> None:
    first, *rest = entries_of(store_of())
    assert (first.id, first.kind, first.description) == (bcd.WINDOWS, "loader", "Windows Server")
    assert (first.path, first.system_root) == (r"\Windows\system32\winload.efi", r"\Windows")
    assert first.is_default and first.in_menu and first.recovery_enabled is True
    assert first.os_device is not None and first.device is not None
    assert (first.os_device.disk_id, first.os_device.partition_id) == (DISK, ROOT)
    assert first.device.names_partition and first.device.kind == "partition"
    kinds = {one.kind: one for one in rest}
    assert set(kinds) == {"boot manager", "resume", "loader", "memory test"}
    assert not any(one.in_menu or one.is_default for one in rest)
    assert kinds["boot manager"].device is not None and kinds["boot manager"].device.partition_id == ESP


def test_a_ramdisk_is_on_the_partition_of_its_file() -> None:
    recovery = next(one for one in entries_of(store_of()) if one.id == bcd.RECOVERY)
    assert recovery.os_device is not None
    assert (recovery.os_device.kind, recovery.os_device.partition_id) == ("ramdisk", RE)
    assert recovery.os_device.path == r"\Recovery\WindowsRE\Winre.wim"


def test_flags_are_inherited_and_the_nearest_counts() -> None:
    assert entries_of(store_of())[0].boot_log is None
    loud = element(BOOT_LOG, b"\1", bcd.GLOBAL)
    assert entries_of(store_of(loud))[0].boot_log is True
    assert entries_of(store_of({**loud, **element(BOOT_LOG, b"\0")}))[0].boot_log is False


@pytest.mark.parametrize(("number", "mode"), [(0, "minimal"), (1, "network"), (2, "dsrepair"), (9, "")])
def test_safe_mode_has_three_forms(number: int, mode: str) -> None:
    found = entries_of(store_of(element(SAFE_BOOT, number.to_bytes(8, "little"))))[0]
    assert found.safe_boot == mode


def test_objects_that_inherit_from_each_other_end() -> None:
    circle = element(INHERITS, [bcd.WINDOWS, bcd.LOADERS], bcd.LOADERS)
    assert entries_of(store_of(circle))[0].boot_log is None


def test_the_default_is_the_first_of_the_menu_if_none_is_named() -> None:
    assert store_of(without=(rf"Objects\{bcd.MANAGER}\Elements\23000003",)).default == bcd.WINDOWS
    gone = element(DEFAULT, "{00000000-0000-0000-0000-000000000001}", bcd.MANAGER)
    assert store_of(gone).default == ""


def test_ids_in_capitals_are_the_same() -> None:
    store = store_of(element(DEFAULT, bcd.WINDOWS.upper(), bcd.MANAGER))
    assert store.default == bcd.WINDOWS and entries_of(store)[0].is_default


def test_without_a_boot_manager_nothing_is_the_default() -> None:
    store = store_of(without=(rf"Objects\{bcd.MANAGER}",))
    assert store.manager is None and store.default == ""
    assert not any(one.is_default or one.in_menu for one in entries_of(store))


def test_elements_that_make_no_sense_are_not_known() -> None:
    odd = {
        **element(PATH, b"\1"),
        **element(BOOT_LOG, b""),
        **element(0x21000001, b"\6\0"),
        rf"{WINDOWS}\nonsense": {"Element": b"\1"},
        rf"{WINDOWS}\25000099": {"Other": b"\1"},
    }
    found = entries_of(store_of(odd))[0]
    assert (found.path, found.boot_log, found.os_device) == ("", None, None)


def test_a_hive_of_something_else_is_no_boot_configuration() -> None:
    with (
        open_hive(make_hive({"Select": {}}), "/Boot/BCD") as hive,
        pytest.raises(OddGuest, match="no boot configuration"),
    ):
        read_store(hive)


def test_a_guest_without_one_has_no_entries() -> None:
    with ExitStack() as stack:
        registry = stack.enter_context(open_registry(memory_files({}), "/Windows"))
        assert boot_store(registry) is None and boot_entries(registry) == ()
    files = memory_files({f"/S:{NAME}": make_hive(KEYS, "BCD")})
    with open_registry(files, "/Windows") as registry:
        found = boot_store(registry)
        assert found is not None and found.path == f"/S:{NAME}" and len(boot_entries(registry)) == 5


def test_changes_are_read_back_and_made_once() -> None:
    hive = make_hive(KEYS, "BCD")
    store = store_of()
    windows = store.objects[bcd.WINDOWS]
    changes: list[Change] = [
        *set_flag(store, windows, BOOT_LOG, True),
        *set_number(store, windows, BOOT_STATUS_POLICY, 1),
        *set_ids(store, windows, INHERITS, [bcd.LOADERS, bcd.EMS]),
        *drop_element(store, windows, 0x16000009),
    ]
    assert len(changes) == 4
    changed = after(store, changes, hive)
    again = changed.objects[bcd.WINDOWS]
    assert again.flag(BOOT_LOG) is True and again.number(BOOT_STATUS_POLICY) == 1
    assert again.ids(INHERITS) == (bcd.LOADERS, bcd.EMS) and again.flag(0x16000009) is None
    assert again.elements[BOOT_STATUS_POLICY].data == bytes([1, 0, 0, 0, 0, 0, 0, 0])
    repeated = [
        *set_flag(changed, again, BOOT_LOG, True),
        *set_number(changed, again, BOOT_STATUS_POLICY, 1),
        *set_ids(changed, again, INHERITS, [bcd.LOADERS, bcd.EMS]),
        *drop_element(changed, again, 0x16000009),
    ]
    assert repeated == []


def test_an_object_is_made_where_it_is_missing() -> None:
    store = store_of()
    assert make_object(store, bcd.EMS, 0x20100000) == (store.objects[bcd.EMS], ())
    bare = store_of(without=(rf"Objects\{bcd.EMS}",))
    made, changes = make_object(bare, bcd.EMS, 0x20100000)
    (one,) = changes
    assert made.id == bcd.EMS and isinstance(one, RegistrySet)
    assert (one.key, one.name, one.number) == (rf"Objects\{bcd.EMS}\Description", "Type", 0x20100000)
