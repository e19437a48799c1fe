"""Evaluates a profile of a data stream on a guest whose files a folder shows."""

from __future__ import annotations

from pathlib import Path

from imgtools.engine.oscap import ScanFiles
from imgtools.engine.oscap import scan as run_scanner
from imgtools.guest.scap.content import DataStream
from imgtools.guest.scap.results import read_results
from imgtools.records.scap import ScapProfile, ScapRule
from imgtools.records.system import OsInfo

__all__ = ["ScanFiles", "scan"]


def scan(
    stream: DataStream,
    profile: ScapProfile,
    benchmark: str,
    guest: Path,
    system: OsInfo,
    files: ScanFiles,
    *,
    rpm: tuple[Path, str] | None = None,
    reports: bool = False,
) -> tuple[ScapRule, ...]:
    """Return what became of the rules of a profile; what was written is in ``files``.

    :param rpm: a copy of its rpm database: the folder and the file's name.
    :raises ToolMissing: oscap is not installed.
    :raises EngineFailed: it cannot evaluate the content, or its results are none.
    """
    broken = run_scanner(
        stream.path, profile.id, benchmark, guest, files, machine=system.arch, rpm=rpm, reports=reports
    )
    return read_results(files.results, stream, benchmark, broken)
