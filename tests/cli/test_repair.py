"""What `imgtools repair` shows, refuses and writes, on a Windows Server that is broken by imgtools itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import imgtools as door
from fixtures.cache import digest_of
from imgtools.engine.regf.editor import HiveEditor
from imgtools.errors import EditConflict, NotInGuest, OddGuest, UnsupportedGuest, UsageError
from tests.support import boot_store as bcd
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.hives import make_hive, new_log, with_sequences

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
CONFIG = "/Windows/System32/config"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return copy_fixture("windows-server", tmp_path)[0]


def test_the_shelf_needs_no_image() -> None:
    rows = dict(line.split("\t")[:2] for line in imgtools("repair", "--list").out.splitlines())
    assert (
        rows["Repair"] == "Asked" and rows["windows-boot-devices"] == "*" and rows["windows-password"] == ""
    )
    argv = [sys.executable, "-m", "imgtools", "repair", "--list", "--json"]
    shown = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    assert shown["schema"] == "imgtools.repair-list/1"
    service = next(one for one in shown["data"]["repairs"] if one["name"] == "windows-service")
    assert service["parameters"] == ["name", "start"]


@pytest.mark.parametrize("name", ["windows-server", "windows"])
def test_a_healthy_guest_is_not_written(name: str, tmp_path: Path) -> None:
    (image, *_) = copy_fixture(name, tmp_path)
    before = digest_of(image)
    ran = imgtools("repair", image, "--write", "--json")
    assert ran.data["changes"] == [] and not ran.data["changed"] and digest_of(image) == before
    assert "Nothing to change." in imgtools("repair", image).err


def test_a_plan_is_a_row_a_change_and_writes_nothing(server: Path) -> None:
    before = digest_of(server)
    ran = imgtools("repair", server, "--only", "windows-boot-log,windows-check-disk")
    assert [line.split("\t")[:3] for line in ran.out.splitlines()] == [
        ["Repair", "Kind", "Path"],
        ["windows-boot-log", "registry-set", "/S:/EFI/Microsoft/Boot/BCD"],
        ["windows-check-disk", "registry-set", f"{CONFIG}/SYSTEM"],
    ]
    assert ran.err.startswith("2 changes planned, nothing written.") and digest_of(server) == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--only", "windows-servise"), UsageError, "did you mean windows-service?"),
        (("--only", "qqqq"), UsageError, "see --list"),
        (("--only", "windows-service"), UsageError, "the parameter name is missing"),
        (("--set", "windows-password.user=alice"), UsageError, "add it: --only windows-password"),
        (("--set", "windows-pasword.user=alice"), UsageError, "did you mean windows-password?"),
        (
            ("--only", "windows-password", "--set", "windows-password.user=opreator"),
            NotInGuest,
            "did you mean operator?",
        ),
        (
            ("--only", "windows-hive-backup", "--set", "windows-hive-backup.hives=SYSTEM"),
            UnsupportedGuest,
            "RegBack is empty since Windows 10 1803",
        ),
    ],
)
def test_what_cannot_be_done(words: tuple[str, ...], code: type[UsageError], said: str) -> None:
    ran = imgtools("repair", fixture_image("windows-server"), *words, code=code.exit_code)
    assert said in ran.err and ran.out == "" and ran.err.count("imgtools:") == 1


def test_a_repair_for_another_system_is_refused_by_name() -> None:
    words = ("repair", fixture_image("debian"), "--only", "windows-boot-log")
    ran = imgtools(*words, code=UnsupportedGuest.exit_code)
    assert (
        "windows-boot-log is not for Debian" in ran.err and "leave windows-boot-log out of --only" in ran.err
    )


def test_a_boot_configuration_without_entries_is_named(tmp_path: Path) -> None:
    (image,) = copy_fixture("windows", tmp_path)
    imgtools("registry", "delete", image, r"HKLM\BCD00000000\Objects", "--recursive", "--write")
    words = ("repair", image, "--only", "windows-boot-log")
    assert "has no key Objects" in imgtools(*words, code=OddGuest.exit_code).err


def test_repairs_of_several_hives_are_one_transaction_and_done_once(server: Path, tmp_path: Path) -> None:
    words = (
        "--only", "windows-safe-mode,windows-serial-console,windows-remote-desktop,windows-old-hypervisor",
        "--only", "windows-driver-file,windows-password",
        "--set", "windows-driver-file.file=badflt.sys", "--set", "windows-password.user=operator",
    )  # fmt: skip
    done = imgtools("repair", server, *words, "--write", "--json")
    assert done.data["written"] and done.json["engine"] == "direct"
    assert {one["path"].rpartition("/")[2] for one in done.data["changes"]} == {
        "BCD",
        "SAM",
        "SYSTEM",
        "badflt.sys",
    }
    assert imgtools("repair", server, *words, "--json").data["changes"] == []
    assert imgtools("registry", "get", server, rf"{SERVICES}\badflt", "Start").out.strip() == "4"
    assert list(server.parent.iterdir()) == [server]  # nothing is left beside it


def test_a_password_is_never_shown(server: Path) -> None:
    words = ("--only", "windows-password", "--set", "windows-password.user=operator")
    shown = imgtools("repair", server, *words, "--json")
    (change,) = shown.data["changes"]
    assert change["kind"] == "registry-set" and "data" not in change and "diff" not in change
    assert "0102030405" not in json.dumps(shown.json)


def test_chntpw_reads_what_was_written(server: Path, tmp_path: Path) -> None:
    """Another reader of the SAM. (It does not know that a record of 24 bytes has no password either.)"""
    assert _accounts(server, tmp_path / "before") == {
        "Administrator": "",
        "Guest": "dis/lock",
        "operator": "",
    }
    words = ("--only", "windows-password,windows-account-enable", "--set", "windows-password.user=operator")
    imgtools("repair", server, *words, "--set", "windows-account-enable.user=Guest", "--write")
    after = {"Administrator": "", "Guest": "", "operator": "*BLANK*"}
    assert _accounts(server, tmp_path / "after") == after
    users = {
        one["name"]: one["password"]
        for one in imgtools("inspect", server, "--json").data["guests"][0]["users"]
    }
    assert users["operator"] == "empty"


def _accounts(image: Path, folder: Path) -> dict[str, str]:
    folder.mkdir()
    imgtools("copy-out", image, f"{CONFIG}/SAM", folder)
    done = subprocess.run(
        ["/usr/sbin/chntpw", "-l", folder / "SAM"], capture_output=True, text=True, check=False
    )
    rows = [[one.strip() for one in line.split("|")] for line in done.stdout.splitlines() if "|" in line]
    return {row[2]: row[4] for row in rows if len(row) > 4 and row[1] != "RID -"}


def test_a_clone_with_new_guids_boots_from_its_own_disk(server: Path, tmp_path: Path) -> None:
    """The disk's and the partitions' GUIDs are new; the configuration names them then, and hivexget reads so."""
    raw = tmp_path / "clone.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", server, raw], check=True)
    subprocess.run(["sfdisk", "-q", "--disk-id", raw, "99999999-0008-4000-8000-000000000100"], check=True)
    for number in (1, 3, 4):
        uuid = f"99999999-0008-4000-8000-00000000010{number}"
        subprocess.run(["sfdisk", "-q", "--part-uuid", raw, str(number), uuid], check=True)
    found = imgtools("repair", raw, "--json").data
    names = [one["name"] for one in found["repairs"] if one["changes"]]
    assert names == ["windows-boot-devices"] and len(found["changes"]) == 9
    imgtools("repair", raw, "--write")
    assert imgtools("repair", raw, "--json").data["changes"] == []
    store = tmp_path / "store"
    store.mkdir()
    imgtools("copy-out", raw, "-m", "/dev/sda1", "/EFI/Microsoft/Boot/BCD", store)
    windows = _stored(store / "BCD", bcd.WINDOWS, "21000001")
    assert windows[32:48] == bytes.fromhex("99999999080000408000000000000103")
    assert windows[56:72] == bytes.fromhex("99999999080000408000000000000100")


def test_a_disk_with_an_mbr_that_got_a_new_signature(tmp_path: Path) -> None:
    """The partitions of Windows 10 are where they were; the recovery environment of this configuration is on C:."""
    (image,) = copy_fixture("windows", tmp_path)
    start, signature = {1: 1 << 20, 2: 51 << 20}, 0xD0D00006
    reserved, windows = (bcd.mbr(one, signature) for one in start.values())
    (store := tmp_path / "store").write_bytes(
        make_hive(bcd.boot_keys(reserved, windows, windows, efi=False), "BCD")
    )
    imgtools("write", image, "-m", "/dev/sda1", "/Boot/BCD", "--from", store, "--write")
    assert imgtools("repair", image, "--json").data["changes"] == []
    raw = tmp_path / "clone.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    subprocess.run(["sfdisk", "-q", "--disk-id", raw, "0x0badcafe"], check=True)
    report = imgtools("repair", raw, "--write", "--json").data
    assert len(report["changes"]) == 9 and report["written"]
    assert imgtools("repair", raw, "--json").data["changes"] == []
    (folder := tmp_path / "read").mkdir()
    imgtools("copy-out", raw, "-m", "/dev/sda1", "/Boot/BCD", folder)
    for element, place in (("11000001", 51 << 20), ("21000001", 51 << 20)):
        stored = _stored(folder / "BCD", bcd.WINDOWS, element)
        assert stored == bcd.mbr(place, 0x0BADCAFE)


def test_reged_reads_what_was_written(server: Path, tmp_path: Path) -> None:
    """chntpw's own reader of hives: of the boot configuration and of SYSTEM."""
    words = ("--only", "windows-safe-mode,windows-check-disk", "--set", "windows-safe-mode.mode=network")
    imgtools("repair", server, *words, "--write")
    assert (
        _exported(server, "/dev/sda1", "/EFI/Microsoft/Boot/BCD", rf"Objects\{bcd.WINDOWS}", tmp_path).count(
            '"Element"=hex:01,00,00,00,00,00,00,00'
        )
        == 2
    )  # safe mode with networking, and the policy of the menu
    manager = r"ControlSet001\Control\Session Manager"
    text = _exported(server, "/dev/sda3", f"{CONFIG}/SYSTEM", manager, tmp_path)
    assert "/p \\??\\C:".encode("utf-16-le").hex(",") in text.replace("\\\n  ", "").replace("\n", "")


