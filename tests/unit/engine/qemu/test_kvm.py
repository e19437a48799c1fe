"""The verdict on KVM: what the start of a kernel says, and what is remembered of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imgtools.engine.kept import kept_path
from imgtools.engine.qemu import kvm
from imgtools.engine.qemu.kvm import KvmVerdict
from imgtools.engine.qemu.listen import Heard
from imgtools.errors import ToolMissing

ABORT = b"""qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69
qemu-system-x86_64: target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.
"""
NO_KVM = b"""Could not access KVM kernel module: No such file or directory
qemu-system-x86_64: failed to initialize kvm: No such file or directory
"""
FIRMWARE = b"SeaBIOS (version 1.16.2)\r\nBooting from ROM...\r\n"
BEGUN = FIRMWARE + b"[    0.000000] Linux version 6.1.0\r\n[    0.10] x86: Booting SMP configuration:\r\n"
PANIC = BEGUN + b"[    1.5] VFS: Unable to mount root fs on unknown-block(0,0)\r\n"
WORKED = Heard(PANIC, b"", None, False, 0.5)
ABORTED = Heard(b"", ABORT, 134, False, 0.03)


def answers(monkeypatch: pytest.MonkeyPatch, heard: Heard) -> list[Sequence[str]]:
    """Let QEMU say this; returns the command lines that it was started with."""
    started: list[Sequence[str]] = []

    def run(argv: Sequence[str], **_: Any) -> Heard:
        started.append(argv)
        return heard

    monkeypatch.setattr(kvm, "run_while_heard", run)
    return started


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host with a /dev/kvm that opens, a QEMU, a kernel and an empty cache; returns the QEMU."""
    for name in ("kvm", "qemu", "vmlinuz"):
        (tmp_path / name).write_text("one version")
    monkeypatch.setattr(kvm, "DEVICE", tmp_path / "kvm")
    monkeypatch.setattr(kvm, "boot_id", lambda: "boot-1")
    monkeypatch.setattr(kvm, "kernel_to_try", lambda: tmp_path / "vmlinuz")
    monkeypatch.setattr(kvm.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "qemu"


def probed(monkeypatch: pytest.MonkeyPatch, host: Path, heard: Heard) -> KvmVerdict:
    """The verdict of a probe in which QEMU says this."""
    answers(monkeypatch, heard)
    return kvm.probe(str(host), host.with_name("vmlinuz"))


@pytest.mark.parametrize("code", [None, 0, 1])
def test_a_kernel_that_misses_its_root_has_started_however_qemu_ends(
    monkeypatch: pytest.MonkeyPatch, host: Path, code: int | None
) -> None:
    verdict = probed(monkeypatch, host, Heard(PANIC, b"", code, code is None, 0.5))
    assert verdict.usable
    assert verdict.tried == f"{host.with_name('vmlinuz')} under {host}"


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        (Heard(b"", b"", None, True, 5.02), "a Linux kernel hangs under it: not a line in 5 s"),
        (Heard(FIRMWARE, b"", None, True, 5.3), "a Linux kernel hangs under it: not a line in 5 s"),
        (
            Heard(BEGUN, b"", None, True, 5.5),
            "a Linux kernel hangs under it: nothing for 5 s after '[    0.10] x86: Booting SMP configuration:'",
        ),
        (
            Heard(BEGUN, b"", None, False, 10.0),
            "a Linux kernel is too slow under it: in 10 s it came to '[    0.10] x86: Booting SMP configuration:'",
        ),
        (ABORTED, "failed to set MSR 0x10a to 0x69"),
        (Heard(b"", NO_KVM, 1, False, 0.02), "failed to initialize kvm: No such file or directory"),
        (Heard(b"", b"strange words\n", 1, False, 0.02), "strange words"),
        (
            Heard(FIRMWARE, b"", 0, False, 0.02),
            "QEMU ended with exit code 0 before a Linux kernel had started",
        ),
    ],
)
def test_whatever_else_happens_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, host: Path, heard: Heard, reason: str
) -> None:
    verdict = probed(monkeypatch, host, heard)
    assert not verdict.usable
    assert verdict.reason == reason


