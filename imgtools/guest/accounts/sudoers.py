"""The rules of sudo: sudoers(5) with what it includes, aliases resolved, tags and users of each command.

Read as visudo would, as far as that is needed to tell who may do what: a line that does not parse is passed over; the
station of sudo tells it. Netgroups and groups of plugins stay as they are written.

Source: sudoers(5) of sudo 1.9.13, SUDOERS FILE FORMAT; toke.l and gram.y of its sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imgtools.errors import OddGuest
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sudo import LIMIT
from imgtools.guest.accounts.users import SUDOERS

DEEPEST = 16  # files that include each other; sudo itself takes 128
MOST_FILES = 500
MOST_RULES = 20_000
LONGEST = 1 << 16  # letters of one line, with those that it goes on in
MOST_TEXT = 4 << 20  # letters of all files
TAGS = (
    "EXEC", "NOEXEC", "FOLLOW", "NOFOLLOW", "LOG_INPUT", "NOLOG_INPUT", "LOG_OUTPUT", "NOLOG_OUTPUT", "MAIL",
    "NOMAIL", "INTERCEPT", "NOINTERCEPT", "PASSWD", "NOPASSWD", "SETENV", "NOSETENV",
)  # fmt: skip
TAG = re.compile(rf"({'|'.join(TAGS)})[ \t]*:[ \t]*")
_OPTIONS = "ROLE|TYPE|APPARMOR_PROFILE|PRIVS|LIMITPRIVS|NOTBEFORE|NOTAFTER|TIMEOUT|CWD|CHROOT"
OPTION = re.compile(rf'(?:{_OPTIONS})[ \t]*=[ \t]*("[^"]*"|\S+)[ \t]*')
RUNAS = re.compile(r"\(([^()]*)\)[ \t]*")
ALIAS = re.compile(r"(User_Alias|Runas_Alias|Host_Alias|Cmnd_Alias|Cmd_Alias)[ \t]+(.*)$")
DEFAULTS = re.compile(r"Defaults(?:([@:>!])[ \t]*(\S+))?[ \t]+(.*)$")
INCLUDE = re.compile(r"[#@]include(dir)?[ \t]+(\"[^\"]+\"|(?:\\.|\S)+)")
# A colon that begins the rules for other hosts: `: HOST = commands`.
NEXT_HOST = re.compile(
    rf"(?<!\\):[ \t]*(?!(?:{_OPTIONS})[ \t]*=)"
    r"(?=(?:\\.|[^\\=:()\s,])+(?:[ \t]*,[ \t]*(?:\\.|[^\\=:()\s,])+)*[ \t]*=)"
)
USER = r'(?:![ \t]*)*(?:"[^"]*"|(?:\\.|[^\s,="\\!])(?:\\.|[^\s,="\\])*)'
USERS = re.compile(rf"({USER}(?:[ \t]*,[ \t]*{USER})*)[ \t]+(.*)$")


class SudoCommand(NamedTuple):
    """One command that somebody may run. ``users`` and ``command`` have their aliases resolved; ``tags`` as they count.

    ``excluded``: it is one that is forbidden (``!``).
    """

    path: str
    line: int
    users: tuple[str, ...]
    runas: str  # what stands in brackets; "" means root
    tags: frozenset[str]
    command: str
    excluded: bool = False

    @property
    def is_all(self) -> bool:
        """Whether it is every command."""
        return self.command == "ALL" and not self.excluded


class SudoDefault(NamedTuple):
    """One setting of Defaults; ``scope`` is whom or what it is for, "" for all. ``value`` is "" for a flag."""

    path: str
    line: int
    scope: str
    name: str
    value: str = ""
    is_off: bool = False


@dataclass(frozen=True, slots=True)
class SudoRules:
    """All that sudo reads: its files in their order, settings and commands."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    defaults: tuple[SudoDefault, ...] = ()
    commands: tuple[SudoCommand, ...] = ()

    def setting(self, name: str) -> SudoDefault | None:
        """Return the last setting of a name that is for all, as sudo takes it."""
        found = [one for one in self.defaults if one.name == name and not one.scope]
        return found[-1] if found else None


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    lines: list[tuple[str, int, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    size: int = 0


def read_sudoers(files: GuestReader) -> SudoRules:
    """Read the rules; none if the guest has no sudoers.

    :raises OddGuest: files include each other without an end, or hold more rules than any real ones.
    """
    main = next((path for path in SUDOERS if files.is_file(path)), "")
    read = _Reading()
    if main:
        _read(files, main, read, 0)
    aliases = _aliases(read.lines)
    commands: list[SudoCommand] = []
    for path, number, text in read.lines:
        if not ALIAS.match(text) and not text.startswith("Defaults"):
            commands += _commands(path, number, text, aliases)
        if len(commands) > MOST_RULES:
            raise OddGuest(f"{path}: more than {MOST_RULES} rules", hint="sudoers is damaged or hostile")
    defaults = [one for line in read.lines for one in _defaults(*line)]
    return SudoRules(tuple(read.files), tuple(read.folders), tuple(defaults), tuple(commands))


# -- lines -------------------------------------------------------------------------------------------------


def _read(files: GuestReader, path: str, read: _Reading, depth: int) -> None:
    """Put the lines of a file into what was read, included files in their place."""
    if depth > DEEPEST or len(read.files) >= MOST_FILES:
        raise OddGuest(f"{path}: too many files of sudo include each other")
    true_path = files.resolve(path)
    read.files.append(true_path)
    content = files.read_text(path, limit=LIMIT)
    read.size += len(content)
    for number, text in _logical_lines(content):
        if len(text) > LONGEST or read.size > MOST_TEXT:
            raise OddGuest(
                f"{path}, line {number}: longer than any real rules", hint="it is damaged or hostile"
            )
        match = INCLUDE.match(text)
        if match is None:
            bare = _without_comment(text).strip()
            if bare:
                read.lines.append((true_path, number, bare))
            continue
        name = match[2].strip('"').replace("\\", "")
        target = name if name.startswith("/") else f"{parent_of(path).rstrip('/')}/{name}"
        for one in _in_folder(files, target, read) if match[1] else (target,):
            if files.is_file(one):
                _read(files, one, read, depth + 1)


def _in_folder(files: GuestReader, folder: str, read: _Reading) -> Sequence[str]:
    if not files.is_dir(folder):
        return ()
    read.folders.append(files.resolve(folder))
    names = [one.name for one in files.list_dir(folder) if "." not in one.name and not one.name.endswith("~")]
    return [f"{folder.rstrip('/')}/{name}" for name in sorted(names)]


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the number of their first one; a backslash at the end goes on in the next."""
    held, first = "", 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        first = first if held else number
        if line.endswith("\\") and not held.lstrip().startswith("#"):
            held += line[:-1] + " "
            continue
        yield first, (held + line).strip()
        held = ""
    if held:
        yield first, held.strip()


def _without_comment(text: str) -> str:
    """Cut a comment off; a # before a number is a user or group."""
    quoted = False
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == "#" and not quoted and (at == 0 or text[at - 1] != "\\"):
            is_number = text[at + 1 : at + 2].isdigit() and (at == 0 or text[at - 1] in " \t,%(!:=")
            if not is_number:
                return text[:at]
    return text


def split_list(text: str, at: str = ",") -> list[str]:
    """Split at a letter that is in no quotes, no brackets and not escaped."""
    parts, part, quoted, depth, escaped = [], "", False, 0, False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter in "()" and not quoted:
            depth += 1 if letter == "(" else -1
        elif letter == at and not quoted and depth <= 0:
            parts.append(part.strip())
            part = ""
            continue
        part += letter
    return [*parts, part.strip()]


# -- what they say -----------------------------------------------------------------------------------------


def _aliases(lines: Sequence[tuple[str, int, str]]) -> Mapping[str, tuple[str, ...]]:
    """Return what each alias is, aliases in it resolved; kinds do not share names in practice."""
    said: dict[str, list[str]] = {}
    for _path, _number, text in lines:
        if match := ALIAS.match(text):
            for one in re.split(r"(?<!\\):[ \t]*(?=[A-Z][A-Z0-9_]*[ \t]*=)", match[2]):
                name, equals, members = one.partition("=")
                if equals:
                    said.setdefault(f"{match[1][:3]} {name.strip()}", split_list(members))
    resolved: dict[str, tuple[str, ...]] = {}
    for name in said:
        _resolve(name, said, resolved, frozenset())
    return resolved


def _resolve(
    name: str, said: Mapping[str, list[str]], resolved: dict[str, tuple[str, ...]], above: frozenset[str]
) -> tuple[str, ...]:
    if name in resolved:
        return resolved[name]
    if name in above or len(above) > DEEPEST:
        return ()
    members: dict[str, None] = {}
    for one in said[name]:
        mark, bare = _marks(one)
        inner = f"{name[:3]} {bare}"
        known = _resolve(inner, said, resolved, above | {name}) if inner in said else (bare,)
        members.update(dict.fromkeys(_negated(each) if mark else each for each in known))
    resolved[name] = tuple(members)
    return resolved[name]


def _marks(text: str) -> tuple[bool, str]:
    """Split off exclamation marks: an odd number of them forbids."""
    bare = text.lstrip("! \t")
    return text[: len(text) - len(bare)].count("!") % 2 == 1, bare


def _negated(text: str) -> str:
    return text[1:] if text.startswith("!") else f"!{text}"


def _members(text: str, kind: str, aliases: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for one in split_list(text):
        mark, bare = _marks(one)
        for each in aliases.get(f"{kind} {bare}", (bare,)):
            yield _negated(each) if mark else each


def _commands(
    path: str, number: int, text: str, aliases: Mapping[str, tuple[str, ...]]
) -> Iterator[SudoCommand]:
    """Yield what a line of a rule lets somebody run."""
    match = USERS.match(text)
    if match is None or "=" not in match[2]:
        return
    users = tuple(one.strip('"').replace("\\", "") for one in _members(match[1], "Use", aliases))
    for part in _of_hosts(match[2]):
        runas, tags = "", frozenset[str]()
        for item in split_list(part):
            rest, runas, tags = _begin(item, runas, tags)
            mark, bare = _marks(rest)
            for one in aliases.get(f"Cmn {bare}", aliases.get(f"Cmd {bare}", (bare,))):
                excluded, command = _marks(one)
                if command:
                    yield SudoCommand(path, number, users, runas, tags, command, excluded != mark)


def _of_hosts(text: str) -> Iterator[str]:
    """Yield the lists of commands of a rule, one for each list of hosts."""
    for part in NEXT_HOST.split(text):
        _hosts, equals, commands = part.partition("=")
        if equals:
            yield commands.strip()


def _begin(item: str, runas: str, tags: frozenset[str]) -> tuple[str, str, frozenset[str]]:
    """Take off what stands before a command; what is said of one holds for those after it too."""
    while True:
        if match := RUNAS.match(item):
            runas = match[1].strip()
        elif match := TAG.match(item):
            other = match[1].removeprefix("NO") if match[1].startswith("NO") else f"NO{match[1]}"
            tags = (tags - {other}) | {match[1]}
        else:
            match = OPTION.match(item)
        if match is None:
            return item.strip(), runas, tags
        item = item[match.end() :]


def _defaults(path: str, number: int, text: str) -> Iterator[SudoDefault]:
    match = DEFAULTS.match(text)
    if match is None:
        return
    scope = f"{match[1]}{match[2]}" if match[1] else ""
    for one in split_list(match[3]):
        is_off, bare = _marks(one)
        said = re.match(r"(\w+)[ \t]*(?:[+-]?=[ \t]*(.*))?$", bare)
        if said:
            yield SudoDefault(path, number, scope, said[1], (said[2] or "").strip().strip('"'), is_off)
