"""libvirt: reading domains' definitions, and defining new domains. The guests themselves are never started."""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imgtools.errors import EngineFailed, EngineTimeout, HostError, ToolMissing, UsageError

if TYPE_CHECKING:
    import libvirt

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class FoundDomain:
    """A domain, and its definition as it would be started next, with what libvirt keeps secret in it."""

    xml: str
    is_active: bool  # running, paused or about to end
    is_saved: bool  # shut off, and its memory kept in a file: it will go on from there


@dataclass(frozen=True, slots=True)
class KnownDomain:
    """A domain as it is now; what libvirt keeps secret in its definition is left out."""

    name: str
    xml: str  # of a running one, with the disks that it has at this moment
    state: str  # as virsh says it: running, paused, shut off ...
    is_active: bool
    is_saved: bool  # shut off, and its memory kept in a file: it will go on from there


# virsh's words for virDomainState (tools/virsh-util.c, virshDomainStateToString), by their numbers.
STATES = ("no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended")

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_ID = re.compile(r"[0-9]{1,9}")
CONNECTING = 20.0  # seconds; libvirt's own protocol has no limit
WITHOUT = "--connect URI says where it is; --xml-dir DIR with --domain-xml FILE needs no libvirt"


class Libvirt:
    """A connection to libvirt; see :func:`open_libvirt`."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self._connection = connection

    @property
    def uri(self) -> str:
        """Where it is, also where libvirt has chosen that itself."""
        import libvirt

        try:
            return self._connection.getURI()
        except libvirt.libvirtError as error:
            raise _failed(error) from None

    def find(self, name: str) -> FoundDomain:
        """Return a domain by its name, UUID or id, to clone it; errors as those of :meth:`known`."""
        import libvirt

        flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
        domain = self._lookup(name)
        try:
            is_saved = bool(domain.hasManagedSaveImage())
            return FoundDomain(domain.XMLDesc(flags), bool(domain.isActive()), is_saved)
        except libvirt.libvirtError as error:
            raise _failed(error) from None

    def known(self, name: str) -> KnownDomain:
        """Return a domain by its name, UUID or id.

        :raises HostError: there is none; the hint names the nearest.
        :raises UsageError: one is called so, and another has it as its UUID or id.
        """
        return self._known(self._lookup(name))

    def _lookup(self, name: str) -> libvirt.virDomain:
        import libvirt

        asked: list[Callable[[], libvirt.virDomain]] = [lambda: self._connection.lookupByName(name)]
        if _UUID.fullmatch(name):
            asked.append(lambda: self._connection.lookupByUUIDString(name))
        if _ID.fullmatch(name):
            asked.append(lambda: self._connection.lookupByID(int(name)))
        found: dict[str, libvirt.virDomain] = {}
        for ask in asked:
            try:
                domain = ask()
                found[domain.UUIDString()] = domain
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise _failed(error) from None
        if len(found) > 1:
            names = " and ".join(domain.name() for domain in found.values())
            raise UsageError(
                f"{name} is the name of one domain and the UUID or id of another: {names}",
                hint="virsh list --all --uuid --name; name it by its UUID",
            )
        for domain in found.values():
            return domain
        raise HostError(
            f"libvirt has no domain {name}",
            hint=nearest(name, self.domain_names()) or "virsh list --all shows them",
        )

    def all_known(self) -> tuple[KnownDomain, ...]:
        """Return every domain, by name."""
        import libvirt

        try:
            domains = self._connection.listAllDomains()
        except libvirt.libvirtError as error:
            raise _failed(error) from None
        return tuple(sorted(map(self._known, domains), key=lambda one: one.name))

    def domain_names(self) -> tuple[str, ...]:
        """Return the name of every domain."""
        import libvirt

        try:
            return tuple(domain.name() for domain in self._connection.listAllDomains())
        except libvirt.libvirtError as error:
            raise _failed(error) from None

    def volume_names(self) -> tuple[str, ...]:
        """Return every volume of every pool that is started, as POOL/VOLUME."""
        import libvirt

        try:
            pools = [pool for pool in self._connection.listAllStoragePools() if pool.isActive()]
            return tuple(f"{pool.name()}/{name}" for pool in pools for name in pool.listVolumes())
        except libvirt.libvirtError as error:
            raise _failed(error) from None

    def _known(self, domain: libvirt.virDomain) -> KnownDomain:
        import libvirt

        try:
            number = domain.state()[0]
            is_active = bool(domain.isActive())
            is_saved = not is_active and _has_saved_image(domain)
            xml = domain.XMLDesc(0 if is_active else libvirt.VIR_DOMAIN_XML_INACTIVE)
            state = "saved" if is_saved else STATES[number] if number < len(STATES) else STATES[0]
            return KnownDomain(domain.name(), xml, state, is_active, is_saved)
        except libvirt.libvirtError as error:
            raise _failed(error) from None

    def secret(self, uuid: str, usage: str) -> bytes | None:
        """Return the secret of a volume, by its UUID or what it is for; None if libvirt does not tell it.

        A private one is told to nobody, and none to a connection that may only read.
        """
        import libvirt

        try:
            if uuid:
                return self._connection.secretLookupByUUIDString(uuid).value()
            kind = libvirt.VIR_SECRET_USAGE_TYPE_VOLUME
            return self._connection.secretLookupByUsage(kind, usage).value()
        except libvirt.libvirtError:
            return None

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

        :raises HostError: there is no such pool or volume, or the pool is not started.
        """
        import libvirt

        try:
            found = self._connection.storagePoolLookupByName(pool)
            if not found.isActive():
                raise HostError(f"the storage pool {pool} is not started", hint=f"virsh pool-start {pool}")
            return Path(found.storageVolLookupByName(volume).path())
        except libvirt.libvirtError as error:
            code = error.get_error_code()
            if code == libvirt.VIR_ERR_NO_STORAGE_POOL:
                names = (one.name() for one in self._connection.listAllStoragePools())
                hint = nearest(pool, names) or "virsh pool-list --all shows them"
                raise HostError(f"libvirt has no storage pool {pool}", hint=hint) from None
            if code == libvirt.VIR_ERR_NO_STORAGE_VOL:
                hint = nearest(volume, found.listVolumes()) or f"virsh vol-list {pool} shows them"
                raise HostError(f"the storage pool {pool} has no volume {volume}", hint=hint) from None
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
def open_libvirt(uri: str = "", *, hint: str = WITHOUT, reads: bool = False) -> Iterator[Libvirt]:
    """Connect to libvirt until the block ends.

    :param uri: as ``virsh --connect``; empty: what libvirt takes itself.
    :param hint: what can be done where nobody answers.
    :param reads: if need be as somebody who may only look: nothing is defined, and secrets need not be told.
    :raises ToolMissing: its Python binding is not installed.
    :raises HostError: nobody answers there.
    :raises EngineTimeout: what answers says nothing.
    """
    try:
        import libvirt
    except ImportError:
        raise ToolMissing(
            "the Python binding of libvirt is not installed", hint="apt-get install python3-libvirt"
        ) from None
    libvirt.registerErrorHandler(lambda _, error: None, None)  # or each error is printed on stderr, too
    doors = (libvirt.open, libvirt.openReadOnly) if reads else (libvirt.open,)
    found = _in_time(lambda: _connect(doors, uri), f"libvirt{' at ' + uri if uri else ''}")
    if not isinstance(found, libvirt.virConnect):
        raise HostError(f"cannot connect to libvirt{' at ' + uri if uri else ''}: {found}", hint=hint)
    try:
        yield Libvirt(found)
    finally:
        found.close()


