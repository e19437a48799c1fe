"""Package files, made here: the wrapping of .deb and .rpm around archives."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

Members = Mapping[str, bytes | str | None]  # a file's content, a link's target, None: a folder


def tar_of(members: Members, mode: int = 0o755) -> bytes:
    """A tar archive as dpkg-deb makes it: names begin with ./"""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, content in members.items():
            info = tarfile.TarInfo(f".{path}")
            info.mode = mode
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return raw.getvalue()


def deb_of(members: Members, name: str = "data.tar") -> bytes:
    """A .deb (deb(5)), its data not packed; the member before it has an odd size."""
    made = b"!<arch>\n"
    for one, content in (("debian-binary", b"2.0"), (name, tar_of(members))):
        made += f"{one:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        made += b"\n" * (len(content) % 2)
    return made


def rpm_of(members: Members, mode: int = 0o755) -> bytes:
    """An .rpm (format of rpm.org, V4): lead, two empty headers, a cpio archive in gzip."""
    cpio = b""
    for path, content in [*members.items(), ("TRAILER!!!", b"")]:
        kind = {bytes: 0o100000, str: 0o120000}.get(type(content), 0o040000)
        raw = content.encode() if isinstance(content, str) else content or b""
        name = (path if path.startswith("TRAILER") else f".{path}").encode() + b"\0"
        fields = (1, kind | mode, 0, 0, 1, 0, len(raw), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(f"{one:08x}".encode() for one in fields) + name
        cpio += head + bytes(-len(head) % 4) + raw + bytes(-len(raw) % 4)
    signature = b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">II", 1, 4) + bytes(16 + 4)
    signature += bytes(-(16 + 4) % 8)
    header = b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">II", 1, 5) + bytes(16 + 5)
    return b"\xed\xab\xee\xdb".ljust(96, b"\0") + signature + header + gzip.compress(cpio)


def written(path: Path, content: bytes) -> Path:
    """A file with a content."""
    path.write_bytes(content)
    return path
