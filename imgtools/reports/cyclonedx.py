"""A bill of materials in CycloneDX 1.6, JSON (ecma-international.org, ECMA-424; the library cyclonedx-python-lib)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from imgtools import __version__
from imgtools.records.components import LANGUAGES, Affected, Component, ComponentKind, HashedFile
from imgtools.reports.document import image_name, make_stamp, numbered, printable
from imgtools.workflows.sbom import SbomReport

if TYPE_CHECKING:
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component as Entry
    from cyclonedx.model.component import ComponentType
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.model.vulnerability import Vulnerability

IMAGE, SYSTEM = "image", "system"


def make_cyclonedx(report: SbomReport, *, reproducible: bool = False) -> str:
    """Return the document as text.

    :param reproducible: the same guest gives the same bytes.
    :raises UsageError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    from cyclonedx.output.json import JsonV1Dot6

    text: str = JsonV1Dot6(_bom(report, reproducible)).output_as_string(indent=2)
    return text + "\n"


def _bom(report: SbomReport, reproducible: bool) -> Bom:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component as Entry
    from cyclonedx.model.component import ComponentType
    from cyclonedx.model.dependency import Dependency

    stamp = make_stamp(report, reproducible=reproducible)
    named = list(numbered(report.components))
    entries = {name: _entry(name, one) for name, one in named}
    files = [_file(one) for one in report.files or ()]
    bom = Bom(serial_number=stamp.number, components=[*entries.values(), *files])
    subject = Entry(name=image_name(report), type=ComponentType.FILE, bom_ref=IMAGE)
    bom.metadata.component = subject
    bom.metadata.tools.components.add(
        Entry(name="imgtools", version=__version__, type=ComponentType.APPLICATION)
    )
    bom.metadata.timestamp = stamp.moment  # type: ignore[assignment]  # None is left out
    system = next((entry for (_, one), entry in zip(named, entries.values(), strict=True)
                   if one.kind is ComponentKind.SYSTEM), None)  # fmt: skip
    others = [Dependency(one.bom_ref) for one in entries.values() if one is not system]
    on_system = [] if system is None else [Dependency(system.bom_ref, others)]
    # What a package of the guest needs is not read: nothing is said of it, rather than that it needs nothing.
    bom.dependencies.update((Dependency(subject.bom_ref, on_system or others), *on_system))
    bom.vulnerabilities.update(_vulnerabilities(report.affected or (), named))
    return bom


def _entry(name: str, one: Component) -> Entry:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
    from cyclonedx.model.component import Component as Entry
    from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
    from packageurl import PackageURL

    group, _, plain = one.name.rpartition("/" if one.kind is ComponentKind.NPM else ":")
    is_grouped = one.kind in (ComponentKind.NPM, ComponentKind.JAR)
    occurrences = [Occurrence(location=printable(path)) for path in one.paths]
    return Entry(
        name=plain if is_grouped else one.name,
        group=(group or None) if is_grouped else None,
        version=one.version or None,
        type=_type_of(one),
        bom_ref=name,
        purl=PackageURL.from_string(one.purl) if one.purl else None,
        cpe=one.cpe or None,
        publisher=one.supplier or None,
        description=one.summary or None,
        licenses=_licenses(one.licenses),
        properties=_properties(one),
        external_references=[ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(one.url))]
        if one.url.startswith(("http://", "https://")) and " " not in one.url
        else (),
        evidence=ComponentEvidence(occurrences=occurrences) if occurrences else None,
    )


def _type_of(one: Component) -> ComponentType:
    from cyclonedx.model.component import ComponentType

    if one.kind is ComponentKind.SYSTEM:
        return ComponentType.OPERATING_SYSTEM
    is_library = one.kind in LANGUAGES or one.kind is ComponentKind.PACKAGE
    return ComponentType.LIBRARY if is_library else ComponentType.APPLICATION


def _properties(one: Component) -> Iterator[Property]:
    from cyclonedx.model import Property

    facts = {"owner": one.owner}
    if not one.purl:  # which says all of these
        facts |= {"kind": one.kind.value, "architecture": one.arch, "source-package": one.source}
    for name, value in facts.items():
        if value:
            yield Property(name=f"imgtools:{name}", value=value)


