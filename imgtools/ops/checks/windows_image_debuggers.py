r"""No program is started in another's place.

Image File Execution Options names a debugger that Windows starts whenever the program of that name is; for one of the
aids of the logon screen (sethc.exe, utilman.exe ...) it opens the machine to everybody with all rights (MITRE ATT&CK
T1546.008, T1546.012). The same is done by putting the command line in the aid's place.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import RegistryRemoveValue
from imgtools.files.paths import join
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import MICROSOFT, held, hive_flaw, shown
from imgtools.records.audit import Level

OPTIONS = rf"{MICROSOFT}\Windows NT\CurrentVersion\Image File Execution Options"
EXITS = rf"{MICROSOFT}\Windows NT\CurrentVersion\SilentProcessExit"
AIDS = (
    "sethc.exe",
    "utilman.exe",
    "osk.exe",
    "narrator.exe",
    "magnify.exe",
    "displayswitch.exe",
    "atbroker.exe",
)
SHELLS = ("cmd.exe", "WindowsPowerShell/v1.0/powershell.exe")
LARGEST = 4 << 20  # bytes of a program that is compared


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each program that has another in its place."""
    from imgtools.guest.windows.held_registry import short_name

    registry = held(examined)
    for key, value in ((OPTIONS, "Debugger"), (OPTIONS, "VerifierDlls"), (EXITS, "MonitorProcess")):
        for name, text in _said(examined, key, value):
            below = rf"{key}\{name}"
            if value != "Debugger" or name.lower() not in AIDS:
                yield hive_flaw(examined, below, value, f"{name} starts something else", text)
                continue
            place = registry.registry.place(below)
            yield Flaw(
                f"{name} of the logon screen starts something else",
                place.path,
                subject=short_name(below, value),
                evidence=shown(text),
                severity=Level.CRITICAL,
                fix=always(RegistryRemoveValue(place.path, place.key, value)),
            )
    yield from _replaced(examined)


def _said(examined: Examined, key: str, value: str) -> Iterator[tuple[str, str]]:
    registry = held(examined).registry
    found = registry.find(key)
    for one in found.each_subkey() if found is not None else ():
        if text := one.text(value).strip():
            yield one.name, text


def _replaced(examined: Examined) -> Iterator[Flaw]:
    files, folder = examined.files, join(examined.system.os.windows_systemroot, "System32")
    shells = [join(folder, name) for name in SHELLS]
    sizes = {files.stat(path).size: path for path in shells if files.is_file(path)}
    for name in AIDS:
        path = join(folder, name)
        size = files.stat(path).size if files.is_file(path) else 0
        shell = sizes.get(size) if 0 < size <= LARGEST else None
        if shell and files.read_bytes(path, limit=LARGEST) == files.read_bytes(shell, limit=LARGEST):
            yield Flaw(
                f"{name} of the logon screen is a command line",
                path,
                evidence=f"the same as {shell}",
                severity=Level.CRITICAL,
                advice="put Windows' own back: sfc /scannow; and look for what else was done",
            )


CHECK = Check(
    title="No program is started in another's place",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SI-7",),
)
