"""An audit as SARIF 2.1.0, which code scanning services read.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, sections 3.13 (log), 3.14 (run), 3.27 (result),
3.35 (suppression). Guest paths are relative to a base id, because no file of the host is meant.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from imgtools.records.audit import AuditedCheck, AuditFinding, Level, Result
from imgtools.reports.html import shown

if TYPE_CHECKING:
    from imgtools.workflows.audit import AuditReport

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Level.LOW: "note", Level.MEDIUM: "warning", Level.HIGH: "error", Level.CRITICAL: "error"}
# What services that sort by a number from 0 to 10 take, as CVSS 3.1 names its ranges (section 5).
SCORES = {Level.LOW: "2.0", Level.MEDIUM: "5.5", Level.HIGH: "8.0", Level.CRITICAL: "9.5"}
KINDS = {
    Result.PASS: "pass",
    Result.NOT_APPLICABLE: "notApplicable",
    Result.UNDECIDED: "open",
    Result.ERROR: "review",
}


def to_sarif(report: AuditReport, version: str) -> str:
    """Return an audit as SARIF. :param version: the tool's own."""
    checks = list(report.checks)
    results = [one for number, check in enumerate(checks) for one in _results(check, number)]
    run = {
        "tool": {
            "driver": {
                "name": "imgtools",
                "version": version,
                "rules": [_rule(one) for one in checks],
            }
        },
        "originalUriBaseIds": {
            "GUEST": {"description": {"text": f"The files of {report.guest} in {report.image}"}}
        },
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": {"image": report.image, "guest": report.guest, "policy": report.policy},
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(_writable(document), indent=2, ensure_ascii=True) + "\n"


def _writable(part: Any) -> Any:
    """Return JSON whose texts any reader takes: bytes that are no UTF-8, and control characters, are escapes."""
    if isinstance(part, dict):
        return {key: _writable(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_writable(one) for one in part]
    return shown(part) if isinstance(part, str) else part


def _rule(one: AuditedCheck) -> dict[str, Any]:  # Any: JSON
    return {
        "id": one.id,
        "shortDescription": {"text": one.title},
        "fullDescription": {"text": one.rationale or one.title},
        "defaultConfiguration": {"level": LEVELS[one.severity]},
        "properties": {
            "security-severity": SCORES[one.severity],
            "tags": ["security", one.group, *one.references],
        },
    }


def _results(check: AuditedCheck, number: int) -> list[dict[str, Any]]:
    found = [_finding(one, number) for one in check.findings]
    found += [
        {**_finding(one, number), "suppressions": [{"kind": "external", "justification": one.waived}]}
        for one in check.waived
    ]
    if not check.findings:
        text = f"{check.title}: {check.result}" + (f" ({check.reason})" if check.reason else "")
        kind = KINDS[Result(check.result)]
        found.append(
            {
                "ruleId": check.id,
                "ruleIndex": number,
                "kind": kind,
                "level": "none",
                "message": {"text": text},
            }
        )
    return found


def _finding(one: AuditFinding, number: int) -> dict[str, Any]:
    said = f"{one.text}: {one.evidence}" if one.evidence else one.text
    found: dict[str, Any] = {
        "ruleId": one.check,
        "ruleIndex": number,
        "kind": "fail",
        "level": LEVELS[one.severity],
        "message": {"text": said},
        "partialFingerprints": {
            "finding/v1": hashlib.sha256("\0".join(one.key).encode("utf-8", "surrogateescape")).hexdigest()
        },
    }
    if one.path:
        place: dict[str, Any] = {
            "artifactLocation": {
                "uri": quote(one.path.lstrip("/").encode("utf-8", "surrogateescape")) or ".",
                "uriBaseId": "GUEST",
            }
        }
        if one.line:
            place["region"] = {"startLine": one.line}
        found["locations"] = [{"physicalLocation": place}]
    return found
