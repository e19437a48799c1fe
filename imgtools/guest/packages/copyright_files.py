"""The licences of Debian's packages, read from /usr/share/doc/PACKAGE/copyright.

Source: Debian's copyright format 1.0 (DEP-5). Where a file is not of that format, what it says of
/usr/share/common-licenses is taken: which licences are meant, but not of which files.
"""

from __future__ import annotations

import re

from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.packages.licenses import distinct, spdx_expression, spdx_name

LIMIT = 2 << 20  # bytes; linux has 1 MB, chromium 3
_MACHINE_READABLE = re.compile(r"\s*(?:Format|Format-Specification)\s*:", re.IGNORECASE)
_LICENSE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE | re.IGNORECASE)
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z][\w+-]*(?:\.\d+)*)", re.ASCII)


def package_licenses(files: GuestReader, package: str) -> tuple[str, ...]:
    """Return the licences that a package's copyright file names; none where there is no such file."""
    path = f"/usr/share/doc/{package}/copyright"
    if "/" in package or package in (".", ".."):
        return ()
    try:
        with files.open(path) as stream:
            content = stream.read(LIMIT)
    except DAMAGE:
        return ()  # many images leave /usr/share/doc out: dpkg's path-exclude
    return parse_copyright(content.decode("utf-8", "replace"))


def parse_copyright(text: str) -> tuple[str, ...]:
    """Return the licences of a copyright file."""
    if _MACHINE_READABLE.match(text):
        return distinct([spdx_expression(match[1].strip()) for match in _LICENSE.finditer(text)])
    return distinct([spdx_name(match[1]) for match in _COMMON.finditer(text) if match[1] != "file"])
