"""Launch libguestfs' appliance so that it works the first time, and talk to it without hanging.

The reasons for each choice are in docs/decisions/appliance-launch.md.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from imgtools.engine.appliance.guard import (
    CALL_SECONDS,
    LAUNCH_SECONDS,
    MEMORY_WITH_KEYS,
    QUICK_SECONDS,
    Drive,
    Guard,
    Options,
    missing_binding,
)
from imgtools.engine.appliance.quick import forget_failures, note_failure, quick_appliance
from imgtools.engine.host import find_appliance
from imgtools.engine.qemu.kernels import appliance_folder
from imgtools.engine.qemu.kvm import (
    KVM,
    TCG,
    KvmVerdict,
    find_qemu,
    forced_accelerator,
    kvm_verdict,
    recall_verdict,
    remember,
    warn_of,
)
from imgtools.errors import ApplianceFailed, EngineTimeout

__all__ = ["MEMORY_WITH_KEYS", "Appliance", "Drive", "launch_appliance", "missing_binding"]

log = logging.getLogger(__name__)

# The part of the copy's limit in which the appliance itself is up, where the limit tells something of the copy: both
# take 4 to 20 seconds on a machine that has time for them.
TELLING = 1 / 3
T = TypeVar("T")


class Appliance:
    """A running appliance. Every call runs in one thread of its own, so that it can be given up.

    :param handle: the launched libguestfs handle; call it through :meth:`call` only.
    :param accelerator: ``KVM`` or ``TCG``.
    """

    def __init__(self, guard: Guard, accelerator: str) -> None:
        self.handle = guard.handle
        self.accelerator = accelerator
        self._guard = guard
        self.calls = guard.calls

    @property
    def folder(self) -> Path:
        """The folder where its QEMU may use files; it goes with the appliance."""
        return self._guard.folder

    @property
    def monitor(self) -> Path:
        """The unix socket where QEMU listens for QMP, if that was asked for."""
        return self._guard.monitor

    @property
    def log(self) -> str:
        """What QEMU and the appliance have said so far; the last 256 KiB of it."""
        return self._guard.log

    @property
    def has_ended(self) -> bool:
        """Whether it had to be killed, or was closed."""
        return self._guard.has_ended

    @property
    def pid(self) -> int:
        """The process id of QEMU."""
        return self.call(self.handle.get_pid)

    def call(self, work: Callable[[], T], *, seconds: float = CALL_SECONDS) -> T:
        """Run ``work`` against the appliance and return what it returns.

        :raises ApplianceFailed: libguestfs reports an error.
        :raises EngineTimeout: no answer in time; the appliance is dead then.
        """
        return self._guard.wait(work, seconds, "the libguestfs appliance does not answer")

    def shell(self, script: str | bytes, *, seconds: float = CALL_SECONDS) -> bytes:
        """Run a shell script in the appliance and return its output; see :meth:`Calls.shell`."""
        text = script.encode("utf-8", "surrogateescape") if isinstance(script, str) else script
        return self.call(lambda: self.calls.shell(text), seconds=seconds)

    def close(self) -> None:
        """Shut down and close; errors of the last flush surface here. May be called twice."""
        self._guard.end()


def launch_appliance(
    drives: Sequence[Drive],
    *,
    memory: int = 0,
    verbose: bool = False,
    seconds: float = LAUNCH_SECONDS,
    network: bool = False,
    monitor: bool = False,
    ports: bool = False,
    append: str = "",
) -> Appliance:
    """Boot the appliance with these drives as /dev/sda, /dev/sdb ... in their order.

    :param memory: megabytes; 0 leaves it to libguestfs.
    :param verbose: have the appliance say all it does, for a diagnosis; slower.
    :param network: let what runs in the appliance reach the network, through QEMU.
    :param monitor: whether QEMU listens for QMP, at :attr:`Appliance.monitor`.
    :param ports: whether there are a console and channels for a shell (``ports.py``), in :attr:`Appliance.folder`.
    :param append: more words for the kernel's command line.
    :raises ToolMissing: the binding or QEMU is not installed.
    :raises ApplianceFailed: it does not start; the message holds the line of its log that says why.
    :raises EngineTimeout: it did not start within ``seconds``.
    """
    options = Options(tuple(drives), memory, verbose, seconds, network, monitor, ports, append)
    forced = forced_accelerator()
    accelerator = forced or _accelerator()
    if accelerator != KVM:
        return _boot(options, accelerator)
    try:
        appliance = _boot(options, KVM)
    except (ApplianceFailed, EngineTimeout) as error:
        if forced:
            raise
        log.info("the appliance does not start under KVM, starting it without: %s", error.message)
        return _boot_without_kvm(options, error)
    _note_sound_kvm()
    return appliance


def _boot_without_kvm(options: Options, first: ApplianceFailed | EngineTimeout) -> Appliance:
    """Try again without KVM; if that works, KVM was to blame, and nobody needs to try it again."""
    appliance = _boot(options, TCG)
    verdict = KvmVerdict(False, first.message, "a launch of the appliance")
    warn_of(verdict)
    remember(find_qemu(), verdict)
    return appliance


def _note_sound_kvm() -> None:
    """Take back a verdict that this launch contradicts: KVM that a user has insisted on works by now."""
    qemu = find_qemu()
    kept = recall_verdict(qemu)
    if kept is not None and not kept.usable:
        remember(qemu, KvmVerdict(True, tried="a launch of the appliance"))


def _boot(options: Options, accelerator: str) -> Appliance:
    usual = "3" if accelerator == KVM else "10"
    first = "" if find_appliance().built else "; it is built first, which takes some seconds more"
    log.info("starting the libguestfs appliance (%s, about %s s%s)", accelerator, usual, first)
    since = time.monotonic()
    guard = _launched(options, accelerator)
    log.info("the appliance is up after %.1f s", time.monotonic() - since)
    return Appliance(guard, accelerator)


def _launched(options: Options, accelerator: str) -> Guard:
    """Launch the quick copy of the appliance; should that fail, or be of no use here, the appliance itself."""
    quick = None if options.verbose or options.network else quick_appliance()
    if quick is not None:
        try:
            hurried = replace(options, seconds=min(options.seconds, QUICK_SECONDS))
            guard = _launched_at(quick, hurried, accelerator)
            forget_failures(quick)
            return guard
        except (ApplianceFailed, EngineTimeout) as error:
            if accelerator == KVM and isinstance(error, EngineTimeout):
                raise  # KVM is to blame: the copy gets its chance without it
            log.debug("the quick appliance does not start: %s", error.message)
            since = time.monotonic()
            guard = _launched_at(None, options, accelerator)
            # A machine that is so busy that neither is up in time tells nothing of the copy.
            if not isinstance(error, EngineTimeout) or time.monotonic() - since < QUICK_SECONDS * TELLING:
                note_failure(quick)
            return guard
    return _launched_at(None, options, accelerator)


def _launched_at(path: Path | None, options: Options, accelerator: str) -> Guard:
    guard = Guard()
    with ExitStack() as stack:
        stack.callback(guard.abandon)
        guard.launch(options, accelerator, path)
        stack.pop_all()
    return guard


# -- choosing ---------------------------------------------------------------------------------------------


def _accelerator() -> str:
    """KVM where the start of a kernel has shown that it works, else TCG."""
    verdict = kvm_verdict(find_qemu())
    if not verdict.usable:
        log.debug("KVM does not work here: %s", verdict.reason)
        return TCG
    _forget_absence()
    return KVM


def _forget_absence() -> None:
    """Have libguestfs ask QEMU anew whether there is KVM, where it remembers that there was none.

    It keeps QEMU's answer beside the appliance for as long as QEMU's file is the same (lib/qemu.c), also when
    /dev/kvm comes, or may be opened, later.
    """
    for path in appliance_folder().glob("qemu-*.query-kvm"):
        with suppress(OSError):
            if b'"enabled": false' in path.read_bytes():
                path.unlink()
