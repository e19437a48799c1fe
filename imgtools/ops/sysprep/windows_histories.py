"""Remove what users have typed and opened: commands of PowerShell, the Run dialog, recent files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistryRemoveKey
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import in_registry, removing_from_profiles, together, user_keys

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

EXPLORER = r"Software\Microsoft\Windows\CurrentVersion\Explorer"
KEYS = ("RunMRU", "TypedPaths", "RecentDocs", "WordWheelQuery", r"ComDlg32\OpenSavePidlMRU")


def _typed(registry: Registry) -> Iterator[Change]:
    for name in KEYS:
        for place, _ in user_keys(registry, rf"{EXPLORER}\{name}"):
            yield RegistryRemoveKey(place.path, place.key)


OPERATION = Operation(
    summary="Remove histories of commands, searches and recent files",
    families=WINDOWS,
    plan=together(
        removing_from_profiles(
            "AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/*_history.txt",
            "AppData/Roaming/Microsoft/Windows/Recent/*.lnk",
            "AppData/Roaming/Microsoft/Windows/Recent/*/*Destinations-ms",
        ),
        in_registry(_typed),
    ),
)
