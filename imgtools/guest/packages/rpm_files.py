"""The files of the packages of an rpm guest, from the headers in its database, whatever backend it has.

Sources: rpm's include/rpm/rpmtag.h (tags), rpmfiles.h (flags, states), rpmvf.h (what is verified). What a package
says rpm shall not verify, and what rpm itself passes over, is "not told" here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.rpm import COMPANIONS, read_raw_headers
from imgtools.engine.rpm_header import Values, header_values
from imgtools.errors import BadImage, EngineFailed, EngineTimeout, OddGuest
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.applications import copy_out, find_rpm_database
from imgtools.records.files import FileKind
from imgtools.records.packages import PackageFile

NAME, OLD_NAMES, SIZES, STATES, MODES, DIGESTS, LINKS, FLAGS = 1000, 1027, 1028, 1029, 1030, 1035, 1036, 1037
USERS, GROUPS, VERIFY, FOLDER_INDEXES, BASE_NAMES, FOLDERS = 1039, 1040, 1045, 1116, 1117, 1118
LONG_SIZES, CAPABILITIES, ALGORITHM = 5008, 5010, 5011
COLUMNS = (SIZES, STATES, MODES, DIGESTS, LINKS, FLAGS, USERS, GROUPS, VERIFY, LONG_SIZES, CAPABILITIES)
TAGS = frozenset((*COLUMNS, NAME, OLD_NAMES, FOLDER_INDEXES, BASE_NAMES, FOLDERS, ALGORITHM))
ALGORITHMS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}  # RFC 4880, 9.4
CONFIG, DOC, MISSING_OK, GHOST = 1 << 0, 1 << 1, 1 << 3, 1 << 6
BY_DIGEST, BY_SIZE, BY_LINK, BY_USER, BY_GROUP, BY_MODE, BY_CAPS = 1, 2, 4, 8, 16, 64, 256
ALL = 0xFFFFFFFF
# The states of a file of which rpm looks at nothing: another package has replaced it, it was not installed (a
# documentation file under --excludedocs), it is on the net, it is of another word size.
NORMAL = 0
KINDS = {
    0o100000: FileKind.FILE,
    0o040000: FileKind.DIRECTORY,
    0o120000: FileKind.LINK,
    0o020000: FileKind.CHARACTER,
    0o060000: FileKind.BLOCK,
    0o010000: FileKind.FIFO,
    0o140000: FileKind.SOCKET,
}


def package_files(files: GuestReader, lost: Callable[[str, str], None]) -> Iterator[PackageFile]:
    """Yield every file and folder; see ``owned_files.package_files``. A damaged database is never half an answer."""
    folder, database = find_rpm_database(files)
    if not database:
        return
    with scratch_folder() as copy:
        for name in (database, *COMPANIONS.get(database, ())):
            if files.is_file(join(folder, name)):
                copy_out(files, join(folder, name), copy / name)
        try:
            for blob in read_raw_headers(copy, database):
                yield from header_files(blob)
        except (BadImage, EngineFailed, EngineTimeout) as error:
            raise OddGuest(
                f"the rpm database {join(folder, database)} cannot be read: {error.message}",
                hint="imgtools repair --only rpm-database makes its indexes anew",
            ) from None


def header_files(blob: bytes) -> Iterator[PackageFile]:
    """Yield the files in one header.

    :raises EngineFailed: it is damaged.
    """
    values = header_values(blob, TAGS)
    package = str(next(iter(values.get(NAME, [])), ""))
    paths = _paths(values, package)
    algorithm = ALGORITHMS.get(cast(int, next(iter(values.get(ALGORITHM, [])), 1)), "")
    columns = {tag: _column(values, tag, len(paths), package) for tag in COLUMNS}
    for index, path in enumerate(paths):
        yield _file(path, package, algorithm, {tag: one[index] for tag, one in columns.items() if one})


def _paths(values: dict[int, Values], package: str) -> list[str]:
    if OLD_NAMES in values and BASE_NAMES not in values:
        return [str(one) for one in values[OLD_NAMES]]
    folders = values.get(FOLDERS, [])
    names, indexes = values.get(BASE_NAMES, []), values.get(FOLDER_INDEXES, [])
    if len(names) != len(indexes) or any(cast(int, index) >= len(folders) for index in indexes):
        raise EngineFailed(f"the list of files of {package} is damaged", hint="the database is damaged")
    return [f"{folders[cast(int, index)]}{name}" for name, index in zip(names, indexes, strict=True)]


def _column(values: dict[int, Values], tag: int, length: int, package: str) -> Values:
    """The values of a tag, one for each file; empty if the header does not have it."""
    found = values.get(tag, [])
    if found and len(found) != length:
        raise EngineFailed(
            f"{package} has {length} files and {len(found)} values of tag {tag}",
            hint="the database is damaged",
        )
    return found


def _file(path: str, package: str, algorithm: str, facts: dict[int, int | str]) -> PackageFile:
    def number(tag: int, default: int = 0) -> int:
        return cast(int, facts.get(tag, default))

    flags, state = number(FLAGS), number(STATES)
    verified = number(VERIFY, ALL) if state == NORMAL else 0
    kind = KINDS.get(number(MODES) & 0o170000)
    is_ghost = bool(flags & GHOST)
    if is_ghost:
        verified &= ~(BY_DIGEST | BY_SIZE | BY_LINK)
    is_file, is_link = kind is FileKind.FILE, kind is FileKind.LINK
    digest = str(facts.get(DIGESTS, "")).lower() if is_file and verified & BY_DIGEST and algorithm else ""
    sizes = LONG_SIZES if LONG_SIZES in facts else SIZES
    return PackageFile(
        path,
        package,
        kind if state == NORMAL else None,
        number(MODES) & 0o7777 if verified & BY_MODE and not is_link and MODES in facts else None,
        str(facts[USERS]) if verified & BY_USER and USERS in facts else None,
        str(facts[GROUPS]) if verified & BY_GROUP and GROUPS in facts else None,
        number(sizes) if is_file and verified & BY_SIZE and sizes in facts else None,
        digest,
        algorithm if digest else "",
        str(facts.get(LINKS, "")) if is_link and verified & BY_LINK else "",
        str(facts.get(CAPABILITIES, "")) if is_file and verified & BY_CAPS else None,
        is_config=bool(flags & CONFIG),
        is_optional=is_ghost or bool(flags & MISSING_OK) or state != NORMAL,
        is_ghost=is_ghost,
        is_doc=bool(flags & DOC),
    )