def _exported(image: Path, device: str, path: str, key: str, folder: Path) -> str:
    """A key and what is below it, as reged writes it into a .reg file."""
    imgtools("copy-out", image, "-m", device, path, folder)
    out = folder / "out.reg"
    argv = ["/usr/sbin/reged", "-x", folder / path.rpartition("/")[2], "HKEY_LOCAL_MACHINE", key, out]
    subprocess.run(argv, capture_output=True, check=False)
    return out.read_text(encoding="latin-1").replace("\r", "")


def test_two_repairs_that_contradict_each_other_are_refused(server: Path) -> None:
    imgtools("repair", server, "--only", "windows-safe-mode", "--write")
    words = ("--only", "windows-safe-mode,windows-safe-mode-off", "--set", "windows-safe-mode.mode=network")
    before = digest_of(server)
    ran = imgtools("repair", server, *words, "--write", code=EditConflict.exit_code)
    assert "contradict" in ran.err or "then removes it" in ran.err
    assert digest_of(server) == before


def test_a_hive_that_was_not_closed_gets_its_log_first(server: Path, tmp_path: Path) -> None:
    """What only the log holds would be applied over the repair by the next boot."""
    (folder := tmp_path / "hive").mkdir()
    imgtools("copy-out", server, f"{CONFIG}/SYSTEM", folder)
    closed = (folder / "SYSTEM").read_bytes()
    newer = HiveEditor(closed, "SYSTEM", 1 << 56)
    newer.set_value(r"ControlSet001\Services\vmci", "Start", 4, (3).to_bytes(4, "little"))
    after = newer.finish()
    assert after is not None
    (folder / "SYSTEM").write_bytes(with_sequences(closed, 8, 7))
    (folder / "SYSTEM.LOG1").write_bytes(new_log(closed, after, 7))
    imgtools("copy-in", server, folder / "SYSTEM", folder / "SYSTEM.LOG1", CONFIG, "--write")
    ran = imgtools("repair", server, "--only", "windows-check-disk", "--write", "--json")
    kinds = [one["kind"] for one in ran.data["changes"]]
    assert kinds == ["registry-apply-log", "registry-set"]
    assert imgtools("registry", "get", server, rf"{SERVICES}\vmci", "Start").out.strip() == "3"
    states = imgtools("registry", "list", server).out.splitlines()
    assert [line.split("\t")[2] for line in states if line.endswith("config/SYSTEM")] == ["clean"]


