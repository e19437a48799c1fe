"""A bill of materials in SPDX 2.3, JSON (spdx.github.io/spdx-spec/v2.3; the library spdx-tools)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, NamedTuple

from imgtools import __version__
from imgtools.records.components import Affected, Component, ComponentKind, HashedFile
from imgtools.reports.cyclonedx import link_of
from imgtools.reports.document import image_name, make_stamp, numbered, printable
from imgtools.workflows.sbom import SbomReport

if TYPE_CHECKING:
    from spdx_tools.spdx.model import (
        Document,
        ExternalPackageRef,
        ExtractedLicensingInfo,
        File,
        Package,
        Relationship,
    )
    from spdx_tools.spdx.model.package import LicenseExpression

DOCUMENT, IMAGE = "SPDXRef-DOCUMENT", "SPDXRef-Image"
# A document of SPDX has to say when it was made. Where nobody says a moment, it is this one.
NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


class _Named(NamedTuple):
    """A component under its name in the document."""

    identity: str
    component: Component


def make_spdx(report: SbomReport, *, reproducible: bool = False) -> str:
    """Return the document as text.

    :param reproducible: the same guest gives the same bytes; without SOURCE_DATE_EPOCH its moment is that of 1970.
    :raises UsageError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter

    converter = DocumentConverter()  # type: ignore[no-untyped-call]
    converted = converter.convert(make_document(report, reproducible=reproducible))
    return json.dumps(converted, indent=2, ensure_ascii=False) + "\n"


def make_document(report: SbomReport, *, reproducible: bool = False) -> Document:
    """Return the document as the library holds it, which can also validate it."""
    from spdx_tools.spdx.model import Actor, ActorType, CreationInfo, Document

    stamp = make_stamp(report, reproducible=reproducible)
    title = image_name(report)
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", title)
    named = [_Named(_identity(name, one), one) for name, one in numbered(report.components)]
    files = [_file(number, one) for number, one in enumerate(report.files or ())]
    licenses = _Licenses()
    moment = stamp.moment or NO_MOMENT
    return Document(
        CreationInfo(
            "SPDX-2.3",
            DOCUMENT,
            title,
            # It names the document, and leads nowhere: .invalid is kept free for that (RFC 2606).
            f"https://imgtools.invalid/sbom/{plain}-{stamp.number}",
            [Actor(ActorType.TOOL, f"imgtools-{__version__}")],
            moment.replace(tzinfo=None),
        ),
        packages=[_image(title, files), *(_package(one, licenses, report.affected or ()) for one in named)],
        files=files,
        relationships=list(_relationships(named, files)),
        extracted_licensing_info=licenses.extracted(),
    )


