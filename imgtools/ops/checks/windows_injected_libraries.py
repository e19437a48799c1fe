r"""No library is loaded into every program.

AppInit_DLLs go into every program with a window (before Windows 7 always, since then if LoadAppInit_DLLs is 1 and
Secure Boot is off), AppCertDLLs into every one that starts others (MITRE ATT&CK T1546.009, T1546.010; "Secure boot
and AppInit_DLLs", learn.microsoft.com). Windows names none.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.windows.release import WIN7
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import CONTROL, HKLM, held, hive_flaw
from imgtools.records.audit import Level

WINDOWS_KEYS = tuple(
    rf"{HKLM}\SOFTWARE\{view}Microsoft\Windows NT\CurrentVersion\Windows" for view in ("", "WOW6432Node\\")
)
CERTIFIED = rf"{CONTROL}\Session Manager\AppCertDlls"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each list that names a library."""
    registry = held(examined)
    for key in WINDOWS_KEYS:
        values = registry.values(key)
        text = values.text("AppInit_DLLs")
        if text:
            is_loaded = bool(values.number("LoadAppInit_DLLs")) or 0 < registry.release.build < WIN7
            words = "is loaded" if is_loaded else "would be loaded, if LoadAppInit_DLLs were 1,"
            severity = Level.HIGH if is_loaded else Level.LOW
            text_of_flaw = f"a library {words} into every program"
            yield hive_flaw(examined, key, "AppInit_DLLs", text_of_flaw, text, severity)
    for value in registry.values(CERTIFIED).values():
        text_of_flaw = "a library is loaded into every program that starts others"
        yield hive_flaw(examined, CERTIFIED, value.name, text_of_flaw, value.text or "")


CHECK = Check(
    title="No library is loaded into every program",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SI-7",),
)
