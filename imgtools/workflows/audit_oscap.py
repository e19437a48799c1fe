"""Audit a guest by content of others: a profile of a SCAP data stream, evaluated by OpenSCAP on the guest's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.new_file import refuse_target
from imgtools.errors import HostError, UnsupportedGuest
from imgtools.guest.scap.content import DataStream
from imgtools.guest.scap.fitting import advise_content
from imgtools.guest.scap.results import count_results, hardly_applies
from imgtools.guest.scap.scan import ScanFiles, scan
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.scap import ScapCounts, ScapProfile, ScapRule
from imgtools.records.system import OsType, Warned
from imgtools.workflows.shown_guest import ShownGuest, shown_guest
from imgtools.workflows.text_file import write_text_file


@dataclass(frozen=True, slots=True)
class OscapReport:
    """What OpenSCAP says of a guest. ``clean``: no rule failed, and none met an error.

    ``rules`` are those that the profile selects, in the order of the content. ``offline`` are kinds of OVAL that some
    of them ask for and that need the running system: nothing is said of those rules.
    """

    image: str
    engine: Engine
    root: str
    guest: str
    content: str
    profile: ScapProfile
    clean: bool
    counts: ScapCounts
    rules: tuple[ScapRule, ...]
    offline: tuple[str, ...] = ()
    results: str = ""
    report: str = ""
    warnings: tuple[Warned, ...] = ()


def audit_oscap(
    request: ImageRequest,
    content: Path,
    profile: str,
    *,
    results: Path | None = None,
    report: Path | None = None,
) -> OscapReport:
    """Evaluate a profile of a data stream on a guest's files.

    :param content: a SCAP source data stream.
    :param profile: the profile's id, or the last part of it.
    :param results: where the results go with the content they are of (ARF, XML).
    :param report: where OpenSCAP's own report goes (HTML).
    :raises UsageError: the file is no data stream, or has no such profile.
    :raises TargetExists: ``results`` or ``report`` is there; ToolMissing: oscap is not installed.
    :raises UnsupportedGuest: nearly nothing of the profile is for this guest.
    """
    for target in (results, report):
        if target is not None:
            refuse_target(target, overwrite=False)
    stream = DataStream(content.resolve())
    chosen, benchmark = stream.choose(profile)
    with shown_guest(request) as shown:
        _require_linux(shown)
        files = ScanFiles(shown.scratch)
        wanted = results is not None or report is not None
        rpm = (shown.rpm, shown.rpm_database) if shown.rpm_database else None
        rules = scan(stream, chosen, benchmark, shown.folder, shown.os, files, rpm=rpm, reports=wanted)
        if hardly_applies(rules):
            raise _nothing_applies(stream, chosen, rules, shown)
        for source, target in ((files.asset_report, results), (files.report, report)):
            if target is not None:
                _keep(request, source, target)
    counts = count_results(rules)
    return OscapReport(
        image=shown.image,
        engine=shown.engine,
        root=shown.root,
        guest=shown.os.product_name or shown.os.distro,
        content=str(content),
        profile=chosen,
        clean=not counts.failed and not counts.errors,
        counts=counts,
        rules=rules,
        offline=stream.offline(benchmark, [one.id for one in rules]),
        results="" if results is None else str(results),
        report="" if report is None else str(report),
        warnings=shown.warnings,
    )


def _require_linux(shown: ShownGuest) -> None:
    if shown.os.type is not OsType.LINUX:
        raise UnsupportedGuest(
            f"{shown.os.product_name} is no Linux guest",
            hint="OpenSCAP on Linux looks at files of Linux only",
        )


def _nothing_applies(
    stream: DataStream, profile: ScapProfile, rules: Sequence[ScapRule], shown: ShownGuest
) -> UnsupportedGuest:
    away = count_results(rules).not_applicable
    meant = f", which is for {', '.join(stream.platforms)}" if stream.platforms else ""
    return UnsupportedGuest(
        f"{away} of {len(rules)} rules of {profile.id} do not apply to {shown.os.product_name}"
        f" ({stream.path.name}{meant})",
        hint=advise_content(shown.os),
    )


def _keep(request: ImageRequest, source: Path, target: Path) -> None:
    """Give what oscap has written its place."""

    def text() -> str:
        try:
            return source.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise HostError(f"oscap has not written {target}: {error.strerror}") from None

    write_text_file(request, target, text, overwrite=False)
