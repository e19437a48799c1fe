r"""What the logs say of the last boot: panics, emergency mode, a lack of memory, disks and filesystems with errors.

A log tells what was, and not what is: what it names is a sign, and never the likely cause by itself. Only the last
boot counts. Of Linux these are the kernel's and systemd's lines in the journal, or in kern.log, messages or syslog, and
the kernel's last words that systemd-pstore has kept; of Windows the events of its System log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from imgtools.ops.operation import LINUX_OR_WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import last_boot
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Severity
from imgtools.records.system import OsType

if TYPE_CHECKING:
    from imgtools.guest.logs.last_boot import ToldLine
    from imgtools.guest.logs.signs import LogSign

SHOWN = 3  # lines of each finding
TEXTS = {
    "kernel-panic": "the kernel panicked",
    "emergency-mode": "the last boot ended in emergency mode",
    "initramfs-shell": "the last boot ended in the shell of the initial RAM disk",
    "out-of-memory": "memory ran out at the last boot, and the kernel ended programs",
    "disk-errors": "a disk had errors at the last boot",
    "filesystem-errors": "a filesystem had errors at the last boot",
    "filesystem-full": "something could not be written at the last boot: no space was left",
}
ADVICE = {
    "kernel-panic": "the lines before it say why",
    "emergency-mode": "the lines before it say why; what can be seen offline is said by the other stations",
    "out-of-memory": "give the machine more memory",
    "disk-errors": "look at the disk below the image, and at the image itself: imgtools check",
    "filesystem-errors": "check it: imgtools check IMAGE",
    "filesystem-full": "see how full it is now, imgtools df IMAGE; imgtools repair --only make-room says what may go",
}
# Provider and number of events of Windows: the cause that they are signs of.
EVENTS = {
    ("disk", 7): "disk-errors",
    ("disk", 11): "disk-errors",
    ("disk", 51): "disk-errors",
    ("disk", 154): "disk-errors",
    ("ntfs", 55): "filesystem-errors",
    ("microsoft-windows-ntfs", 55): "filesystem-errors",
}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what the last boot's log says was wrong."""
    yield from _windows(examined) if examined.system.os.type is OsType.WINDOWS else _linux(examined)


def _linux(examined: Examined) -> Iterator[Seen]:
    from imgtools.guest.logs.last_boot import crash_record, read_last_boot
    from imgtools.guest.logs.signs import ENDS, signs_in

    log = read_last_boot(examined.files)
    signs = signs_in(log.lines)
    why = [one for one in signs if one.id not in TEXTS]  # others find these where they are
    for one in signs:
        if one.id in TEXTS:
            more = [line for other in why for line in other.lines[:1]] if one.id in ENDS else []
            yield _finding(one, [*more, *one.lines[-SHOWN:]])
    if not any(one.id == "kernel-panic" for one in signs):
        yield from _panic_before(crash_record(examined.files, log.began))
    if log.reason:
        yield NotKnown(log.reason)


def _finding(one: LogSign, lines: Sequence[ToldLine]) -> Finding:
    return Finding(
        one.id,
        TEXTS[one.id],
        Severity.SUSPICIOUS,
        Confidence.MEDIUM,
        tuple(Evidence(line.path, line.line, line.text) for line in lines),
        advice=ADVICE.get(one.id, ""),
    )


def _panic_before(record: Sequence[ToldLine]) -> Iterator[Seen]:
    """What pstore has kept was written before the last boot, which then went on."""
    from imgtools.guest.logs.signs import signs_in

    panic = next((one for one in signs_in(record) if one.id == "kernel-panic"), None)
    if panic is not None:
        yield Finding(
            "kernel-panic",
            "the kernel panicked before its last boot",
            Severity.SUSPICIOUS,
            Confidence.LOW,
            tuple(Evidence(line.path, line.line, line.text) for line in panic.lines[-SHOWN:]),
            advice=ADVICE["kernel-panic"],
        )


def _windows(examined: Examined) -> Iterator[Seen]:
    boot = examined.once(last_boot)
    found: dict[str, list[Evidence]] = {}
    for event in boot.events:
        name = EVENTS.get((event.provider.casefold(), event.event_id), "")
        if name:
            data = ", ".join(text for _name, text in event.data if text)
            words = f"event {event.event_id} of {event.provider}: {data}"
            found.setdefault(name, []).append(Evidence(boot.path, text=words[:300]))
    for name, evidence in found.items():
        yield Finding(
            name,
            TEXTS[name],
            Severity.SUSPICIOUS,
            Confidence.MEDIUM,
            tuple(evidence[:SHOWN]),
            advice="have Windows check it: windows-check-disk"
            if name == "filesystem-errors"
            else ADVICE[name],
        )
    if boot.reason:
        yield NotKnown(boot.reason)


STATION = Station(
    summary="What the logs of the last boot say",
    place=900,
    look=look,
    families=LINUX_OR_WINDOWS,
    causes={
        "kernel-panic": "The kernel has stopped because it could not go on: no root filesystem, no init, or an error "
        "of its own or of a driver. Its last lines say which.",
        "emergency-mode": "systemd starts a shell for root in place of the system if a filesystem of fstab is not "
        "there or cannot be checked, unless it is marked nofail.",
        "initramfs-shell": "The initial RAM disk did not find the root filesystem, or could not mount it, and has "
        "started a shell.",
        "out-of-memory": "The machine had too little memory: the kernel ended programs, or did not start the first.",
        "disk-errors": "Reads or writes of a disk failed. The disk below the image may be failing, the image may be "
        "damaged, or the storage was out of reach.",
    },
)
