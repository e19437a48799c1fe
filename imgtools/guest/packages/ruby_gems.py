"""Ruby gems on disk: the specifications that RubyGems has written when it installed them.

Source: RubyGems' Gem::Specification#to_ruby. They are Ruby, and nothing of the guest is executed: the few lines that
to_ruby always writes alike are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.licenses import distinct, spdx_expression
from imgtools.guest.packages.manifests import one_line
from imgtools.guest.packages.purls import language_purl
from imgtools.records.components import Component, ComponentKind

LIMIT = 1 << 20  # bytes of a specification
_FIELD = re.compile(
    r"^\s*s\.(name|version|platform|homepage|summary)\s*=\s*(?:Gem::Version\.new\()?[\"']([^\"'\n]*)", re.M
)
_LICENSES = re.compile(r"^\s*s\.licenses?\s*=\s*(.+)$", re.M)


def is_gem(path: str) -> bool:
    """Whether a file is the specification of an installed gem."""
    folders = path.split("/")[-3:-1]
    return path.endswith(".gemspec") and "specifications" in folders


def read_gem(files: GuestReader, path: str) -> Iterator[Component]:
    """Yield the gem of a specification."""
    text = files.read_bytes(path, limit=LIMIT).decode("utf-8", "replace")
    fields = {match[1]: one_line(match[2]) for match in reversed(list(_FIELD.finditer(text)))}
    name, version = fields.get("name", ""), fields.get("version", "")
    if not name or not version:
        raise OddGuest(f"{path} names no gem", hint="it is damaged, or was not written by RubyGems")
    platform = fields.get("platform", "")
    licenses = _LICENSES.search(text)
    names = re.findall(r"[\"']([^\"'\n]*)[\"']", licenses[1][:2000]) if licenses else []
    yield Component(
        ComponentKind.GEM,
        name,
        version,
        language_purl("gem", name, version, platform="" if platform == "ruby" else platform),
        distinct([spdx_expression(each) for each in names]),
        url=fields.get("homepage", ""),
        summary=fields.get("summary", ""),
        paths=(path,),
    )
