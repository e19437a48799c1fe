"""The settings of a network card of Windows, as a PowerShell script that finds the card by its address.

Source: "netsh interface ipv4" and "netsh interface ipv6" (learn.microsoft.com), which every Windows since Vista has;
"Win32_NetworkAdapter class" for the card, whose PhysicalAdapter leaves out those of tunnels.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.errors import UsageError
from imgtools.guest.network.interface import InterfaceSettings

# Drivers may still be installed when a machine boots for the first time.
FIND = """\
$card = $null
for ($seconds = 0; -not $card -and $seconds -lt 120; $seconds += 2) {{
    $card = Get-WmiObject Win32_NetworkAdapter |
        Where-Object {{ $_.MACAddress -eq '{mac}' -and $_.NetConnectionID }} | Select-Object -First 1
    if (-not $card) {{ Start-Sleep 2 }}
}}
if (-not $card) {{ Write-Output 'no network card has the address {mac}'; exit 1 }}
$index = $card.InterfaceIndex
$failed = 0
function Run {{
    Write-Output "netsh $args"
    & "$env:SystemRoot\\System32\\netsh.exe" $args
    if ($LASTEXITCODE) {{ $script:failed = 1 }}
}}
if ($card.NetConnectionID -ne '{name}') {{
    & "$env:SystemRoot\\System32\\netsh.exe" interface set interface "name=$($card.NetConnectionID)" 'newname={name}'
}}
"""


def interface_script(wanted: InterfaceSettings) -> str:
    """Return the script. Everything in it was read by :func:`parse_interface`: no letter of it ends a word.

    :raises UsageError: the card's address is not said, or more than one domain.
    """
    if not wanted.mac:
        raise UsageError(
            f"{wanted.name}: which card of the Windows is meant?",
            hint="say its address: mac=52:54:00:12:34:56",
        )
    if len(wanted.search) > 1:
        raise UsageError(f"{wanted.name}: Windows searches one domain of a card, not {len(wanted.search)}")
    lines = [FIND.format(mac=wanted.mac.upper(), name=wanted.name)]
    lines += [f"Run {line}\n" for line in _commands(wanted)]
    if wanted.search:
        lines.append(
            "$settings = Get-WmiObject Win32_NetworkAdapterConfiguration | "
            "Where-Object { $_.InterfaceIndex -eq $index }\n"
            f"if ($settings.SetDNSDomain('{wanted.search[0]}').ReturnValue -gt 1) {{ $failed = 1 }}\n"
        )
    return "".join([*lines, "exit $failed\n"])


def _commands(wanted: InterfaceSettings) -> Iterator[str]:
    if wanted.dhcp:
        yield 'interface ipv4 set address "name=$index" source=dhcp'
    yield from _addresses(wanted)
    if not wanted.dns:
        if wanted.dhcp:
            yield 'interface ipv4 set dnsservers "name=$index" source=dhcp'
        return
    for version in (4, 6):
        servers = [one for one in wanted.dns if (":" in one) == (version == 6)]
        for number, server in enumerate(servers, 1):
            start = f'interface ipv{version} {"set" if number == 1 else "add"} dnsservers "name=$index"'
            how = "source=static validate=no" if number == 1 else f"index={number} validate=no"
            yield f"{start} address={server} {how}"


def _addresses(wanted: InterfaceSettings) -> Iterator[str]:
    for number, one in enumerate(wanted.of(4)):
        verb, source = ("add", "") if number else ("set", " source=static")
        gateway = f" gateway={wanted.gateway(4)}" if not number and wanted.gateway(4) else ""
        yield (
            f'interface ipv4 {verb} address "name=$index"{source} '
            f"address={one.ip} mask={one.network.netmask}{gateway}"
        )
    for one in wanted.of(6):
        yield f'interface ipv6 add address "interface=$index" address={one.ip}/{one.network.prefixlen}'
    if wanted.gateway(6):
        yield f'interface ipv6 add route prefix=::/0 "interface=$index" nexthop={wanted.gateway(6)}'
