"""Doors of a Windows guest to the network: Remote Desktop, and Windows Remote Management."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import RegistryChange, RegistrySet
from imgtools.errors import UnsupportedGuest
from imgtools.guest.windows.firewall import has_rules, let_in, switch_rules_on
from imgtools.guest.windows.registry import MACHINE, Registry

TERMINAL = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\Terminal Server"
CONNECTION = rf"{TERMINAL}\WinStations\RDP-Tcp"
POLICY = rf"{MACHINE}\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
CURRENT_VERSION = rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
SERVICES = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services"
LISTENERS = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener"
AUTOMATIC, MANUAL, DISABLED = 2, 3, 4  # Start of a service: "CreateServiceA function" (learn.microsoft.com)
RDP_PORT = 3389


def remote_desktop_changes(registry: Registry) -> Iterator[RegistryChange]:
    """Yield what lets people in by Remote Desktop, once they have given their name and password.

    :raises UnsupportedGuest: the edition has no Remote Desktop to connect to, or a policy forbids it.
    """
    edition = registry.text(CURRENT_VERSION, "EditionID")
    if edition.casefold().startswith("core"):
        raise UnsupportedGuest(f"Windows Home ({edition}) lets nobody in by Remote Desktop")
    if registry.number(POLICY, "fDenyTSConnections"):
        raise UnsupportedGuest(
            "remote-desktop would not take effect: a group policy (fDenyTSConnections) switches it off",
            hint=f"imgtools registry delete IMAGE '{POLICY}' fDenyTSConnections",
        )
    yield from _number(registry, TERMINAL, "fDenyTSConnections", 0)
    yield from _number(registry, CONNECTION, "UserAuthentication", 1)
    yield from _started(registry, "TermService", MANUAL)
    port = registry.number(CONNECTION, "PortNumber") or RDP_PORT
    yield from switch_rules_on(registry, "RemoteDesktop-")
    if not has_rules(registry, "RemoteDesktop-", port):
        yield from let_in(registry, "imgtools-RemoteDesktop-In-TCP", port, "Remote Desktop")


def winrm_changes(registry: Registry) -> Iterator[RegistryChange]:
    """Yield what starts the service and opens the firewall to it; listeners are made by the guest itself."""
    if registry.find(rf"{SERVICES}\WinRM") is None:
        raise UnsupportedGuest("the guest has no service WinRM")
    yield from _number(registry, rf"{SERVICES}\WinRM", "Start", AUTOMATIC)
    yield from switch_rules_on(registry, "WINRM-HTTP-In-TCP")


def has_listener(registry: Registry) -> bool:
    """Whether Windows Remote Management listens somewhere."""
    key = registry.find(LISTENERS)
    return key is not None and next(iter(key.subkeys()), None) is not None


def _started(registry: Registry, service: str, start: int) -> Iterator[RegistrySet]:
    """A service that is disabled is no longer."""
    key = rf"{SERVICES}\{service}"
    if registry.number(key, "Start") == DISABLED:
        yield from _number(registry, key, "Start", start)


def _number(registry: Registry, key: str, name: str, number: int) -> Iterator[RegistrySet]:
    if registry.number(key, name) != number:
        place = registry.place(key)
        yield RegistrySet(place.path, place.key, name, "REG_DWORD", number=number)
