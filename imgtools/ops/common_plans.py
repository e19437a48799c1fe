"""Steps that many operations take: remove what matches, empty a file, drop lines. All of them only plan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from imgtools.change.change import Change, EditLines, LineEdit, Remove, RunInGuest, Truncate, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import home_folders, read_accounts
from imgtools.guest.guest import Guest
from imgtools.records.files import FileKind

# Who puts the trusted certificates together, on the Red Hat family and on Debian.
CA_TOOLS = {
    "/usr/bin/update-ca-trust": "update-ca-trust extract",
    "/usr/sbin/update-ca-certificates": "update-ca-certificates",
}
Plan = Callable[[Guest, object], Iterator[Change]]


def removing(*patterns: str, keep: Sequence[str] = ()) -> Plan:
    """Return a plan that removes whatever the shell patterns match, directories with all below them.

    As in a shell, ``*`` does not match a leading dot. ``keep`` are paths that stay.
    """

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        yield from remove_matching(guest.files, *patterns, keep=keep)

    return plan


def removing_from_homes(*names: str) -> Plan:
    """Return a plan that removes these files and directories from every home.

    :raises OddGuest: when it runs, if the guest's accounts file does not parse: a home could be missed.
    """

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        patterns = [f"{home}/{name}" for home in homes(guest.files) for name in names]
        yield from remove_matching(guest.files, *patterns)

    return plan


def homes(files: GuestReader) -> tuple[str, ...]:
    """Return every home: of the accounts in passwd, and whatever else is below /home, such as a former user's."""
    below_home = (path for path in files.glob("/home/*") if files.is_dir(path))
    return tuple(dict.fromkeys([*home_folders(files, read_accounts(files)), *below_home]))


def emptying(*patterns: str) -> Plan:
    """Return a plan that removes everything inside these directories, dot files too; they stay themselves."""

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        for pattern in patterns:
            for path in guest.files.glob(pattern):
                yield from empty_directory(guest.files, path)

    return plan


def dropping_lines(expression: str, *patterns: str) -> Plan:
    """Return a plan that drops the lines matching a regular expression from the files of these patterns."""

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        for pattern in patterns:
            for path in guest.files.glob(pattern):
                if guest.files.is_file(path):
                    yield EditLines(guest.files.resolve(path), (LineEdit(expression),))

    return plan


def remove_matching(files: GuestReader, *patterns: str, keep: Sequence[str] = ()) -> Iterator[Remove]:
    """Yield a Remove for everything that the patterns match, each once, sorted by path."""
    matches = {files.locate(match) for pattern in patterns for match in files.glob(pattern)}
    for path in sorted(matches.difference(keep)):
        yield removal(files, path)


def removal(files: GuestReader, path: str) -> Remove:
    """Return the removal of one path, with how much goes: bytes of regular files, and number of names."""
    stat = files.lstat(path)
    if stat is None or stat.kind is not FileKind.DIRECTORY:
        return Remove(path, size=stat.size if stat else 0)
    size, count = weigh(files, path)
    return Remove(path, recursive=True, size=size, count=count)


def empty_directory(files: GuestReader, path: str) -> Iterator[Change]:
    """Yield the removal of everything inside a directory, if there is anything."""
    if not files.is_dir(path):
        return
    true_path = files.resolve(path)
    size, count = weigh(files, true_path)
    if count > 1:
        yield Remove(true_path, recursive=True, contents_only=True, size=size, count=count - 1)


def weigh(files: GuestReader, path: str) -> tuple[int, int]:
    """Return the bytes of the regular files in a tree and the number of its names, ``path`` included."""
    size = count = 0
    for found in files.walk(path):
        count += 1
        size += found.stat.size if found.stat.kind is FileKind.FILE else 0
    return size, count


def rewrite(files: GuestReader, path: str, text: str) -> Iterator[Change]:
    """Yield the new content of a text file, if it differs from what is there."""
    content = files.read_bytes(path)
    new = text.encode("utf-8", "surrogateescape")
    if new != content:
        yield WriteFile(files.resolve(path), new, before=hashlib.sha256(content).hexdigest())


def truncate(files: GuestReader, path: str) -> Iterator[Change]:
    """Yield the emptying of a regular file that is not empty already; a link is left alone."""
    stat = files.lstat(path)
    if stat is not None and stat.kind is FileKind.FILE and stat.size:
        yield Truncate(files.locate(path), size_before=stat.size)


def remove_files_below(
    files: GuestReader, *directories: str, keep_names: Sequence[str] = ()
) -> Iterator[Change]:
    """Yield the removal of every regular file below the directories; the directories stay."""
    for directory in directories:
        for match in files.glob(directory):
            if files.is_dir(match):
                for found in files.walk(match):
                    name = found.path.rpartition("/")[2]
                    if found.stat.kind is FileKind.FILE and name not in keep_names:
                        yield Remove(found.path, size=found.stat.size)


def refresh_ca_store(guest: Guest) -> Iterator[Change]:
    """Yield the run of whichever tool of the guest puts its trusted certificates together."""
    for path, script in CA_TOOLS.items():
        if guest.files.is_file(path):
            yield RunInGuest(script, what=script)
            return
