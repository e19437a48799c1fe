r"""Remove a driver's file that stops Windows at boot, and disable the driver.

``file`` is a pattern below ``\Windows\System32\drivers``, or a path of the guest: ``CrowdStrike/C-00000291*.sys`` are
the files of the faulty update of July 2024 (KB5042421, learn.microsoft.com). A driver that is started from such a file
is disabled, and taken out of the filters of devices, which could not start without it. Files that Windows cannot start
without are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.errors import EditFailed, NoSuchGuestFile
from imgtools.files.paths import join
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import removal
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import SERVICES, disabled, require_said
from imgtools.records.files import FileKind

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


@dataclass(frozen=True, slots=True)
class Params:
    """``file`` is a pattern below System32/drivers, or a path; it ends with .sys."""

    file: str = ""

    def __post_init__(self) -> None:
        require_said(self.file, "file")
        if not self.file.casefold().endswith(".sys"):
            raise ValueError(f"not a driver's file: {self.file!r} does not end with .sys")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the removal of the files, and what disables the drivers that they are."""
    from imgtools.guest.windows.boot_drivers import NEEDED  # the shelf is read for every guest
    from imgtools.guest.windows.registry import open_registry

    drivers = join(guest.os.windows_systemroot, "System32/drivers")
    pattern = params.file.replace("\\", "/")
    pattern = pattern if pattern.startswith("/") else f"{drivers}/{pattern}"
    found = [guest.files.locate(path) for path in guest.files.glob(pattern)]
    files = [path for path in found if _is_file(guest, path)]
    for path in files:
        if path.rpartition("/")[2].casefold() in NEEDED:
            raise EditFailed(f"{path} is not removed: Windows does not start without it")
    yield from (removal(guest.files, path) for path in files)
    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        yield from disabled(registry, list(_started_from(registry, {one.casefold() for one in files})))


def _is_file(guest: Guest, path: str) -> bool:
    stat = guest.files.lstat(path)
    return stat is not None and stat.kind is FileKind.FILE


def _started_from(registry: Registry, files: set[str]) -> Iterator[str]:
    """Yield the drivers whose image is one of these files; without ImagePath it is drivers\\NAME.sys."""
    names = {path.rpartition("/")[2] for path in files}
    services = registry.find(SERVICES) if files else None
    for one in services.subkeys() if services is not None else ():
        text = one.text("ImagePath") or rf"System32\drivers\{one.name}.sys"
        if text.replace("/", "\\").rpartition("\\")[2].casefold() not in names:
            continue
        inside = text if text[:1] in ("\\", "%") or ":" in text else rf"\SystemRoot\{text}"
        try:
            path = registry.files.locate(registry.guest_path(inside))
        except NoSuchGuestFile:
            continue
        if path.casefold() in files:
            yield one.name


OPERATION = Operation(
    summary="Remove a driver that stops Windows at boot",
    families=WINDOWS,
    plan=plan,
    params=Params,
    default=False,
)
