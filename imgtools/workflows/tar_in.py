"""Unpack a tar archive into a guest, in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from imgtools.errors import NotADirectory
from imgtools.guest.tree import view_files
from imgtools.image.archive import plain_archive
from imgtools.image.change import Change
from imgtools.image.unpack import unpacked
from imgtools.image.writable import Progress
from imgtools.records import ImageRequest, Target, Warned
from imgtools.workflows.edit_plan import PlanReport, carry_out, open_for


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
    lead out of ``to`` (absolute, ``..``, through a link that the archive itself brings) stays inside it.

    :param archive_path: None: the archive comes on ``stdin``.
    :raises HostError: it cannot be read, or is no tar archive.
    :raises NotADirectory: ``to`` is no directory of the guest.
    """
    with plain_archive(archive_path, stdin) as plain, open_for(request, target) as image:
        view = view_files(image, request)
        end = view.path(to)
        if not view.files.is_dir(end):
            raise NotADirectory(f"not a directory in the guest: {end}", path=end)
        changes: list[Change] = []
        warnings = list(view.warnings)
        for one in unpacked(plain, view.files.resolve(end), archive_path):
            if isinstance(one, Warned):
                warnings.append(one)
            else:
                changes.append(one)
        return carry_out(image, changes, view.mounts, warnings=warnings, progress=progress)
