"""Restore passwd, shadow, group and gshadow where nobody is in them any more, or root is missing.

A file that is missing, empty, or full of zeros after a power cut becomes what its backup says (``passwd-`` and so on,
which the shadow tools keep); without a backup it gets root's line. Where root's line alone is missing it is put back in
front. A line that does not parse becomes that of the backup, or a comment. A passwd or group that not everybody may
read, without which no name is known, can be read again.

Source: passwd(5), shadow(5), group(5), gshadow(5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imgtools.change.change import Change, SetMode, WriteFile
from imgtools.change.compose import join_words
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.account_files import (
    AccountFileFault,
    account_file_faults,
    entry_of,
    root_line,
)
from imgtools.guest.accounts.users import FILE_LIMIT, GROUP, GSHADOW, PASSWD, SHADOW
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, NoParams, Operation
from imgtools.records.system import Warned


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the files as they should be."""
    for fault in account_file_faults(guest.files):
        yield _restored(guest.files, fault)
    for path in (PASSWD, GROUP):
        if guest.files.is_file(path) and guest.files.stat(path).mode & 0o444 != 0o444:
            yield SetMode(guest.files.resolve(path), 0o644)


def _restored(files: GuestReader, fault: AccountFileFault) -> Change:
    path, is_secret = fault.path, fault.path in (SHADOW, GSHADOW)
    if fault.restore and fault.backup:
        content, what = files.read_bytes(fault.backup, limit=FILE_LIMIT), f"as {fault.backup}"
    else:
        content = b"" if fault.restore else _without_bad(files, fault)
        what = f"without what does not parse (line {fault.bad_lines[0]})" if fault.bad_lines else ""
        if fault.restore or fault.lacks_root:
            content = root_line(files, path).encode("utf-8", "surrogateescape") + b"\n" + content
            what = join_words([what, "with root's line"])
    if files.is_file(path):
        before = hashlib.sha256(files.read_bytes(path, limit=FILE_LIMIT)).hexdigest()
        return WriteFile(files.resolve(path), content, before=before, private=is_secret, what=what)
    # A new one gets the mode and group that the distribution gave the backup, whoever may read passwords there.
    kept = files.stat(f"{path}-") if is_secret and files.is_file(f"{path}-") else None
    mode, gid = (kept.mode, kept.gid) if kept else (0o600 if is_secret else 0o644, 0)
    return WriteFile(path, content, mode, 0, gid, private=is_secret, what=what)


def _without_bad(files: GuestReader, fault: AccountFileFault) -> bytes:
    """The lines that do not parse as the backup has them, else as comments, which nobody takes for an entry."""
    lines = files.read_text(fault.path, limit=FILE_LIMIT).split("\n")
    for number in fault.bad_lines:
        name = lines[number - 1].partition(":")[0]
        lines[number - 1] = entry_of(files, f"{fault.path}-", name) or f"#{lines[number - 1]}"
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def remarks(guest: Guest, params: NoParams) -> Iterator[Warned]:
    """Say that a backup is older than the file was, and that root has no password."""
    for fault in account_file_faults(guest.files):
        if fault.backup and fault.restore:
            yield Warned(f"{fault.backup} is as it was before the last change of an account", fault.path)
        elif fault.path == SHADOW and (fault.restore or fault.lacks_root):
            yield Warned(
                "nobody logs in with a password that was in it: --only password sets one", fault.path
            )


OPERATION = Operation(
    summary="Restore passwd, shadow, group and gshadow, or root in them",
    families=LINUX,
    plan=plan,
    remarks=remarks,
)
