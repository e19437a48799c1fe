"""/etc/crypttab line by line: whether what it opens is there, is encrypted, and has its key.

systemd waits for what a line names, and ends in emergency mode if something that fstab needs lies in it. A line that
says nofail or noauto may name what is not there.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.crypttab_lines import CRYPTTAB, CrypttabProblem, WrongCrypt, crypttab_problems
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotThere, Remedy, Severity
from imgtools.records.disks import MORE_DISKS

IDS = {
    WrongCrypt.SYNTAX: "crypttab-syntax",
    WrongCrypt.SOURCE: "crypttab-source-missing",
    WrongCrypt.CONTENT: "crypttab-not-encrypted",
    WrongCrypt.KEY: "crypttab-key-missing",
    WrongCrypt.TWICE: "crypttab-duplicate",
}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is wrong with each line."""
    guest = examined.system
    if not guest.files.is_file(CRYPTTAB):
        yield NotThere(f"no {CRYPTTAB}")
        return
    for one in crypttab_problems(guest.files, guest.root, examined.layout):
        yield _finding(one)


def _finding(one: CrypttabProblem) -> Finding:
    is_key = one.wrong is WrongCrypt.KEY
    advice = "put the key file back, or give the passphrase at the console" if is_key else MORE_DISKS
    stops = one.stops and one.wrong in (WrongCrypt.SOURCE, WrongCrypt.CONTENT)
    return Finding(
        IDS[one.wrong],
        one.text,
        severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
        evidence=(Evidence(CRYPTTAB, one.line, one.raw),),
        remedy=Remedy("crypttab") if one.mendable else None,
        advice="" if one.mendable else advice,
    )


STATION = Station(
    summary="The lines of crypttab against the volumes",
    place=320,
    look=look,
    families=LINUX,
    causes={
        "crypttab-source-missing": "A line opens a volume that is not there: it was encrypted anew and has another "
        "UUID, or its disk was taken away.",
        "crypttab-not-encrypted": "A line opens a volume that is not encrypted, or not any more.",
        "crypttab-key-missing": "The file with the key of a volume is not there: a passphrase is asked for at the "
        "console, which nobody sees.",
        "crypttab-duplicate": "Two lines open a volume under the same name.",
        "crypttab-syntax": "A line is none of crypttab(5).",
    },
    mended={
        "crypttab": (
            "crypttab-source-missing",
            "crypttab-not-encrypted",
            "crypttab-key-missing",
            "crypttab-duplicate",
            "crypttab-syntax",
        ),
    },
)
