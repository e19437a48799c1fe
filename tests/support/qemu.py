"""Stand-ins for QEMU on hosts whose KVM hangs, aborts or is sound: what they do does not depend on this host's.

A stand-in is a program for LIBGUESTFS_HV. It is the real QEMU for everything but a machine with a kernel that is to run
under KVM; there it hangs, aborts, or runs the machine without KVM, as a sound one would.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from imgtools.engine.qemu import kvm
from imgtools.engine.qemu.kernels import kernel_to_try


class Kvm(StrEnum):
    """How the KVM of a host behaves."""

    SOUND = "sound"
    HANGS = "hangs"  # not a byte on the console: para-virtual KVM (kvm-pvm)
    STOPS = "stops"  # hangs after the first words of the appliance
    ABORTS = "aborts"  # broken nesting: failed to set MSR 0x10a


PROGRAM = """#!/usr/bin/python3 -S
import os, signal, socket, subprocess, sys
REAL, KIND, LOG = {real!r}, {kind!r}, {log!r}
words = sys.argv[1:]
without = [word.replace("accel=kvm:tcg", "accel=tcg").replace("accel=kvm", "accel=tcg") for word in words]
if words == without or "-kernel" not in words:
    if "-qmp" in words:  # libguestfs asks whether there is KVM
        said = subprocess.run([REAL, *without], stdout=subprocess.PIPE).stdout
        sys.stdout.buffer.write(said.replace(b'"enabled": false', b'"enabled": true'))
        sys.exit()
    os.execv(REAL, [REAL, *without])
# Behind its fence it writes nowhere.
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"begun", LOG)
if KIND == "sound":
    os.execv(REAL, [REAL, *without])
if KIND == "aborts":
    sys.stderr.write("qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69\\n")
    os.abort()
if KIND == "stops":
    os.write(1, b"supermin: mounting /proc\\r\\n")
while True:
    signal.pause()
"""


@dataclass(slots=True)
class KvmHost:
    """A host with a KVM of some kind."""

    qemu: Path
    log: socket.socket
    _starts: int = 0

    @property
    def starts(self) -> int:
        """How many machines were started under KVM."""
        with suppress(BlockingIOError):
            while self.log.recv(16):
                self._starts += 1
        return self._starts

    def believe_in_kvm(self) -> None:
        """Have imgtools remember that KVM works, as an earlier probe could have found."""
        kvm.remember(str(self.qemu), kvm.KvmVerdict(True, tried="an earlier probe"))

    def verdict(self) -> kvm.KvmVerdict | None:
        """What is remembered."""
        return kvm.recall_verdict(str(self.qemu))


def make_kvm_host(monkeypatch: pytest.MonkeyPatch, folder: Path, kind: Kvm) -> KvmHost:
    """Make this host one with a KVM of some kind, whatever it has itself; with nothing remembered."""
    assert kernel_to_try(), "no kernel can be read: apt-get install linux-image-cloud-amd64"
    real, program, log = kvm.find_qemu(), folder / "qemu", folder / "starts"
    program.write_text(PROGRAM.format(real=real, kind=str(kind), log=str(log)))
    program.chmod(0o755)
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    told.bind(str(log))
    log.chmod(0o777)
    device = folder / "kvm"
    device.touch()
    monkeypatch.setattr(kvm, "DEVICE", device)
    monkeypatch.setenv("LIBGUESTFS_HV", str(program))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.delenv("LIBGUESTFS_BACKEND_SETTINGS", raising=False)
    return KvmHost(program, told)
