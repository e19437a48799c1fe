"""Guests by their names: which disks a domain, a definition in a file, or a volume of a pool stands for.

A domain that is not shut off is read, with a warning, and never written (:class:`imgtools.records.image.Held`); so is
one whose disk another domain has at this moment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from imgtools.engine.libvirt import KnownDomain, Libvirt, open_libvirt
from imgtools.errors import HostError, ImgtoolsError, UsageError
from imgtools.libvirt.domain_xml import Definition, read_definition
from imgtools.libvirt.guest_disks import DefinedDisk, defined_disks
from imgtools.records.domain import Domain
from imgtools.records.image import DiskSource, Held
from imgtools.records.request import Key, Secret

log = logging.getLogger(__name__)

HERE = frozenset({"", "localhost", "127.0.0.1", "::1"})
SAY_WHERE = "--connect URI says where it is; --domain-xml FILE takes a definition without it (virsh dumpxml)"
Users = Mapping[str, str]  # real path of a disk -> the domain that has it at this moment


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which guests are meant. One of the first four is given."""

    domains: tuple[str, ...] = ()  # names, UUIDs or ids
    xml: Path | None = None
    volumes: tuple[str, ...] = ()  # POOL/VOLUME
    everyone: bool = False  # all that libvirt knows
    inactive: bool = False  # of them, those that are shut off
    connect: str = ""  # as virsh --connect; "" is libvirt's own choice


def find_guests(wanted: Wanted) -> tuple[Domain, ...]:
    """Return the guests that are meant, in the order asked for; all of libvirt's by name.

    Of all of libvirt's, those without disks are left out, and those whose disks cannot be told have a problem instead.

    :raises HostError: there is no such domain or volume, nobody answers, or a disk is not there.
    :raises UsageError: libvirt is on another host, where its disks are; or a name is none.
    :raises UnsupportedFormat: a disk is of a kind that nobody here reads.
    """
    _refuse_odd_words(wanted)
    refuse_remote(wanted.connect)
    if wanted.xml is not None:
        return (_in_file(wanted.xml, wanted.connect),)
    with connected(wanted.connect) as libvirt:
        if wanted.everyone:
            known = libvirt.all_known()
            users = _users(known, libvirt)
            asked = [one for one in known if not (wanted.inactive and one.is_active)]
            return tuple(found for one in asked for found in _maybe(one, libvirt, users))
        if wanted.volumes:
            return tuple(_volume(one, libvirt) for one in wanted.volumes)
        named = [libvirt.known(name) for name in wanted.domains]
        users = {} if all(one.is_active for one in named) else _users(libvirt.all_known(), libvirt)
        return tuple(_domain(one, libvirt, users) for one in named)


def find_domain(name: str, connect: str = "") -> Domain:
    """Return one domain; errors as those of :func:`find_guests`."""
    (found,) = find_guests(Wanted(domains=(name,), connect=connect))
    return found


@contextmanager
def connected(uri: str) -> Iterator[Libvirt]:
    """Connect, to look only, to a libvirt whose disks are here; errors as those of :func:`find_guests`."""
    with open_libvirt(uri, hint=SAY_WHERE, reads=True) as libvirt:
        refuse_remote(libvirt.uri)  # which libvirt's own configuration may have chosen
        yield libvirt


def refuse_remote(uri: str) -> None:
    """Make sure that libvirt is on this host: a path that it names is a path here only then.

    :raises UsageError: it is not.
    """
    host = urlsplit(uri).hostname or ""
    if host not in HERE and host != os.uname().nodename:
        raise UsageError(
            f"{uri} is libvirt on another host, and so are its disks",
            hint="run imgtools there; where the disks are shared, --domain-xml FILE takes what virsh dumpxml writes",
        )


def _refuse_odd_words(wanted: Wanted) -> None:
    for word in (*wanted.domains, *wanted.volumes, wanted.connect):
        try:
            word.encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError("a name of libvirt's is UTF-8, and this is not") from None
        if "\0" in word:
            raise UsageError("a name of libvirt's has no NUL")
    if "" in wanted.domains or "" in wanted.volumes:
        raise UsageError("an empty name", hint="virsh list --all shows the domains")
    for word in wanted.volumes:
        if not all(word.partition("/")[::2]):
            raise UsageError(
                f"not a volume: {word}", hint="--vol POOL/VOLUME; virsh pool-list, virsh vol-list POOL"
            )


# -- domains ------------------------------------------------------------------------------------------------


def _maybe(known: KnownDomain, libvirt: Libvirt, users: Users) -> Iterator[Domain]:
    """Yield one of all domains; nothing if it has no disks."""
    try:
        if not _own(known):
            log.info("the domain %s has no disks", known.name)
            return
        yield _domain(known, libvirt, users)
    except ImgtoolsError as error:
        yield Domain(known.name, (), state=known.state, problem=error)


