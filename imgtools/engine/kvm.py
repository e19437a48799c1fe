"""Whether KVM works here, found out by running five bytes of code under it.

On a machine with broken nested virtualisation ``/dev/kvm`` opens and even creates a virtual machine, yet QEMU
aborts when it starts one (``failed to set MSR 0x10a``), and ``accel=kvm:tcg`` does not fall back. So nothing but
a start is a test. This one takes 0.03 s: a firmware of 64 KiB whose only code writes one byte to QEMU's
``isa-debug-exit`` device, which makes QEMU end with a code that nothing else gives.
"""

from __future__ import annotations

import logging
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from imgtools.engine.kept import keep, recall
from imgtools.engine.process import Completed, Limits, run
from imgtools.errors import EngineTimeout, ToolMissing

log = logging.getLogger(__name__)

DEVICE = Path("/dev/kvm")
SECONDS = 5.0  # 0.03 are usual; a guest that does not even get this far hangs

FIRMWARE_SIZE = 64 << 10  # mapped below 4 GiB, so that its last 16 bytes are where an x86 processor begins
RESET_VECTOR = 0xFFF0  # Intel SDM vol. 3, "First Instruction Executed"
# mov al, 0x10; out 0xf4, al; hlt
CODE = bytes((0xB0, 0x10, 0xE6, 0xF4, 0xF4))
WORKED = 0x10 << 1 | 1  # hw/misc/debugexit.c: exit((value << 1) | 1)

# What QEMU and the kernel say, in the order in which it decides.
TELLING = ("error:", "failed", "Could not", "could not", "Permission denied", "KVM")


@dataclass(frozen=True, slots=True)
class KvmVerdict:
    """Whether KVM can be used; ``reason`` says why not, in a few words."""

    usable: bool
    reason: str = ""


def find_qemu() -> str:
    """Return the QEMU that libguestfs starts: ``LIBGUESTFS_HV``, else the one of this processor.

    :raises ToolMissing: there is none.
    """
    chosen = os.environ.get("LIBGUESTFS_HV") or os.environ.get("LIBGUESTFS_QEMU")
    names = [chosen] if chosen else [f"qemu-system-{platform.machine()}", "qemu-kvm", "/usr/libexec/qemu-kvm"]
    folders = os.environ.get("PATH", os.defpath).split(":")
    for name in names:
        for folder in folders:
            path = Path(folder) / name  # an absolute name stays itself
            if os.access(path, os.X_OK) and path.is_file():
                return str(path)
    raise ToolMissing(f"{names[0]} is not installed", hint="apt-get install qemu-system-x86")


def kvm_verdict(qemu: str) -> KvmVerdict:
    """Return whether KVM works with this QEMU, from memory where it was found out since the host booted."""
    device = device_problem()
    if device is not None:
        return device
    remembered = _recall(qemu)
    if remembered is not None:
        return remembered
    verdict = probe(qemu)
    remember(qemu, verdict)
    return verdict


def device_problem(device: Path = DEVICE) -> KvmVerdict | None:
    """Return why KVM cannot be opened, or None; this is cheap and may change at any time."""
    if not device.exists():
        return KvmVerdict(False, f"there is no {device}")
    if not os.access(device, os.R_OK | os.W_OK):
        return KvmVerdict(False, f"no permission to open {device}")
    return None


def probe(qemu: str) -> KvmVerdict:
    """Start a virtual machine of five bytes of code under KVM, now."""
    if platform.machine() not in ("x86_64", "amd64", "i686"):
        return _judge(_run_probe(_idle_machine(qemu)), worked=0)
    with tempfile.NamedTemporaryFile(prefix="imgtools-kvm-") as firmware:
        firmware.write(firmware_image())
        firmware.flush()
        return _judge(_run_probe(_code_machine(qemu, firmware.name)), worked=WORKED)


def firmware_image() -> bytes:
    """The firmware of the probe: halts everywhere but at the place where the processor begins."""
    image = bytearray(b"\xf4" * FIRMWARE_SIZE)  # hlt
    image[RESET_VECTOR : RESET_VECTOR + len(CODE)] = CODE
    return bytes(image)


def _code_machine(qemu: str, firmware: str) -> list[str]:
    # The processor is libguestfs' own choice (lib/appliance-cpu.c): the abort hangs on its features.
    machine = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    machine += ["-machine", "pc,accel=kvm", "-cpu", "max", "-m", "1", "-bios", firmware]
    return [*machine, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x01"]


def _idle_machine(qemu: str) -> list[str]:
    """For other processors: a machine that is set up, started and told to end by its monitor."""
    machine = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-qmp", "stdio"]
    return [*machine, "-machine", "virt,accel=kvm", "-cpu", "max", "-m", "32"]


QMP_WORDS = b'{"execute":"qmp_capabilities"}\n{"execute":"cont"}\n{"execute":"quit"}\n'


def _run_probe(argv: Sequence[str]) -> Completed | None:
    """Run a probe; None if it hangs. No core file: QEMU ends with SIGABRT where KVM is broken."""
    command = ["prlimit", "--core=0", "--", *argv]
    try:
        return run(command, limits=Limits(seconds=SECONDS), stdin=QMP_WORDS, ok=range(-64, 256))
    except EngineTimeout:
        return None


def _judge(done: Completed | None, *, worked: int) -> KvmVerdict:
    if done is None:
        return KvmVerdict(False, f"QEMU hangs under KVM: no answer in {SECONDS:g} s")
    if done.code == worked:
        return KvmVerdict(True)
    return KvmVerdict(False, telling_line(done.stderr.decode("utf-8", "replace")) or done.complaint)


def telling_line(words: str) -> str:
    """Return the line of QEMU's complaint that says most, without the name of the program."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    for sign in TELLING:
        for line in lines:
            if sign in line:
                return line.split(": ", 1)[1].removeprefix("error: ") if ": " in line else line
    return ""


# -- memory -----------------------------------------------------------------------------------------------


def remember(qemu: str, verdict: KvmVerdict) -> None:
    """Keep a verdict for later commands."""
    keep("kvm", _key(qemu), asdict(verdict))


def _recall(qemu: str) -> KvmVerdict | None:
    kept = recall("kvm", _key(qemu))
    try:
        return KvmVerdict(kept["usable"] is True, str(kept["reason"]))
    except (KeyError, TypeError):
        log.debug("nothing is known of KVM yet")
    return None


def _key(qemu: str) -> list[str | int]:
    """What a verdict depends on: this boot, this QEMU (a new version is a new file), this user."""
    facts = Path(qemu).stat()
    return [boot_id(), qemu, facts.st_size, facts.st_mtime_ns, os.geteuid()]


def boot_id() -> str:
    """Return the kernel's name for this boot of the host; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
