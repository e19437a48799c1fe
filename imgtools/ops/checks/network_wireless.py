"""A server has no wireless network.

It goes round the firewall between its networks, and reaches beyond the building. A virtual machine has no use for it.
A matter of servers. Source: wpa_supplicant(8), iwd(8).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.service_checks import does_not_start
from imgtools.records.audit import Level

SERVICES = {
    "wpa_supplicant": "Wi-Fi",
    "wpa_supplicant@wlan0": "Wi-Fi",
    "iwd": "Wi-Fi",
    "hostapd": "an access point of Wi-Fi",
    "ModemManager": "mobile networks",
    "NetworkManager-wwan": "mobile networks",
}

CHECK = Check(
    title="No wireless network is started",
    severity=Level.LOW,
    look=does_not_start(SERVICES),
    references=("CIS Debian 12 3.1.2", "NIST 800-53 AC-18"),
)