def _own(known: KnownDomain) -> bool:
    return any(Definition(known.xml).guest_disks())


def _domain(known: KnownDomain, libvirt: Libvirt, users: Users) -> Domain:
    definition = Definition(known.xml)
    disks = defined_disks(definition.guest_disks(), known.name)
    found = _found(known.name, disks, libvirt, _held(known), users, known.state)
    return replace(found, uuid=definition.uuid)


def _held(known: KnownDomain) -> Held | None:
    if known.is_saved:
        return Held(
            f"the domain {known.name} is saved, and will go on with what its disks hold now",
            f"start it and shut it down, or: virsh managedsave-remove {known.name}",
        )
    if known.is_active:
        what = known.state if known.state in ("running", "paused", "crashed", "in shutdown") else "active"
        return Held(f"the domain {known.name} is {what}", f"shut it down first: virsh shutdown {known.name}")
    return None


def _users(known: Sequence[KnownDomain], libvirt: Libvirt) -> Users:
    """Return which active domain may write to which file or device, as far as definitions can be read."""
    found: dict[str, str] = {}
    for one in known:
        if not one.is_active:
            continue
        for element in Definition(one.xml).guest_disks():
            with suppress(ImgtoolsError):
                (disk,) = defined_disks([element], one.name)
                path = _volume_path(*disk.volume, libvirt) if disk.volume else disk.path
                if not disk.read_only:
                    found[disk.uri or os.path.realpath(path)] = one.name
    return found


def _in_file(host_path: Path, connect: str) -> Domain:
    definition = read_definition(host_path)
    disks = defined_disks(definition.guest_disks(), definition.name)
    with ExitStack() as stack:
        libvirt = None
        if connect or any(disk.volume or disk.secret for disk in disks):
            try:
                libvirt = stack.enter_context(connected(connect))
            except ImgtoolsError:
                if connect or any(disk.volume for disk in disks):
                    raise  # without its secrets, keys may open it
        return _found(definition.name, disks, libvirt, None, {})


def _found(
    name: str,
    disks: Sequence[DefinedDisk],
    libvirt: Libvirt | None,
    held: Held | None,
    users: Users,
    state: str = "",
) -> Domain:
    sources, keys = [], []
    for disk in disks:
        source = _source(disk, name, libvirt)
        sources.append(replace(source, held=held or _other_hold(disk, source, name, users)))
        secret = libvirt.secret(*disk.secret) if disk.secret and any(disk.secret) and libvirt else None
        if secret is not None:
            keys.append(Key(source.name, Secret(secret)))
    return Domain(name, tuple(sources), tuple(disk.target for disk in disks), tuple(keys), state)


def _source(disk: DefinedDisk, name: str, libvirt: Libvirt | None) -> DiskSource:
    which = f"the disk {disk.target} of {name}"
    if disk.uri:
        return DiskSource(Path(), disk.format, uri=disk.uri, sector_size=disk.sector_size)
    path = disk.path
    if disk.volume is not None:
        assert libvirt is not None, "whoever has volumes is connected"
        path = _volume_path(*disk.volume, libvirt)
    _require_there(path, which)
    return DiskSource(Path(path), disk.format, sector_size=disk.sector_size)


def _require_there(path: str, which: str) -> None:
    """Make sure that a disk is there; whatever else is wrong with it is told when it is opened."""
    try:
        Path(path).stat()
    except FileNotFoundError:
        raise HostError(
            f"{which} is not there: {path}", hint="virsh domblklist shows what it should have"
        ) from None
    except OSError:
        return


def _other_hold(disk: DefinedDisk, source: DiskSource, name: str, users: Users) -> Held | None:
    """Why a disk of a domain that is shut off is not written."""
    user = users.get(disk.uri or os.path.realpath(source.host_path), name)
    if user != name:
        return Held(
            f"the domain {user} is running with a disk of {name}",
            f"shut it down first: virsh shutdown {user}",
        )
    if disk.read_only:
        return Held(
            f"the definition of {name} calls its disk {disk.target} read-only",
            "name the images instead of the domain",
            is_live=False,
        )
    return None


# -- volumes of storage pools -------------------------------------------------------------------------------


def _volume(name: str, libvirt: Libvirt) -> Domain:
    pool, _, volume = name.partition("/")
    path = Path(_volume_path(pool, volume, libvirt))
    user = _users(libvirt.all_known(), libvirt).get(os.path.realpath(path))
    held = None
    if user is not None:
        held = Held(f"the domain {user} is running with the volume {name}", f"virsh shutdown {user}")
    return Domain(name, (DiskSource(path, held=held),))


def _volume_path(pool: str, volume: str, libvirt: Libvirt) -> str:
    path = libvirt.volume_path(pool, volume)
    if not path.is_absolute():
        raise HostError(f"the volume {volume} of the pool {pool} is not on this host: {path}")
    return str(path)
