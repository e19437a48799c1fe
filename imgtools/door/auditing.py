"""The verbs that audit a guest, as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import GuestOptions, HostPath, Images, make_request, several
from imgtools.door.writing import WriteOptions, read_asked

if TYPE_CHECKING:
    from imgtools.records.audit import Level
    from imgtools.workflows.audit import AuditReport
    from imgtools.workflows.audit_oscap import OscapReport


def audit(
    images: Images,
    *,
    policy: HostPath = "baseline",
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    fail_on: Level | None = None,
    fix: bool = False,
    baseline: HostPath | None = None,
    today: date | None = None,
    **options: Unpack[WriteOptions],
) -> AuditReport:
    """Say what a guest is not like that it should be; ``report.clean`` says whether nothing was found.

    :param policy: the name of one that comes with the tool, or a YAML file.
    :param only: the checks to make: ids and patterns; without any, those of the policy.
    :param skip: checks not to make.
    :param settings: ``check.parameter`` -> value.
    :param fail_on: from which severity on it is not clean; without it, the policy's.
    :param fix: plan what puts right what is found; ``write`` or ``output`` does it.
    :param baseline: the JSON of another audit: ``report.since`` says what changed.
    :param today: what ages and expiries are told by; without it, today.
    :raises UsageError: the policy, a check or a parameter is not as it should be.
    :raises RolledBack: what was to be put right is still found; nothing was written.
    """
    from imgtools.ops.policy import PolicyChoice
    from imgtools.workflows.audit import audit as look

    asked = read_asked(images, **options)
    said = tuple(f"{name}={value}" for name, value in (settings or {}).items())
    choice = PolicyChoice(str(policy), several(only), several(skip), said, fail_on)
    other = None if baseline is None else Path(baseline)
    return look(
        asked.request, asked.target, choice, fix=fix, baseline=other, today=today, progress=asked.progress
    )


def audit_oscap(
    images: Images,
    content: HostPath,
    profile: str,
    *,
    oscap_results: HostPath | None = None,
    oscap_report: HostPath | None = None,
    **options: Unpack[GuestOptions],
) -> OscapReport:
    """Evaluate a profile of a SCAP data stream by OpenSCAP; ``report.clean`` says whether no rule failed.

    :param content: the data stream, such as one of ComplianceAsCode.
    :param profile: the profile's id, or the last part of it.
    :param oscap_results: a new file for the results with the content (ARF, XML).
    :param oscap_report: a new file for OpenSCAP's own report (HTML).
    :raises UsageError: the file is no data stream, or has no such profile.
    :raises UnsupportedGuest: nearly nothing of the profile is for this guest.
    :raises ToolMissing: oscap is not installed.
    """
    from imgtools.workflows.audit_oscap import audit_oscap as look

    results = None if oscap_results is None else Path(oscap_results)
    report = None if oscap_report is None else Path(oscap_report)
    return look(make_request(images, **options), Path(content), profile, results=results, report=report)
