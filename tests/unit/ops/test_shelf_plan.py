"""What is left when several operations want the same path, and in which order it is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imgtools.change.change import (
    Change,
    EditLines,
    LineEdit,
    NewLvmUuids,
    Remove,
    SetMode,
    SetUuid,
    Truncate,
    WriteFile,
)
from imgtools.errors import UnsupportedGuest
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation, Shelved, like
from imgtools.ops.selection import Chosen
from imgtools.ops.shelf_plan import Planned, all_changes, plan_operations
from tests.support.memory import link
from tests.support.sysprep import guest_of

EDIT = EditLines("/etc/a/x", (LineEdit("gone"),))
FILES = {"/etc/a/x": "gone\nstays\n", "/etc/ab": "1", "/srv/link": link("/etc/a/x")}


def chosen(name: str, *changes: Change, named: bool = False, **facts: object) -> Chosen:
    def plan(guest: Guest, params: object) -> Iterator[Change]:
        yield from changes

    return Chosen(Shelved(name, Operation(summary=name, plan=plan, **facts), ""), None, named)  # type: ignore[arg-type]


def wanted(*operations: Chosen) -> dict[str, tuple[Change, ...]]:
    return {one.shelved.name: one.changes for one in plan_operations(guest_of(FILES), operations)}


@pytest.mark.parametrize(
    ("removal", "goes"),
    [
        (Remove("/etc/a/x"), True),
        (Remove("/etc/a", recursive=True), True),
        (Remove("/etc/a", recursive=True, contents_only=True), True),
        (Remove("/etc", recursive=True), True),
        (Remove("/etc", recursive=True, contents_only=True), True),
        (Remove("/etc/a/x", recursive=True, contents_only=True), False),
        (Remove("/etc/ab"), False),
        (Remove("/etc/a/xy"), False),
        (Remove("/srv"), False),
    ],
)
def test_an_edit_of_what_another_operation_removes_is_dropped(removal: Remove, goes: bool) -> None:
    for edit in (EDIT, WriteFile("/srv/link", b"1"), SetMode("/srv/link", 0o600)):
        found = wanted(chosen("edit", edit), chosen("remove", removal))
        assert found == {"edit": () if goes else (edit,), "remove": (removal,)}


def test_an_edit_of_a_folder_whose_contents_go_stays() -> None:
    mode, removal = SetMode("/etc/a", 0o700), Remove("/etc/a", recursive=True, contents_only=True)
    assert wanted(chosen("mode", mode), chosen("remove", removal))["mode"] == (mode,)
    assert wanted(chosen("mode", mode), chosen("remove", Remove("/etc/a", recursive=True)))["mode"] == ()


def test_what_an_operation_does_itself_and_what_the_user_asks_for_is_not_dropped() -> None:
    removal, more = Remove("/etc/a/x"), WriteFile("/etc/a/x", b"1")
    assert wanted(chosen("one", removal, more)) == {"one": (removal, more)}
    for name in ("customize", "script"):
        found = wanted(chosen(name, more), chosen("z", removal))
        assert found == {"z": (removal,), name: (more,)} and list(found) == ["z", name]
    assert wanted(chosen("one", removal), chosen("two", Remove("/etc/a/x")))["two"] == (removal,)
    uuid = SetUuid("/dev/sda1")
    assert wanted(chosen("uuid", uuid), chosen("z", Remove("/", recursive=True)))["uuid"] == (uuid,)


def test_edits_that_change_nothing_are_left_out() -> None:
    nothing = EditLines("/etc/a/x", (LineEdit("not there"),))
    assert wanted(chosen("one", nothing, EDIT, Truncate("/etc/ab"))) == {"one": (EDIT, Truncate("/etc/ab"))}


def test_what_is_not_for_the_guest_is_left_out_unless_it_was_named() -> None:
    guest = guest_of({}, product_name="Debian 12")
    plain = chosen("one", EDIT, families=like("suse"))
    (one,) = plan_operations(guest, [plain])
    assert one == Planned(plain.shelved, False)
    assert plan_operations(guest, [chosen("one", EDIT, families=WINDOWS)]) == ()
    with pytest.raises(UnsupportedGuest, match="is not for Debian 12"):
        plan_operations(guest, [chosen("one", EDIT, named=True, families=WINDOWS)])
    with pytest.raises(UnsupportedGuest, match=r"the operation one is not for Debian 12$") as caught:
        plan_operations(guest, [chosen("one", EDIT, named=True, families=like("suse"))])
    assert caught.value.hint == "leave it out: --operations defaults,-one"
    lacking = {"lacking": lambda guest: "no volumes"}
    assert plan_operations(guest, [chosen("one", EDIT, **lacking)])[0].applies is False
    with pytest.raises(UnsupportedGuest, match="one is not for debian: it has no volumes"):
        plan_operations(guest_of({}), [chosen("one", EDIT, named=True, **lacking)])
    (one,) = plan_operations(guest_of(FILES), [chosen("one", EDIT, named=True)])
    assert one.applies and one.changes == (EDIT,)


def test_an_operation_plans_for_this_guest_with_its_own_parameters() -> None:
    seen: list[object] = []

    def plan(*words: object) -> Iterator[Change]:
        seen.extend(words)
        yield EDIT

    def lacking(guest: Guest) -> str:
        seen.append(guest)
        return ""

    guest = guest_of(FILES)
    shelved = Shelved("one", Operation(summary="one", plan=plan, lacking=lacking), "")
    other = Shelved("two", Operation(summary="two", plan=plan, lacking=lacking, families=WINDOWS), "")
    plan_operations(guest, [Chosen(shelved, "its own", False), Chosen(other, "others", False)])
    assert seen == [guest, guest, "its own"]


def test_changes_of_volumes_come_last_and_each_once() -> None:
    """Nothing may be mounted for them."""
    uuid, lvm, write = SetUuid("/dev/a"), NewLvmUuids(("vg",)), WriteFile("/x", b"")
    planned = [
        Planned(chosen("one").shelved, True, (uuid, EDIT)),
        Planned(chosen("two").shelved, True, (lvm, write, EDIT)),
        Planned(chosen("three").shelved, False),
    ]
    assert all_changes(planned) == (EDIT, write, uuid, lvm)
