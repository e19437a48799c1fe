"""The arguments of the kernel that starts by default: what they name has to be there.

That is the root and the options that it is mounted with, the logical volumes, encrypted volumes and arrays that dracut
is told to put together, the swap to resume from, and another init. Words that end in a shell or a rescue system
(`init=/bin/sh`, `single`, `rd.break`, `systemd.unit=emergency.target`) are left over from somebody's last repair.
The arguments in unified kernel images are looked at too.

What is not looked at: arguments of the other entries, which are often for rescue, and those of the console.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgtools.guest.boot.arguments import (
    RESUME_CONF,
    Lost,
    ending_words,
    lost_arguments,
    resume_setting,
    words_of,
)
from imgtools.guest.boot.root_names import name_of
from imgtools.guest.boot.start import Start
from imgtools.guest.boot.unified import UnifiedKernel
from imgtools.guest.find.devices import is_by_order
from imgtools.ops.boot_start import MAKE_AGAIN, boot_start, severity_of, unified_images
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotThere, Remedy, Severity

IDS = {
    "root": "root-not-found",
    "lvm": "lvm-name-missing",
    "luks": "luks-uuid-missing",
    "md": "md-uuid-missing",
    "resume": "resume-not-found",
    "init": "init-argument-missing",
    "flags": "root-flags-wrong",
}
REMEDIES = {"root": Remedy("root-device"), "resume": Remedy("resume-device")}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield the arguments that name what is not there, and those that end in a shell."""
    start, images = examined.once(boot_start), examined.once(unified_images)
    for image in images:
        yield from _unified(examined, image)
    if start.default is None:
        if not images:
            yield NotThere("no boot menu starts a kernel")
        return
    system = examined.system
    words = words_of(start.default.entry.cmdline)
    for lost in lost_arguments(examined.files, words, system.root, examined.layout):
        yield _lost(start, lost)
    yield from _unstable(examined, start, words)
    for word in ending_words(words):
        yield Finding(
            "boot-word-dangerous",
            f"the kernel is told {word}: the guest ends in a shell or a rescue system, not at its login",
            evidence=(_where(start, word),),
            remedy=Remedy("cmdline-words"),
        )
    yield from _resume(examined)


def _unified(examined: Examined, image: UnifiedKernel) -> Iterator[Seen]:
    """Arguments inside a program of EFI's: no repair of files reaches them."""
    root = examined.system.root
    for lost in lost_arguments(examined.files, words_of(image.cmdline or ""), root, examined.layout):
        resume = lost.kind == "resume"
        yield Finding(
            IDS[lost.kind],
            f"{image.path} has {lost.word} in it, and {lost.why}",
            severity=Severity.SUSPICIOUS if resume else severity_of(examined, image),
            evidence=(Evidence(image.path, text=f".cmdline: {lost.word}"),),
            advice=MAKE_AGAIN,
        )


def _where(start: Start, word: str) -> Evidence:
    """The line of the menu that says it first."""
    lines = start.text.split("\n")
    number = next((at for at, line in enumerate(lines, 1) if word in line.replace('"', "").split()), 0)
    entry = start.default.entry if start.default else None
    path = start.config if number or entry is None else f"/boot/loader/entries/{entry.id}.conf"
    return Evidence(path or "/boot/loader/entries", number, word)


def _lost(start: Start, lost: Lost) -> Finding:
    return Finding(
        IDS[lost.kind],
        f"the kernel is told {lost.word}, and {lost.why}",
        severity=Severity.SUSPICIOUS if lost.kind == "resume" else Severity.BROKEN,
        confidence=Confidence.MEDIUM if lost.why.startswith("it is /dev/") else Confidence.HIGH,
        evidence=(_where(start, lost.word),),
        remedy=REMEDIES.get(lost.kind),
        advice="" if lost.kind in REMEDIES else f"take {lost.word} away, or name what is there",
    )


def _unstable(examined: Examined, start: Start, words: Sequence[str]) -> Iterator[Seen]:
    """A root by its place among several disks: which of them is found first, may change."""
    word = next((one for one in reversed(words) if one.startswith("root=")), "")
    if len(examined.layout.disks) > 1 and is_by_order(word[5:]):
        yield Finding(
            "root-name-unstable",
            f"the kernel is told {word}, and the guest has {len(examined.layout.disks)} disks: which of them is called "
            "so, depends on the order in which they are found",
            severity=Severity.SUSPICIOUS,
            confidence=Confidence.LOW,
            evidence=(_where(start, word),),
            advice="name it by its UUID: imgtools repair --only root-device "
            f"--set root-device.device={name_of(examined.system.root)}",
        )


def _resume(examined: Examined) -> Iterator[Seen]:
    """What initramfs-tools built in: the boot waits half a minute for a swap that is gone."""
    number, value = resume_setting(examined.files)
    if not number or value in ("", "none", "auto"):
        return
    words = [f"resume={value}"]
    for lost in lost_arguments(examined.files, words, examined.system.root, examined.layout):
        yield Finding(
            "resume-not-found",
            f"{RESUME_CONF} names {value}, and {lost.why}: the boot waits for it",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(RESUME_CONF, number, value),),
            remedy=Remedy("resume-device"),
        )


STATION = Station(
    summary="The kernel's arguments and what they name",
    place=230,
    look=look,
    families=LINUX,
    causes={
        "root-not-found": "root= names a filesystem that is not there, or another than the system's: a clone with new "
        "UUIDs, a renamed volume, a disk on another bus. The kernel panics, or a shell of the initramfs comes up: "
        "ALERT! ... does not exist.",
        "lvm-name-missing": "dracut waits for a logical volume or volume group that is not there any more (rd.lvm.lv), "
        "and ends in a shell: the volume was renamed or deleted.",
        "luks-uuid-missing": "dracut waits for an encrypted volume that is not there (rd.luks.uuid).",
        "md-uuid-missing": "dracut waits for an array that is not there (rd.md.uuid).",
        "resume-not-found": "The swap to resume from is not there. The guest starts, after waiting for it for half a "
        "minute or more.",
        "root-flags-wrong": "rootflags= has an option that the root's filesystem does not know, or names a subvolume "
        "of btrfs that is not there, because it was renamed or another snapshot is the system now. The root is not "
        "mounted: the kernel panics, or a shell of the initramfs comes up.",
        "root-name-unstable": "root= names a disk by its place (sda1, vdb1), and the guest has several: another disk, "
        "another controller or a faster one is enough for another order.",
        "init-argument-missing": "init= names a program that is not there: the kernel panics.",
        "boot-word-dangerous": "Somebody has once repaired the guest by hand, and left the word that led to the shell: "
        "init=/bin/sh, single, rd.break, systemd.unit=emergency.target.",
    },
    mended={
        "root-device": ("root-not-found",),
        "resume-device": ("resume-not-found",),
        "cmdline-words": ("boot-word-dangerous", "root-flags-wrong"),
    },
)