def _licenses(texts: Sequence[str]) -> Iterator[DisjunctiveLicense | LicenseExpression]:
    """Several licences, each by its id where SPDX has one; or a single expression: a document may not mix the two."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import is_expression, is_supported_id

    if len(texts) == 1 and not is_supported_id(texts[0]) and is_expression(texts[0]):
        yield LicenseExpression(texts[0])
        return
    for text in texts:
        if is_supported_id(text):
            yield DisjunctiveLicense(id=text)
        else:
            yield DisjunctiveLicense(name=text)


def _file(one: HashedFile) -> Entry:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component as Entry
    from cyclonedx.model.component import ComponentType

    path = printable(one.path)
    return Entry(
        name=path,
        type=ComponentType.FILE,
        bom_ref=f"file:{path}"
        if path == one.path
        else f"file:{path}#{one.path.encode(errors='surrogateescape').hex()}",
        hashes=[
            HashType(alg=HashAlgorithm.SHA_1, content=one.sha1),
            HashType(alg=HashAlgorithm.SHA_256, content=one.sha256),
        ],
        properties=[Property(name="imgtools:size", value=str(one.size))],
    )


# -- advisories ------------------------------------------------------------------------------------------------


def _vulnerabilities(
    affected: Iterable[Affected], named: Iterable[tuple[str, Component]]
) -> Iterator[Vulnerability]:
    references: dict[tuple[str, str, str, str], str] = {}
    for name, one in named:
        references.setdefault((one.kind, one.name, one.version, one.purl), name)
    gathered: dict[tuple[str, str], list[Affected]] = {}
    for each in affected:
        gathered.setdefault((each.advisory, each.origin), []).append(each)
    for several in gathered.values():
        yield _vulnerability(several, references)


def _vulnerability(
    several: Sequence[Affected], references: Mapping[tuple[str, str, str, str], str]
) -> Vulnerability:
    from cyclonedx.model import XsUri
    from cyclonedx.model.impact_analysis import ImpactAnalysisAffectedStatus, ImpactAnalysisState
    from cyclonedx.model.vulnerability import (
        BomTarget,
        BomTargetVersionRange,
        Vulnerability,
        VulnerabilityAnalysis,
        VulnerabilityRating,
        VulnerabilityReference,
        VulnerabilitySource,
    )

    first = several[0]
    source = VulnerabilitySource(name=first.origin, url=XsUri(link_of(first)))
    fixes = sorted({f"{one.component} {one.fixed}" for one in several if one.fixed})
    return Vulnerability(
        bom_ref=f"{first.origin}:{first.advisory}",
        id=first.advisory,
        source=source,
        references=[
            VulnerabilityReference(id=alias, source=VulnerabilitySource(name="alias"))
            for alias in first.aliases
        ],
        ratings=[VulnerabilityRating(**_rating(first.severity))] if first.severity else (),  # type: ignore[arg-type]
        description=first.summary or None,
        recommendation=f"Fixed in: {', '.join(fixes)}" if fixes else None,
        analysis=VulnerabilityAnalysis(
            state=ImpactAnalysisState.IN_TRIAGE, detail="Found by the installed version alone."
        ),
        affects=[
            BomTarget(
                ref=references[one.kind, one.component, one.version, one.purl],
                versions=[
                    BomTargetVersionRange(version=one.version, status=ImpactAnalysisAffectedStatus.AFFECTED)
                ],
            )
            for one in several
        ],
    )


def _rating(severity: str) -> dict[str, object]:
    """A vector of CVSS as one; a word as the nearest one of CycloneDX'."""
    from cyclonedx.model.vulnerability import VulnerabilityScoreSource, VulnerabilitySeverity

    if severity.startswith("CVSS:"):
        return {"method": VulnerabilityScoreSource.get_from_vector(severity), "vector": severity}
    words = {
        "moderate": "medium",
        "important": "high",
        "negligible": "low",
        "unimportant": "info",
        "minor": "low",
    }
    word = words.get(severity.lower(), severity.lower())
    known = {one.value: one for one in VulnerabilitySeverity}
    return {"severity": known.get(word, VulnerabilitySeverity.UNKNOWN)}


def link_of(one: Affected) -> str:
    """Return where an advisory can be read."""
    from urllib.parse import quote

    place = (
        "https://osv.dev/vulnerability/"
        if one.origin == "OSV"
        else "https://security-tracker.debian.org/tracker/"
    )
    return place + quote(one.advisory, safe="")
