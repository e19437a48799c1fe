"""The verbs that audit a guest, as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import HostPath, Images, several
from imgtools.door.writing import WriteOptions, read_asked

if TYPE_CHECKING:
    from imgtools.records.audit import Level
    from imgtools.workflows.audit import AuditReport


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