def _stored(hive: Path, identity: str, element: str) -> bytes:
    """An element as hivexget has it."""
    key = rf"\Objects\{identity}\Elements\{element}"
    return subprocess.run(["hivexget", hive, key, "Element"], capture_output=True, check=True).stdout


def test_a_damaged_hive_leaves_the_other_repairs_their_say(server: Path) -> None:
    """SYSTEM is cut off: what looks at it says so, and its backup takes its place."""
    folder = server.parent / "backup"
    folder.mkdir()
    imgtools("copy-out", server, f"{CONFIG}/SYSTEM", folder)
    imgtools("copy-in", server, folder / "SYSTEM", f"{CONFIG}/RegBack", "--write")
    imgtools("write", server, f"{CONFIG}/SYSTEM", "--content", "regf", "--write")
    ran = imgtools("repair", server, "--write")
    assert "windows-dhcp-service does nothing: not a registry hive" in ran.err
    (again := server.parent / "again").mkdir()
    imgtools("copy-out", server, f"{CONFIG}/SYSTEM", again)
    assert (again / "SYSTEM").read_bytes() == (folder / "SYSTEM").read_bytes()
    assert "SYSTEM.damaged" in imgtools("ls", server, CONFIG).out
    assert "Nothing to change." in imgtools("repair", server).err


def test_programs_say_the_same(server: Path) -> None:
    report = door.repair(server, only="windows-service", settings={
        "windows-service.name": "vmci", "windows-service.start": "disabled",
    }, write=True)  # fmt: skip
    assert report.written and [one.name for one in report.repairs] == ["windows-service"]
    again = door.repair(server, only=["windows-old-hypervisor"])
    assert "vmci" not in str([one.summary for one in again.changes]) and len(again.changes) == 2
