"""Windows Firewall is on in every kind of network.

Without it everything that listens is open to whoever reaches the machine. It is on by default since XP SP2, and does
nothing where its service is disabled: "Windows Firewall" (learn.microsoft.com), [MS-GPFAS]. Turning it on cuts off
what no rule lets in: there is a fix where Remote Desktop, WinRM, SSH and the programs of services all have a rule, or
none is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import (
    SERVICES,
    Setting,
    flaw,
    held,
    judged,
    no_remote_desktop,
    not_number,
    service,
    services,
)
from imgtools.records.audit import Level

OURS = ("/windows/", "/programdata/microsoft/windows defender/")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the service if it is disabled, and each kind of network in which the firewall is off."""
    from imgtools.guest.windows.security import FIREWALL_POLICY, FIREWALL_PROFILES, RULES

    own = next((one for one in services(examined) if one.name.lower() == "mpssvc"), None)
    if own is not None and own.start == "disabled":
        yield flaw(
            examined,
            rf"{SERVICES}\{own.name}",
            "Start",
            "the firewall's service is disabled",
            evidence="4",
            advice="let it start (2), once rules let in what has to get in",
        )
    cut = ", ".join(_cut_off(examined))
    for name, setting, policies in FIREWALL_PROFILES:
        keys = [rf"{FIREWALL_POLICY}\{one}" for one in policies]
        ruling = next(
            (key for key in keys if held(examined).number(key, "EnableFirewall") is not None), keys[0]
        )
        yield from judged(
            examined,
            Setting(
                rf"{RULES}\{setting}",
                "EnableFirewall",
                not_number(0),
                f"the firewall is off in networks of the kind {name}",
                default=1,
                to=None if cut else 1,
                policy=(ruling, "EnableFirewall"),
                advice=f"turn it on, once a rule lets in {cut}",
            ),
        )


def _cut_off(examined: Examined) -> Iterator[str]:
    """Yield what would no longer be reached."""
    from imgtools.guest.windows.firewall import open_rules
    from imgtools.guest.windows.remote import CONNECTION, RDP_PORT

    registry = held(examined)
    rules = open_rules(registry.registry)
    ports = {rule.get("lport", "") for rule in rules}
    programs = {rule.get("app", "").replace("\\", "/").lower() for rule in rules}
    port = str(registry.number(CONNECTION, "PortNumber") or RDP_PORT)
    if not no_remote_desktop(examined) and port not in ports:
        yield "Remote Desktop"
    winrm = service(examined, "WinRM")
    if winrm is not None and winrm.start in ("auto", "delayed") and not {"5985", "5986"} & ports:
        yield "WinRM"
    for one in services(examined):
        if one.kind in ("own-process", "shared-process") and one.start in ("auto", "delayed"):
            path = one.file.lower()
            if one.name.lower() == "sshd":
                is_open = "22" in ports
            else:
                is_open = not path or path.startswith(OURS) or any(each.endswith(path) for each in programs)
            if not is_open:
                yield one.name


CHECK = Check(
    title="Windows Firewall is on in every kind of network",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SC-7",),
)