def test_the_probe_asks_for_kvm_and_nothing_else(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    started = answers(monkeypatch, WORKED)
    kvm.probe(str(host), host.with_name("vmlinuz"))
    (argv,) = started
    assert argv[argv.index("-machine") + 1] == "pc,accel=kvm"
    assert argv[argv.index("-kernel") + 1] == str(host.with_name("vmlinuz"))


def test_on_a_processor_that_nobody_has_tried_kvm_is_not_used(
    monkeypatch: pytest.MonkeyPatch, host: Path
) -> None:
    monkeypatch.setattr(kvm.platform, "machine", lambda: "s390x")
    started = answers(monkeypatch, WORKED)
    assert not kvm.kvm_verdict(str(host)).usable
    assert not started


def test_without_a_kernel_there_is_no_trial_and_nothing_is_remembered(
    monkeypatch: pytest.MonkeyPatch, host: Path
) -> None:
    monkeypatch.setattr(kvm, "kernel_to_try", lambda: None)
    started = answers(monkeypatch, WORKED)
    assert kvm.kvm_verdict(str(host)) == KvmVerdict(False, "there is no kernel to try it with")
    assert not started
    assert kvm.recall_verdict(str(host)) is None


def test_the_verdict_is_found_out_once(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    started = answers(monkeypatch, ABORTED)
    first = kvm.kvm_verdict(str(host))
    assert kvm.kvm_verdict(str(host)) == first
    assert len(started) == 1


@pytest.mark.parametrize("change", ["boot", "qemu", "kernel", "user"])
def test_after_another_boot_or_with_another_qemu_kernel_or_user_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, host: Path, change: str
) -> None:
    answers(monkeypatch, ABORTED)
    kvm.kvm_verdict(str(host))
    started = answers(monkeypatch, WORKED)
    if change == "boot":
        monkeypatch.setattr(kvm, "boot_id", lambda: "boot-2")
    elif change in ("qemu", "kernel"):
        host.with_name({"qemu": "qemu", "kernel": "vmlinuz"}[change]).write_text("the next version")
    else:
        monkeypatch.setattr(kvm.os, "geteuid", lambda: 12345)
    assert kvm.kvm_verdict(str(host)).usable
    assert started


def test_that_kvm_does_not_work_is_said_once(
    monkeypatch: pytest.MonkeyPatch, host: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers(monkeypatch, ABORTED)
    for _ in range(2):
        kvm.kvm_verdict(str(host))
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert record.getMessage() == (
        "KVM does not work on this host (failed to set MSR 0x10a to 0x69); imgtools goes on without it"
    )


@pytest.mark.parametrize(
    ("settings", "forced"),
    [
        ("", ""),
        ("network_bridge=br0", ""),
        ("force_tcg", "TCG"),
        ("network_bridge=br0:force_kvm", "KVM"),
        ("force_tcg_not", ""),
    ],
)
def test_what_the_user_insists_on(monkeypatch: pytest.MonkeyPatch, settings: str, forced: str) -> None:
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", settings)
    assert kvm.forced_accelerator() == forced


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', json.dumps({"key": [], "usable": 1})])
def test_a_damaged_memory_is_no_memory(monkeypatch: pytest.MonkeyPatch, host: Path, content: str) -> None:
    started = answers(monkeypatch, WORKED)
    kvm.kvm_verdict(str(host))
    kept_path("kvm").write_text(content)
    assert kvm.kvm_verdict(str(host)).usable
    assert len(started) == 2


def test_a_cache_that_cannot_be_written_is_no_error(
    monkeypatch: pytest.MonkeyPatch, host: Path, tmp_path: Path
) -> None:
    answers(monkeypatch, WORKED)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kvm.kvm_verdict(str(host)).usable


def test_without_the_device_nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert kvm.device_problem(tmp_path / "none") == KvmVerdict(False, f"there is no {tmp_path / 'none'}")
    started = answers(monkeypatch, WORKED)
    monkeypatch.setattr(kvm, "DEVICE", tmp_path / "none")
    assert kvm.kvm_verdict("/usr/bin/qemu").reason == f"there is no {tmp_path / 'none'}"
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
