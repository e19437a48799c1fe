"""npm packages on disk: the package.json of what stands in a node_modules.

Source: docs.npmjs.com, package.json. Debian keeps its packages in /usr/share/nodejs and /usr/lib/nodejs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.packages.licenses import distinct, spdx_expression
from imgtools.guest.packages.manifests import Json, read_json, text_of
from imgtools.guest.packages.purls import language_purl
from imgtools.records.components import Component, ComponentKind

MANIFEST = "package.json"
# The package itself, not what it has in folders of its own.
_PLACE = re.compile(
    r"(?:.*/node_modules|/usr/share/nodejs|/usr/lib/nodejs)/(?:@[^/]+/)?[^/@][^/]*/package\.json", re.DOTALL
)


def is_node(path: str) -> bool:
    """Whether a file is the manifest of an installed npm package."""
    return _PLACE.fullmatch(path) is not None


def read_node(files: GuestReader, path: str) -> Iterator[Component]:
    """Yield the package of a manifest; one without a version is a folder of another package."""
    found = read_json(files, path)
    name, version = text_of(found, "name"), text_of(found, "version")
    if not name or not version:
        return
    yield Component(
        ComponentKind.NPM,
        name,
        version,
        language_purl("npm", name, version),
        _licenses(found),
        url=text_of(found, "homepage"),
        summary=text_of(found, "description"),
        paths=(path,),
    )


def _licenses(found: Json) -> tuple[str, ...]:
    """A text; or, in older packages, an object with ``type``, or a list of those."""
    several = found.get("license", found.get("licenses"))
    texts = []
    for each in (several if isinstance(several, list) else [several])[:30]:
        text = text_of(each, "type") if isinstance(each, dict) else each
        texts.append(spdx_expression(text) if isinstance(text, str) else "")
    return distinct(texts)
