"""Put back the files of a package that are not as the package has them."""

from __future__ import annotations

from pathlib import Path

from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.repair import PACKAGE_FILES, RepairReport, repair


def restore_files(
    request: ImageRequest, target: Target, package_file: Path, *, config: bool = False
) -> RepairReport:
    """Plan what puts back the files of a package from its package file and, if ``target`` says so, do it.

    :param config: changed configuration files are put back too.
    :raises HostError: the package file cannot be read.
    """
    settings = (f"{PACKAGE_FILES}.config=yes",) if config else ()
    return repair(request, target, (), settings, package_file=package_file)
