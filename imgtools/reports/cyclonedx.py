"""A bill of materials in CycloneDX 1.6, JSON (ecma-international.org, ECMA-424; cyclonedx.org/docs/1.6/json).

Written as the specification says, and held in the tests against its schema and against cyclonedx-python-lib, which
reads the document and has to write the same (docs/decisions/sbom-libraries.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from urllib.parse import quote

from imgtools import __version__
from imgtools.records.components import LANGUAGES, Affected, Component, ComponentKind, HashedFile
from imgtools.reports.document import (
    Stamp,
    image_name,
    lay_out,
    make_stamp,
    numbered,
    printable,
    without_empty,
)
from imgtools.reports.license_expressions import is_expression, is_license_id
from imgtools.workflows.sbom import SbomReport

IMAGE = "image"
# Words for a severity that are none of CycloneDX' own, and the nearest of those.
SEVERITIES = {
    **{word: word for word in ("critical", "high", "medium", "low", "info", "none", "unknown")},
    "moderate": "medium",
    "important": "high",
    "negligible": "low",
    "minor": "low",
    "unimportant": "info",
}
# Beginnings of CVSS vectors (first.org), and what CycloneDX calls their method; it wants the rest of the vector.
_METHODS = (("CVSS:4.", "CVSSv4"), ("CVSS:3.1", "CVSSv31"), ("CVSS:3.", "CVSSv3"), ("CVSS:2.", "CVSSv2"))
_WEB = re.compile(r"https?://\S+", re.IGNORECASE)

Json = dict[str, object]


def make_cyclonedx(report: SbomReport, *, reproducible: bool = False) -> Iterator[str]:
    """Yield the document's text in pieces.

    :param reproducible: the same guest gives the same bytes.
    :raises UsageError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    stamp = make_stamp(report, reproducible=reproducible)
    named = list(numbered(report.components))
    return lay_out(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{stamp.number}",
            "version": 1,
            "metadata": _metadata(report, stamp),
            "components": chain((_entry(name, one) for name, one in named), map(_file, report.files or ())),
            "dependencies": _dependencies(named),
            **without_empty(vulnerabilities=list(_vulnerabilities(report.affected or (), named))),
        }
    )


def _metadata(report: SbomReport, stamp: Stamp) -> Json:
    return without_empty(
        timestamp=stamp.moment.isoformat() if stamp.moment else None,
        tools={"components": [{"type": "application", "name": "imgtools", "version": __version__}]},
        component={"type": "file", "bom-ref": IMAGE, "name": image_name(report)},
    )


def _dependencies(named: Sequence[tuple[str, Component]]) -> list[Json]:
    """The image holds the system, and that the rest.

    What a package of the guest needs is not read: it has no entry here, which says so. An empty one would say that
    it needs nothing.
    """
    system = next((name for name, one in named if one.kind is ComponentKind.SYSTEM), None)
    others = [name for name, _ in named if name != system]
    if system is None:
        return [{"ref": IMAGE, **without_empty(dependsOn=others)}]
    return [{"ref": IMAGE, "dependsOn": [system]}, {"ref": system, **without_empty(dependsOn=others)}]


def _entry(name: str, one: Component) -> Json:
    group, _, plain = one.name.rpartition("/" if one.kind is ComponentKind.NPM else ":")
    is_grouped = one.kind in (ComponentKind.NPM, ComponentKind.JAR)
    places = dict.fromkeys(printable(path) for path in one.paths)
    return {
        "type": _type_of(one),
        "bom-ref": name,
        **without_empty(
            publisher=one.supplier,
            group=group if is_grouped else None,
            name=plain if is_grouped else one.name,
            version=one.version,
            description=one.summary,
            licenses=_licenses(one.licenses),
            cpe=one.cpe,
            purl=one.purl,
            externalReferences=_references(one.url),
            evidence=without_empty(occurrences=[{"location": path} for path in places]),
            properties=_properties(one),
        ),
    }


def _type_of(one: Component) -> str:
    if one.kind is ComponentKind.SYSTEM:
        return "operating-system"
    return "library" if one.kind in LANGUAGES or one.kind is ComponentKind.PACKAGE else "application"


