"""Which repairs are asked, what becomes of one that cannot look, and what a report says of all."""

from __future__ import annotations

import pytest

from imgtools.errors import OddGuest, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.records.disks import Layout
from imgtools.records.request import ImageRequest, Target
from imgtools.records.system import OsInfo, OsType
from imgtools.workflows.repair import RepairReport, list_repairs, repair
from tests.support.hives import Keys, make_hive, new_log, with_sequences
from tests.support.memory import Content, MemorySession, memory_files, memory_image, serve
from tests.support.repairs import (
    BOOT_VOLUME,
    CONFIG,
    SERVICES,
    SYSTEM,
    VOLUME,
    gpt_layout,
    server_filesystems,
)

pytestmark = pytest.mark.host

DHCP_OFF: Keys = {**SYSTEM, rf"{SERVICES}\Dhcp": {"Start": 4, "Type": 0x20}}


OF_DISKS = {"boot-code", "filesystem-check", "partition-table"}  # of any guest, and of none


def asked(
    monkeypatch: pytest.MonkeyPatch,
    *only: str,
    settings: tuple[str, ...] = (),
    system: Keys = SYSTEM,
    files: dict[str, Content] | None = None,
) -> RepairReport:
    """What repair says of a server in memory."""
    request = served(monkeypatch, system, files)
    return repair(request, Target(), only, settings)


def served(monkeypatch: pytest.MonkeyPatch, system: Keys, files: dict[str, Content] | None) -> ImageRequest:
    made = server_filesystems(system=system, files=files)
    layout = Layout(gpt_layout().disks, volumes=(BOOT_VOLUME, VOLUME))
    image = memory_image(MemorySession({BOOT_VOLUME: made["/S:"], VOLUME: made["/"]}, layout))
    return serve(monkeypatch, "writing", image)


def test_a_healthy_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    report = asked(monkeypatch)
    assert not report.changed and report.warnings == () and report.root == "/dev/sda3"
    names = {one.name for one in list_repairs().repairs if one.default and one.name.startswith("windows-")}
    assert {one.name for one in report.repairs} == names | OF_DISKS


def test_of_a_system_without_repairs_the_disks_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Guest(VOLUME, OsInfo(OsType.FREEBSD, "freebsd"), (), memory_files({}))
    monkeypatch.setattr("imgtools.workflows.diagnose.the_guest", lambda image, root: other)
    assert {one.name for one in asked(monkeypatch).repairs} == OF_DISKS


def test_what_is_needed_is_found_without_being_named(monkeypatch: pytest.MonkeyPatch) -> None:
    report = asked(monkeypatch, system=DHCP_OFF)
    (found,) = [one for one in report.repairs if one.changes]
    assert found.name == "windows-dhcp-service"
    assert '+"Start"=dword:00000002' in found.changes[0].diff  # the value that it has, and that it gets
    assert report.changes == found.changes and not report.written


def test_only_what_is_named_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    report = asked(monkeypatch, "windows-boot-log,windows-check-disk", system=DHCP_OFF)
    assert [one.name for one in report.repairs] == ["windows-boot-log", "windows-check-disk"]
    assert len(report.changes) == 2


def test_a_repair_that_cannot_look_leaves_the_others_their_say(monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, Content] = {f"{CONFIG}/SYSTEM": b"nothing"}
    files[f"{CONFIG}/RegBack/SYSTEM"] = make_hive(SYSTEM, "SYSTEM")
    report = asked(monkeypatch, files=files)
    assert [one.name for one in report.repairs if one.changes] == ["windows-hive-backup"]
    said = [one.text for one in report.warnings if "does nothing" in one.text]
    quiet = ["windows-device-filters", "windows-dhcp-service", "windows-last-known-good"]
    assert [text.partition(" ")[0] for text in said] == quiet
    with pytest.raises(OddGuest, match="not a registry hive"):
        asked(monkeypatch, "windows-dhcp-service", files=files)


def test_a_hive_without_a_backup_is_a_warning_and_by_name_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, Content] = {f"{CONFIG}/SYSTEM": b"nothing", f"{CONFIG}/RegBack/SYSTEM": b""}
    said = [one.text for one in asked(monkeypatch, files=files).warnings]
    assert any("no backup of SYSTEM that can be read" in text for text in said)
    with pytest.raises(UnsupportedGuest, match="no backup of SYSTEM"):
        asked(monkeypatch, "windows-hive-backup", files=files)


def test_a_hive_that_was_not_closed_gets_its_log_first(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = make_hive(SYSTEM, "SYSTEM"), make_hive(DHCP_OFF, "SYSTEM")
    files: dict[str, Content] = {
        f"{CONFIG}/SYSTEM": with_sequences(before, 8, 7),
        f"{CONFIG}/SYSTEM.LOG1": new_log(before, after, 7),
    }
    report = asked(monkeypatch, "windows-dhcp-service,windows-check-disk", files=files)
    assert [one.kind for one in report.changes] == ["registry-apply-log", "registry-set", "registry-set"]
    kinds = [[change.kind for change in one.changes] for one in report.repairs]
    assert kinds == [["registry-apply-log", "registry-set"], ["registry-set"]]  # it is said once


@pytest.mark.parametrize(
    ("only", "settings", "said"),
    [
        (("windows-boot-lok",), (), "no such operation: windows-boot-lok"),
        ((), ("windows-safe-mode.mode=network",), "the operation windows-safe-mode does not run"),
        ((), ("windows-dhcp-service.x=y",), "windows-dhcp-service has no parameter 'x'"),
        ((), ("nonsense",), "not a setting"),
    ],
)
def test_words_that_make_no_sense(
    monkeypatch: pytest.MonkeyPatch, only: tuple[str, ...], settings: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        asked(monkeypatch, *only, settings=settings)