def _connect(
    doors: Iterable[Callable[[str | None], libvirt.virConnect]], uri: str
) -> libvirt.virConnect | str:
    """Return the first connection that can be made, or why the first of them cannot."""
    import libvirt

    why = ""
    for door in doors:
        try:
            return door(uri or None)
        except libvirt.libvirtError as error:
            why = why or _words(error)
    return why


def _in_time(call: Callable[[], Answer], who: str) -> Answer:
    """Return what a call returns that may wait for ever; its thread is left behind if it does."""
    held: list[Answer] = []
    thread = threading.Thread(target=lambda: held.append(call()), daemon=True)
    thread.start()
    thread.join(CONNECTING)
    if not held:
        raise EngineTimeout(f"{who} does not answer within {CONNECTING:.0f} seconds")
    return held[0]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the question whether another name was meant; empty if none is like it."""
    near = difflib.get_close_matches(name, list(known))
    return f"did you mean {', '.join(near)}?" if near else ""


def _has_saved_image(domain: libvirt.virDomain) -> bool:
    import libvirt

    try:
        return bool(domain.hasManagedSaveImage())
    except libvirt.libvirtError:  # a hypervisor that saves none
        return False


def _words(error: libvirt.libvirtError) -> str:
    return " ".join((error.get_error_message() or str(error)).split())


def _failed(error: libvirt.libvirtError) -> EngineFailed:
    return EngineFailed(f"libvirt: {_words(error)}")
