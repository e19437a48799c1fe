"""Unpack a tar archive into a guest, in one transaction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from imgtools.change.archive import STDIN, as_written_down, plain_archive
from imgtools.change.change import Change
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.unpack import unpacked
from imgtools.errors import NotADirectory
from imgtools.guest.find.tree import view_files
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def tar_in(
    request: ImageRequest,
    target: Target,
    archive_path: Path | None,
    stdin: BinaryIO,
    to: str,
    *,
    progress: Progress | None = None,
) -> PlanReport:
    """Unpack an archive (plain, gzip, xz, bzip2 or zstd) below the guest directory ``to``.

    Owners by number, modes, times, links, device nodes and extended attributes are kept. A member whose name would
    lead out of ``to`` (absolute, ``..``) stays inside it; through a link that the archive itself brings, nothing
    is written.

    :param archive_path: None: the archive comes on ``stdin``.
    :raises HostError: it cannot be read, or is no tar archive.
    :raises NotADirectory: ``to`` is no directory of the guest.
    """
    with plain_archive(archive_path, stdin) as plain, open_for(request, target) as image:
        view = view_files(image, request, change=True)
        end = view.path(to)
        if not view.files.is_dir(end):
            raise NotADirectory(
                f"not a directory in the guest: {end}", path=end, hint="make it first: imgtools mkdir"
            )
        changes: list[Change] = []
        warnings: list[Warned] = []
        members = unpacked(plain, view.files.resolve(end), archive_path, view.files)
        for one in fitted(members, view.mounts):
            if isinstance(one, Warned):
                warnings.append(one)
            else:
                changes.append(one)
        report = carry_out(image, changes, view, target, warnings=warnings, progress=progress)
        named = STDIN if archive_path is None else archive_path.absolute()
        return replace(report, changes=tuple(as_written_down(report.changes, plain, named)))
