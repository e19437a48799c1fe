"""A bill of materials with one of everything, and what an outsider says of the documents made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imgtools.records.components import Affected, Component, ComponentKind, HashedFile
from imgtools.records.request import Engine
from imgtools.workflows.sbom import SbomReport

PACKAGE = Component(
    ComponentKind.PACKAGE,
    "bash",
    "5.2-1",
    "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12",
    ("GPL-3.0-or-later", "public-domain"),
    arch="amd64",
    supplier="Matthias Klose <doko@debian.org>",
    url="http://tiswww.case.edu/php/chet/bash/bashtop.html",
    summary="GNU Bourne Again SHell",
    source="bash",
)
NPM = Component(
    ComponentKind.NPM,
    "@babel/core",
    "7.0.0",
    "pkg:npm/%40babel/core@7.0.0",
    ("MIT OR Apache-2.0",),
    paths=("/srv/app/node_modules/@babel/core/package.json",),
    owner="bash",
)
COMPONENTS = (
    Component(
        ComponentKind.SYSTEM,
        "debian",
        "12",
        arch="x86_64",
        summary="Debian GNU/Linux 12",
        cpe="cpe:/o:debian:debian_linux:12",
    ),
    PACKAGE,
    # The same package for another architecture, under a purl that is the same: it must not get lost.
    Component(ComponentKind.PACKAGE, "bash", "5.2-1", PACKAGE.purl, arch="i386", source="bash"),
    Component(
        ComponentKind.KERNEL, "linux", "6.1.0-1-amd64", paths=("/boot/vmlinuz-6.1.0-1-amd64",), owner="x"
    ),
    Component(ComponentKind.BOOT_LOADER, "grub2"),
    Component(ComponentKind.PROGRAM, '7-Zip <x64> "&" é', "23.01", supplier="Igor Pavlov"),
    Component(
        ComponentKind.PYTHON,
        "odd",
        "1",
        "pkg:pypi/odd@1",
        ("Mine and yours", "Mine-and yours"),
        paths=("/opt/\udcff\x1b",),
    ),
    NPM,
    Component(ComponentKind.JAR, "org.x:y", "1", "pkg:maven/org.x/y@1", paths=("/a.war!/y-1.jar",)),
)
FILES = (
    HashedFile("/etc/passwd", 10, "a" * 40, "b" * 64),
    HashedFile("/etc/\udcff", 0, "c" * 40, "d" * 64),
    HashedFile("/etc/\udcfe", 0, "c" * 40, "d" * 64),
)
AFFECTED = (
    Affected(
        "DSA-1-1",
        "bash",
        "5.2-1",
        ComponentKind.PACKAGE,
        "5.2-2",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ("CVE-2024-1",),
        "a hole",
        PACKAGE.purl,
        origin="OSV",
    ),
    Affected(
        "GHSA-1",
        NPM.name,
        NPM.version,
        NPM.kind,
        severity="moderate",
        purl=NPM.purl,
        paths=NPM.paths,
        origin="OSV",
    ),
    Affected(
        "CVE-2024-1",
        "bash",
        "5.2-1",
        ComponentKind.PACKAGE,
        severity="not yet assigned",
        purl=PACKAGE.purl,
        origin="Debian security tracker",
    ),
)
REPORT = SbomReport(
    "/var/lib/images/disk one.qcow2",
    Engine.DIRECT,
    "/dev/sda1",
    "Debian GNU/Linux 12",
    COMPONENTS,
    FILES,
    AFFECTED,
)


def cyclonedx_errors(text: str) -> object:
    """What the schema of CycloneDX 1.6 has against a document; None if nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)


def spdx_errors(text: str, folder: Path) -> list[str]:
    """What the validator of SPDX has against a document, read back from its JSON."""
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    place = folder / "document.spdx.json"
    place.write_text(text, encoding="utf-8")
    return [one.validation_message for one in validate_full_spdx_document(parse_file(str(place)))]


def by_cyclonedx(text: str) -> str:
    """A document as the library of CycloneDX writes it, having read it."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.output.json import JsonV1Dot6

    bom: Any = Bom.from_json(json.loads(text))  # type: ignore[attr-defined]  # a decorator makes it
    return str(JsonV1Dot6(bom).output_as_string())


def by_spdx_tools(text: str, folder: Path) -> str:
    """A document as spdx-tools writes it, having read it."""
    from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter
    from spdx_tools.spdx.parser.parse_anything import parse_file

    place = folder / "document.spdx.json"
    place.write_text(text, encoding="utf-8")
    return json.dumps(DocumentConverter().convert(parse_file(str(place))))


def without_order(value: Any) -> Any:
    """What JSON says, with arrays in one order: those of a bill of materials are sets."""
    if isinstance(value, dict):
        return {name: without_order(one) for name, one in value.items()}
    if isinstance(value, list):
        return sorted(map(without_order, value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def spdx_purls(text: str) -> list[str]:
    """The purls of a document."""
    document: Any = json.loads(text)
    return sorted(
        reference["referenceLocator"]
        for package in document["packages"]
        for reference in package.get("externalRefs", ())
        if reference["referenceType"] == "purl"
    )
