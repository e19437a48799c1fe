"""A virtual machine on throw-away overlays: started, listened to and looked at, and gone however we end.

The disks are those that qemu-nbd serves read-only; the machine writes into overlays in a private folder, which its
keeper removes. Serial port and monitor are pairs of sockets without a name.
"""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from imgtools.engine.confined.keeper import LOWEST
from imgtools.engine.held_folder import HeldFolder, sweep
from imgtools.engine.kept_program import Kept
from imgtools.engine.process import Fence, Kind, require
from imgtools.engine.qemu.firmware import find_uefi
from imgtools.engine.qemu.kvm import DEVICE, KVM, TCG, find_qemu, forced_accelerator, kvm_verdict
from imgtools.engine.qemu.machine_words import machine_words
from imgtools.engine.qemu.monitor import Monitor
from imgtools.engine.qemu.nodes import throw_away_node
from imgtools.engine.qemu.overlay import create_scratch
from imgtools.engine.qemu.screen import LARGEST, Picture, parse_ppm
from imgtools.errors import EngineFailed, HostError, NoRoom
from imgtools.records.machine import DirectKernel, MachineSpec

log = logging.getLogger(__name__)

PIECE = 1 << 16  # bytes that are read from the serial port at a time


class ServedDisk(NamedTuple):
    """A disk as qemu-nbd serves it: its socket, and its size in bytes."""

    socket: str
    size: int


class Machine:
    """A running machine; see :func:`start_machine`.

    :param accelerator: KVM or TCG.
    """

    def __init__(self, kept: Kept, control: socket.socket, serial: socket.socket, accelerator: str) -> None:
        self.accelerator = accelerator
        self.resets = 0  # how often the guest has begun anew
        self._kept = kept
        self._serial = serial
        self._serial.setblocking(False)
        self._monitor = Monitor(control, "QEMU", self._ended, self._note)
        self._processors: tuple[int, ...] = ()

    def _ended(self) -> EngineFailed:
        return EngineFailed(
            f"QEMU ended: {self._kept.complaint()}",
            hint="run it again with -v; --memory and --bus change the machine",
        )

    def _note(self, name: str, data: dict[str, Any]) -> None:  # Any: JSON
        if name == "RESET" and data.get("guest"):
            self.resets += 1

    def begin(self) -> None:
        """Switch the machine on."""
        self._processors = tuple(one["thread-id"] for one in self._monitor.execute("query-cpus-fast"))
        self._monitor.execute("cont")

    def waited(self) -> float:
        """Return how many seconds the guest could have run so far, and this machine had no processor for it.

        Of the processor that waited longest. Zero where the kernel does not tell.
        """
        return max((_waited(thread) for thread in self._processors), default=0.0)

    @property
    def serial(self) -> int:
        """The descriptor of our end of the serial port, to wait for."""
        return self._serial.fileno()

    def read_serial(self) -> bytes:
        """Return what the guest has written to its serial port since the last time; at most 64 KiB."""
        try:
            piece = self._serial.recv(PIECE)
        except BlockingIOError:
            return b""
        if not piece:
            raise self._ended()
        return piece

    def write_serial(self, content: bytes) -> int:
        """Type on the serial port; returns how much it has taken."""
        try:
            return self._serial.send(content)
        except BlockingIOError:
            return 0

    def is_off(self) -> bool:
        """Whether the guest has switched the machine off.

        :raises NoRoom: the host has no room for what the guest writes.
        :raises EngineFailed: QEMU has stopped it for another reason.
        """
        status = self._monitor.execute("query-status")["status"]
        if status == "io-error":
            raise NoRoom(
                f"the guest's writes do not fit into {self._kept.folder.parent}",
                hint="TMPDIR names another folder for temporary files",
            )
        if status == "internal-error":
            raise EngineFailed("QEMU has stopped the machine: an internal error", hint="run it again with -v")
        return bool(status == "shutdown")

    def disk_requests(self) -> int:
        """How often the guest has read from its disks, or written to them, so far."""
        found = self._monitor.execute("query-blockstats")
        return sum(one["stats"]["rd_operations"] + one["stats"]["wr_operations"] for one in found)

    def screen(self) -> Picture:
        """Return what the guest shows on its screen."""
        path = self._kept.folder / "screen.ppm"
        self._monitor.execute("screendump", filename=os.fspath(path))
        with path.open("rb") as stream:
            data = stream.read(LARGEST)
        path.unlink()
        return parse_ppm(data)


