"""Another audit, as its JSON tells it, and what has changed since."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from imgtools.errors import HostError, UsageError
from imgtools.records.audit import AuditedCheck, AuditFinding, Level, Since

SCHEMA = "imgtools.audit/"
LARGEST = 256 << 20  # bytes of such a file


def read_audit(path: Path) -> tuple[AuditedCheck, ...]:
    """Return the checks of an audit that was printed with ``--json``.

    :raises HostError: the file cannot be read.
    :raises UsageError: it is something else.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}") from None
    hint = "--baseline takes what imgtools audit --json has printed"
    try:
        document = json.loads(content)
        if not str(document["schema"]).startswith(SCHEMA):
            raise UsageError(f"{path} is no audit: its schema is {document['schema']}", hint=hint)
        return tuple(map(_check, document["data"]["checks"]))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{path} is no audit", hint=hint) from None


def _check(said: dict[str, Any]) -> AuditedCheck:
    findings = tuple(_finding(one) for one in said["findings"])
    return AuditedCheck(
        str(said["id"]),
        str(said["title"]),
        str(said["group"]),
        Level(said["severity"]),
        said["result"],
        findings,
    )


def _finding(said: dict[str, Any]) -> AuditFinding:
    return AuditFinding(
        str(said["check"]),
        Level(said["severity"]),
        str(said["text"]),
        str(said["path"]),
        int(said["line"]),
        str(said["subject"]),
        str(said["evidence"]),
    )


def compare_audits(old: Sequence[AuditedCheck], new: Sequence[AuditedCheck]) -> Since:
    """Return what changed, of the checks that were made both times."""
    both = {one.id for one in old} & {one.id for one in new}
    before = [finding for one in old if one.id in both for finding in one.findings]
    after = [finding for one in new if one.id in both for finding in one.findings]
    return Since(_without(after, before), _without(before, after))


def _without(findings: Iterable[AuditFinding], others: Iterable[AuditFinding]) -> tuple[AuditFinding, ...]:
    """Return the findings that others have not, as often as they have not."""
    left = Counter(one.key for one in others)
    found = []
    for one in findings:
        if left[one.key]:
            left[one.key] -= 1
        else:
            found.append(one)
    return tuple(found)
