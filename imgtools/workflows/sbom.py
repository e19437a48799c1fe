"""What a guest is made of, as a bill of materials lists it, and which of it advisories are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.files.refused import RefusedFiles
from imgtools.guest.guest import the_guest
from imgtools.guest.packages.components import find_components
from imgtools.guest.packages.hashed_files import hash_files
from imgtools.image.handle import open_request
from imgtools.records.components import Affected, Component, HashedFile
from imgtools.records.hashed_files import HashedFiles
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a bill of materials shall tell.

    ``files``: each regular file with its hashes. ``allow_partial``: what could be read, where a database of packages is
    damaged. ``vulnerabilities``: copies of advisories on this host.
    """

    files: bool = False
    allow_partial: bool = False
    vulnerabilities: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SbomReport:
    """What a guest is made of. ``files`` and ``affected`` are None where they were not asked for."""

    image: str
    engine: Engine
    root: str
    guest: str
    components: tuple[Component, ...]
    files: Sequence[HashedFile] | None = None
    affected: tuple[Affected, ...] | None = None
    warnings: tuple[Warned, ...] = ()


def list_materials(
    request: ImageRequest, wanted: Wanted | None = None, *, progress: Progress | None = None
) -> SbomReport:
    """Return what the guest of an image is made of.

    :raises OddGuest: a database of packages is damaged, and ``wanted.allow_partial`` is not said.
    :raises HostError: a copy of advisories cannot be read, or is none.
    :raises NoGuest: there is no operating system.
    :raises ManyGuests: there are several, and none was chosen.
    """
    asked = wanted or Wanted()
    with open_request(request) as image:
        guest = the_guest(image, request.root)
        found = find_components(guest, allow_partial=asked.allow_partial)
        refused = RefusedFiles()
        hashed = HashedFiles(hash_files(guest.files, refused, progress)) if asked.files else None
        served_by = image.served_by
    affected: Sequence[Affected] | None = None
    told: tuple[Warned, ...] = ()
    if asked.vulnerabilities:
        from imgtools.guest.packages.advisories import Subjects
        from imgtools.workflows.advisory_files import match_advisories

        subjects = Subjects(found.components, guest.os.package_format, found.release)
        affected, told = match_advisories(asked.vulnerabilities, subjects)
    warnings = (*guest.warnings, *found.warnings, *refused.warnings, *told)
    return SbomReport(
        image=request.name,
        engine=served_by,
        root=guest.root.device,
        guest=guest.os.product_name or guest.os.distro,
        components=found.components,
        files=hashed,
        affected=None if affected is None else tuple(affected),
        warnings=tuple(dict.fromkeys(warnings)),
    )
