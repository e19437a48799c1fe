"""What a guest says of new accounts: login.defs(5), /etc/default/useradd, Debian's adduser.conf(5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.files.tree import GuestReader

LOGIN_DEFS = ("/etc/login.defs", "/usr/etc/login.defs")  # the latter is SUSE's, before the administrator's
USERADD = ("/etc/default/useradd", "/usr/etc/default/useradd")
ADDUSER = ("/etc/adduser.conf",)
LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class AccountRules:
    """How new accounts are made. The defaults are useradd's own, where the guest says nothing."""

    uid_min: int = 1000
    uid_max: int = 60000
    gid_min: int = 1000
    gid_max: int = 60000
    own_group: bool = True  # each user gets a group of its name
    group: str = "100"  # name or number, where that is not so
    home: str = "/home"
    home_mode: int = 0o755
    shell: str = "/bin/sh"
    skeleton: str = "/etc/skel"
    mail_folder: str = ""  # where a mailbox is made; "" makes none
    password_days: tuple[str, str, str] = ("0", "99999", "7")  # least, most, warning
    inactive: str = ""
    expires: str = ""
    sub_uid: tuple[int, int, int] = (100000, 600100000, 65536)  # least, most, how many
    sub_gid: tuple[int, int, int] = (100000, 600100000, 65536)


def read_account_rules(files: GuestReader) -> AccountRules:
    """Read what the guest says of new accounts."""
    defs = dict(_settings(files, LOGIN_DEFS, r"[ \t]+"))
    useradd = dict(_settings(files, USERADD, "="))
    adduser = dict(_settings(files, ADDUSER, "="))
    mail = useradd.get("CREATE_MAIL_SPOOL", "no").lower() == "yes"
    inactive = useradd.get("INACTIVE", "-1")
    return AccountRules(
        uid_min=_number(defs, "UID_MIN", 1000),
        uid_max=_number(defs, "UID_MAX", 60000),
        gid_min=_number(defs, "GID_MIN", 1000),
        gid_max=_number(defs, "GID_MAX", 60000),
        own_group=defs.get("USERGROUPS_ENAB", "yes").lower() == "yes",
        group=useradd.get("GROUP", "100"),
        home=useradd.get("HOME", "/home"),
        home_mode=_home_mode(defs),
        shell=adduser.get("DSHELL") or useradd.get("SHELL") or "/bin/sh",
        skeleton=useradd.get("SKEL", "/etc/skel"),
        mail_folder=defs.get("MAIL_DIR", "/var/mail") if mail else "",
        password_days=(
            defs.get("PASS_MIN_DAYS", "0"),
            defs.get("PASS_MAX_DAYS", "99999"),
            defs.get("PASS_WARN_AGE", "7"),
        ),
        inactive="" if inactive.startswith("-") else inactive,
        expires=useradd.get("EXPIRE", "") if useradd.get("EXPIRE", "").isdigit() else "",
        sub_uid=_range(defs, "UID"),
        sub_gid=_range(defs, "GID"),
    )


class DefaultLine(NamedTuple):
    """A setting of one of the files, and where it is said."""

    name: str
    value: str
    path: str
    line: int


def login_defs(files: GuestReader) -> dict[str, DefaultLine]:
    """Return the settings of login.defs by name; the last line of a name counts, as shadow's programs take it."""
    return {one.name: one for one in _lines(files, LOGIN_DEFS, r"[ \t]+")}


def useradd_defaults(files: GuestReader) -> dict[str, DefaultLine]:
    """Return the settings of useradd by name."""
    return {one.name: one for one in _lines(files, USERADD, "=")}


def _settings(files: GuestReader, paths: Iterable[str], separator: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of the first file that is there."""
    return ((one.name, one.value) for one in _lines(files, paths, separator))


def _lines(files: GuestReader, paths: Iterable[str], separator: str) -> Iterator[DefaultLine]:
    """Yield the settings of the first file that is there; quotes are the shell's."""
    for path in paths:
        if files.is_file(path) and files.stat(path).size <= LIMIT:
            for number, line in enumerate(files.read_text(path, limit=LIMIT).split("\n"), 1):
                if match := re.match(rf"\s*(\w+){separator}(.*)$", line):
                    value = match[2].partition("#")[0].strip().strip("\"'")
                    yield DefaultLine(match[1], value, path, number)
            return


def _number(said: dict[str, str], name: str, default: int) -> int:
    text = said.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,10}", text) else default


def _home_mode(said: dict[str, str]) -> int:
    """HOME_MODE, else what UMASK (022) leaves."""
    mode, mask = said.get("HOME_MODE", ""), said.get("UMASK", "022")
    if re.fullmatch("[0-7]{3,4}", mode):
        return int(mode, 8) & 0o7777
    return 0o777 & ~int(mask, 8) if re.fullmatch("[0-7]{1,4}", mask) else 0o755


def _range(said: dict[str, str], kind: str) -> tuple[int, int, int]:
    return (
        _number(said, f"SUB_{kind}_MIN", 100000),
        _number(said, f"SUB_{kind}_MAX", 600100000),
        _number(said, f"SUB_{kind}_COUNT", 65536),
    )


def next_id(used: Iterable[int], least: int, most: int) -> int | None:
    """Return the number that useradd takes: one more than the highest in the range, else the lowest free one."""
    taken = {one for one in used if least <= one <= most}
    highest = max(taken, default=least - 1)
    if highest < most:
        return highest + 1
    return next((one for one in range(least, most + 1) if one not in taken), None)


def next_range(text: str, least: int, most: int, count: int) -> int | None:
    """Return the start of the lowest free range of ``count`` subordinate IDs (subuid(5)), None if there is none."""
    taken = sorted((int(a), int(b)) for a, b in re.findall(r"(?m)^[^:\n]+:(\d{1,10}):(\d{1,10})$", text))
    start = least
    for first, size in taken:
        if first >= start + count:
            break
        start = max(start, first + size)
    return start if start + count - 1 <= most else None
