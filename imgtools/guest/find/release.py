"""Which distribution a Linux guest is: os-release(5), and the release files of the time before it.

There is no list of distributions here. os-release says what it is (ID) and what it is like (ID_LIKE); the old
files are told apart by the shape of their text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from imgtools.files.tree import GuestReader

RELEASE_LIMIT = 1 << 16  # bytes of a release file; real ones have less than 1 kB
MAX_VALUE = 1024  # letters of one value that is kept

# Where libguestfs spells a distribution in another way than os-release does (daemon/inspect_fs_unix.ml,
# distro_of_os_release_id). Every other ID is kept as it is, in lower case.
SPELLING = {
    "alpine": "alpinelinux",
    "arch": "archlinux",
    "kali": "kalilinux",
    "ol": "oraclelinux",
    "pld": "pldlinux",
    "scientific": "scientificlinux",
    "sled": "sles",
    "sles_sap": "sles",
    "void": "voidlinux",
}

# What distributions leave out of ID_LIKE, and what the old files never said.
LIKE = {
    "ubuntu": ("debian",),
    "rhel": ("fedora",),
    "centos": ("rhel", "fedora"),
    "scientific": ("rhel", "fedora"),
    "redhat": ("rhel", "fedora"),
    "ol": ("rhel", "fedora"),
    "sles": ("suse",),
    "sled": ("suse",),
    "opensuse": ("suse",),
    "linuxmint": ("ubuntu", "debian"),
}


class Release(NamedTuple):
    """What the release files say. ``id`` is os-release's ID in lower case."""

    id: str = ""
    like: tuple[str, ...] = ()
    product_name: str = ""
    variant: str = ""
    version: tuple[int, int] = (0, 0)
    build_id: str = ""
    logo: str = ""
    fields: Mapping[str, str] = MappingProxyType({})

    @property
    def distro(self) -> str:
        """The distribution in libguestfs' spelling; ``unknown`` if nothing says."""
        if self.id.startswith("opensuse"):
            return "opensuse"
        return SPELLING.get(self.id, self.id) or "unknown"

    @property
    def families(self) -> tuple[str, ...]:
        """ID, then everything it is like, nearest first, then libguestfs' spelling."""
        names = [self.id, *self.like] if self.id else [*self.like]
        for name in list(names):
            names += LIKE.get("opensuse" if name.startswith("opensuse") else name, ())
        names += [self.distro] if self.id else []
        return tuple(dict.fromkeys(name for name in names if name))


def read_release(files: GuestReader) -> Release:
    """Read the release files of a guest, the most exact first."""
    found = Release()
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if text := read_small(files, path):
            found = parse_os_release(text)
            break
    if not found.id:
        found = _older(files, found)
    return _with_minor(files, found)


def read_small(files: GuestReader, path: str) -> str:
    """Return the text of a small file; "" if it is not there, not a file, or suspiciously large."""
    if not files.is_file(path) or files.stat(path).size > RELEASE_LIMIT:
        return ""
    return files.read_text(path, limit=RELEASE_LIMIT)


def first_line(text: str) -> str:
    """Return the first line that is not empty, at most :data:`MAX_VALUE` letters of it."""
    return next((line.strip()[:MAX_VALUE] for line in text.split("\n") if line.strip()), "")


def parse_assignments(text: str) -> dict[str, str]:
    """Read ``NAME=value`` lines with the quotes of a shell, as os-release and /etc/sysconfig have them."""
    values = {}
    for line in text.split("\n"):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
            values[name] = unquote(value.strip())[:MAX_VALUE]
    return values


def unquote(value: str) -> str:
    """Take away the quotes of a shell word, and the backslashes within double quotes."""
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r'\\(["$`\\])', r"\1", value[1:-1])
    return value


def parse_version(text: str) -> tuple[int, int]:
    """Return major and minor of the first version number in a text; (0, 0) without one."""
    match = re.search(r"(?<![\d.])(\d{1,9})(?!\d)(?:\.(\d{1,9}))?", text)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def parse_os_release(text: str) -> Release:
    """Read os-release(5). Odd lines are passed over."""
    values = parse_assignments(text)
    name = values.get("PRETTY_NAME") or " ".join(
        part for part in (values.get("NAME", ""), values.get("VERSION", "")) if part
    )
    return Release(
        id=values.get("ID", "").strip().lower(),
        like=tuple(word.lower() for word in values.get("ID_LIKE", "").split()[:16]),
        product_name=name,
        variant=values.get("VARIANT", "") or values.get("VARIANT_ID", ""),
        version=_version_id(values.get("VERSION_ID", "")),
        build_id=values.get("BUILD_ID", ""),
        logo=values.get("LOGO", ""),
        fields=values,
    )


def _version_id(text: str) -> tuple[int, int]:
    """Read VERSION_ID; NeoKylin writes ``V7Update6`` (RHBZ#1476081), Kylin ``V10``."""
    match = re.fullmatch(r"[Vv](\d{1,9})(?:Update(\d{1,9}))?", text)
    return (int(match[1]), int(match[2] or 0)) if match else parse_version(text)


def _with_minor(files: GuestReader, found: Release) -> Release:
    """Add the point release where os-release has only the major one: Debian and CentOS."""
    major, minor = found.version
    if minor:
        return found
    for path in MINOR_FILES.get(found.id, ()):
        exact = parse_version(first_line(read_small(files, path)))
        if exact[0] and exact[0] in (major, major or exact[0]):
            return found._replace(version=exact)
    return found


