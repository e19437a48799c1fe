"""Boot a guest on a throw-away overlay and say how that ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgtools.disk.new_file import new_file, refuse_own_files, refuse_target
from imgtools.errors import EngineTimeout, HostError, KeyNeeded, ManyGuests, NoGuest, UsageError
from imgtools.guest.boot.direct_kernel import kernel_of
from imgtools.guest.boot.firmware import cause_of_silence
from imgtools.guest.boot.machine_choice import (
    LEAST,
    MachineChoice,
    Wishes,
    choose_machine,
    machine_of_nobody,
)
from imgtools.guest.boot.watch import Talk, Watching, watch
from imgtools.guest.guest import Guest, the_guest
from imgtools.image.handle import Image, open_request
from imgtools.image.machine import open_machine
from imgtools.records.image import ImageInfo
from imgtools.records.machine import BUSES, FIRMWARES, DirectKernel
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Key
from imgtools.records.system import OsType, Warned

NOT_KNOWN = "name the firmware to boot it all the same: --firmware bios"


@dataclass(frozen=True, slots=True)
class BootRequest:
    """How a guest is booted and watched.

    :param wishes: what is not left to be chosen of the machine.
    :param seconds: how long a verdict is waited for; None: as long as is usual.
    :param expect: a pattern that the console has to show.
    :param kernel_from_guest: the guest's kernel is started directly, with a serial console.
    """

    wishes: Wishes = field(default_factory=Wishes)
    seconds: float | None = None
    expect: str = ""
    kernel_from_guest: bool = False
    screenshot: Path | None = None
    console: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class BootCause:
    """What may be to blame: the id that ``imgtools diagnose`` has for it, and the line of the console that says so."""

    id: str
    line_number: int
    line: str


@dataclass(frozen=True, slots=True)
class BootReport:
    """How a boot ended, and in which machine.

    ``reached``: a login, or what was expected, was seen; ``verdict``, ``stage``: see ``docs/boot.md``.
    ``memory`` in bytes, ``seconds`` on the wall clock from power-on.
    """

    image: str
    guest: str
    reached: bool
    verdict: str
    stage: str
    line: str
    seen_on: str
    causes: tuple[BootCause, ...]
    last_lines: tuple[str, ...]
    seconds: float
    resets: int
    accelerator: str
    firmware: str
    machine: str
    bus: str
    memory: int
    cpus: int
    network: bool
    kernel_from_guest: bool
    reasons: tuple[str, ...]
    screenshot: str = ""
    console: str = ""
    warnings: tuple[Warned, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 reached; 1 it ended elsewhere; that of a time-out: no sign within the time."""
        if self.reached:
            return 0
        return EngineTimeout.exit_code if self.verdict == "none" else 1


def boot(
    request: ImageRequest,
    how: BootRequest,
    *,
    talk: Talk | None = None,
    progress: Progress | None = None,
) -> BootReport:
    """Boot the guest of an image; nothing is written to it.

    Disks on which no system is known are booted if a firmware is named.

    :param talk: a person at the serial console; without, it is watched.
    :raises NoGuest: no system is known on the disks, and no firmware is named; so ManyGuests and KeyNeeded.
    :raises UnsupportedGuest: it is for another processor.
    :raises HostError: the host has not as much memory free as the guest needs.
    :raises ToolMissing: QEMU, or its UEFI firmware, is not installed.
    :raises ImageInUse: a guest runs on the image.
    """
    _watching(how)
    with ExitStack() as stack:
        with open_request(request) as image:
            found = _look(image, request, how)
            infos, warnings = image.infos, image.warnings
            _refuse_targets(infos, how)
            kernel = _kernel(found, how, stack)
        report = _run(infos, request.keys, found, how, _watching(how, found), kernel, talk, progress)
        return report if found.guest is not None else replace(report, warnings=warnings)


def boot_opened(
    image: Image,
    guest: Guest,
    how: BootRequest,
    *,
    keys: Sequence[Key] = (),
    progress: Progress | None = None,
) -> BootReport:
    """Boot a guest of an image that is open for reading: of the proof of an edit, what is about to be committed.

    :param guest: of the image, with the keys of its encrypted files in ``keys``.
    :raises ImgtoolsError: as :func:`boot`.
    """
    found = _found(image, guest, how)
    return _run(image.infos, keys, found, how, _watching(how, found), None, None, progress)


@dataclass(frozen=True, slots=True)
class _Found:
    """The machine, and the guest that it is for, if one is known.

    ``mute_code``: what is to blame where a BIOS starts boot code that says nothing.
    """

    choice: MachineChoice
    guest: Guest | None = None
    mute_code: str = ""

    @property
    def is_windows(self) -> bool:
        return self.guest is not None and self.guest.os.type is OsType.WINDOWS

    @property
    def name(self) -> str:
        return "" if self.guest is None else self.guest.os.product_name or self.guest.os.distro


