"""libvirt: reading a domain's definition, and defining new domains. The guests themselves are never started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.errors import EngineFailed, HostError, ToolMissing

if TYPE_CHECKING:
    import libvirt


@dataclass(frozen=True, slots=True)
class FoundDomain:
    """A domain, and its definition as it would be started next, with what libvirt keeps secret in it."""

    xml: str
    is_active: bool  # running, paused or about to end
    is_saved: bool  # shut off, and its memory kept in a file: it will go on from there


class Libvirt:
    """A connection to libvirt; see :func:`open_libvirt`."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self._connection = connection

    def find(self, name: str) -> FoundDomain:
        """Return a domain.

        :raises HostError: there is none of that name.
        """
        import libvirt

        flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
        try:
            domain = self._connection.lookupByName(name)
            is_saved = bool(domain.hasManagedSaveImage())
            return FoundDomain(domain.XMLDesc(flags), bool(domain.isActive()), is_saved)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                raise HostError(f"libvirt has no domain {name}", hint="virsh list --all shows them") from None
            raise _failed(error) from None

    def definitions(self) -> dict[str, str]:
        """Return the definition of every domain by its name, running or not."""
        import libvirt

        try:
            domains = self._connection.listAllDomains()
            return {domain.name(): domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for domain in domains}
        except libvirt.libvirtError as error:
            raise _failed(error) from None

    def volume_path(self, pool: str, volume: str) -> Path:
        """Return where the file or device of a storage volume is.

        :raises EngineFailed: libvirt does not know it, or its pool is not active.
        """
        import libvirt

        try:
            return Path(self._connection.storagePoolLookupByName(pool).storageVolLookupByName(volume).path())
        except libvirt.libvirtError as error:
            raise _failed(error) from None

    def define(self, xml: str) -> None:
        """Define a domain that is not there yet.

        :raises EngineFailed: libvirt does not take the definition.
        """
        import libvirt

        try:
            self._connection.defineXML(xml)
        except libvirt.libvirtError as error:
            raise _failed(error) from None


@contextmanager
def open_libvirt(uri: str = "") -> Iterator[Libvirt]:
    """Connect to libvirt until the block ends.

    :param uri: as ``virsh --connect``; empty: what libvirt takes itself.
    :raises ToolMissing: its Python binding is not installed.
    :raises HostError: nobody answers there.
    """
    try:
        import libvirt
    except ImportError:
        raise ToolMissing(
            "the Python binding of libvirt is not installed", hint="apt-get install python3-libvirt"
        ) from None
    libvirt.registerErrorHandler(lambda _, error: None, None)  # or each error is printed on stderr, too
    try:
        connection = libvirt.open(uri or None)
    except libvirt.libvirtError as error:
        raise HostError(
            f"cannot connect to libvirt{' at ' + uri if uri else ''}: {_words(error)}",
            hint="--connect URI says where it is; --xml-dir DIR with --domain-xml FILE needs no libvirt",
        ) from None
    try:
        yield Libvirt(connection)
    finally:
        connection.close()


def _words(error: libvirt.libvirtError) -> str:
    return " ".join((error.get_error_message() or str(error)).split())


def _failed(error: libvirt.libvirtError) -> EngineFailed:
    return EngineFailed(f"libvirt: {_words(error)}")
