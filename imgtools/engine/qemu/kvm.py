"""Whether KVM works here, found out by booting the appliance's own kernel under it.

``/dev/kvm`` may open and lie. With broken nested virtualisation QEMU aborts when it starts a machine (``failed to set
MSR 0x10a``), and ``accel=kvm:tcg`` does not fall back. A para-virtual KVM (``kvm-pvm`` in the kernel's log) runs
firmware and any few bytes of code, and then hangs every Linux kernel without a line on the console. So nothing but
the start of a kernel is a test. This one has no disk and no init: it comes through protected and long mode, its page
tables, page faults, timers, its second processor and all its drivers, and panics when it finds no root filesystem,
which is what we wait for. It takes half a second where KVM is sound (2 to 4 s without KVM).
"""

from __future__ import annotations

import logging
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from imgtools.engine.kept import keep, kept_path, recall
from imgtools.engine.qemu.kernels import kernel_to_try
from imgtools.engine.qemu.listen import Heard, run_while_heard
from imgtools.errors import ToolMissing

log = logging.getLogger(__name__)

DEVICE = Path("/dev/kvm")
# For the kernel's first line, and for all of its start: emulation on two slow processors is up with both (2.7 in all).
SILENT_SECONDS = 5.0
WHOLE_SECONDS = 10.0
# QEMU's machine and serial console for each kind of processor that KVM is used on.
MACHINES = {"x86_64": ("pc", "ttyS0"), "aarch64": ("virt,gic-version=host", "ttyAMA0")}
STARTED = b"Linux version"  # init/version.c, the first line of every kernel
ARRIVED = b"Unable to mount root fs"  # init/do_mounts.c: all of the kernel's own start is behind it
LONGEST = 120  # letters of a quoted line

# What QEMU and the kernel say, in the order in which it decides.
TELLING = ("error:", "failed", "Could not", "could not", "Permission denied", "KVM")

KVM, TCG = "KVM", "TCG"
FORCED = {"force_tcg": TCG, "force_kvm": KVM}


@dataclass(frozen=True, slots=True)
class KvmVerdict:
    """Whether KVM can be used; ``reason`` says why not, in a few words, and ``tried`` how that was found out."""

    usable: bool
    reason: str = ""
    tried: str = ""


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


def forced_accelerator() -> str:
    """What the user insists on with LIBGUESTFS_BACKEND_SETTINGS (guestfs(3), "BACKEND SETTINGS"); or nothing."""
    settings = os.environ.get("LIBGUESTFS_BACKEND_SETTINGS", "").split(":")
    return next((name for setting, name in FORCED.items() if setting in settings), "")


def kvm_verdict(qemu: str) -> KvmVerdict:
    """Return whether KVM works with this QEMU, from memory where it was found out since the host booted."""
    device = device_problem()
    if device is not None:
        return device
    remembered = recall_verdict(qemu)
    if remembered is not None:
        return remembered
    kernel = kernel_to_try()
    if kernel is None:
        return KvmVerdict(False, "there is no kernel to try it with")
    verdict = probe(qemu, kernel)
    if not verdict.usable:
        warn_of(verdict)
    remember(qemu, verdict)
    return verdict


def warn_of(verdict: KvmVerdict) -> None:
    """Say once that KVM cannot be used, when that is found out: things take longer from now on."""
    log.warning("KVM does not work on this host (%s); imgtools goes on without it", verdict.reason)


def device_is_there() -> bool:
    """Whether this host shows a KVM at all."""
    return DEVICE.exists()


def device_problem(device: Path | None = None) -> KvmVerdict | None:
    """Return why KVM cannot be opened, or None; this is cheap and may change at any time."""
    device = device or DEVICE
    if not device.exists():
        return KvmVerdict(False, f"there is no {device}")
    if not os.access(device, os.R_OK | os.W_OK):
        return KvmVerdict(False, f"no permission to open {device}")
    return None


def probe(qemu: str, kernel: Path) -> KvmVerdict:
    """Boot a kernel under KVM, now. Takes up to :data:`WHOLE_SECONDS`."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return KvmVerdict(False, f"it is not used on processors of this kind ({platform.machine()})")
    log.info("trying whether a kernel starts under KVM; this is done once after each boot of the host")
    argv = probe_command(qemu, kernel, *machine)
    heard = run_while_heard(argv, silence=SILENT_SECONDS, seconds=WHOLE_SECONDS, until=ARRIVED)
    return _judge(heard, tried=f"{kernel} under {qemu}")


def probe_command(qemu: str, kernel: Path, machine: str, console: str) -> list[str]:
    """Return the command line of the probe."""
    # The processor is libguestfs' own choice (lib/appliance-cpu.c): the abort hangs on its features. So are two
    # of them, as a launch has.
    argv = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    argv += ["-machine", f"{machine},accel=kvm", "-cpu", "max", "-smp", str(min(2, os.cpu_count() or 1))]
    argv += ["-m", "512", "-kernel", str(kernel), "-append", f"console={console} panic=-1 edd=off"]
    return [*argv, "-serial", "stdio"]


def _judge(heard: Heard, tried: str) -> KvmVerdict:
    if ARRIVED in heard.output:
        return KvmVerdict(True, tried=tried)
    if heard.code is None:
        return KvmVerdict(False, _what_hangs(heard), tried)
    words = heard.complaint.decode("utf-8", "replace")
    return KvmVerdict(False, telling_line(words) or _last_line(heard.complaint) or _ended(heard.code), tried)


def _what_hangs(heard: Heard) -> str:
    if STARTED not in heard.output:
        return f"a Linux kernel hangs under it: not a line in {heard.seconds:.0f} s"
    last = _last_line(heard.output)
    if heard.silent:
        return f"a Linux kernel hangs under it: nothing for {SILENT_SECONDS:g} s after '{last}'"
    return f"a Linux kernel is too slow under it: in {heard.seconds:.0f} s it came to '{last}'"


def _ended(code: int) -> str:
    return f"QEMU ended with exit code {code} before a Linux kernel had started"


def _last_line(words: bytes) -> str:
    lines = [line.strip() for line in words.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:LONGEST] if lines else ""


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
    """Keep a verdict for later commands; a launch may know better than the probe."""
    keep("kvm", _key(qemu), asdict(verdict))


def recall_verdict(qemu: str) -> KvmVerdict | None:
    """Return the verdict that was kept for this QEMU and the kernel of now, or None."""
    kept = recall("kvm", _key(qemu))
    try:
        return KvmVerdict(kept["usable"] is True, str(kept["reason"]), str(kept["tried"]))
    except (KeyError, TypeError):
        log.debug("nothing is known of KVM yet")
    return None


def memory_path() -> Path:
    """Return the file of the verdict; without it KVM is tried again."""
    return kept_path("kvm")


def _key(qemu: str) -> list[object]:
    """What a verdict depends on: this boot, this QEMU and kernel (a new version is a new file), this user."""
    kernel = kernel_to_try()
    return [boot_id(), _identity(Path(qemu)), _identity(kernel) if kernel else [], os.geteuid()]


def _identity(path: Path) -> list[str | int]:
    facts = path.stat()
    return [str(path), facts.st_size, facts.st_mtime_ns]


def boot_id() -> str:
    """Return the kernel's name for this boot of the host; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
