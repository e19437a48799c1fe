"""Remove the certificate of Remote Desktop, which Windows makes anew."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_keys_below, removing_values, together

OPERATION = Operation(
    summary="Remove the certificate of Remote Desktop",
    families=WINDOWS,
    plan=together(
        removing_values(
            r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp",
            "SSLCertificateSHA1Hash",
        ),
        removing_keys_below(r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates"),
    ),
)
