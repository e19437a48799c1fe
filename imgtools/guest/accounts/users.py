"""The accounts of a Linux guest: passwd(5), shadow(5), group(5), gshadow(5).

The four files are read strictly, because operations that change them must know every line: a line that does not
parse is an :class:`OddGuest` with its number. Password hashes are :class:`Secret` and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from imgtools.errors import OddGuest
from imgtools.files.paths import normalise
from imgtools.files.tree import GuestReader
from imgtools.records.request import Secret

PASSWD, SHADOW, GROUP, GSHADOW = "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"
FILE_LIMIT = 8 << 20  # bytes; a directory server's dump of 50,000 accounts stays below
MAX_ID = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Account:
    """One line of /etc/passwd."""

    name: str
    password: Secret  # "x": see shadow; old systems have the hash here
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str
    line: int


@dataclass(frozen=True, slots=True)
class Shadow:
    """One line of /etc/shadow. The numbers are days, as text: empty means not set."""

    name: str
    password: Secret
    last_change: str
    minimum: str
    maximum: str
    warning: str
    inactive: str
    expires: str
    line: int


@dataclass(frozen=True, slots=True)
class Group:
    """One line of /etc/group."""

    name: str
    password: Secret
    gid: int
    members: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class GroupShadow:
    """One line of /etc/gshadow."""

    name: str
    password: Secret
    administrators: tuple[str, ...]
    members: tuple[str, ...]
    line: int


@dataclass(frozen=True)  # without slots, for the indexes
class Accounts:
    """The four files; one that is not there is empty. Of several lines with one name the first counts."""

    passwd: tuple[Account, ...] = ()
    shadow: tuple[Shadow, ...] = ()
    groups: tuple[Group, ...] = ()
    gshadow: tuple[GroupShadow, ...] = ()

    @cached_property
    def _accounts(self) -> dict[str, Account]:
        return {one.name: one for one in reversed(self.passwd)}

    @cached_property
    def _entries(self) -> dict[str, Shadow]:
        return {one.name: one for one in reversed(self.shadow)}

    @cached_property
    def _groups_by_gid(self) -> dict[int, str]:
        return {one.gid: one.name for one in reversed(self.groups)}

    @cached_property
    def _groups_by_member(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for group in self.groups:
            for name in group.members:
                found.setdefault(name, []).append(group.name)
        return found

    @cached_property
    def _gids(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for group in self.groups:
            found.setdefault(group.name, set()).add(group.gid)
        return found

    def account(self, name: str) -> Account | None:
        """Return the account of that name; the first one, as the system would."""
        return self._accounts.get(name)

    def entry(self, name: str) -> Shadow | None:
        """Return the line of /etc/shadow of an account."""
        return self._entries.get(name)

    def groups_of(self, account: Account) -> tuple[str, ...]:
        """Return the names of an account's groups, its own group first."""
        own = self._groups_by_gid.get(account.gid)
        others = self._groups_by_member.get(account.name, ())
        return tuple(dict.fromkeys([*(() if own is None else (own,)), *others]))

    def gids_of(self, account: Account) -> frozenset[int]:
        """Return the numbers of an account's groups."""
        return frozenset({account.gid}.union(*(self._gids[name] for name in self.groups_of(account))))


Entry = TypeVar("Entry")


def read_accounts(files: GuestReader) -> Accounts:
    """Read the account files of a guest.

    :raises OddGuest: a line of one of them does not parse.
    """
    return Accounts(
        _read(files, PASSWD, 7, _account),
        _read(files, SHADOW, 9, _shadow),
        _read(files, GROUP, 4, _group),
        _read(files, GSHADOW, 4, _gshadow),
    )


def _read(
    files: GuestReader, path: str, width: int, make: Callable[[list[str], int], Entry]
) -> tuple[Entry, ...]:
    if not files.is_file(path):
        return ()
    if (size := files.stat(path).size) > FILE_LIMIT:
        raise OddGuest(f"{path} is larger than {FILE_LIMIT} bytes: {size}", hint="it is damaged or hostile")
    entries = []
    for number, fields in _lines(files.read_text(path, limit=FILE_LIMIT)):
        try:
            if len(fields) != width:
                raise ValueError(f"{len(fields)} fields where there should be {width}")
            entries.append(make(fields, number))
        except ValueError as error:
            raise OddGuest(
                f"{path}, line {number}: {error}", hint="the guest's own pwck or grpck shows more"
            ) from None
    return tuple(entries)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of each entry; empty lines, comments and NIS entries are none (nss_files, compat)."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and line[0] not in "#+-":
            yield number, line.rstrip("\r").split(":")


