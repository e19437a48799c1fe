"""What checks of logins have in common: PAM's rules, the settings of its modules, login.defs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from imgtools.change.change import Change, EditLines, LineEdit, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.login_defs import LOGIN_DEFS, login_defs
from imgtools.guest.health.pam import FOLDERS, PamRule, service_rules
from imgtools.ops.check import Fix, Flaw, Seen, always
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotThere
from imgtools.records.system import OsInfo

Look = Callable[[Examined, Params], Iterator[Seen]]
# Services that let people in; each is looked at where PAM has a file of it.
SERVICES = (
    "login",
    "sshd",
    "gdm-password",
    "lightdm",
    "sddm",
    "lxdm",
    "xrdp-sesman",
    "cockpit",
    "vsftpd",
    "su",
    "sudo",
)
PASSWORD_SERVICE = "passwd"  # with which people change their passwords
PROFILES = ("/etc/profile", "/etc/profile.d/*.sh", "/etc/bash.bashrc", "/etc/bashrc")
LIMIT = 1 << 20  # bytes of one file
# agetty(8): architecture, release, name and version of the system, and fields of os-release.
ESCAPES = re.compile(r"\\[mrsvS]")
AUTHSELECT = "/etc/authselect/"  # files there are made anew: authselect(8)


def has_pam(files: GuestReader) -> bool:
    """Whether the guest has settings of PAM."""
    return any(files.is_dir(folder) for folder in FOLDERS)


def of_pam(look: Look) -> Look:
    """Return a look at PAM's rules, which is about nothing where there are none."""

    def looked(examined: Examined, params: Params) -> Iterator[Seen]:
        if not has_pam(examined.files):
            yield NotThere("no PAM")
        else:
            yield from look(examined, params)

    return looked


def rules_of_logins(files: GuestReader, kind: str) -> Iterator[tuple[str, tuple[PamRule, ...]]]:
    """Yield the services that let people in, those that PAM has a file of, with their rules of a kind."""
    for service in SERVICES:
        if any(files.is_file(f"{folder}/{service}") for folder in FOLDERS):
            yield service, tuple(service_rules(files, service, kind))


def password_rules(examined: Examined) -> tuple[PamRule, ...]:
    """Return the rules by which a new password is taken."""
    return tuple(service_rules(examined.files, PASSWORD_SERVICE, "password"))


def first_of(rules: Iterable[PamRule], *names: str) -> PamRule | None:
    """Return the first rule of these modules."""
    return next((one for one in rules if one.name in names), None)


class ModuleSetting(NamedTuple):
    """A setting of a module, and where it is said; "" and 0 where nothing says it."""

    value: str
    path: str
    line: int


def module_setting(
    files: GuestReader, rule: PamRule, name: str, config: str, default: str = ""
) -> ModuleSetting:
    """Return what counts for a module: its argument, else its file (behind its drop-ins), else the default.

    Source: pwquality.conf(5), faillock.conf(5), pwhistory.conf(5).
    """
    argument = rule.argument(name)
    if argument is not None:
        return ModuleSetting(argument, rule.path, rule.line)
    found = ModuleSetting(default, rule.path, rule.line)
    for path in (*files.glob(f"{config}.d/*.conf"), config) if config else ():
        if files.is_file(path):
            for number, line in enumerate(files.read_text(path, limit=LIMIT).split("\n"), 1):
                if match := re.match(rf"\s*{name}\s*=\s*(\S+)", line):
                    found = ModuleSetting(match[1], path, number)
    return found


def number_of(text: str) -> int | None:
    """Return a whole number; None if it is none."""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else None


# -- login.defs ----------------------------------------------------------------------------------------------


def login_def(
    name: str, is_fine: Callable[[str, Params], bool], text: str, wanted: Callable[[Params], str]
) -> Look:
    """Return a look at one setting of login.defs.

    :param text: what is wrong; ``{}`` is what is said.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        files = examined.files
        path = next((one for one in LOGIN_DEFS if files.is_file(one)), "")
        if not path:
            yield NotThere("no login.defs")
            return
        said = login_defs(files).get(name)
        if said is None or not is_fine(said.value, params):
            yield Flaw(
                f"{name} is not said" if said is None else text.format(said.value),
                path,
                said.line if said is not None else 0,
                name,
                "" if said is None else f"{name} {said.value}",
                fix=saying(path, name, wanted(params)) if path == LOGIN_DEFS[0] else None,
                advice="" if path == LOGIN_DEFS[0] else f"write {name} {wanted(params)} to /etc/login.defs.d",
            )

    return look


def saying(path: str, name: str, value: str, separator: str = "\t") -> Fix:
    """Return the fix that gives a setting of a file of lines a value; it is put behind all if nothing says it."""

    def fix(files: GuestReader) -> Iterator[Change]:
        line, pattern = f"{name}{separator}{value}", rf"^\s*{name}(?:\s+|=).*$"
        if not files.is_file(path):
            yield WriteFile(path, f"{line}\n".encode(), 0o644, 0, 0)
        elif re.search(rf"(?m){pattern}", files.read_text(path, limit=LIMIT)):
            yield EditLines(path, (LineEdit(pattern, line),))
        else:
            yield EditLines(path, (LineEdit(append=line),))

    return fix


def at_most(name: str) -> Callable[[str, Params], bool]:
    """Tell whether a number is at most a parameter, and not less than 1."""
    return lambda value, params: 1 <= (number_of(value) or 0) <= getattr(params, name)


def at_least(name: str) -> Callable[[str, Params], bool]:
    """Tell whether a number is at least a parameter."""
    return lambda value, params: (number_of(value) or 0) >= getattr(params, name)


def parameter(name: str) -> Callable[[Params], str]:
    """Want the value of a parameter."""
    return lambda params: str(getattr(params, name))


# -- what shells do when somebody logs in --------------------------------------------------------------------


def shell_lines(files: GuestReader, expression: str) -> Iterator[tuple[str, int, re.Match[str]]]:
    """Yield the lines of the shells' profiles that match, with path and number; comments do not."""
    for pattern in PROFILES:
        for path in files.glob(pattern):
            if files.is_file(path) and files.stat(path).size <= LIMIT:
                for number, line in enumerate(files.read_text(path, limit=LIMIT).split("\n"), 1):
                    if not line.lstrip().startswith("#") and (match := re.search(expression, line)):
                        yield files.resolve(path), number, match


def says_system(line: str, os: OsInfo) -> bool:
    """Whether a line that is shown before the login says which system it is, by its name or an escape of agetty(8)."""
    words = [one.lower() for one in (os.product_name, os.distro) if len(one) > 3 and one != "unknown"]
    return ESCAPES.search(line) is not None or any(word in line.lower() for word in words)


def is_managed(path: str) -> bool:
    """Whether a file of PAM is made anew by authselect."""
    return path.startswith(AUTHSELECT)


def editing(path: str, pattern: str, replacement: str) -> Fix:
    """Return the fix that rewrites the lines of a file that match."""
    return always(EditLines(path, (LineEdit(pattern, replacement),)))
