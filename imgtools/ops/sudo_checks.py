"""What checks of sudo have in common: its rules, its version, and where a setting for all is put."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sudo import FOLDER, LIMIT, PROGRAMS
from imgtools.guest.accounts.sudoers import SudoCommand, SudoDefault, SudoRules, read_sudoers
from imgtools.guest.health.sudo_state import has_sudo, main_file
from imgtools.ops.check import Fix, Seen
from imgtools.ops.common_plans import rewrite
from imgtools.ops.facts import asked_once
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotThere

Look = Callable[[Examined, Params], Iterator[Seen]]
LookAtRules = Callable[[Examined, SudoRules, Params], Iterable[Seen]]
DROP_IN = f"{FOLDER}/zz-imgtools"  # the last setting counts
PROGRAM_LIMIT = 8 << 20  # bytes of sudo; 300 kB
Version = tuple[int, ...]


@asked_once
def rules_of(examined: Examined) -> SudoRules | None:
    """Return sudo's rules; None if the guest has no sudo.

    :raises OddGuest: the files cannot be read as a whole.
    """
    return read_sudoers(examined.files) if has_sudo(examined.files) else None


def of_sudo(look: LookAtRules) -> Look:
    """Return a look at sudo's rules, which is about nothing where there is no sudo."""

    def looked(examined: Examined, params: Params) -> Iterator[Seen]:
        rules = examined.once(rules_of)
        if rules is None or not rules.files:
            yield NotThere("no sudo" if rules is None else "no sudoers: sudo refuses everybody")
        else:
            yield from look(examined, rules, params)

    return looked


def who(one: SudoCommand) -> str:
    """Return whom a rule is for, in words."""
    return ", ".join("everybody" if user == "ALL" else user for user in one.users[:8]) or "nobody"


def others_than_root(one: SudoCommand, rules: SudoRules) -> bool:
    """Whether a rule is for others than root, and asks for no other's password (targetpw, rootpw)."""
    users = [user for user in one.users if not user.startswith("!")]
    asks_for_other = any(_is_on(rules.setting(name)) for name in ("targetpw", "rootpw"))
    if users == ["ALL"] and asks_for_other:
        return False  # SUSE's own: whoever knows root's password may use it
    return any(user not in ("root", "#0") for user in users)


def _is_on(setting: SudoDefault | None) -> bool:
    return setting is not None and not setting.is_off


def shown(one: SudoCommand) -> str:
    """A rule in short."""
    runas = f"({one.runas}) " if one.runas else ""
    tags = "".join(f"{tag}: " for tag in sorted(one.tags))
    return f"{who(one)}: {runas}{tags}{'!' if one.excluded else ''}{one.command[:120]}"


def bare_command(one: SudoCommand) -> str:
    """The command of a rule without the checksums in front of it."""
    return re.sub(r"^(sha(224|256|384|512):\S+[,\s]+)+", "", one.command)


def setting_for_all(line: str) -> Fix:
    """Return the fix that adds a line of Defaults behind all others."""
    return lambda files: _set(files, line)


def _set(files: GuestReader, line: str) -> Iterator[Change]:
    rules = read_sudoers(files)
    if FOLDER in rules.folders:
        text = files.read_text(DROP_IN, limit=LIMIT) if files.is_file(DROP_IN) else ""
        if text:
            yield from rewrite(files, DROP_IN, f"{text}{line}\n")
        else:
            yield WriteFile(DROP_IN, f"{line}\n".encode(), 0o440, 0, 0)
        return
    main = main_file(files)
    text = files.read_text(main, limit=LIMIT)
    yield from rewrite(files, main, f"{text.rstrip(chr(10))}\n{line}\n")


def version_of(examined: Examined) -> Version | None:
    """Return sudo's version, (1, 9, 13), as its program says it; None if nobody can tell."""
    files = examined.files
    for path in PROGRAMS:
        if files.is_file(path) and files.stat(path).size <= PROGRAM_LIMIT:
            found = re.search(rb"\0(1)\.(\d{1,2})\.(\d{1,2})(?:p\d+|[a-z]\d*)?\0", files.read_bytes(path))
            if found:
                return tuple(int(one) for one in found.groups())
    return None
