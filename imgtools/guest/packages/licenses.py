"""Licences in the words of Debian, Fedora and package metadata, put into those of SPDX where they mean the same.

Sources: Debian's copyright format 1.0 (DEP-5), section 7, for the short names; common-licenses of base-files; the
SPDX license list. What is not sure to be one of SPDX' stays as it is written: a reader may know it.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 200  # characters of a licence's name; more is its text
MOST = 30  # licences of one package
KEPT = 4096  # answers that are remembered: packages have the same few licences

# What is spelled in another way than SPDX spells it, in small letters.
_SAME = {
    "mit": "MIT", "x11": "X11", "isc": "ISC", "zlib": "Zlib", "expat": "MIT", "openssl": "OpenSSL",
    "apache-2": "Apache-2.0", "apache-2.0": "Apache-2.0", "apache 2.0": "Apache-2.0", "asl 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0", "apache software license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "mit license": "MIT", "the mit license": "MIT",
    "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "bsd-4-clause": "BSD-4-Clause",
    "bsd-4-clause-uc": "BSD-4-Clause-UC", "bsd 3-clause": "BSD-3-Clause", "bsd 2-clause": "BSD-2-Clause",
    "new bsd license": "BSD-3-Clause", "0bsd": "0BSD", "cc0": "CC0-1.0", "cc0-1.0": "CC0-1.0",
    "artistic-2": "Artistic-2.0", "artistic-2.0": "Artistic-2.0", "artistic-1": "Artistic-1.0",
    "mpl-1.1": "MPL-1.1", "mpl-2": "MPL-2.0", "mpl-2.0": "MPL-2.0", "mplv2.0": "MPL-2.0", "mplv1.1": "MPL-1.1",
    "ofl-1.1": "OFL-1.1", "unicode": "Unicode-TOU", "unlicense": "Unlicense", "wtfpl": "WTFPL",
    "psf-2": "PSF-2.0", "psf-2.0": "PSF-2.0", "zpl-2.1": "ZPL-2.1", "bsl-1.0": "BSL-1.0", "boost": "BSL-1.0",
    "curl": "curl", "cc-by-3.0": "CC-BY-3.0", "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-3.0": "CC-BY-SA-3.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0", "ruby": "Ruby", "vim": "Vim", "postgresql": "PostgreSQL",
    "isc license (iscl)": "ISC", "python software foundation license": "PSF-2.0", "hpnd": "HPND",
}  # fmt: skip
# GPL-2+, GPLv2+, LGPL-2.1, GFDL-1.3-or-later, AGPLv3: the family, its version, and whether a later one will do.
_GNU = re.compile(
    r"(A|L)?(?:GPL|GFDL|FDL)[- ]?v?(\d(?:\.\d)?)(?:\.0)?(\+|-or-later| or later|-only)?", re.IGNORECASE
)


_WORDS = re.compile(
    r"(\(|\)|(?<=[\s)])(?:and|or|with)(?=[\s(])(?! later)|(?<=\S)\s*[&|/]\s*(?=\S))", re.IGNORECASE
)


@lru_cache(KEPT)
def spdx_name(text: str) -> str:
    """Return one licence in SPDX' words, or as it is."""
    plain = " ".join(text.split())[:LONGEST]
    known = _SAME.get(plain.lower())
    if known:
        return known
    match = _GNU.fullmatch(plain)
    if match is None:
        return plain
    family = "GFDL" if "FDL" in plain.upper() else f"{(match[1] or '').upper()}GPL"
    version = match[2] if "." in match[2] else f"{match[2]}.0"
    version = {"GFDL-1.0": "1.1", "GFDL-2.0": "1.2"}.get(f"{family}-{version}", version)
    later = (match[3] or "").strip().lower() in ("+", "-or-later", "or later")
    return f"{family}-{version}-{'or-later' if later else 'only'}"


@lru_cache(KEPT)
def spdx_expression(text: str) -> str:
    """Return a licence of several with ``and`` and ``or``, each of them in SPDX' words.

    The older tags of Fedora (``GPLv2+ and (MIT or BSD)``) and DEP-5 (``GPL-2+ or Artistic``) are read alike.
    """
    plain = " ".join(text.split())
    if len(plain) > LONGEST or not plain:
        return plain[:LONGEST]
    if ", and " in plain:  # DEP-5: a comma binds less than a word
        parts = [spdx_expression(part) for part in plain.split(", and ")]
        return " AND ".join(f"({part})" if " OR " in part else part for part in parts)
    pieces = _WORDS.split(plain)
    words: list[str] = []
    for piece in (each.strip() for each in pieces):
        if piece.lower() in ("and", "or", "with", "&", "|", "/"):
            words.append({"&": "AND", "|": "OR", "/": "OR"}.get(piece, piece.upper()))
        elif piece in ("(", ")"):
            words.append(piece)
        elif piece:
            words.append(spdx_name(piece))
    return " ".join(words).replace("( ", "(").replace(" )", ")")


def distinct(texts: list[str]) -> tuple[str, ...]:
    """Return licences once each, sorted, at most :data:`MOST`; without those that say nothing."""
    nothing = {"", "unknown", "none", "noassertion", "see-license", "dual license"}
    return tuple(sorted({text for text in texts if text.lower() not in nothing})[:MOST])
