"""The libvirt domain that is cloned, and where the definitions of its clones go."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.new_file import refuse_target
from imgtools.engine.libvirt import Libvirt, open_libvirt
from imgtools.errors import HostError, ImageInUse, TargetExists, UsageError
from imgtools.libvirt.domain_xml import Definition, NewMachine, new_macs, read_definition
from imgtools.libvirt.named import refuse_remote


@dataclass(frozen=True, slots=True)
class DomainRequest:
    """Which domain is cloned: one that libvirt has, or one in a file; and where its clones are defined."""

    name: str = ""
    xml: Path | None = None
    connect: str = ""  # as virsh --connect; "" is libvirt's own choice
    xml_dir: Path | None = None  # write NAME.xml there; None: define it in libvirt


@dataclass(frozen=True, slots=True)
class Defined:
    """The definition of one clone; ``host_path`` None: libvirt has it."""

    name: str
    uuid: str
    macs: tuple[str, ...]
    host_path: Path | None = None


class Original:
    """The domain that is cloned; see :func:`open_original`."""

    def __init__(self, definition: Definition, libvirt: Libvirt | None, xml_dir: Path | None) -> None:
        self.definition = definition
        self._libvirt = libvirt
        self._xml_dir = xml_dir
        self._taken = set(definition.macs())
        self._names: frozenset[str] = frozenset()
        if libvirt is not None:
            known = libvirt.definitions()
            self._names = frozenset(known)
            for xml in known.values():
                self._taken.update(Definition(xml).macs())

    def refuse_taken(self, names: Sequence[str], macs: Sequence[str]) -> None:
        """Make sure that the definitions can be made; ``macs`` are those that clones ask for.

        :raises TargetExists: a domain, or a file for one, of a name is there already.
        :raises UsageError: another machine has one of the addresses.
        """
        for name in names:
            if name in self._names or name == self.definition.name:
                raise TargetExists(f"there is a domain {name} already", hint="choose another name")
            if self._xml_dir is not None:
                refuse_target(self._place(self._xml_dir, name), overwrite=False)
        for mac in macs:
            if mac in self._taken:
                raise UsageError(f"another machine has the address {mac} already")
        self._taken.update(macs)

    @staticmethod
    def _place(folder: Path, name: str) -> Path:
        return folder / f"{name}.xml"

    def define(
        self, name: str, wanted: Sequence[str], disks: Sequence[tuple[Path, str]], nvram: Path | None
    ) -> Defined:
        """Make the definition of a clone, whose files are in their places.

        :param wanted: MAC addresses for its first network cards.
        :param disks: file and format of each.
        """
        macs = new_macs(wanted, len(self.definition.macs()), self._taken)
        self._taken.update(macs)
        new = NewMachine(
            name=name,
            uuid=str(uuid.uuid4()),
            macs=macs,
            disks=tuple((path.absolute(), format) for path, format in disks),
            nvram=None if nvram is None else nvram.absolute(),
        )
        xml = self.definition.cloned(new)
        if self._xml_dir is not None:
            return Defined(name, new.uuid, macs, _write(self._place(self._xml_dir, name), xml))
        assert self._libvirt is not None, "one of the two is given"
        self._libvirt.define(xml)
        return Defined(name, new.uuid, macs)


@contextmanager
def open_original(wanted: DomainRequest) -> Iterator[Original]:
    """Read the definition of the domain that is cloned; libvirt stays connected until the block ends.

    :raises ImageInUse: the domain is not shut off.
    :raises UsageError: libvirt is on another host, where its disks are.
    :raises HostError: there is no such domain, or nobody to ask for it.
    """
    refuse_remote(wanted.connect)
    if wanted.xml is not None and wanted.xml_dir is not None and not wanted.connect:
        yield Original(read_definition(wanted.xml), None, wanted.xml_dir)
        return
    with open_libvirt(wanted.connect) as libvirt:
        if wanted.xml is not None:
            definition = read_definition(wanted.xml)
        else:
            found = libvirt.find(wanted.name)
            if found.is_active:
                raise ImageInUse(
                    f"the domain {wanted.name} is running or paused",
                    hint=f"shut it down first: virsh shutdown {wanted.name}",
                )
            if found.is_saved:
                raise ImageInUse(
                    f"the domain {wanted.name} is saved: it will go on with what its disks hold now",
                    hint=f"start it and shut it down, or: virsh managedsave-remove {wanted.name}",
                )
            definition = Definition(found.xml)
        definition.resolve_volumes(libvirt.volume_path)
        yield Original(definition, libvirt, wanted.xml_dir)


def _write(host_path: Path, xml: str) -> Path:
    """Write a definition, which may hold passwords: for its owner alone."""
    try:
        descriptor = os.open(host_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(xml)
    except FileExistsError:
        raise TargetExists(f"the file is there already: {host_path}", hint="choose another name") from None
    except OSError as error:
        raise HostError(f"cannot write {host_path}: {error.strerror}") from None
    return host_path
