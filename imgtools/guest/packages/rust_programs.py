"""What a Rust program was built of, where cargo-auditable has built it.

Source: rust-secure-code/cargo-auditable, PARSING.md: a section of JSON that zlib has packed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from imgtools.errors import OddGuest
from imgtools.guest.packages.manifests import parse_json, text_of
from imgtools.guest.packages.program_sections import Program
from imgtools.guest.packages.purls import language_purl
from imgtools.records.components import Component, ComponentKind

SECTION = ".dep-v0"
MOST_PACKED = 4 << 20  # bytes; the format's own advice is 8 MiB unpacked
MOST = 8 << 20
MOST_CRATES = 20_000


def read_rust(program: Program, path: str) -> Iterator[Component]:
    """Yield the crates that became part of a program; those that only built it are none of it."""
    packed = program.read(SECTION, MOST_PACKED)
    if not packed:
        return
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, MOST)
    except zlib.error as error:
        raise OddGuest(
            f"{path}: its section {SECTION} does not unpack: {error}", hint="it is damaged"
        ) from None
    if unpacker.unconsumed_tail:
        raise OddGuest(
            f"{path}: its section {SECTION} unpacks to more than {MOST} bytes", hint="it is hostile"
        )
    packages = parse_json(content, path).get("packages")
    for each in packages[:MOST_CRATES] if isinstance(packages, list) else ():
        if not isinstance(each, dict) or each.get("kind", "runtime") != "runtime":
            continue
        name, version = text_of(each, "name"), text_of(each, "version")
        if name and version:
            purl = language_purl("cargo", name, version)
            yield Component(ComponentKind.RUST, name, version, purl, paths=(path,))
