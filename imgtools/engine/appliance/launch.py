"""Launch libguestfs' appliance so that it works the first time, and talk to it without hanging.

The reasons for each choice are in docs/decisions/appliance-launch.md.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imgtools.engine.appliance.calls import Calls
from imgtools.engine.appliance.child import ended_if_it_hangs, kill_children
from imgtools.engine.appliance.failure import DOCTOR, console_has_begun, launch_failed
from imgtools.engine.appliance.quick import note_failure, quick_appliance
from imgtools.engine.host import SYSTEM_PYTHON, find_appliance
from imgtools.engine.kernels import appliance_folder
from imgtools.engine.kvm import (
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
from imgtools.errors import ApplianceFailed, EngineTimeout, ToolMissing

if TYPE_CHECKING:
    import guestfs

log = logging.getLogger(__name__)
T = TypeVar("T")

QUICK_SECONDS = 120.0  # for the quick copy; 3-10 without KVM, and then the appliance itself gets its turn
LAUNCH_SECONDS = 300.0  # 4-16 without KVM, 25 when supermin has to build the appliance first
KVM_SECONDS = 60.0  # from QEMU's start under KVM: 1-3 are usual; who takes longer is better off without
# From QEMU's start under KVM to the first byte on the console: ten times the 0.3-0.8 that a sound KVM needs.
SILENT_SECONDS = 8.0
CALL_SECONDS = 120.0  # one call; the kernel of the appliance can hang on a hostile filesystem
LAST_WORDS_SECONDS = 15.0  # for a call to come back after QEMU was killed
LOG_KEPT = 256 << 10  # bytes of the appliance's log

# LUKS2's key derivation (argon2id) takes up to 1 GiB inside the appliance; 1280 MB is libguestfs' own choice.
MEMORY_WITH_KEYS = 2048
# libguestfs' own choice (lib/appliance-cpu.c) without "fast string copies": QEMU emulates them byte by byte, and
# without them files are read in half the time.
TCG_PROCESSOR = "max,la57=off,-erms,-fsrm"
# How libguestfs is told (guestfs(3), "BACKEND SETTINGS"). Left to itself it takes KVM where a /dev/kvm opens.
SETTINGS = {TCG: "force_tcg", KVM: "force_kvm"}


@dataclass(frozen=True, slots=True)
class Drive:
    """One disk for the appliance: an NBD server's unix socket, or a host file of a known format."""

    socket: str = ""
    export: str = ""  # the name of the disk on that server
    host_path: Path | None = None
    format: str = "raw"
    read_only: bool = True


class Appliance:
    """A running appliance. Every call runs in one thread of its own, so that it can be given up.

    :param handle: the launched libguestfs handle; call it through :meth:`call` only.
    :param accelerator: ``KVM`` or ``TCG``.
    """

    def __init__(self, guard: _Guard, accelerator: str) -> None:
        self.handle = guard.handle
        self.accelerator = accelerator
        self._guard = guard
        self.calls = guard.calls

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
) -> Appliance:
    """Boot the appliance with these drives as /dev/sda, /dev/sdb ... in their order.

    :param memory: megabytes; 0 leaves it to libguestfs.
    :param verbose: have the appliance say all it does, for a diagnosis; slower.
    :param network: let what runs in the appliance reach the network, through QEMU.
    :raises ToolMissing: the binding or QEMU is not installed.
    :raises ApplianceFailed: it does not start; the message holds the line of its log that says why.
    :raises EngineTimeout: it did not start within ``seconds``.
    """
    options = _Options(tuple(drives), memory, verbose, seconds, network)
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


def _boot_without_kvm(options: _Options, first: ApplianceFailed | EngineTimeout) -> Appliance:
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


def _boot(options: _Options, accelerator: str) -> Appliance:
    usual = "3" if accelerator == KVM else "10"
    first = "" if find_appliance().built else "; it is built first, which takes some seconds more"
    log.info("starting the libguestfs appliance (%s, about %s s%s)", accelerator, usual, first)
    since = time.monotonic()
    guard = _launched(options, accelerator)
    log.info("the appliance is up after %.1f s", time.monotonic() - since)
    return Appliance(guard, accelerator)


def _launched(options: _Options, accelerator: str) -> _Guard:
    """Launch the quick copy of the appliance; should that fail, or be of no use here, the appliance itself."""
    quick = None if options.verbose or options.network else quick_appliance()
    if quick is not None:
        try:
            hurried = replace(options, seconds=min(options.seconds, QUICK_SECONDS))
            return _launched_at(quick, hurried, accelerator)
        except (ApplianceFailed, EngineTimeout) as error:
            if accelerator == KVM and isinstance(error, EngineTimeout):
                raise  # KVM is to blame: the copy gets its chance without it
            log.debug("the quick appliance does not start: %s", error.message)
            guard = _launched_at(None, options, accelerator)
            note_failure(quick)
            return guard
    return _launched_at(None, options, accelerator)


def _launched_at(path: Path | None, options: _Options, accelerator: str) -> _Guard:
    guard = _Guard()
    try:
        guard.launch(options, accelerator, path)
    except BaseException:
        guard.abandon()
        raise
    return guard


# -- choosing ---------------------------------------------------------------------------------------------


def _new_handle() -> tuple[guestfs.GuestFS, Calls]:
    """Make a handle of the binding, and the raw calls on it."""
    try:
        import guestfs
    except ImportError:
        raise missing_binding(sys.executable) from None
    handle = guestfs.GuestFS(python_return_dict=True)
    return handle, Calls(handle)


