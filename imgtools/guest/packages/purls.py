"""Package URLs: what a component is called in every bill of materials and database of advisories.

Source: the purl specification (package-url/purl-spec), with its types deb, rpm, apk, alpm, pypi, npm, gem, maven,
golang, cargo, nuget; what has no type is generic. The qualifier ``upstream`` names the source package, as Syft writes
it and Grype reads it: advisories of Debian and Alpine are about those.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgtools.records.packages import Application

if TYPE_CHECKING:
    from imgtools.guest.find.release import Release

# Package format -> type of the purl. Formats that are not here have none that is registered.
TYPES = {"deb": "deb", "rpm": "rpm", "apk": "apk", "pacman": "alpm", "opkg": "opkg"}
# Where purls spell a distribution in another way than its os-release.
NAMESPACES = {"rhel": "redhat", "ol": "oracle", "amzn": "amazon", "sled": "sles", "sles_sap": "sles"}


def full_version(application: Application, package_format: str) -> str:
    """Return a version as its package manager writes it, with epoch and release."""
    dash = "_" if package_format == "xbps" else "-"
    release = f"r{application.release}" if package_format == "apk" else application.release
    parts = [application.version, *([release] if application.release else [])]
    epoch = f"{application.epoch}:" if application.epoch else ""
    return epoch + dash.join(parts)


def distribution_purl(application: Application, package_format: str, release: Release) -> str:
    """Return the purl of a distribution's package, with its architecture and the distribution."""
    from packageurl import PackageURL

    kind = TYPES.get(package_format, "generic")
    version = full_version(application, package_format)
    qualifiers = {"arch": application.arch, "distro": distro_of(release), "upstream": _upstream(application)}
    if kind == "rpm":
        version = "-".join(part for part in (application.version, application.release) if part)
        qualifiers["epoch"] = str(application.epoch) if application.epoch else ""
    namespace = NAMESPACES.get(release.id, release.id) if kind != "generic" else ""
    kept = {name: value for name, value in qualifiers.items() if value}
    return PackageURL(kind, _text(namespace), _text(application.name), _text(version), kept).to_string()


def distro_of(release: Release) -> str:
    """Return ``debian-12``, ``rocky-9.3``: the distribution and its version in its own words."""
    version = release.fields.get("VERSION_ID", "")
    if not version and release.version != (0, 0):
        version = ".".join(str(each) for each in release.version if each)
    return "-".join(part for part in (release.id, version) if part)


def _upstream(application: Application) -> str:
    source = application.source_package
    if not source or (source == application.name and not application.source_version):
        return ""
    return "@".join(part for part in (source, application.source_version) if part)


def language_purl(kind: str, name: str, version: str, **qualifiers: str) -> str:
    """Return the purl of a language's package; "" for one without a name.

    :param kind: the type of the purl, ``pypi`` ...
    :param name: as its package manager writes it: ``@scope/name``, ``group:artifact``, ``github.com/x/y``.
    """
    from packageurl import PackageURL

    namespace, plain = "", name
    if kind == "pypi":
        plain = re.sub(r"[-_.]+", "-", name).lower()
    elif kind == "maven":
        namespace, _, plain = name.rpartition(":")
    elif kind in ("npm", "golang"):
        namespace, _, plain = name.strip("/").rpartition("/")
    if not plain:
        return ""
    kept = {key: value for key, value in qualifiers.items() if value}
    return PackageURL(kind, _text(namespace), _text(plain), _text(version), kept).to_string()


def _text(text: str) -> str | None:
    """What a guest wrote, as UTF-8 can say it; None for nothing."""
    return text.encode("utf-8", "replace").decode("utf-8") or None
