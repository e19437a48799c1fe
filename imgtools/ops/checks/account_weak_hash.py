"""Passwords are kept in hashes that take long to guess.

DES, MD5 and NT hashes are guessed by the billion a second on one graphics card. SHA-256 and SHA-512 with few rounds
are low findings: yescrypt is the default since Debian 11 and Fedora 35. A hash cannot be turned into another; the
password has to be set anew. Source: crypt(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.accounts.users import Account, Accounts, Shadow
from imgtools.ops.account_checks import of_accounts, passwords
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

WEAK = ("des", "bsdicrypt", "md5", "sunmd5", "sha1", "nt")
OLD = ("sha256",)
ROUNDS = 5000  # of SHA-256 and SHA-512, where the hash says none: crypt(5)
ADVICE = "set the password anew: imgtools customize --password, or passwd in the guest"


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account whose hash is of a weak method."""
    for account, entry, password, path, line in passwords(accounts):
        method = password.method if password.state == "set" else ""
        if method in WEAK:
            text = f"the password of {account.name} is kept as {method}, which is guessed fast"
            yield Flaw(text, path, line, account.name, method, advice=ADVICE)
        elif method in OLD or (method == "sha512" and _rounds(entry or account) < ROUNDS):
            text = f"the password of {account.name} is kept as {method} of an old kind"
            yield Flaw(text, path, line, account.name, method, Level.LOW, advice=ADVICE)


def _rounds(entry: Shadow | Account) -> int:
    match = re.match(rb"\$6\$rounds=(\d{1,9})\$", entry.password.reveal())
    return int(match[1]) if match else ROUNDS


CHECK = Check(
    title="Passwords have hashes of a strong method",
    severity=Level.HIGH,
    look=of_accounts(look),
    references=("NIST 800-53 IA-5",),
)
