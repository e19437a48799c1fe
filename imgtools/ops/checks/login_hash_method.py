"""New passwords are kept in hashes that take long to guess.

DES and MD5 are guessed by the billion a second; SHA-512 and yescrypt are not. What counts is the argument of
pam_unix, else ENCRYPT_METHOD of login.defs, which programs without PAM take too. The fix says yescrypt where the
guest's library reads it, else SHA-512. Source: pam_unix(8), login.defs(5), crypt(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.login_defs import LOGIN_DEFS, login_defs
from imgtools.guest.accounts.passwords import choose_method
from imgtools.guest.accounts.users import read_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import editing, first_of, is_managed, password_rules, saying
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

GOOD = ("sha512", "yescrypt", "gost_yescrypt", "blowfish", "bcrypt")
METHODS = (*GOOD, "sha256", "md5", "bigcrypt", "des")
NAME = "ENCRYPT_METHOD"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each place that says a weak method, or none where one has to be said."""
    files = examined.files
    unix = first_of(password_rules(examined), "pam_unix")
    words = [one for one in unix.arguments if one in METHODS] if unix is not None else []
    if unix is not None and words and words[-1] not in GOOD:
        text = f"PAM keeps new passwords as {words[-1]}"
        pattern = rf"^(\s*password\s.*\bpam_unix\.so\b.*?)\b{words[-1]}\b"
        fix = editing(unix.path, pattern, rf"\1{_better(examined)}")
        managed = is_managed(unix.path)
        advice = "authselect makes this file: choose another profile" if managed else ""
        yield Flaw(
            text,
            unix.path,
            unix.line,
            evidence=words[-1],
            severity=_weight(words[-1]),
            fix=None if managed else fix,
            advice=advice,
        )
    said = login_defs(files).get(NAME)
    if said is not None and said.value.lower() not in GOOD:
        text = f"programs keep new passwords as {said.value}"
        better = saying(said.path, NAME, _better(examined).upper()) if said.path == LOGIN_DEFS[0] else None
        yield Flaw(
            text, said.path, said.line, NAME, f"{NAME} {said.value}", _weight(said.value.lower()), better
        )
    elif said is None and files.is_file(LOGIN_DEFS[0]) and not words:
        fix = saying(LOGIN_DEFS[0], NAME, _better(examined).upper())
        text = "nothing says how new passwords are kept: shadow's programs take DES"
        yield Flaw(text, LOGIN_DEFS[0], 0, NAME, severity=Level.MEDIUM, fix=fix)


def _weight(method: str) -> Level | None:
    return Level.LOW if method == "sha256" else None


def _better(examined: Examined) -> str:
    return choose_method(examined.files, read_accounts(examined.files), examined.system.os)


CHECK = Check(
    title="New passwords are kept in hashes of a strong method",
    severity=Level.HIGH,
    look=look,
    references=("CIS Debian 12 5.4.1.4", "NIST 800-53 IA-5"),
)
