"""A bill of materials in SPDX 2.3, JSON (spdx.github.io/spdx-spec/v2.3).

Written as the specification says, and held in the tests against spdx-tools: it reads the document, finds it valid, and
has to write the same (docs/decisions/sbom-libraries.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha1, sha256
from itertools import count
from typing import NamedTuple

from imgtools import __version__
from imgtools.records.components import Affected, Component, ComponentKind, HashedFile
from imgtools.reports.cyclonedx import link_of
from imgtools.reports.document import image_name, lay_out, make_stamp, numbered, printable, without_empty
from imgtools.reports.license_expressions import is_expression
from imgtools.workflows.sbom import SbomReport

DOCUMENT, IMAGE = "SPDXRef-DOCUMENT", "SPDXRef-Image"
NO_ASSERTION = "NOASSERTION"  # nobody has looked: a field that has to be there (SPDX 2.3, 7.7)
# A document of SPDX has to say when it was made. Where nobody says a moment, it is this one.
NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
PURPOSES = {
    ComponentKind.SYSTEM: "OPERATING_SYSTEM",
    ComponentKind.KERNEL: "APPLICATION",
    ComponentKind.BOOT_LOADER: "APPLICATION",
    ComponentKind.PROGRAM: "APPLICATION",
}

Json = dict[str, object]
Advisories = Mapping[tuple[str, str, str, str], Sequence[Affected]]


class _Named(NamedTuple):
    """A component under its name in the document."""

    identity: str
    component: Component


def make_spdx(report: SbomReport, *, reproducible: bool = False) -> Iterator[str]:
    """Yield the document's text in pieces.

    :param reproducible: the same guest gives the same bytes; without SOURCE_DATE_EPOCH its moment is that of 1970.
    :raises UsageError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    stamp = make_stamp(report, reproducible=reproducible)
    title = image_name(report)
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", title)
    moment = (stamp.moment or NO_MOMENT).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    named = [_Named(_identity(name, one), one) for name, one in numbered(report.components)]
    files = report.files or ()
    advisories: dict[tuple[str, str, str, str], list[Affected]] = {}
    for each in report.affected or ():
        advisories.setdefault((each.kind, each.component, each.version, each.purl), []).append(each)
    licenses = _Licenses()
    packages = [_image(title, files), *(_package(one, licenses, advisories) for one in named)]
    return lay_out(
        {
            "SPDXID": DOCUMENT,
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "name": title,
            # It names the document, and leads nowhere: .invalid is kept free for that (RFC 2606).
            "documentNamespace": f"https://imgtools.invalid/sbom/{plain}-{stamp.number}",
            "creationInfo": {"created": moment, "creators": [f"Tool: imgtools-{__version__}"]},
            "packages": packages,
            **({"files": map(_file, count(), files)} if files else {}),
            "relationships": _relationships(named, len(files)),
            **without_empty(hasExtractedLicensingInfos=licenses.extracted()),
        }
    )


