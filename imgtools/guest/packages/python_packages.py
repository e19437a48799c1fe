"""Python packages on disk: .dist-info and .egg-info.

Source: the core metadata specifications (packaging.python.org) and setuptools' formats of eggs.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.errors import OddGuest
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.licenses import LONGEST, distinct, spdx_expression
from imgtools.guest.packages.manifests import parse_headers
from imgtools.guest.packages.purls import language_purl
from imgtools.records.components import Component, ComponentKind

HEAD_LIMIT = 1 << 20  # bytes; behind the headers stands a description
# What the classifiers of PyPI say of licences, where they name one.
CLASSIFIER = "License :: OSI Approved :: "


def is_python(name: str, is_folder: bool) -> bool:
    """Whether a folder or file of that name is metadata of a Python package."""
    lower = name.lower()
    return lower.endswith(".egg-info") or (is_folder and (lower.endswith(".dist-info") or name == "EGG-INFO"))


def read_python(files: GuestReader, path: str) -> Iterator[Component]:
    """Yield the package whose metadata is at ``path``; none where there is only an empty leftover."""
    places = (path, join(path, "METADATA"), join(path, "PKG-INFO"))
    metadata = next((each for each in places if files.is_file(each)), "")
    if not metadata:
        return
    with files.open(metadata) as stream:
        headers = parse_headers(stream.read(HEAD_LIMIT).decode("utf-8", "replace"))
    name, version = (headers.get(each, [""])[0] for each in ("name", "version"))
    if not name:
        raise OddGuest(f"{metadata} names no package", hint="it is damaged")
    yield Component(
        ComponentKind.PYTHON,
        name,
        version,
        language_purl("pypi", name, version),
        _licenses(headers),
        supplier=headers.get("author", [""])[0],
        url=headers.get("home-page", [""])[0],
        summary=headers.get("summary", [""])[0],
        paths=(path,),
    )


def _licenses(headers: dict[str, list[str]]) -> tuple[str, ...]:
    expressions = headers.get("license-expression", [])
    if expressions:
        return distinct([spdx_expression(each) for each in expressions])
    plain = [each for each in headers.get("license", []) if len(each) <= LONGEST]
    if not plain or plain[0].lower() in ("", "unknown"):
        named = (each for each in headers.get("classifier", []) if each.startswith(CLASSIFIER))
        plain = [each.removeprefix(CLASSIFIER) for each in named]
    return distinct([spdx_expression(each) for each in plain])
