"""What a guest is made of, as a bill of materials lists it, and the advisories that are about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ComponentKind(StrEnum):
    """What kind of thing a component is, and so who would look for a newer one."""

    SYSTEM = "system"
    PACKAGE = "package"  # of the distribution
    KERNEL = "kernel"
    BOOT_LOADER = "boot-loader"
    PROGRAM = "program"  # that Windows lists as installed
    PYTHON = "python"
    NPM = "npm"
    GEM = "gem"
    JAR = "jar"
    GO = "go"
    RUST = "rust"
    NUGET = "nuget"


LANGUAGES = frozenset(
    {
        ComponentKind.PYTHON,
        ComponentKind.NPM,
        ComponentKind.GEM,
        ComponentKind.JAR,
        ComponentKind.GO,
        ComponentKind.RUST,
        ComponentKind.NUGET,
    }
)


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that is installed. Empty strings are facts not known.

    ``version`` is whole, as its package manager writes it (``1:9.18.24-1``). ``licenses`` are SPDX expressions where
    the guest's words are some or could be put into some, else the guest's words.
    """

    kind: ComponentKind
    name: str
    version: str = ""
    purl: str = ""
    licenses: tuple[str, ...] = ()
    arch: str = ""
    supplier: str = ""
    url: str = ""
    summary: str = ""
    source: str = ""  # the source package that it was built from
    source_version: str = ""
    paths: tuple[str, ...] = ()  # where in the guest it was found; of a package of the distribution: none
    owner: str = ""  # the package of the distribution that brings it
    cpe: str = ""


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A regular file of the guest with its hashes, in hexadecimal."""

    path: str
    size: int
    sha1: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Affected:
    """A component that an advisory is about, in the version that is there."""

    advisory: str  # its id: DSA-5678-1, GHSA-..., CVE-2024-1234
    component: str
    version: str
    kind: ComponentKind
    fixed: str = ""  # the lowest version in which it is fixed; "" if there is none
    severity: str = ""  # a word of the data's own, or a CVSS vector
    aliases: tuple[str, ...] = ()
    summary: str = ""
    purl: str = ""
    paths: tuple[str, ...] = ()
    origin: str = ""  # which data says so: OSV or Debian's security tracker
