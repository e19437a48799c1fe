"""What systemd runs as root, only root can change.

A service of root whose program lies in somebody's home, or in a folder that everybody may write to, makes that
somebody root at the next start. Programs of services with a user of their own may belong to that user. Source:
systemd.service(5), inode(7).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.services.commands import read_service
from imgtools.guest.services.started import Init
from imgtools.guest.settings.trusted import who_else
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, started
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

MOST_UNITS = 500


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the programs of services of root that others may change."""
    files = examined.files
    if examined.once(init_of) is not Init.SYSTEMD:
        yield NotThere("the guest has no systemd")
        return
    seen: set[tuple[str, str]] = set()
    # Timers and sockets start the service of their name.
    names = dict.fromkeys(
        name.removesuffix(".timer").removesuffix(".socket") for name in examined.once(started)
    )
    if len(names) > MOST_UNITS:
        yield NotKnown(f"more than {MOST_UNITS} services are started; the rest was not looked at")
    for name in list(names)[:MOST_UNITS]:
        for one in read_service(files, f"{name}.service").commands:
            place = (one.line.path, one.program)
            if one.user not in ("root", "0") or place in seen or not files.is_file(one.program):
                continue
            seen.add(place)
            if who := who_else(files, one.program):
                yield Flaw(
                    f"{name} runs {one.program} as root, and {who}",
                    one.line.path,
                    one.line.line,
                    subject=one.program,
                    advice="give the program and the folders above it to root alone, or the service a user of its own",
                )


CHECK = Check(
    title="Only root can change what systemd runs as root",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 CM-5", "NIST 800-53 AC-6"),
)
