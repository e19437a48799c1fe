"""Which locales a guest has, and which it could make."""

from __future__ import annotations

import re
import struct

from imgtools.files.tree import GuestReader

ARCHIVE = "/usr/lib/locale/locale-archive"
FOLDER = "/usr/lib/locale"
MUSL = "/usr/share/i18n/locales/musl"  # of Alpine's package musl-locales
SUPPORTED = "/usr/share/i18n/SUPPORTED"
DEFINITIONS = "/usr/share/i18n/locales"
# glibc, locale/locarchive.h: the head begins with magic, serial, and three tables of offset, used, size.
MAGIC = 0xDE020109
HEAD = struct.Struct("<8I")
NAMES_LIMIT = 1 << 20  # bytes; 20 kB where all locales of glibc are installed


def plain_name(locale: str) -> str:
    """Return a locale as glibc stores it: ``de_DE.UTF-8`` is ``de_DE.utf8``."""
    name, dot, rest = locale.partition(".")
    charset, at, modifier = rest.partition("@")
    return f"{name}{dot}{re.sub('[^a-z0-9]', '', charset.lower())}{at}{modifier}"


def has_locale(files: GuestReader, locale: str) -> bool:
    """Whether a locale is installed in the guest; those built into its C library are not looked for."""
    wanted = plain_name(locale)
    if files.is_file(f"{MUSL}/{locale}"):
        return True
    if files.is_dir(FOLDER):
        names = {plain_name(entry.name) for entry in files.list_dir(FOLDER)}
        if wanted in names:
            return True
    return wanted in archived(files)


def archived(files: GuestReader) -> frozenset[str]:
    """Read the names in locale-archive, a file of up to 220 MB, without the rest of it."""
    if not files.is_file(ARCHIVE):
        return frozenset()
    with files.open(ARCHIVE) as stream:
        head = stream.read(HEAD.size)
        if len(head) < HEAD.size:
            return frozenset()
        magic, _serial, _offset, _used, _size, offset, used, _all = HEAD.unpack(head)
        if magic != MAGIC:
            return frozenset()
        stream.seek(offset)
        names = stream.read(min(used, NAMES_LIMIT))
    return frozenset(name.decode("ascii", "replace") for name in names.split(b"\0") if name)


def locale_gen_line(files: GuestReader, locale: str) -> str:
    """Return the line of /etc/locale.gen that stands for a locale, "" if the guest cannot make it."""
    charset = locale.partition(".")[2].partition("@")[0]
    if files.is_file(SUPPORTED):
        lines = files.read_text(SUPPORTED, limit=NAMES_LIMIT).splitlines()
        found = (line.strip() for line in lines if line.split()[:1] == [locale])
        return next(found, "")
    definition = re.sub(r"\.[^@]*", "", locale)
    return f"{locale} {charset}" if charset and files.is_file(f"{DEFINITIONS}/{definition}") else ""