def _found(image: Image, guest: Guest, how: BootRequest) -> _Found:
    _watching(how)
    layout = guest.layout if guest.layout is not None else image.layout()
    guest = replace(guest, layout=layout, open_device=image.try_bytes)
    choice = choose_machine(guest, how.wishes)
    is_bios = choice.spec.firmware == "bios" and not how.kernel_from_guest
    return _Found(choice, guest, cause_of_silence(layout.disks, image.try_bytes) if is_bios else "")


def _watching(how: BootRequest, found: _Found | None = None) -> Watching:
    """What the request waits for; everything in it is looked at before anything is opened."""
    wishes = how.wishes
    for option, value, known in (("firmware", wishes.firmware, FIRMWARES), ("bus", wishes.bus, BUSES)):
        if value and value not in known:
            raise UsageError(f"no such {option}: {value}", hint=f"there are {', '.join(known)}")
    if wishes.memory is not None and wishes.memory < LEAST:
        raise UsageError(f"too little memory to boot in: {wishes.memory} bytes", hint="--memory 1G")
    if wishes.cpus is not None and not 1 <= wishes.cpus <= 255:
        raise UsageError(f"not a number of processors: {wishes.cpus}", hint="1 to 255")
    if how.seconds is not None and how.seconds <= 0:
        raise UsageError(f"not a time to wait: {how.seconds:g} s")
    try:
        pattern = re.compile(how.expect, re.MULTILINE) if how.expect else None
    except re.error as error:
        raise UsageError(f"not a regular expression: {how.expect!r}: {error}") from None
    if found is None:
        return Watching(how.seconds, pattern)
    return Watching(how.seconds, pattern, found.is_windows, found.mute_code)


def _look(image: Image, request: ImageRequest, how: BootRequest) -> _Found:
    """Find the guest and choose its machine."""
    try:
        guest = the_guest(image, request.root)
    except (NoGuest, ManyGuests, KeyNeeded) as error:
        if not how.wishes.firmware or how.kernel_from_guest or request.root is not None:
            hint = f"{error.hint}; {NOT_KNOWN}" if error.hint else NOT_KNOWN
            error.hint = error.hint if how.wishes.firmware else hint
            raise
        return _Found(machine_of_nobody(how.wishes))
    return _found(image, guest, how)


def _kernel(found: _Found, how: BootRequest, stack: ExitStack) -> DirectKernel | None:
    if not how.kernel_from_guest or found.guest is None or found.guest.layout is None:
        return None
    return stack.enter_context(kernel_of(found.guest, found.guest.layout.disks))


def _refuse_targets(infos: Sequence[ImageInfo], how: BootRequest) -> None:
    """Make sure that what is asked for can be written, before it is made."""
    for target in (how.screenshot, how.console):
        if target is not None:
            refuse_own_files(infos, target)
            refuse_target(target, overwrite=how.overwrite)


def _run(
    infos: Sequence[ImageInfo],
    keys: Sequence[Key],
    found: _Found,
    how: BootRequest,
    watching: Watching,
    kernel: DirectKernel | None,
    talk: Talk | None,
    progress: Progress | None,
) -> BootReport:
    """Boot, and keep what was asked for."""
    spec = found.choice.spec
    with open_machine(infos, keys, spec, kernel) as machine:
        watched = watch(machine, watching, talk, progress)
    _write(how.screenshot, watched.png(), how, infos[0])
    _write(how.console, watched.serial, how, infos[0])
    return BootReport(
        image=infos[0].source.name,
        guest=found.name,
        reached=watched.reached,
        verdict=watched.verdict,
        stage=watched.stage,
        line=watched.line,
        seen_on=watched.seen_on,
        causes=tuple(BootCause(*cause) for cause in watched.causes),
        last_lines=watched.last_lines,
        seconds=round(watched.seconds, 1),
        resets=watched.resets,
        accelerator=watched.accelerator,
        firmware="" if kernel is not None else spec.firmware,
        machine=spec.machine,
        bus=spec.bus,
        memory=spec.memory,
        cpus=spec.cpus,
        network=spec.network,
        kernel_from_guest=kernel is not None,
        reasons=found.choice.reasons,
        screenshot=str(how.screenshot or ""),
        console=str(how.console or ""),
        warnings=() if found.guest is None else found.guest.warnings,
    )


def _write(target: Path | None, content: bytes, how: BootRequest, source: ImageInfo) -> None:
    """Write what a person has asked for, for those who may read the image."""
    if target is None:
        return
    with new_file(target, overwrite=how.overwrite, durable=False, source=source) as draft:
        try:
            draft.host_path.write_bytes(content)
        except OSError as error:
            raise HostError(f"cannot write {target}: {error.strerror}") from None
