"""Make an account for a person: ``NAME[:uid=N,groups=A+B,shell=PATH,home=PATH,sudo=yes,gecos=TEXT]``.

The account is what the guest's own useradd would make of /etc/login.defs and /etc/default/useradd: the next free
number, a group of its own where the guest has them, subordinate IDs, a home from the skeleton. Its password is locked;
``--password`` and ``--ssh-inject`` after it let somebody in. ``group=NAME`` is its first group, ``groups=`` are more.
``sudo=yes`` may do everything with its password, ``sudo=nopasswd`` without one.

Of a Windows guest a script makes it at the first boot, with a password that nobody knows; ``groups``, ``gecos`` (its
full name) and ``sudo=yes`` (an administrator) are what may be said. Groups of Windows' own are named in English.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from imgtools.change.change import Change, EditLines, LineEdit, MakeDirectory, MakeLink, WriteFile
from imgtools.errors import NotInGuest, OddGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.login_defs import AccountRules, next_id, next_range, read_account_rules
from imgtools.guest.accounts.sudo import sudo_changes
from imgtools.guest.accounts.users import GROUP, GSHADOW, PASSWD, SHADOW, Accounts, Group, read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.ops.windows_accounts import make_windows_user
from imgtools.records.files import FileKind
from imgtools.records.system import OsType

NAME = r"[a-z_][a-z0-9_-]{0,31}"  # what every distribution's useradd takes
KEYS = ("uid", "gid", "group", "groups", "shell", "home", "gecos", "sudo")
DAY = 86400  # seconds
MAX_SKELETON = 1000  # files


@dataclass(frozen=True, slots=True)
class Wanted:
    """The account that is asked for; what is empty, the guest's rules say."""

    name: str
    said: dict[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """Further groups."""
        return tuple(one for one in self.said.get("groups", "").split("+") if one)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The account as it will be."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    gecos: str
    new_group: bool


def parse_user(text: str) -> Wanted:
    """Read ``NAME[:key=value,...]``.

    :raises UsageError: it is not written so.
    """
    name, _, rest = text.partition(":")
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"not a user name: {name!r}", hint="small letters, digits, - and _, a letter first, at most 32"
        )
    said: dict[str, str] = {}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if key == "password":
            raise UsageError("a password is not given here", hint=f"--password {name}:file:PATH")
        if key not in KEYS or not equals or key in said:
            raise UsageError(f"not KEY=VALUE, or said twice: {part!r}", hint=f"keys are {', '.join(KEYS)}")
        if re.search(r"[:\x00-\x1f]", value):
            raise UsageError(f"{key} of {name} has letters that no account may have: {value!r}")
        said[key] = value
    for key in ("uid", "gid"):
        if key in said and not re.fullmatch(r"\d{1,9}", said[key]):
            raise UsageError(f"not a number: {key}={said[key]}")
    for key in ("shell", "home"):
        if key in said:
            guest_file(said[key])
    if said.get("sudo", "no") not in ("yes", "no", "nopasswd"):
        raise UsageError(f"not yes, no or nopasswd: sudo={said['sudo']}")
    return Wanted(name, said)


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the lines of the account files, the home, and the right to act as root.

    :raises NotInGuest: there is such a user already, no such group or shell, or a number is taken.
    :raises OddGuest: the guest has no account files.
    :raises UnsupportedGuest: it has no sudo.
    """
    if guest.os.type is OsType.WINDOWS:
        yield from make_windows_user(guest, order.text)
        return
    wanted = parse_user(order.text)
    files = guest.files
    accounts = read_accounts(files)
    rules = read_account_rules(files)
    new = _design(files, wanted, accounts, rules)
    yield from _lines(files, new, rules)
    by_group, rights = sudo_changes(files, wanted.name, wanted.said.get("sudo", "no"))
    yield from _join(files, new.name, dict.fromkeys((*wanted.groups, *by_group)), accounts)
    yield from _subordinate(files, new.name, "/etc/subuid", rules.sub_uid)
    yield from _subordinate(files, new.name, "/etc/subgid", rules.sub_gid)
    yield from _home(files, new, rules)
    yield from rights


def _design(files: GuestReader, wanted: Wanted, accounts: Accounts, rules: AccountRules) -> NewAccount:
    name, said = wanted.name, wanted.said
    if accounts.account(name) is not None:
        raise NotInGuest(
            f"the guest has a user {name} already",
            hint="--password and --ssh-inject change who may log in, --delete and --edit the rest",
        )
    if not accounts.passwd or not accounts.shadow:
        raise OddGuest(f"the guest has no {SHADOW if accounts.passwd else PASSWD}, or nothing is in it")
    used = {one.uid for one in accounts.passwd}
    uid = int(said["uid"]) if "uid" in said else next_id(used, rules.uid_min, rules.uid_max)
    if uid is None:
        raise OddGuest(f"no free user number from {rules.uid_min} to {rules.uid_max}")
    if uid in used:
        owner = next(one.name for one in accounts.passwd if one.uid == uid)
        raise NotInGuest(f"the user number {uid} is {owner}'s")
    gid, is_new = _own_group(wanted, uid, accounts, rules)
    home = said.get("home") or f"{rules.home.rstrip('/')}/{name}"
    shell = said.get("shell") or _usual_shell(files, rules)
    if files.lstat(home) is not None:
        raise NotInGuest(f"{home} is there already", hint="choose another one: home=/home/OTHER")
    if not files.is_file(shell):
        raise NotInGuest(f"the guest has no shell {shell}", hint="shell=/bin/sh")
    return NewAccount(name, uid, gid, home, shell, said.get("gecos", ""), is_new)


def _usual_shell(files: GuestReader, rules: AccountRules) -> str:
    """What the guest says, if it is there: SUSE and Fedora say /bin/bash also where only ash is installed."""
    return rules.shell if files.is_file(rules.shell) else "/bin/sh"


def _own_group(wanted: Wanted, uid: int, accounts: Accounts, rules: AccountRules) -> tuple[int, bool]:
    """The number of the first group, and whether it is made."""
    said = wanted.said
    if "group" in said or (not rules.own_group and "gid" not in said):
        return _group(accounts, said.get("group") or rules.group).gid, False
    used = {one.gid for one in accounts.groups}
    if any(one.name == wanted.name for one in accounts.groups):
        raise NotInGuest(
            f"the guest has a group {wanted.name} already", hint=f"say that it is meant: group={wanted.name}"
        )
    if "gid" in said and int(said["gid"]) in used:
        raise NotInGuest(
            f"the group number {said['gid']} is taken", hint="group=NAME takes a group that is there"
        )
    if "gid" in said:
        return int(said["gid"]), True
    gid = next_id(used, rules.gid_min, rules.gid_max) if uid in used else uid
    if gid is None:
        raise OddGuest(f"no free group number from {rules.gid_min} to {rules.gid_max}")
    return gid, True


def _group(accounts: Accounts, name: str) -> Group:
    for group in accounts.groups:
        if group.name == name or (name.isdigit() and group.gid == int(name)):
            return group
    raise NotInGuest(f"the guest has no group {name!r}", hint="imgtools cat IMAGE /etc/group shows them")


def _lines(files: GuestReader, new: NewAccount, rules: AccountRules) -> Iterator[Change]:
    """The lines of passwd, shadow, group and gshadow; ``!`` locks the password."""
    today = int(time.time()) // DAY
    days = ":".join(rules.password_days)
    passwd = f"{new.name}:x:{new.uid}:{new.gid}:{new.gecos}:{new.home}:{new.shell}"
    yield EditLines(PASSWD, (LineEdit(append=passwd),))
    shadow = f"{new.name}:!:{today}:{days}:{rules.inactive}:{rules.expires}:"
    yield EditLines(SHADOW, (LineEdit(append=shadow),))
    if new.new_group:
        yield EditLines(GROUP, (LineEdit(append=f"{new.name}:x:{new.gid}:"),))
        if files.is_file(GSHADOW):
            yield EditLines(GSHADOW, (LineEdit(append=f"{new.name}:!::"),))


def _join(files: GuestReader, name: str, groups: dict[str, None], accounts: Accounts) -> Iterator[Change]:
    for group in groups:
        start = rf"{re.escape(_group(accounts, group).name)}:[^:]*:[^:]*:"
        edits = (
            LineEdit(rf"^({start}[^:]+)$", rf"\g<1>,{name}"),
            LineEdit(rf"^({start})$", rf"\g<1>{name}"),
        )
        yield EditLines(GROUP, edits)
        if files.is_file(GSHADOW):
            yield EditLines(GSHADOW, edits)


def _subordinate(files: GuestReader, name: str, path: str, rule: tuple[int, int, int]) -> Iterator[Change]:
    """A range of subordinate IDs, where the guest has such (useradd looks whether the file is there)."""
    if rule[2] and files.is_file(path):
        start = next_range(files.read_text(path), *rule)
        if start is None:
            raise OddGuest(f"{path} has no free range of {rule[2]} numbers")
        yield EditLines(path, (LineEdit(append=f"{name}:{start}:{rule[2]}"),))


def _home(files: GuestReader, new: NewAccount, rules: AccountRules) -> Iterator[Change]:
    yield MakeDirectory(new.home, rules.home_mode, new.uid, new.gid)
    if files.is_dir(rules.skeleton):
        top = files.resolve(rules.skeleton)
        for number, found in enumerate(files.walk(top)):
            if number > MAX_SKELETON:
                raise OddGuest(f"{rules.skeleton} has more than {MAX_SKELETON} files")
            path = new.home + found.path[len(top) :]
            if found.stat.kind is FileKind.DIRECTORY and number:
                yield MakeDirectory(path, found.stat.mode, new.uid, new.gid)
            elif found.stat.kind is FileKind.FILE:
                content = files.read_bytes(found.path)
                yield WriteFile(path, content, found.stat.mode, new.uid, new.gid)
            elif found.stat.kind is FileKind.LINK:
                yield MakeLink(path, files.read_link(found.path), new.uid, new.gid)
    if rules.mail_folder and files.is_dir(rules.mail_folder):
        mail = next((one.gid for one in read_accounts(files).groups if one.name == "mail"), new.gid)
        yield WriteFile(f"{rules.mail_folder.rstrip('/')}/{new.name}", b"", 0o660, new.uid, mail)


OPERATION = Operation(
    summary="Make a user account",
    how="uid, gid, group, groups=A+B, shell, home, gecos, sudo=yes or nopasswd; its password is locked",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    notes="Of Windows, what is said of `firstboot` holds for the script.",
    metavar="NAME[:KEY=VALUE,...]",
)
