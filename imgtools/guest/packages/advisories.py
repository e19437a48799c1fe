"""What an advisory is about, and which components of a guest those are.

An advisory speaks of an ecosystem (a distribution in a version, a language), a name in it, and versions. Distributions
mend packages without a new version of what is packed: so a language's package that a distribution's package brings is
judged by advisories of the distribution alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imgtools.guest.find.release import Release
from imgtools.guest.packages.language_versions import COMPARE as LANGUAGE_COMPARE
from imgtools.guest.packages.versions import COMPARE
from imgtools.records.components import Component, ComponentKind

Compare = Callable[[str, str], int | None]

# Ecosystems of languages (osv.dev, "Ecosystems") and the rules of their versions.
LANGUAGES = {
    ComponentKind.PYTHON: ("PyPI", "pypi"),
    ComponentKind.NPM: ("npm", "npm"),
    ComponentKind.GEM: ("RubyGems", "gem"),
    ComponentKind.JAR: ("Maven", "maven"),
    ComponentKind.GO: ("Go", "golang"),
    ComponentKind.RUST: ("crates.io", "cargo"),
    ComponentKind.NUGET: ("NuGet", "nuget"),
}
# ID of os-release -> ecosystem of OSV. The version behind the colon is compared by `_is_release`.
DISTRIBUTIONS = {
    "debian": "Debian", "ubuntu": "Ubuntu", "alpine": "Alpine", "rocky": "Rocky Linux", "almalinux": "AlmaLinux",
    "rhel": "Red Hat", "sles": "SUSE", "sled": "SUSE", "sles_sap": "SUSE", "opensuse-leap": "openSUSE",
    "opensuse-tumbleweed": "openSUSE", "mageia": "Mageia", "openeuler": "openEuler", "photon": "Photon OS",
    "wolfi": "Wolfi", "chainguard": "Chainguard", "azurelinux": "Azure Linux",
}  # fmt: skip
# Whose advisories name the source package.
BY_SOURCE = frozenset({"Debian", "Ubuntu", "Alpine", "SUSE", "openSUSE", "Wolfi", "Chainguard"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A component under a name that advisories know it by."""

    ecosystem: str
    name: str
    version: str
    compare: Compare
    component: Component


class Subjects:
    """The components of a guest, to be found by what advisories call them."""

    def __init__(self, components: Iterable[Component], package_format: str, release: Release) -> None:
        self.release = release
        self.ecosystem = DISTRIBUTIONS.get(release.id, "")  # of the distribution; "" if none is known
        self._found: dict[tuple[str, str], list[Subject]] = {}
        self.names: set[str] = (
            set()
        )  # as :func:`plain` makes them: a first look at what an advisory may be about
        for one in components:
            for subject in self._subjects(one, package_format):
                self._found.setdefault((subject.ecosystem, subject.name), []).append(subject)
                self.names.add(plain(subject.name))

    def named(self, ecosystem: str, name: str) -> list[Subject]:
        """Return the components that an advisory of ``Debian:12`` or ``PyPI`` calls so."""
        base, _, version = ecosystem.partition(":")
        if base == self.ecosystem and not self.is_release(base, version):
            return []
        return self._found.get((base, normal(base, name)), [])

    def is_release(self, ecosystem: str, version: str) -> bool:
        """Whether ``12``, ``v3.18``, ``22.04:LTS``, ``enterprise_linux:9::baseos`` mean the guest's own release."""
        own = self.release.fields.get("VERSION_ID", "")
        if not version or not own:
            return True  # an ecosystem that has no releases, or a guest that names none
        if ecosystem == "Red Hat":
            return (
                re.match(rf"enterprise_linux:{re.escape(own.partition('.')[0])}(?:$|[.:])", version)
                is not None
            )
        if ecosystem in ("SUSE", "openSUSE"):
            return _suse(self.release) in version or own in version.split()
        if ecosystem == "Alpine":
            return version.removeprefix("v") == ".".join(own.split(".")[:2])
        if ecosystem in ("Rocky Linux", "AlmaLinux"):
            return version == own.partition(".")[0]
        return version.partition(":")[0] == own

    def _subjects(self, one: Component, package_format: str) -> Iterator[Subject]:
        language = LANGUAGES.get(one.kind)
        if language is not None and not one.owner and one.version:
            ecosystem, rules = language
            yield Subject(ecosystem, normal(ecosystem, one.name), one.version, LANGUAGE_COMPARE[rules], one)
        compare = COMPARE.get(package_format)
        if one.kind is not ComponentKind.PACKAGE or compare is None or not self.ecosystem:
            return
        if self.ecosystem in BY_SOURCE:
            version = one.source_version or one.version
            yield Subject(self.ecosystem, source_name(one.source), version, compare, one)
        else:
            yield Subject(self.ecosystem, one.name, one.version, compare, one)


def _suse(release: Release) -> str:
    """``15.5`` as the names of SUSE's products have it: ``15 SP5``."""
    major, minor = release.version
    return f"{major} SP{minor}" if minor else str(major)


def source_name(source: str) -> str:
    """Return the name of a source package, also from the file name of a source rpm."""
    if not source.endswith((".src.rpm", ".nosrc.rpm")):
        return source
    return source.rsplit("-", 2)[0]


def normal(ecosystem: str, name: str) -> str:
    """Return a name in the one spelling of those that an ecosystem takes for the same."""
    if ecosystem == "PyPI":
        return plain(name)
    return name.lower() if ecosystem == "NuGet" else name


def plain(name: str) -> str:
    """Return a name without letter case, and with one sign for all that stand between words."""
    return re.sub(r"[-_.]+", "-", name).lower()