def _identity(name: str, one: Component) -> str:
    """A name of the letters that SPDX allows; what it cannot spell is told apart by a number made of all of it."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{one.kind}-{one.name}-{one.version}")[:80].strip("-")
    return f"SPDXRef-{plain}-{sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _image(title: str, files: Iterable[HashedFile]) -> Json:
    # One number for all files, made of their hashes (SPDX 2.3, 7.9): who lists them says it.
    sums = sorted(bytes.fromhex(one.sha1) for one in files)
    digest = sha1(usedforsecurity=False)
    for one in sums:
        digest.update(one.hex().encode())
    code = digest.hexdigest()
    return {
        "SPDXID": IMAGE,
        "name": title,
        "downloadLocation": NO_ASSERTION,
        "filesAnalyzed": bool(sums),
        **({"packageVerificationCode": {"packageVerificationCodeValue": code}} if sums else {}),
        "primaryPackagePurpose": "FILE",
    }


def _package(named: _Named, licenses: _Licenses, advisories: Advisories) -> Json:
    one = named.component
    facts = {"owner": one.owner, "source package": one.source, "found at": ", ".join(one.paths)}
    told = [f"imgtools {name}: {printable(value)}" for name, value in facts.items() if value]
    return {
        "SPDXID": named.identity,
        "name": one.name,
        "downloadLocation": NO_ASSERTION,
        "filesAnalyzed": False,
        "primaryPackagePurpose": PURPOSES.get(one.kind, "LIBRARY"),
        "supplier": f"Organization: {one.supplier}" if one.supplier else NO_ASSERTION,
        **without_empty(
            versionInfo=one.version,
            licenseDeclared=licenses.expression(one.licenses),
            homepage=one.url if re.fullmatch(r"https?://[!-~]+", one.url) else None,
            summary=one.summary,
            comment="\n".join(told),
            externalRefs=list(_references(one, advisories)),
        ),
    }


def _references(one: Component, advisories: Advisories) -> Iterator[Json]:
    if one.purl:
        yield _reference("PACKAGE_MANAGER", "purl", one.purl)
    if one.cpe:
        kind = "cpe23Type" if one.cpe.startswith("cpe:2.3:") else "cpe22Type"
        yield _reference("SECURITY", kind, one.cpe)
    for each in advisories.get((one.kind, one.name, one.version, one.purl), ()):
        yield _reference("SECURITY", "advisory", link_of(each)) | {"comment": each.advisory}


def _reference(category: str, kind: str, place: str) -> Json:
    return {"referenceCategory": category, "referenceType": kind, "referenceLocator": place}


def _file(number: int, one: HashedFile) -> Json:
    return {
        "SPDXID": f"SPDXRef-File-{number}",
        "fileName": f".{printable(one.path)}",
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": one.sha1},
            {"algorithm": "SHA256", "checksumValue": one.sha256},
        ],
    }


def _relationships(named: Sequence[_Named], files: int) -> Iterator[Json]:
    """The image holds a system, the system what is installed, a package what it brings."""
    yield _relationship(DOCUMENT, "DESCRIBES", IMAGE)
    system = next((one.identity for one in named if one.component.kind is ComponentKind.SYSTEM), IMAGE)
    packages = {
        one.component.name: one.identity for one in named if one.component.kind is ComponentKind.PACKAGE
    }
    for identity, one in named:
        holder = IMAGE if identity == system else packages.get(one.owner, system)
        yield _relationship(holder, "CONTAINS", identity)
    for number in range(files):
        yield _relationship(IMAGE, "CONTAINS", f"SPDXRef-File-{number}")


def _relationship(subject: str, kind: str, other: str) -> Json:
    return {"spdxElementId": subject, "relatedSpdxElement": other, "relationshipType": kind}


class _Licenses:
    """Licences as expressions of SPDX. What it has no name for gets one in the document, with the guest's words."""

    def __init__(self) -> None:
        self._own: dict[str, str] = {}  # the guest's words -> the name in the document
        self._taken: set[str] = set()

    def expression(self, texts: Sequence[str]) -> str:
        """Return all licences of a component as one expression; "" where it says none."""
        words = [self._known(text) for text in texts]
        if len(words) == 1:
            return words[0]
        return " AND ".join(f"({one})" if " " in one else one for one in words)

    def _known(self, text: str) -> str:
        if is_expression(text):
            return text
        if text not in self._own:
            name = "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-")[:60] or "unnamed")
            if name in self._taken:
                name += f"-{sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"
            self._taken.add(name)
            self._own[text] = name
        return self._own[text]

    def extracted(self) -> list[Json]:
        """Return the licences that have a name in this document alone."""
        return [
            {"licenseId": name, "name": printable(text), "extractedText": printable(text)}
            for text, name in sorted(self._own.items(), key=lambda pair: pair[1])
        ]
