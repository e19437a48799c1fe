"""The verdict on KVM: what a start of QEMU says, and what is remembered of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imgtools.engine import kvm
from imgtools.engine.kept import kept_path
from imgtools.engine.kvm import KvmVerdict
from imgtools.engine.process import Completed
from imgtools.errors import EngineTimeout, ToolMissing

ABORT = b"""qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69
qemu-system-x86_64: target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.
"""
NO_KVM = b"""Could not access KVM kernel module: No such file or directory
qemu-system-x86_64: failed to initialize kvm: No such file or directory
"""


def answers(monkeypatch: pytest.MonkeyPatch, code: int, stderr: bytes = b"") -> list[Sequence[str]]:
    """Let QEMU end with this code; returns the command lines that it was started with."""
    started: list[Sequence[str]] = []

    def run(argv: Sequence[str], **_: Any) -> Completed:
        started.append(argv)
        return Completed(tuple(argv), code, b"", stderr)

    monkeypatch.setattr(kvm, "run", run)
    return started


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host with a /dev/kvm that opens, a QEMU and an empty cache; returns the QEMU."""
    device = tmp_path / "kvm"
    device.touch()
    qemu = tmp_path / "qemu"
    qemu.write_text("one version")
    monkeypatch.setattr(kvm, "device_problem", lambda: None)
    monkeypatch.setattr(kvm, "boot_id", lambda: "boot-1")
    monkeypatch.setattr(kvm.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return qemu


def test_only_the_code_of_the_probe_means_that_kvm_works(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    answers(monkeypatch, kvm.WORKED)
    assert kvm.probe(str(host)) == KvmVerdict(True)
    answers(monkeypatch, 0)
    assert not kvm.probe(str(host)).usable


def test_the_abort_of_broken_nesting_is_the_reason(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    answers(monkeypatch, -6, ABORT)
    assert kvm.probe(str(host)) == KvmVerdict(False, "failed to set MSR 0x10a to 0x69")


def test_the_reason_is_qemus_and_not_its_name(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    answers(monkeypatch, 1, NO_KVM)
    assert kvm.probe(str(host)).reason == "failed to initialize kvm: No such file or directory"


def test_a_machine_that_hangs_under_kvm_is_not_usable(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    def run(argv: Sequence[str], **_: Any) -> Completed:
        raise EngineTimeout("too long")

    monkeypatch.setattr(kvm, "run", run)
    assert "hangs" in kvm.probe(str(host)).reason


def test_the_verdict_is_found_out_once(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    started = answers(monkeypatch, -6, ABORT)
    first = kvm.kvm_verdict(str(host))
    assert kvm.kvm_verdict(str(host)) == first
    assert len(started) == 1


@pytest.mark.parametrize("change", ["boot", "qemu", "user"])
def test_another_boot_qemu_or_user_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, host: Path, change: str
) -> None:
    answers(monkeypatch, -6, ABORT)
    kvm.kvm_verdict(str(host))
    started = answers(monkeypatch, kvm.WORKED)
    if change == "boot":
        monkeypatch.setattr(kvm, "boot_id", lambda: "boot-2")
    elif change == "qemu":
        host.write_text("the next version")
    else:
        monkeypatch.setattr(kvm.os, "geteuid", lambda: 12345)
    assert kvm.kvm_verdict(str(host)).usable
    assert started


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', json.dumps({"key": [], "usable": 1})])
def test_a_damaged_memory_is_no_memory(monkeypatch: pytest.MonkeyPatch, host: Path, content: str) -> None:
    started = answers(monkeypatch, kvm.WORKED)
    kvm.kvm_verdict(str(host))
    kept_path("kvm").write_text(content)
    assert kvm.kvm_verdict(str(host)).usable
    assert len(started) == 2


def test_a_cache_that_cannot_be_written_is_no_error(
    monkeypatch: pytest.MonkeyPatch, host: Path, tmp_path: Path
) -> None:
    answers(monkeypatch, kvm.WORKED)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kvm.kvm_verdict(str(host)).usable


def test_without_the_device_nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert kvm.device_problem(tmp_path / "none") == KvmVerdict(False, f"there is no {tmp_path / 'none'}")
    started = answers(monkeypatch, kvm.WORKED)
    monkeypatch.setattr(kvm, "device_problem", lambda: KvmVerdict(False, "there is no /dev/kvm"))
    assert kvm.kvm_verdict("/usr/bin/qemu").reason == "there is no /dev/kvm"
    assert not started


def test_qemu_that_the_user_chose_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIBGUESTFS_HV", str(tmp_path / "nothing"))
    with pytest.raises(ToolMissing, match="nothing is not installed"):
        kvm.find_qemu()
    mine = tmp_path / "my-qemu"
    mine.write_text("#!/bin/sh")
    mine.chmod(0o755)
    monkeypatch.setenv("LIBGUESTFS_HV", str(mine))
    assert kvm.find_qemu() == str(mine)


def test_the_firmware_runs_and_says_so(tmp_path: Path) -> None:
    """The same five bytes without KVM: a wrong reset vector or port would make every host "broken"."""
    firmware = tmp_path / "firmware"
    firmware.write_bytes(kvm.firmware_image())
    argv = [
        word.replace("accel=kvm", "accel=tcg") for word in kvm._code_machine(kvm.find_qemu(), str(firmware))
    ]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode == kvm.WORKED
