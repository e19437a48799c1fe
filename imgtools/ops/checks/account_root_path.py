"""Root runs only programs that root alone can change.

A folder of root's PATH that others may write, or the current folder, lets them put a program there that root starts
by mistake. PATH is read where login, PAM, the shell and sudo set it; what is put together of variables is left out.
The fix takes away the right of everybody to write; that of a group (Debian's staff) a person decides. Source: CIS,
root PATH integrity; login.defs(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.guest.accounts.search_path import PathEntry, root_path
from imgtools.guest.accounts.users import Accounts
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield folders of root's PATH that others may write, and those that depend on where root is."""
    root = accounts.account("root")
    seen: set[str] = set()
    for entry in root_path(examined.files, root.home if root is not None else "/root"):
        if entry.folder in seen:
            continue
        seen.add(entry.folder)
        if not entry.folder.startswith("/"):
            yield Flaw(
                f"root looks for programs in {entry.folder or 'the current folder'}, wherever that is",
                entry.path,
                entry.line,
                entry.folder or ".",
                advice="take it out of PATH",
            )
        elif examined.files.is_dir(entry.folder):
            yield from _of_folder(examined, entry)


def _of_folder(examined: Examined, entry: PathEntry) -> Iterator[Seen]:
    folder = examined.files.resolve(entry.folder)
    stat = examined.files.stat(folder)
    named = f"named in {entry.path}, line {entry.line}"
    if stat.uid:
        text = f"root looks for programs in {folder}, which belongs to user {stat.uid}"
        yield Flaw(text, folder, evidence=named, advice=f"imgtools chown root {folder}")
    elif stat.mode & 0o002:
        text = f"root looks for programs in {folder}, which everybody may write"
        fix = always(SetMode(folder, stat.mode & ~0o002))
        yield Flaw(text, folder, evidence=f"mode {stat.mode:04o}, {named}", fix=fix)
    elif stat.mode & 0o020 and stat.gid:
        text = f"root looks for programs in {folder}, which group {stat.gid} may write"
        advice = f"if the group does not need it: imgtools chmod g-w {folder}"
        shown = f"mode {stat.mode:04o}, {named}"
        yield Flaw(text, folder, evidence=shown, severity=Level.LOW, advice=advice)


CHECK = Check(
    title="Root looks for programs only where root alone may write",
    severity=Level.HIGH,
    look=of_accounts(look),
    references=("CIS Debian 12 5.4.2.5", "NIST 800-53 AC-6"),
)
