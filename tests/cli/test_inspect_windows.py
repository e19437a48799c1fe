"""imgtools inspect on a Windows guest: as a person sees it, as a script does, and in JSON."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Mapping

import pytest

from imgtools.cli.inspect import command
from imgtools.cli.output.inspect_windows import ROOM, few
from imgtools.cli.output.output import Output
from imgtools.image.handle import Image
from imgtools.records.disks import Volume
from tests.support.boot_store import boot_keys, gpt
from tests.support.command import Ran, imgtools
from tests.support.hives import Keys, make_hive
from tests.support.images import memory_image
from tests.support.memory import Content, MemoryFilesystem, memory_volume, serve
from tests.support.windows import SOFTWARE, SYSTEM, windows_tree

CONTROL, SERVICES = r"ControlSet002\Control", r"ControlSet002\Services"
UNINSTALL = r"Microsoft\Windows\CurrentVersion\Uninstall"
DISK = "D0D0D0D0-0008-4000-8000-000000000001"
PLACES = tuple(gpt(f"{DISK[:-3]}10{number}", DISK) for number in (1, 2, 3))
MORE_SYSTEM: Keys = {
    rf"{SERVICES}\nginx": {
        "Type": 0x10,
        "Start": 2,
        "DisplayName": "nginx web server",
        "ImagePath": r"C:\nginx\nginx.exe",
    },
    rf"{SERVICES}\Manual": {"Type": 0x20, "Start": 3},
    rf"{SERVICES}\viostor": {"Type": 1, "Start": 0},
    rf"{SERVICES}\Tcpip\Parameters\Interfaces\{{1}}": {
        "EnableDHCP": 0,
        "IPAddress": ["192.0.2.30"],
        "SubnetMask": ["255.255.255.0"],
    },
    rf"{CONTROL}\Network\{{4D36E972-E325-11CE-BFC1-08002BE10318}}\{{1}}\Connection": {
        "Name": "Ethernet\x1b[31m"
    },
    rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\DomainProfile": {"EnableFirewall": 1},
    rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\StandardProfile": {"EnableFirewall": 1},
    rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\PublicProfile": {"EnableFirewall": 0},
}
SERVICING = r"Microsoft\Windows\CurrentVersion\Component Based Servicing"
MORE_SOFTWARE: Keys = {
    rf"{SERVICING}\RebootPending": {},
    rf"{SERVICING}\Packages\Package_for_KB5034763~1": {
        "CurrentState": 0x70, "InstallTimeHigh": 0x1DA6BF1, "InstallTimeLow": 0x83994000,
    },
    rf"{SERVICING}\Packages\New~1": {"CurrentState": 0x60},
    rf"{SERVICING}\Notifications\OptionalFeatures\TelnetClient": {"Selection": 1},
    rf"{UNINSTALL}\7z": {"DisplayName": "7-Zip"},
}  # fmt: skip


def windows_image(more: Mapping[str, Content] | None = None) -> Image:
    """A guest with an ESP, drivers of virtio, a program of alice's own, and updates that wait for a reboot."""
    own = make_hive(
        {rf"Software\{UNINSTALL}\code": {"DisplayName": "Code", "DisplayVersion": "1.8"}}, "NTUSER"
    )
    files = windows_tree(
        dict(SOFTWARE) | dict(MORE_SOFTWARE),
        dict(SYSTEM) | dict(MORE_SYSTEM),
        {
            "/Users/alice.NEW/NTUSER.DAT": own,
            "/Windows/System32/drivers/viostor.sys": b"MZ",
            "/Windows/System32/config/SAM": make_hive({"SAM": {}}, "SAM"),
            **(more or {}),
        },
    )
    esp = {"/EFI/Microsoft/Boot/BCD": make_hive(boot_keys(*PLACES), "BCD")}
    volumes: dict[Volume, MemoryFilesystem] = {
        memory_volume("/dev/sda1", "vfat"): MemoryFilesystem(esp, ignores_case=True),
        memory_volume("/dev/sda2", "ntfs"): MemoryFilesystem(files, ignores_case=True),
    }
    return memory_image(volumes)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "inspect", windows_image())


def inspected(*words: str) -> Ran:
    return imgtools("inspect", *words, "memory.img")


@pytest.mark.usefixtures("windows")
def test_json_has_every_list() -> None:
    ran = inspected("--json")
    (guest,) = ran.data["guests"]
    found = guest["windows"]
    assert ran.json["warnings"] == []
    assert [one["name"] for one in found["services"]] == ["Manual", "nginx"]
    assert [(one["name"], one["start"]) for one in found["drivers"]] == [("viostor", "boot")]
    assert [one["name"] for one in found["virtio"] if one["present"]] == ["viostor"]
    assert found["interfaces"][0]["addresses"] == ["192.0.2.30/24"]
    assert [one["enabled"] for one in found["firewall"]["profiles"]] == [True, True, False]
    assert (found["pending_reboot"], found["pending_updates"]) == (["component-servicing"], ["New~1"])
    assert found["hotfixes"] == [
        {"kb": "KB5034763", "state": "installed", "installed": "2024-03-01T16:00:00Z"}
    ]
    assert [one["name"] for one in found["features"]] == ["TelnetClient"]
    assert [one["description"] for one in found["boot"] if one["default"]] == ["Windows Server"]
    assert [(one["display_name"], one["user"]) for one in guest["applications"]] == [
        ("7-Zip", ""),
        ("Code", "alice.NEW"),
    ]