def _identity(name: str, one: Component) -> str:
    """A name of the letters that SPDX allows; what it cannot spell is told apart by a number made of all of it."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{one.kind}-{one.name}-{one.version}")[:80].strip("-")
    return f"SPDXRef-{plain}-{sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _image(title: str, files: Sequence[File]) -> Package:
    from spdx_tools.spdx.model import Package, PackagePurpose, PackageVerificationCode, SpdxNoAssertion

    # One number for all files, made of their hashes (SPDX 2.3, 7.9): who lists them says it.
    sums = sorted(one.checksums[0].value for one in files)
    code = sha1("".join(sums).encode(), usedforsecurity=False).hexdigest()
    return Package(
        IMAGE,
        title,
        SpdxNoAssertion(),
        files_analyzed=bool(files),
        verification_code=PackageVerificationCode(code) if files else None,
        primary_package_purpose=PackagePurpose.FILE,
    )


def _package(named: _Named, licenses: _Licenses, affected: Sequence[Affected]) -> Package:
    from spdx_tools.spdx.model import Actor, ActorType, Package, PackagePurpose, SpdxNoAssertion

    one = named.component
    purposes = {
        ComponentKind.SYSTEM: PackagePurpose.OPERATING_SYSTEM,
        ComponentKind.KERNEL: PackagePurpose.APPLICATION,
        ComponentKind.BOOT_LOADER: PackagePurpose.APPLICATION,
        ComponentKind.PROGRAM: PackagePurpose.APPLICATION,
    }
    facts = {"owner": one.owner, "source package": one.source, "found at": ", ".join(one.paths)}
    told = [f"imgtools {name}: {printable(value)}" for name, value in facts.items() if value]
    return Package(
        named.identity,
        one.name,
        SpdxNoAssertion(),
        version=one.version or None,
        supplier=Actor(ActorType.ORGANIZATION, one.supplier) if one.supplier else SpdxNoAssertion(),
        files_analyzed=False,
        license_declared=licenses.expression(one.licenses),
        homepage=one.url if re.fullmatch(r"https?://[!-~]+", one.url) else None,
        summary=one.summary or None,
        comment="\n".join(told) or None,
        primary_package_purpose=purposes.get(one.kind, PackagePurpose.LIBRARY),
        external_references=list(_references(one, affected)),
    )


def _references(one: Component, affected: Sequence[Affected]) -> Iterator[ExternalPackageRef]:
    from spdx_tools.spdx.model import ExternalPackageRef, ExternalPackageRefCategory

    if one.purl:
        yield ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", one.purl)
    if one.cpe:
        kind = "cpe23Type" if one.cpe.startswith("cpe:2.3:") else "cpe22Type"
        yield ExternalPackageRef(ExternalPackageRefCategory.SECURITY, kind, one.cpe)
    for each in affected:
        if (each.kind, each.component, each.version, each.purl) == (
            one.kind,
            one.name,
            one.version,
            one.purl,
        ):
            yield ExternalPackageRef(
                ExternalPackageRefCategory.SECURITY, "advisory", link_of(each), comment=each.advisory
            )


def _file(number: int, one: HashedFile) -> File:
    from spdx_tools.spdx.model import Checksum, ChecksumAlgorithm, File

    return File(
        f".{printable(one.path)}",
        f"SPDXRef-File-{number}",
        [Checksum(ChecksumAlgorithm.SHA1, one.sha1), Checksum(ChecksumAlgorithm.SHA256, one.sha256)],
    )


def _relationships(named: Sequence[_Named], files: Sequence[File]) -> Iterator[Relationship]:
    """The image holds a system, the system what is installed, a package what it brings."""
    from spdx_tools.spdx.model import Relationship, RelationshipType

    yield Relationship(DOCUMENT, RelationshipType.DESCRIBES, IMAGE)
    system = next((one.identity for one in named if one.component.kind is ComponentKind.SYSTEM), IMAGE)
    packages = {
        one.component.name: one.identity for one in named if one.component.kind is ComponentKind.PACKAGE
    }
    for identity, one in named:
        holder = IMAGE if identity == system else packages.get(one.owner, system)
        yield Relationship(holder, RelationshipType.CONTAINS, identity)
    for each in files:
        yield Relationship(IMAGE, RelationshipType.CONTAINS, each.spdx_id)


class _Licenses:
    """Licences as expressions of SPDX. What it has no name for gets one in the document, with the guest's words."""

    def __init__(self) -> None:
        self._own: dict[str, str] = {}  # the guest's words -> the name in the document

    def expression(self, texts: Sequence[str]) -> LicenseExpression | None:
        """Return all licences of a component as one expression; None where it says none."""
        words = [self._known(text) for text in texts]
        if not words:
            return None
        return _parsed(" AND ".join(f"({one})" if " " in one else one for one in words))

    def _known(self, text: str) -> str:
        if _is_expression(text):
            return text
        name = "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-")[:60] or "unnamed")
        if name in self._own.values() and self._own.get(text) != name:
            name += f"-{sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"
        return self._own.setdefault(text, name)

    def extracted(self) -> list[ExtractedLicensingInfo]:
        """Return the licences that have a name in this document alone."""
        from spdx_tools.spdx.model import ExtractedLicensingInfo

        return [
            ExtractedLicensingInfo(name, printable(text), printable(text))
            for text, name in sorted(self._own.items(), key=lambda pair: pair[1])
        ]


@cache
def _is_expression(text: str) -> bool:
    from cyclonedx.spdx import is_expression

    return is_expression(text)


@cache
def _parsed(text: str) -> LicenseExpression:
    from spdx_tools.common.spdx_licensing import spdx_licensing

    return spdx_licensing.parse(text)
