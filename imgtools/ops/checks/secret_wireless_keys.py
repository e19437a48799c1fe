"""No keys of wireless networks lie in the image.

They open the network that the machine was once in, and every clone would take them along. Source: NetworkManager's
settings (psk, password), wpa_supplicant.conf(5), netplan's reference, iwd.network(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import LINUX, NoParams
from imgtools.ops.secret_checks import matching_files, secret_lines
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

PATTERNS = (
    "/etc/NetworkManager/system-connections/*",
    "/etc/wpa_supplicant/*.conf",
    "/etc/netplan/*.yaml",
    "/var/lib/iwd/*",
    "/var/lib/iwd/.*",
)
SECRET = re.compile(
    r"(?i)^\s*(psk|wep-key\d?|password|leap-password|private-key-password|passphrase|presharedkey|sae_password)\s*[=:]\s*\S"
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each file with such a key."""
    yield from secret_lines(
        examined.files,
        matching_files(examined.files, *PATTERNS),
        SECRET,
        "the key of a network",
        "remove the network: imgtools sysprep --enable net-nmconn",
    )


CHECK = Check(
    title="No keys of wireless networks lie in the image",
    severity=Level.LOW,
    look=look,
    families=LINUX,
    references=("NIST 800-53 IA-5",),
)