@contextmanager
def start_machine(
    spec: MachineSpec, disks: Sequence[ServedDisk], kernel: DirectKernel | None = None
) -> Iterator[Machine]:
    """Make a machine, switched off yet, until the block ends; what its guest writes to its disks goes with it.

    :param kernel: is started instead of what is on the disks.
    :raises ToolMissing: QEMU, or its UEFI firmware, is not installed.
    :raises EngineFailed: QEMU refuses the machine.
    :raises NoRoom: there is no room in the temporary folder.
    """
    sweep()
    program = machine_program()
    accelerator = choose_accelerator(program)
    with ExitStack() as stack:
        folder = HeldFolder()
        unused = stack.enter_context(ExitStack())
        unused.callback(shutil.rmtree, folder.path, ignore_errors=True)
        unused.callback(folder.let_go)
        overlays = [folder.path / f"disk{number}.qcow2" for number in range(len(disks))]
        for overlay, disk in zip(overlays, disks, strict=True):
            create_scratch(overlay, disk.size)
        flash = _flash(spec, folder.path) if spec.firmware == "uefi" else None
        nodes = [throw_away_node(overlay, disk.socket) for overlay, disk in zip(overlays, disks, strict=True)]
        control, their_control = socket.socketpair()
        serial, their_serial = socket.socketpair()
        stack.callback(control.close)
        stack.callback(serial.close)
        with their_control, their_serial:
            number = fcntl.fcntl(their_serial, fcntl.F_DUPFD_CLOEXEC, LOWEST)
            try:
                words = machine_words(
                    spec, nodes, accelerator=accelerator, serial=number, flash=flash, kernel=kernel
                )
                kind = Kind.CONNECTED_MACHINE if spec.network else Kind.MACHINE
                kernels = [path for path in (kernel.kernel, kernel.initrd) if path] if kernel else []
                reads = (*(Path(one) for node in nodes for one in node.sockets), *kernels)
                fence = Fence(kind, reads, (*overlays, *([DEVICE] if accelerator == KVM else [])))
                unused.pop_all()
                kept = Kept([program, *words], fence, folder, talk=their_control.fileno(), keep_open=[number])
            finally:
                os.close(number)
        stack.callback(kept.end)
        machine = Machine(kept, control, serial, accelerator)
        log.info("the machine: %s", " ".join(words))
        yield machine


def _waited(thread: int) -> float:
    """How long a thread stood in a run queue: the second number of /proc/PID/schedstat, in nanoseconds.

    Source: Documentation/scheduler/sched-stats.rst of Linux.
    """
    try:
        told = Path(f"/proc/{thread}/schedstat").read_text(encoding="ascii").split()
    except OSError:  # it has ended, or the kernel was built without
        return 0.0
    return int(told[1]) / 1e9 if len(told) > 1 else 0.0


def machine_program() -> str:
    """Return the QEMU for PCs.

    :raises ToolMissing: it is not installed.
    """
    return find_qemu() if platform.machine() == "x86_64" else require("qemu-system-x86_64")


def choose_accelerator(program: str) -> str:
    """Return KVM where the start of a kernel has shown that it works, or the user insists on it; else TCG."""
    if platform.machine() != "x86_64":
        return TCG
    return forced_accelerator() or (KVM if kvm_verdict(program).usable else TCG)


def _flash(spec: MachineSpec, folder: Path) -> tuple[Path, Path]:
    """Return firmware's code and a copy of its variables; every boot is the machine's first."""
    found = find_uefi(spec.machine)
    variables = folder / "variables"
    shutil.copyfile(found.variables, variables)
    return found.code, variables


def free_memory() -> int:
    """Return how many bytes of memory programs can still have on this host (proc(5), MemAvailable)."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    raise HostError("/proc/meminfo does not say how much memory is available")