MINOR_FILES = {
    "debian": ("/etc/debian_version",),
    "centos": ("/etc/centos-release", "/etc/redhat-release"),
    "ol": ("/etc/oracle-release",),
}


# -- before os-release ---------------------------------------------------------------------------------------


def _older(files: GuestReader, so_far: Release) -> Release:
    """Try the release files of old distributions, those that derivatives also have last."""
    for path, read in OLD_FILES:
        if files.exists(path):
            found = read(read_small(files, path))
            if found.id:
                return found._replace(product_name=found.product_name or so_far.product_name)
    return so_far


def _lsb(text: str) -> Release:
    """Read /etc/lsb-release: DISTRIB_ID=Ubuntu, DISTRIB_RELEASE=10.04, DISTRIB_DESCRIPTION="Ubuntu 10.04.1"."""
    values = parse_assignments(text)
    name = re.sub(r"[^a-z0-9]", "", values.get("DISTRIB_ID", "").lower())
    return Release(
        id={"arch": "arch", "mandrivalinux": "mandriva", "gentoo": "gentoo"}.get(name, name),
        product_name=values.get("DISTRIB_DESCRIPTION", ""),
        version=parse_version(values.get("DISTRIB_RELEASE", "")),
    )


# ``Red Hat Enterprise Linux Server release 6.10 (Santiago)``: how the text begins, and what ID it stands for.
RED_HAT_NAMES = (
    ("red hat enterprise", "rhel"),
    ("red hat linux advanced server", "rhel"),
    ("red hat linux", "redhat"),
    ("centos", "centos"),
    ("scientific linux", "scientific"),
    ("fedora", "fedora"),
    ("oracle linux", "ol"),
    ("enterprise linux enterprise", "ol"),
    ("mandriva", "mandriva"),
    ("mandrake", "mandriva"),
    ("mageia", "mageia"),
    ("amazon", "amzn"),
)


def _red_hat(text: str) -> Release:
    """Read ``NAME release 5 (Final)``, ``release 6.10``, ``release 4 (Nahant Update 8)``."""
    line = first_line(text)
    head = re.split(r"\s+release\b", line, maxsplit=1, flags=re.IGNORECASE)
    if not line:
        return Release()
    lower = line.lower()
    known = next((name for start, name in RED_HAT_NAMES if lower.startswith(start)), "")
    plain = re.sub(r"\b(linux|server|release|enterprise)\b", " ", head[0].lower()).split()
    version = parse_version(head[1] if len(head) > 1 else line)
    update = re.search(r"Update (\d{1,4})", line)
    return Release(
        id=known or (re.sub(r"[^a-z0-9]", "", plain[0]) if plain else "redhat"),
        like=() if known in ("fedora", "mandriva", "mageia") else ("rhel", "fedora"),
        product_name=line,
        version=(version[0], int(update[1])) if update and not version[1] else version,
    )


def _suse(text: str) -> Release:
    """Read /etc/SuSE-release: a name, then ``VERSION = 11`` and ``PATCHLEVEL = 4``."""
    line = first_line(text)
    values = dict(re.findall(r"^(\w+) *= *(\S+)", text, re.MULTILINE))
    version = parse_version(values.get("VERSION", ""))
    enterprise = re.match(r"SUSE linux enterprise|Novell Linux Desktop", line, re.IGNORECASE)
    patch = values.get("PATCHLEVEL", "")
    if enterprise and re.fullmatch(r"\d{1,4}", patch):
        version = (version[0], int(patch))
    return Release(id="sles" if enterprise else "opensuse", product_name=line, version=version)


def _named(name: str) -> Callable[[str], Release]:
    """Return a reader of a file that exists in one distribution only and has its version in the first line."""

    def read(text: str) -> Release:
        line = first_line(text)
        bare = bool(re.fullmatch(r"[\w./-]*", line))  # only a number: not the name of a product
        pretty = f"{name.capitalize()} {line}".strip() if bare else line
        return Release(id=name, product_name=pretty if line else "", version=parse_version(line))

    return read


OLD_FILES: tuple[tuple[str, Callable[[str], Release]], ...] = (
    ("/etc/lsb-release", _lsb),
    ("/etc/oracle-release", _red_hat),
    ("/etc/enterprise-release", _red_hat),
    ("/etc/centos-release", _red_hat),
    ("/etc/fedora-release", _red_hat),
    ("/etc/system-release", _red_hat),
    ("/etc/mageia-release", _red_hat),
    ("/etc/mandriva-release", _red_hat),
    ("/etc/altlinux-release", _named("altlinux")),
    ("/etc/redhat-release", _red_hat),
    ("/etc/SuSE-release", _suse),
    ("/etc/alpine-release", _named("alpine")),
    ("/etc/slackware-version", _named("slackware")),
    ("/etc/gentoo-release", _named("gentoo")),
    ("/etc/pardus-release", _named("pardus")),
    ("/etc/pld-release", _named("pld")),
    ("/etc/frugalware-release", _named("frugalware")),
    ("/etc/meego-release", _named("meego")),
    ("/etc/cirros/version", _named("cirros")),
    ("/etc/br-version", _named("buildroot")),
    ("/etc/ttylinux-target", _named("ttylinux")),
    ("/etc/arch-release", lambda _text: Release(id="arch", product_name="Arch Linux")),
    ("/etc/debian_version", _named("debian")),
)
