"""What a guest has installed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imgtools.records.files import FileKind


@dataclass(frozen=True, slots=True)
class Application:
    """One installed package or program. Empty strings are facts not known."""

    name: str
    version: str = ""
    release: str = ""
    epoch: int = 0
    arch: str = ""
    display_name: str = ""
    install_path: str = ""
    publisher: str = ""
    url: str = ""
    source_package: str = ""
    source_version: str = ""  # where it is not that of the package (dpkg)
    license: str = ""  # in the words of the package
    summary: str = ""
    description: str = ""
    bits: int = (
        0  # Windows: the view of the registry that it stands in, 64 or 32; 0 for what a user has for himself
    )
    user: str = ""  # Windows: whose it is alone, by the folder of the profile


@dataclass(frozen=True, slots=True)
class PackageFile:
    """What a package database says of one file. None and "" are facts that it does not tell, or that do not count.

    ``path`` is as the package has it; on a guest with a merged /usr it may lead through a link (/bin/sh). ``digest`` is
    hexadecimal, ``algorithm`` hashlib's word for it. ``owner`` and ``group`` are numbers or names, as it has them.
    """

    path: str
    package: str
    kind: FileKind | None = None
    mode: int | None = None  # permission bits, 0o7777
    owner: int | str | None = None
    group: int | str | None = None
    size: int | None = None
    digest: str = ""
    algorithm: str = ""
    target: str = ""  # of a symbolic link
    capabilities: str | None = None  # as cap_to_text(3) writes them; "": it has none
    is_config: bool = False  # people may change it
    is_optional: bool = False  # may be missing: made at run time, excluded, given up by the package
    is_ghost: bool = False  # owned, but its content is not the package's
    is_doc: bool = False
    hashes_link: bool = False  # of a symbolic link the digest is that of the link's target (apk)


class Deviation(StrEnum):
    """In what a file is not as its package has it."""

    CHANGED = "changed"  # another content
    MISSING = "missing"
    MODE = "wrong mode"
    OWNER = "wrong owner"
    LINK = "wrong link"  # leads elsewhere
    KIND = "wrong kind"  # a folder where a file should be
    CAPABILITIES = "wrong capabilities"
    UNREADABLE = "cannot be read"  # so nobody can tell
    EXTRA = "extra"  # no package owns it


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A file that is not as its package has it. ``package`` is "" where none owns it."""

    package: str
    path: str
    what: Deviation
    expected: str = ""
    found: str = ""
    is_config: bool = False  # people may change it