def _references(url: str) -> list[Json]:
    if not _WEB.fullmatch(url):
        return []
    # What RFC 3987 does not allow in a reference is written as RFC 3986 says; what is written so already stays.
    plain = quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", url), safe="%!$&()*+,/:;=?@~-._#")
    address, mark, fragment = plain.partition("#")
    return [{"type": "website", "url": address + mark + fragment.replace("#", "%23")}]


def _properties(one: Component) -> list[Json]:
    facts = {"owner": one.owner}
    if not one.purl:  # which says all of these
        facts |= {"kind": one.kind.value, "architecture": one.arch, "source-package": one.source}
    return [{"name": f"imgtools:{name}", "value": value} for name, value in facts.items() if value]


def _licenses(texts: Sequence[str]) -> list[Json]:
    """Several licences, each by its id where SPDX has one; or a single expression: a document may not mix the two."""
    if len(texts) == 1 and not is_license_id(texts[0]) and is_expression(texts[0]):
        return [{"expression": texts[0]}]
    return [{"license": {"id" if is_license_id(text) else "name": text}} for text in texts]


def _file(one: HashedFile) -> Json:
    path = printable(one.path)
    distinct = "" if path == one.path else "#" + one.path.encode(errors="surrogateescape").hex()
    return {
        "type": "file",
        "bom-ref": f"file:{path}{distinct}",
        "name": path,
        "hashes": [{"alg": "SHA-1", "content": one.sha1}, {"alg": "SHA-256", "content": one.sha256}],
        "properties": [{"name": "imgtools:size", "value": str(one.size)}],
    }


# -- advisories ------------------------------------------------------------------------------------------------


def _vulnerabilities(affected: Iterable[Affected], named: Iterable[tuple[str, Component]]) -> Iterator[Json]:
    references: dict[tuple[str, str, str, str], str] = {}
    for name, one in named:
        references.setdefault((one.kind, one.name, one.version, one.purl), name)
    gathered: dict[tuple[str, str], list[Affected]] = {}
    for each in affected:
        gathered.setdefault((each.advisory, each.origin), []).append(each)
    for several in gathered.values():
        yield _vulnerability(several, references)


def _vulnerability(several: Sequence[Affected], references: Mapping[tuple[str, str, str, str], str]) -> Json:
    first = several[0]
    fixes = sorted({f"{one.component} {one.fixed}" for one in several if one.fixed})
    targets = dict.fromkeys(
        (references[one.kind, one.component, one.version, one.purl], one.version) for one in several
    )
    return {
        "bom-ref": f"{first.origin}:{first.advisory}",
        "id": first.advisory,
        "source": {"url": link_of(first), "name": first.origin},
        **without_empty(
            references=[{"id": alias, "source": {"name": "alias"}} for alias in dict.fromkeys(first.aliases)],
            ratings=[_rating(first.severity)] if first.severity else None,
            description=printable(first.summary),
            recommendation=f"Fixed in: {', '.join(fixes)}" if fixes else None,
        ),
        "analysis": {"state": "in_triage", "detail": "Found by the installed version alone."},
        "affects": [
            {"ref": name, "versions": [{"version": version, "status": "affected"}]}
            for name, version in targets
        ],
    }


def _rating(severity: str) -> Json:
    """A vector of CVSS as one; a word as the nearest one of CycloneDX'."""
    if severity.startswith("CVSS:"):
        method = next((method for start, method in _METHODS if severity.startswith(start)), "other")
        vector = severity if method == "other" else re.sub(r"^CVSS:\d\.\d/?", "", severity)
        return {"method": method, "vector": vector}
    return {"severity": SEVERITIES.get(severity.lower(), "unknown")}


def link_of(one: Affected) -> str:
    """Return where an advisory can be read."""
    place = (
        "https://osv.dev/vulnerability/"
        if one.origin == "OSV"
        else "https://security-tracker.debian.org/tracker/"
    )
    return place + quote(one.advisory, safe="")
