"""Remote Desktop and WinRM of a Windows guest: the switches, the service, the firewall."""

from __future__ import annotations

import pytest

from imgtools.errors import UnsupportedGuest
from tests.support.customized import carry_out
from tests.support.hives import Keys
from tests.support.windows_guest import planned, value, windows_guest

pytestmark = pytest.mark.host

CONTROL = r"ControlSet002\Control\Terminal Server"
SERVICES = r"ControlSet002\Services"
RULES = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
RULE = "v2.31|Action=Allow|Active={}|Dir=In|Protocol=6|LPort=3389|Svc=termservice|"
OFF: Keys = {
    CONTROL: {"fDenyTSConnections": 1},
    rf"{CONTROL}\WinStations\RDP-Tcp": {"UserAuthentication": 0, "PortNumber": 3389},
    rf"{SERVICES}\TermService": {"Start": 4},
    rf"{SERVICES}\WinRM": {"Start": 3},
    RULES: {
        "RemoteDesktop-UserMode-In-TCP": RULE.format("FALSE"),
        "RemoteDesktop-Shadow-In-TCP": "v2.31|Action=Allow|Active=TRUE|Dir=In|",
        "FPS-SMB-In-TCP": "v2.31|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=445|",
        "WINRM-HTTP-In-TCP": "v2.31|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=5985|Profile=Public|",
    },
}
DESKTOP = ("remote-desktop", "")


def says(tree: object, key: str, name: str) -> str | int | None:
    found = value(tree, rf"SYSTEM\{key}", name)  # type: ignore[arg-type]
    return None if found is None else found.text if found.text is not None else found.number


def test_remote_desktop() -> None:
    guest, tree = windows_guest(system=OFF)
    carry_out(guest, tree, DESKTOP)
    assert says(tree, CONTROL, "fDenyTSConnections") == 0
    assert says(tree, rf"{CONTROL}\WinStations\RDP-Tcp", "UserAuthentication") == 1
    assert says(tree, rf"{SERVICES}\TermService", "Start") == 3
    assert says(tree, RULES, "RemoteDesktop-UserMode-In-TCP") == RULE.format("TRUE")
    assert "Active=FALSE" in str(says(tree, RULES, "FPS-SMB-In-TCP"))  # a rule for another thing
    assert says(tree, RULES, "imgtools-RemoteDesktop-In-TCP") is None
    assert planned(guest, DESKTOP) == ()


def test_a_port_of_its_own_is_let_in() -> None:
    """Windows' own rules are for 3389 only."""
    port: Keys = {rf"{CONTROL}\WinStations\RDP-Tcp": {"PortNumber": 13389}}
    guest, tree = windows_guest(system={**OFF, **port})
    carry_out(guest, tree, DESKTOP)
    assert "|LPort=13389|" in str(says(tree, RULES, "imgtools-RemoteDesktop-In-TCP"))
    assert planned(guest, DESKTOP) == ()


def test_who_has_none() -> None:
    current = {"EditionID": "CoreSingleLanguage", "CurrentVersion": "6.3"}
    guest, tree = windows_guest({r"Microsoft\Windows NT\CurrentVersion": current}, OFF)
    with pytest.raises(UnsupportedGuest, match="Windows Home"):
        carry_out(guest, tree, DESKTOP)
    policy: Keys = {r"Policies\Microsoft\Windows NT\Terminal Services": {"fDenyTSConnections": 1}}
    guest, tree = windows_guest(policy, OFF)
    with pytest.raises(UnsupportedGuest, match="group policy"):
        carry_out(guest, tree, DESKTOP)
    guest, tree = windows_guest()
    with pytest.raises(UnsupportedGuest, match="no service WinRM"):
        carry_out(guest, tree, ("winrm", ""))


def test_winrm() -> None:
    guest, tree = windows_guest(system=OFF)
    carry_out(guest, tree, ("winrm", ""))
    assert says(tree, rf"{SERVICES}\WinRM", "Start") == 2
    assert "|Active=TRUE|" in str(says(tree, RULES, "WINRM-HTTP-In-TCP"))
    script = tree.read_text("/ProgramData/imgtools/firstboot/scripts/0001-winrm.ps1")
    assert "Enable-PSRemoting -SkipNetworkProfileCheck -Force" in script
    assert planned(guest, ("winrm", "")) == ()


def test_a_listener_that_is_there_is_not_made_again() -> None:
    guest, tree = windows_guest(
        {r"Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTP": {"Port": 5985}}, OFF
    )
    carry_out(guest, tree, ("winrm", ""))
    assert says(tree, rf"{SERVICES}\WinRM", "Start") == 2
    assert not tree.exists("/ProgramData/imgtools")
