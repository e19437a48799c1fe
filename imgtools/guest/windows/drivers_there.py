r"""Which virtio drivers a guest has already, and how new they are.

Windows keeps the INF file of every driver that it installed as ``INF\oemN.inf``; this program, and virt-v2v, put
theirs into ``Drivers\VirtIO``.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.errors import HostError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.driver_choice import MARKS, ChosenDriver
from imgtools.guest.windows.inf import LARGEST, Inf, read_inf
from imgtools.guest.windows.inf_driver import DriverVersion, driver_version
from imgtools.guest.windows.registry import MACHINE, Registry

MOST_INFS = 4096
STAGED = "Drivers/VirtIO"  # below the folder of Windows


class DriversThere:
    """The drivers of a guest, by the names of their catalogs, which stay when Windows names an INF file anew."""

    def __init__(self, files: GuestReader, registry: Registry) -> None:
        self._files = files
        self._registry = registry
        root = registry.systemroot
        self._installed = dict(self._versions(f"{root}/INF/oem*.inf"))
        self._staged = dict(self._versions(f"{root}/{STAGED}/*.inf"))

    def _versions(self, pattern: str) -> Iterator[tuple[str, DriverVersion]]:
        """Yield catalog and version of the INF files of virtual devices; one that does not parse says nothing."""
        newest: dict[str, DriverVersion] = {}
        for number, path in enumerate(self._files.glob(pattern)):
            if number >= MOST_INFS:
                break
            if not self._files.is_file(path) or self._files.stat(path).size > LARGEST:
                continue
            content = self._files.read_bytes(path, limit=LARGEST)
            if not any(mark in content.replace(b"\0", b"").upper() for mark in MARKS):
                continue
            try:
                inf = read_inf(content, path)
                version = driver_version(inf)
            except HostError:
                continue
            for name in _catalogs(inf):
                newest[name] = max(version, newest.get(name, version))
        yield from newest.items()

    def version(self, chosen: ChosenDriver) -> DriverVersion | None:
        """Return how new a driver is that the guest has; None if it has none, or it is not known."""
        name = chosen.driver.catalog.casefold()
        found = [one[name] for one in (self._installed, self._staged) if name in one]
        if not found or (chosen.is_storage and not self._runs(chosen)):
            return None
        return max(found)

    def is_installed(self, chosen: ChosenDriver) -> bool:
        """Whether Windows itself has installed this driver, in this version or a newer one."""
        version = self._installed.get(chosen.driver.catalog.casefold())
        return version is not None and version >= chosen.driver.version

    def _runs(self, chosen: ChosenDriver) -> bool:
        """Whether the services of a driver are there, and their files."""
        for service in chosen.driver.boot_services:
            key = self._registry.find(rf"{MACHINE}\SYSTEM\CurrentControlSet\Services\{service.name}")
            image = key.text("ImagePath") if key is not None else ""
            if not image or not self._files.is_file(self._image(image)):
                return False
        return True

    def _image(self, text: str) -> str:
        r"""The guest path of an ImagePath; without a drive or a name before it, it begins at the folder of Windows."""
        if text.lower().startswith(("system32\\", "system32/")):
            return join(self._registry.systemroot, text.replace("\\", "/"))
        return self._registry.guest_path(text)


def _catalogs(inf: Inf) -> Iterator[str]:
    for entry in inf.entries("Version"):
        if entry.key.casefold().startswith("catalogfile") and entry.value(0):
            yield entry.value(0).casefold()
