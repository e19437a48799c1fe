"""What `imgtools inspect` says of a Windows, held against regipy, another reader of hives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from regipy.plugins.bcd.boot_entry_list import BootEntryListPlugin
from regipy.plugins.plugin import Plugin
from regipy.plugins.sam.samparse import SAMParsePlugin
from regipy.plugins.software.installed_programs import InstalledProgramsSoftwarePlugin
from regipy.plugins.system.network_data import NetworkDataPlugin
from regipy.plugins.system.services import ServicesPlugin
from regipy.registry import RegistryHive

from imgtools.units import parse_count
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image

CONFIG = "/Windows/System32/config"
DISABLED = "Account Disabled"
STARTS = {"boot": 0, "system": 1, "auto": 2, "delayed": 2, "manual": 3, "disabled": 4}


class Opened:
    """One guest: what imgtools says of it, and its hives as files."""

    def __init__(self, name: str, folder: Path) -> None:
        self._image, self._folder = fixture_image(name), folder
        (self.guest,) = imgtools("inspect", "--json", self._image).data["guests"]

    def regipy(self, plugin: type[Plugin], path: str, *words: str) -> Any:
        """What a plugin of regipy says of a hive of the guest."""
        target = self._folder / path.rpartition("/")[2]
        if not target.exists():
            imgtools("copy-out", self._image, path, self._folder, *words)
        reader = plugin(RegistryHive(str(target)), as_json=True)
        reader.run()
        return reader.entries


@pytest.fixture(scope="module", params=["windows", "windows11"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(request.param, tmp_path_factory.mktemp(request.param))


def values_of(service: Mapping[str, Any]) -> dict[str, Any]:
    return {value["name"]: value["value"] for value in service["values"] or ()}


def test_services_and_drivers(opened: Opened) -> None:
    control_set = opened.guest["os"]["windows_current_control_set"]
    sets = opened.regipy(ServicesPlugin, f"{CONFIG}/SYSTEM")
    theirs = {one["name"]: values_of(one) for one in sets[rf"\{control_set}\Services"]["services"]}
    found = opened.guest["windows"]
    ours = {one["name"]: one for one in (*found["services"], *found["drivers"])}
    assert ours.keys() == {name for name, values in theirs.items() if "Type" in values}
    for name, one in ours.items():
        assert STARTS[one["start"]] == theirs[name]["Start"], name
        assert one["account"] == theirs[name].get("ObjectName", ""), name
        file = theirs[name].get("ImagePath", "").rpartition("\\")[2].partition(" -")[0].strip('"')
        assert not file or one["file"].endswith(f"/{file}"), name


def test_network_interfaces(opened: Opened) -> None:
    control_set = opened.guest["os"]["windows_current_control_set"]
    sets = opened.regipy(NetworkDataPlugin, f"{CONFIG}/SYSTEM")
    place = rf"\{control_set}\Services\Tcpip\Parameters\Interfaces"
    theirs = {one["interface_name"]: one for one in sets[place]["interfaces"]}
    ours = {one["id"]: one for one in opened.guest["windows"]["interfaces"]}
    assert ours and ours.keys() == theirs.keys()
    for name, one in ours.items():
        other = theirs[name]
        assert one["dhcp"] == other["dhcp_enabled"]
        plain = [address.partition("/")[0] for address in one["addresses"]]
        assert plain == (other.get("ip_address") or [])
        lease = one["lease"] or {}
        assert (lease.get("server") or None) == other.get("dhcp_server")
        assert lease.get("obtained", "")[:10] == other.get("dhcp_lease_obtained_time", "")[:10]


def test_programs_of_the_machine(opened: Opened) -> None:
    found = opened.regipy(InstalledProgramsSoftwarePlugin, f"{CONFIG}/SOFTWARE")
    theirs = {(one["service_name"], one.get("DisplayVersion", "")) for one in found if "DisplayName" in one}
    ours = {(one["name"], one["version"]) for one in opened.guest["applications"] if not one["user"]}
    assert ours and ours == theirs


def test_accounts(opened: Opened) -> None:
    theirs = {one["rid"]: one for one in opened.regipy(SAMParsePlugin, f"{CONFIG}/SAM")}
    ours = {parse_count(one["sid"].rpartition("-")[2]): one for one in opened.guest["users"]}
    assert ours and ours.keys() == theirs.keys()
    for rid, one in ours.items():
        flags = theirs[rid]["account_flags_parsed"]
        assert one["disabled"] == (DISABLED in flags)
        assert one["password_never_expires"] == ("Password Does Not Expire" in flags)
        assert one["password_required"] == ("Password Not Required" not in flags)
        for name, other in (("last_login", "last_login"), ("password_changed", "password_last_set")):
            assert (one[name] or "")[:19] == (theirs[rid][other] or "")[:19]


def boot_hive(opened: Opened) -> Iterator[str]:
    for entry in opened.guest["windows"]["boot"]:
        if entry["kind"] == "boot manager":
            yield entry["device"]


def test_boot_entries(opened: Opened) -> None:
    (volume,) = boot_hive(opened)
    is_efi = opened.guest["boot"]["firmware"] == "uefi"
    path = "/EFI/Microsoft/Boot/BCD" if is_efi else "/Boot/BCD"
    theirs = {one["guid"]: one for one in opened.regipy(BootEntryListPlugin, path, "-m", volume)}
    ours = {one["id"]: one for one in opened.guest["windows"]["boot"]}
    assert ours and ours.keys() == theirs.keys()
    for name, one in ours.items():
        assert (one["path"], one["description"]) == (theirs[name]["image_path"], theirs[name]["name"])
    if is_efi:  # regipy takes every device for one of a GPT
        (windows,) = [name for name, one in ours.items() if one["default"]]
        assert theirs[windows]["gpt_partition"] == "d0d0d0d0-0007-4000-8000-000000000103"
        assert ours[windows]["device"] == opened.guest["root"]