@pytest.mark.usefixtures("windows")
def test_what_is_installed_may_be_left_out_and_the_rest_is_there() -> None:
    (guest,) = inspected("--json", "--no-applications").data["guests"]
    found = guest["windows"]
    assert guest["applications"] is None
    assert [found[name] for name in ("packages", "hotfixes", "features", "pending_updates")] == [None] * 4
    assert found["services"] and found["pending_reboot"] == ["component-servicing"]


@pytest.mark.usefixtures("windows")
def test_a_pipe_gets_a_line_for_each_entry_that_a_shell_can_split() -> None:
    """Records came out as Python writes them: WindowsService(name='nginx', ...)."""
    lines = [line.split("\t") for line in inspected().out.splitlines()]
    assert all(len(cells) == 2 for cells in lines)
    assert not any("Windows" in text and "(" in text and "='" in text.partition(" ")[0] for _, text in lines)
    services = [
        dict(word.split("=", 1) for word in shlex.split(text))
        for name, text in lines
        if name == "windows.services"
    ]
    assert services[1] == {
        "name": "nginx", "kind": "own-process", "start": "auto", "display_name": "nginx web server",
        "file": "/nginx/nginx.exe",
    }  # fmt: skip
    for fact in (
        ["windows.build", "19045.3803"],
        ["windows.installed", "2023-11-14T22:13:20Z"],
        ["windows.pending_reboot", "component-servicing"],
        ["windows.hotfixes", "kb=KB5034763 state=installed installed=2024-03-01T16:00:00Z"],
        ["windows.firewall.profiles", "name=public enabled=no policy=no"],
        ["application", "Code 1.8"],
    ):
        assert fact in lines
    assert any(name == "account" and "name=bob" in text for name, text in lines)


@pytest.mark.usefixtures("windows")
def test_xml_lists_what_virt_inspector_looks_for_alone() -> None:
    out = inspected("--xml").out
    assert "7-Zip" in out and "Code" not in out


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, image: Image) -> str:
    request = serve(monkeypatch, "inspect", image)
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    command(request, Output(stdout=terminal))
    return terminal.getvalue()


def test_a_person_gets_counts_and_a_few_names(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, windows_image())
    for line in (
        "Windows 10 Pro on /dev/sda2",
        "2 (1 automatic)",
        "viostor (boot)",
        r"Ethernet\x1b[31m: 192.0.2.30/24",
        "on (domain, private), off (public)",
        "1, last KB5034763 of 2024-03-01",
        "pending: servicing",
        "TelnetClient",
        "Windows Server on a partition that is not in this image",
    ):
        assert line in text, line
    assert "no viostor" not in text


def test_windows_11_is_called_so_and_a_guest_without_drivers_of_virtio_says_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = dict(SOFTWARE[r"Microsoft\Windows NT\CurrentVersion"]) | {"CurrentBuildNumber": "22631"}
    software = dict(SOFTWARE) | {r"Microsoft\Windows NT\CurrentVersion": version}
    image = memory_image(
        {memory_volume("/dev/sda2", "ntfs"): MemoryFilesystem(windows_tree(software), ignores_case=True)}
    )
    text = shown(monkeypatch, image)
    assert "Windows 11 Pro on /dev/sda2" in text
    assert "no viostor and no vioscsi" in text


def test_a_windows_without_a_boot_configuration_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk that it boots from was not given: an empty list would say that nothing starts it."""
    image = memory_image(
        {memory_volume("/dev/sda2", "ntfs"): MemoryFilesystem(windows_tree(), ignores_case=True)}
    )
    serve(monkeypatch, "inspect", image)
    ran = inspected("--json")
    assert ran.data["guests"][0]["windows"]["boot"] is None
    # Nor has this guest a SAM: no accounts are not the same as accounts that are not known.
    assert [one["text"] for one in ran.json["warnings"]] == [
        "the guest has no hive SAM: what it would tell is not known",
        "no boot configuration of Windows (BCD) was found in this image",
    ]


def test_a_damaged_hive_costs_its_facts_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "inspect", windows_image({"/Windows/System32/config/SOFTWARE": b"garbage" * 999}))
    ran = inspected("--json")
    (guest,) = ran.data["guests"]
    assert [one["name"] for one in guest["windows"]["services"]] == ["Manual", "nginx"]
    assert (guest["windows"]["packages"], guest["applications"]) == ([], [])
    assert any("SOFTWARE" in one["text"] for one in ran.json["warnings"])


def test_names_as_far_as_there_is_room() -> None:
    assert few([]) == few([], "pending: ") == ""
    assert few(["a", "b"]) == "a, b"
    many = few([f"name-{number:02d}" for number in range(40)], "pending: ")
    assert len(many) <= ROOM and many.startswith("pending: name-00, ") and many.endswith("more")
    listed = many.partition(": ")[2].rpartition(" and ")[0].split(", ")
    assert many.endswith(f" and {40 - len(listed)} more")
    assert few(["x" * 99, "y"]) == f"{'x' * 99} and 1 more"


@pytest.mark.usefixtures("windows")
def test_the_document_says_nothing_as_python_does() -> None:
    text = json.dumps(inspected("--json").json)
    assert "WindowsService" not in text and "RegistryValue" not in text
