"""Remove the certificate of Remote Desktop and its key, which Windows makes anew."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_from_windows, removing_keys_below, removing_values, together

# The file of the container TSSecKeySet1 ("Remote Desktop disconnects frequently in Azure VM", learn.microsoft.com).
KEY_FILE = "/ProgramData/Microsoft/Crypto/RSA/MachineKeys/f686aace6942fb7f7ceb231212eef4a4_*"

OPERATION = Operation(
    summary="Remove the certificate of Remote Desktop",
    families=WINDOWS,
    plan=together(
        removing_values(
            r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp",
            "SSLCertificateSHA1Hash",
        ),
        removing_keys_below(r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates"),
        removing_from_windows(KEY_FILE),
    ),
)