def missing_binding(executable: str) -> ToolMissing:
    """The error for a Python that has no libguestfs binding; Debian builds it for its own Python only."""
    hint = "apt-get install python3-guestfs"
    if os.path.realpath(executable) != os.path.realpath(SYSTEM_PYTHON):
        hint += f"; it is built for {SYSTEM_PYTHON}, and this is {executable}"
        hint += f" (make the environment with {SYSTEM_PYTHON} -m venv --system-site-packages)"
    return ToolMissing("the libguestfs binding for Python is not installed", hint=hint)


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


# -- one handle from its making to its end ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Options:
    """What a launch was asked for."""

    drives: tuple[Drive, ...]
    memory: int
    verbose: bool
    seconds: float
    network: bool = False


class _Guard:
    """A handle, its log, and the thread that all its calls run in, so that none of them can hold us up."""

    def __init__(self) -> None:
        self._log = b""
        self.is_dead = False
        self._is_closed = self._is_up = False
        self._token = f"imgtools-{secrets.token_hex(8)}"  # QEMU's name, to find its process by
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="appliance")
        # Made in its own thread, too: libguestfs keeps the handler of errors for each thread, and the default
        # one prints them.
        self.handle, self.calls = self._thread.submit(_new_handle).result()

    @property
    def has_ended(self) -> bool:
        """Whether no call can be made any more."""
        return self.is_dead or self._is_closed

    def launch(self, options: _Options, accelerator: str, path: Path | None = None) -> None:
        """Set the handle up and launch it, or raise the error that says why not.

        :param path: of a fixed appliance; libguestfs' own without.
        """

        def work() -> None:
            if path is not None:
                self.handle.set_path(str(path))
            self._set_up(options, accelerator)
            self.handle.launch()

        silent, whole = (SILENT_SECONDS, KVM_SECONDS) if accelerator == KVM else (math.inf, math.inf)
        with ended_if_it_hangs(
            self._token, lambda: self.log, console_has_begun, silent=silent, whole=whole
        ) as watch:
            try:
                self.wait(work, options.seconds, "the libguestfs appliance did not start")
            except ApplianceFailed as error:
                if watch.gave_up:
                    raise _kvm_hangs(watch.gave_up) from None
                raise launch_failed(self.log, error.message) from None
        self._is_up = True

    def _set_up(self, options: _Options, accelerator: str) -> None:
        handle = self.handle
        self._listen()
        # libvirt's backend runs QEMU as another user, who cannot read files of root.
        handle.set_backend("direct")
        settings = handle.get_backend_settings()
        if SETTINGS[accelerator] not in settings:
            handle.set_backend_settings([*settings, SETTINGS[accelerator]])
        if accelerator == TCG and platform.machine() == "x86_64":
            handle.config("-cpu", TCG_PROCESSOR)
        handle.config("-name", self._token)
        handle.set_network(options.network)
        handle.set_smp(min(2, os.cpu_count() or 1))
        handle.set_autosync(any(not drive.read_only for drive in options.drives))
        if options.memory:
            handle.set_memsize(max(options.memory, handle.get_memsize()))
        if options.verbose:
            handle.set_verbose(True)
        for drive in options.drives:
            _add(handle, drive)

    def _listen(self) -> None:
        import guestfs

        events = guestfs.EVENT_APPLIANCE | guestfs.EVENT_LIBRARY | guestfs.EVENT_WARNING
        self.calls.listen(self._note, events)

    def _note(self, piece: bytes) -> None:
        self._log = (self._log + piece)[-LOG_KEPT:]

    @property
    def log(self) -> str:
        """What was said so far."""
        return self._log.decode("utf-8", "replace")

    def wait(self, work: Callable[[], T], seconds: float, complaint: str) -> T:
        """Run ``work`` in the handle's thread; end QEMU if it takes too long or we are told to end."""
        if self.has_ended:
            raise ApplianceFailed("the libguestfs appliance has ended")
        future = self._thread.submit(work)
        try:
            return future.result(seconds)
        except FutureTimeout:
            self._kill(future)
            raise EngineTimeout(
                f"{complaint} within {seconds:g} s",
                hint=f"a damaged image can do this; {DOCTOR}",
            ) from None
        except (RuntimeError, UnicodeDecodeError) as error:
            # All that the binding raises; the other, when it cannot make a str of libguestfs' words.
            raise ApplianceFailed(str(error).strip().partition("\n")[0]) from None
        except BaseException:
            if not future.done():  # Ctrl-C, SIGTERM: no answer is wanted any more
                self._kill(future)
            raise

    def _kill(self, future: Future[T]) -> None:
        self.is_dead = True
        kill_children(self._token)
        try:
            future.result(LAST_WORDS_SECONDS)
        except (FutureTimeout, RuntimeError, ApplianceFailed):
            log.debug("the appliance was ended")

    def end(self) -> None:
        """Shut down, then close."""
        if self._is_closed:
            return
        try:
            if self._is_up and not self.is_dead:
                self.wait(self.handle.shutdown, CALL_SECONDS, "the libguestfs appliance did not end")
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the handle, whatever its state; its temporary files go with it."""
        if not self._is_closed:
            self._is_closed = True
            self._thread.submit(self.handle.close)
            self._thread.shutdown(wait=not self.is_dead)


def _kvm_hangs(how: str) -> EngineTimeout:
    return EngineTimeout(
        f"the appliance hangs under KVM: {how}",
        hint="export LIBGUESTFS_BACKEND_SETTINGS=force_tcg",
    )


def _add(handle: guestfs.GuestFS, drive: Drive) -> None:
    if drive.socket:
        server = [f"unix:{drive.socket}"]
        handle.add_drive_opts(
            drive.export, readonly=drive.read_only, format="raw", protocol="nbd", server=server
        )
    else:
        handle.add_drive_opts(str(drive.host_path), readonly=drive.read_only, format=drive.format)
