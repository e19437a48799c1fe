"""NFS shares nothing with everybody, and makes no client's root the server's.

With no_root_squash whoever is root on a client writes as root here, a set-user-ID shell for instance. A share for "*"
that may be written to is anybody's. Source: exports(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.logs.keepers import texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PATTERNS = ("/etc/exports", "/etc/exports.d/*.exports")
EVERYBODY = ("", "*", "0.0.0.0/0", "::/0")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the shares that trust too much."""
    if not starts(examined, "nfs-server", "nfs-kernel-server", "nfs"):
        yield NotThere("the guest shares nothing by NFS")
        return
    for path, text in texts(examined.files, PATTERNS):
        for number, line in enumerate(text.split("\n"), 1):
            bare = line.partition("#")[0].strip()[:4096]
            if not bare:
                continue
            share, *clients = bare.split()
            for client, options in _clients(clients):
                said = options.split(",")
                if "no_root_squash" in said:
                    text_ = f"root of a client is root in {share}"
                    yield Flaw(text_, path, number, subject=share, evidence=bare[:200], severity=Level.HIGH)
                elif client in EVERYBODY and "rw" in said:
                    yield Flaw(
                        f"everybody may write to {share}", path, number, subject=share, evidence=bare[:200]
                    )


def _clients(words: list[str]) -> Iterator[tuple[str, str]]:
    """Each client and its options, the defaults (-rw) before its own; a share without clients is everybody's."""
    usual = ""
    for word in words or [""]:
        if word.startswith("-"):
            usual = word[1:]
        elif found := re.fullmatch(r"([^()]*)(?:\(([^()]*)\))?", word):
            yield found[1], f"{usual},{found[2] or ''}"


CHECK = Check(
    title="NFS shares trust neither everybody nor the root of clients",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 AC-6",),
)
