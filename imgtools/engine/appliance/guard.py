"""One launch of libguestfs' appliance: a handle, its log and its thread, from its making to its end.

The reasons for each choice are in docs/decisions/appliance-launch.md.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imgtools.engine.appliance.calls import Calls
from imgtools.engine.appliance.child import ended_if_it_hangs, kill_children
from imgtools.engine.appliance.failure import DOCTOR, console_has_begun, launch_failed
from imgtools.engine.appliance.fenced import fenced_qemu
from imgtools.engine.appliance.ports import ports_of
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.host import SYSTEM_PYTHON
from imgtools.engine.qemu.kernels import appliance_folder
from imgtools.engine.qemu.kvm import KVM, TCG
from imgtools.errors import ApplianceFailed, EngineTimeout, ToolMissing

if TYPE_CHECKING:
    import guestfs

log = logging.getLogger(__name__)
T = TypeVar("T")

QUICK_SECONDS = 120.0  # for the quick copy; 3-10 without KVM, and then the appliance itself gets its turn
LAUNCH_SECONDS = 300.0  # 4-16 without KVM, 25 when supermin has to build the appliance first
KVM_SECONDS = 60.0  # from QEMU's start under KVM: 1-3 are usual; who takes longer is better off without
# From QEMU's start under KVM to the first byte on the console: sound hosts are said to need 0.3-0.8; a kernel that
# is emulated on two slow processors has needed 2.
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
    sector_size: int = 512  # what the guest's disk had: a partition table is read in its sectors


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


@dataclass(frozen=True, slots=True)
class Options:
    """What a launch was asked for."""

    drives: tuple[Drive, ...]
    memory: int
    verbose: bool
    seconds: float
    network: bool = False
    monitor: bool = False  # whether QEMU listens for us
    ports: bool = False  # whether there are a console and channels for a shell
    append: str = ""  # words for the kernel


class Guard:
    """A handle, its log, and the thread that all its calls run in, so that none of them can hold us up."""

    def __init__(self) -> None:
        self._log = b""
        self.is_dead = False
        self._is_closed = self._is_up = False
        self._stack = ExitStack()  # what goes with it: a folder
        # The one place where QEMU may make files; made when it is launched.
        self.folder = Path("/nonexistent")
        self._token = f"imgtools-{secrets.token_hex(8)}"  # QEMU's name, to find its process by
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="appliance")
        # Made in its own thread, too: libguestfs keeps the handler of errors for each thread, and the default
        # one prints them.
        self.handle, self.calls = self._thread.submit(_new_handle).result()

    @property
    def has_ended(self) -> bool:
        """Whether no call can be made any more."""
        return self.is_dead or self._is_closed

    @property
    def monitor(self) -> Path:
        """The unix socket where QEMU listens for QMP, if it was asked to."""
        return self.folder / "qmp"

    def launch(self, options: Options, accelerator: str, path: Path | None = None) -> None:
        """Set the handle up and launch it, or raise the error that says why not.

        :param path: of a fixed appliance; libguestfs' own without.
        """

        def work() -> None:
            if path is not None:
                self.handle.set_path(str(path))
            self._set_up(options, accelerator)
            self.handle.launch()

        def fence_in() -> None:
            self._fence_in(options, path)

        self.wait(fence_in, CALL_SECONDS, "libguestfs does not answer")
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

    def _set_up(self, options: Options, accelerator: str) -> None:
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
        for words in ports_of(self.folder) if options.ports else ():
            handle.config(*words)
        if options.append:
            handle.set_append(options.append)
        if options.monitor:
            handle.config("-qmp", f"unix:{self.monitor},server=on,wait=off")
        handle.set_network(options.network)
        handle.set_smp(min(2, os.cpu_count() or 1))
        handle.set_autosync(any(not drive.read_only for drive in options.drives))
        if options.memory:
            handle.set_memsize(max(options.memory, handle.get_memsize()))
        if options.verbose:
            handle.set_verbose(True)
        for drive in options.drives:
            _add(handle, drive)

    def _fence_in(self, options: Options, path: Path | None) -> None:
        """Have libguestfs start QEMU behind a fence, and put its temporary files where QEMU may use them."""
        # In /tmp whatever TMPDIR says: libguestfs bears short names only.
        folder, self.folder = (self._stack.enter_context(scratch_folder(Path("/tmp"))) for _ in range(2))
        files = [drive for drive in options.drives if drive.host_path is not None]
        qemu = fenced_qemu(
            folder,
            self.folder,
            self.handle.get_hv(),
            appliance=[path or appliance_folder(), Path(self.handle.get_path().partition(":")[0])],
            reads=[drive.host_path for drive in files if drive.read_only and drive.host_path],
            writes=[drive.host_path for drive in files if not drive.read_only and drive.host_path],
            network=options.network,
        )
        self.handle.set_hv(str(qemu))
        self.handle.set_tmpdir(str(self.folder))

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
            raise EngineTimeout(
                f"{complaint} within {seconds:g} s",
                hint=f"a damaged image can do this; {DOCTOR}",
            ) from None
        except (RuntimeError, UnicodeDecodeError) as error:
            # All that the binding raises; the other, when it cannot make a str of libguestfs' words.
            raise ApplianceFailed(str(error).strip().partition("\n")[0]) from None
        finally:
            if not future.done():  # too late; or Ctrl-C, SIGTERM: no answer is wanted any more
                self._kill(future)

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
            self._stack.close()


def _kvm_hangs(how: str) -> EngineTimeout:
    return EngineTimeout(
        f"the appliance hangs under KVM: {how}",
        hint="export LIBGUESTFS_BACKEND_SETTINGS=force_tcg",
    )


def _add(handle: guestfs.GuestFS, drive: Drive) -> None:
    if drive.socket:
        handle.add_drive_opts(
            drive.export,
            readonly=drive.read_only,
            format="raw",
            protocol="nbd",
            server=[f"unix:{drive.socket}"],
            blocksize=drive.sector_size,
        )
    else:
        handle.add_drive_opts(
            str(drive.host_path),
            readonly=drive.read_only,
            format=drive.format,
            blocksize=drive.sector_size,
        )
