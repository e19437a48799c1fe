"""sudo: its own rights, the modes of sudoers and of sudoers.d, and their syntax by visudo."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.logins import read_known, ways_in
from imgtools.guest.health.sudo_state import SudoTrouble, sudo_troubles
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotThere, Remedy, Severity

IDS = {
    "program": "sudo-not-setuid",
    "missing": "sudoers-missing",
    "mode": "sudoers-mode",
    "syntax": "sudoers-syntax",
}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps sudo from working."""
    troubles = sudo_troubles(examined.files)
    if troubles is None:
        yield NotThere("no sudo")
    elif troubles:
        locked = not _root_gets_in(examined)
        yield from (_finding(one, locked=locked) for one in troubles)


def _root_gets_in(examined: Examined) -> bool:
    """Whether somebody becomes root without sudo: else nobody does."""
    accounts = read_known(examined.files)
    if accounts is None:
        return True
    roots = {one.name for one in accounts.passwd if one.uid == 0}
    return any(one.name in roots for one in ways_in(examined.files, accounts))


def _finding(one: SudoTrouble, *, locked: bool) -> Finding:
    words = {
        "program": f"{one.path} has not the rights that it needs: {one.text}",
        "missing": "there is no sudoers: sudo refuses everybody",
        "mode": f"sudo refuses {one.path}: {one.text}",
        "syntax": f"{one.path} does not parse: {one.text}",
    }
    stops = locked and one.is_main
    return Finding(
        IDS[one.kind],
        words[one.kind] + ("; and root cannot log in otherwise" if stops else ""),
        severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
        evidence=(Evidence(one.path, one.line, one.text),),
        remedy=Remedy("sudoers"),
    )


STATION = Station(
    summary="sudo, its rights and its files",
    place=520,
    look=look,
    families=LINUX,
    causes={
        "sudo-not-setuid": "The program sudo is not root's, or has lost its bit, after a chmod -R or chown -R or a "
        "copy: it does nothing for anybody.",
        "sudoers-missing": "There is no /etc/sudoers: sudo refuses everybody.",
        "sudoers-mode": "sudoers, or a file of sudoers.d, may be written by others or is not root's: sudo refuses it.",
        "sudoers-syntax": "sudoers, or a file of sudoers.d, does not parse. Older versions of sudo then refuse "
        "everybody, newer ones pass over the line.",
    },
    mended={
        "sudoers": (
            "sudo-not-setuid",
            "sudoers-missing",
            "sudoers-mode",
            "sudoers-syntax",
        ),
    },
)