def _number(text: str, what: str) -> int:
    if not re.fullmatch(r"\d{1,10}", text) or int(text) > MAX_ID:
        raise ValueError(f"{what} is not a number: {text[:40]!r}")
    return int(text)


def _name(text: str) -> str:
    if not text or "/" in text or any(letter.isspace() for letter in text):
        raise ValueError(f"not a name: {text[:40]!r}")
    return text


def _hidden(text: str) -> Secret:
    return Secret(text.encode("utf-8", "surrogateescape"))


def _members(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _account(fields: list[str], line: int) -> Account:
    name, password, uid, gid, gecos, home, shell = fields
    return Account(
        _name(name),
        _hidden(password),
        _number(uid, "the user id"),
        _number(gid, "the group id"),
        gecos,
        home,
        shell,
        line,
    )


def _shadow(fields: list[str], line: int) -> Shadow:
    for what, text in zip(("last change", "minimum", "maximum"), fields[2:5], strict=True):
        if text and not re.fullmatch(r"-?\d{1,10}", text):
            raise ValueError(f"{what} is not a number of days: {text[:40]!r}")
    name, password, last_change, minimum, maximum, warning, inactive, expires, _reserved = fields
    return Shadow(
        _name(name), _hidden(password), last_change, minimum, maximum, warning, inactive, expires, line
    )


def _group(fields: list[str], line: int) -> Group:
    name, password, gid, members = fields
    return Group(_name(name), _hidden(password), _number(gid, "the group id"), _members(members), line)


def _gshadow(fields: list[str], line: int) -> GroupShadow:
    name, password, administrators, members = fields
    return GroupShadow(_name(name), _hidden(password), _members(administrators), _members(members), line)


# -- what people want to know --------------------------------------------------------------------------------

# crypt(5): what a hash begins with, and the name of the method.
METHODS = (
    ("$y$", "yescrypt"),
    ("$gy$", "gost-yescrypt"),
    ("$7$", "scrypt"),
    ("$2", "bcrypt"),
    ("$6$", "sha512"),
    ("$5$", "sha256"),
    ("$1$", "md5"),
    ("$sha1$", "sha1"),
    ("$md5", "sunmd5"),
    ("$3$", "nt"),
    ("_", "bsdicrypt"),
)


@dataclass(frozen=True, slots=True)
class PasswordState:
    """Whether one can log in with a password: ``set``, ``locked`` (none fits), ``empty`` (none is needed)."""

    state: str
    method: str = ""  # of the hash, also of a locked one


def password_state(accounts: Accounts, account: Account) -> PasswordState:
    """Return the state of an account's password, never the hash."""
    stored = account.password.reveal().decode("utf-8", "replace")
    entry = accounts.entry(account.name)
    if stored == "x" or (stored and entry is not None):
        stored = "*" if entry is None else entry.password.reveal().decode("utf-8", "replace")
    return judge_password(stored)


def judge_password(stored: str) -> PasswordState:
    """Judge the password field of passwd or shadow: what no hash begins with (``!``, ``*``) locks (shadow(5))."""
    if not stored:
        return PasswordState("empty")
    bare = stored.lstrip("!")
    if len(bare) < 13:  # the shortest hash, DES, has 13 letters
        return PasswordState("locked")
    method = next((name for start, name in METHODS if bare.startswith(start)), "")
    method = method or ("des" if len(bare) == 13 else "unknown")
    return PasswordState("locked" if stored.startswith("!") else "set", method)


def home_folders(files: GuestReader, accounts: Accounts) -> tuple[str, ...]:
    """Return the home folders of all accounts that are there, each once; ``/`` is nobody's home."""
    homes = dict.fromkeys(
        normalise(account.home) for account in accounts.passwd if account.home.startswith("/")
    )
    return tuple(home for home in homes if home != "/" and files.is_dir(home))


def may_log_in(account: Account) -> bool:
    """Whether the account's shell lets anyone in; an empty shell is /bin/sh."""
    return account.shell.rpartition("/")[2] not in ("nologin", "false", "sync", "shutdown", "halt")


# -- who may become root -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Privileged:
    """Names that sudoers or doas.conf give rights to. ``everyone``: a rule for ALL that asks for no other password."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    gids: frozenset[int] = frozenset()
    everyone: bool = False


SUDOERS = ("/etc/sudoers", "/usr/etc/sudoers")
DOAS = ("/etc/doas.conf", "/usr/local/etc/doas.conf")
RULES_LIMIT = 1 << 20
MAX_RULE_FILES = 200
USER = r'"[^"]*"|(?:\\.|[^\s,="\\])+'
USER_LIST = re.compile(rf"((?:{USER})(?:\s*,\s*(?:{USER}))*)\s")


def read_privileged(files: GuestReader) -> Privileged:
    """Read who may act as root: sudoers(5) with its included folder, doas.conf(5). A summary, not a judge."""
    users: set[str] = set()
    for path in _rule_files(files):
        text = re.sub(r"\\\r?\n", " ", files.read_text(path, limit=RULES_LIMIT))
        users.update(_doas(text) if path.endswith("doas.conf") else _sudoers(text))
    return Privileged(
        users=frozenset(name for name in users if name[0] not in "%:"),
        groups=frozenset(name[1:] for name in users if name[0] in "%:" and not name.startswith("%#")),
        gids=frozenset(int(name[2:]) for name in users if re.fullmatch(r"%#\d{1,10}", name)),
        everyone="ALL" in users,
    )


def _rule_files(files: GuestReader) -> Iterator[str]:
    main = next((path for path in SUDOERS if files.is_file(path)), "")
    paths = [main] if main else []
    for folder in ("/etc/sudoers.d", "/usr/etc/sudoers.d") if main else ():
        if files.is_dir(folder):
            # sudo itself skips names with a dot and those that end in a tilde.
            names = [entry.name for entry in files.list_dir(folder) if not re.search(r"\.|~$", entry.name)]
            paths += [f"{folder}/{name}" for name in names]
    for path in [*paths[:MAX_RULE_FILES], *DOAS]:
        if files.is_file(path) and files.stat(path).size <= RULES_LIMIT:
            yield path


def _sudoers(text: str) -> Iterator[str]:
    """Yield the users and %groups of user specifications, aliases resolved."""
    aliases: dict[str, list[str]] = {}
    rules: list[str] = []
    target_of_all = bool(re.search(r"^[ \t]*Defaults[ \t].*\btargetpw\b", text, re.MULTILINE))
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "@", "Defaults")):
            continue
        if match := re.match(r"User_Alias\s+(\w+)\s*=\s*(.+)", stripped):
            aliases[match[1]] = [name.strip() for name in match[2].split(",")]
        elif not re.match(r"\w+_Alias\s", stripped) and "=" in stripped:
            rules.append(stripped)
    for rule in rules:
        match = USER_LIST.match(rule)
        for name in re.findall(USER, match[1]) if match else ():
            for one in aliases.get(name, [name]):
                # SUSE's "ALL ALL=(ALL) ALL" with targetpw asks for root's own password: no right at all.
                if one.strip('"') and not (one == "ALL" and target_of_all):
                    yield one.strip('"').replace("\\ ", " ")


def _doas(text: str) -> Iterator[str]:
    """Yield the users and :groups of ``permit`` rules."""
    for line in text.split("\n"):
        if match := re.match(
            r"\s*permit\s+(?:(?:nopass|persist|nolog|keepenv)\s+|setenv\s*\{[^}]*\}\s*)*(\S+)", line
        ):
            yield match[1]


def may_become_root(accounts: Accounts, account: Account, rules: Privileged) -> bool:
    """Whether the rules give this account rights of others, or it is root by its number."""
    if account.uid == 0 or rules.everyone or account.name in rules.users:
        return True
    named = rules.groups.intersection(accounts.groups_of(account))
    return bool(named) or bool(rules.gids & accounts.gids_of(account))
