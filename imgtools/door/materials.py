"""What a guest is made of, as functions: the list, and the documents that are made of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from imgtools.door.opening import GuestOptions, HostPath, Images, make_request
from imgtools.records.progress import Progress

if TYPE_CHECKING:
    from imgtools.workflows.sbom import SbomReport


def sbom(
    images: Images,
    *,
    files: bool = False,
    vulnerabilities: HostPath | Sequence[HostPath] = (),
    allow_partial: bool = False,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> SbomReport:
    """List what a guest is made of: system, packages of its distribution and of languages, kernels, boot loader.

    :param files: also every regular file, with its hashes; reads all of them.
    :param vulnerabilities: copies of advisories on this host, OSV's or of Debian's security tracker: files or folders.
        ``report.affected`` says what they are about.
    :param allow_partial: of a damaged database of packages, take what can be read.
    :param progress: is told how many files are done, of a number that is not known.
    :raises OddGuest: a database of packages is damaged.
    :raises HostError: advisories cannot be read, or are none.
    """
    from imgtools.workflows.sbom import Wanted, list_materials

    places = (vulnerabilities,) if isinstance(vulnerabilities, str | os.PathLike) else vulnerabilities
    wanted = Wanted(files, allow_partial, tuple(Path(one) for one in places))
    return list_materials(make_request(images, **options), wanted, progress=progress)


def sbom_document(
    report: SbomReport, form: Literal["cyclonedx", "spdx"] = "cyclonedx", *, reproducible: bool = False
) -> str:
    """Return what :func:`sbom` has found as a document: CycloneDX 1.6 or SPDX 2.3, JSON.

    :param reproducible: the same guest gives the same bytes; the moment is that of SOURCE_DATE_EPOCH, or none.
    :raises UsageError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    if form == "spdx":
        from imgtools.reports.spdx import make_spdx

        return "".join(make_spdx(report, reproducible=reproducible))
    from imgtools.reports.cyclonedx import make_cyclonedx

    return "".join(make_cyclonedx(report, reproducible=reproducible))
