"""Launching: which accelerator, what is tried again, what is said when it fails, and that nothing hangs."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.engine.appliance import child, guard, launch
from imgtools.engine.appliance.launch import Drive, launch_appliance, missing_binding
from imgtools.engine.confined.fence import OFF
from imgtools.engine.qemu.kernels import appliance_folder
from imgtools.engine.qemu.kvm import KvmVerdict
from imgtools.errors import ApplianceFailed, EngineTimeout, ToolMissing
from tests.support.appliance import FakeCalls, FakeHandle

ABORT = b"qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69\n"
Hosts = Callable[..., list[FakeHandle]]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hosts:
    """A host where KVM is usable or not, and handles that are taken one after the other."""
    monkeypatch.setenv("IMGTOOLS_APPLIANCE", "plain")  # whether a quick copy is there is another matter
    remembered: list[KvmVerdict] = []

    def make(*handles: FakeHandle, kvm: bool) -> list[FakeHandle]:
        waiting = list(handles)

        def new_handle() -> tuple[FakeHandle, FakeCalls]:
            handle = waiting.pop(0)
            return handle, FakeCalls(handle)

        monkeypatch.setattr(guard, "_new_handle", new_handle)
        monkeypatch.setattr(launch, "find_qemu", lambda: "/usr/bin/qemu-system-x86_64")
        monkeypatch.setattr(launch, "kvm_verdict", lambda qemu: KvmVerdict(kvm, "" if kvm else "broken"))
        monkeypatch.setattr(launch, "remember", lambda qemu, verdict: remembered.append(verdict))
        monkeypatch.setattr(launch, "recall_verdict", lambda qemu: remembered[-1] if remembered else None)
        monkeypatch.setattr(guard.platform, "machine", lambda: "x86_64")
        return list(handles)

    monkeypatch.delenv("LIBGUESTFS_BACKEND_SETTINGS", raising=False)
    monkeypatch.setenv("LIBGUESTFS_CACHEDIR", str(tmp_path))
    make.remembered = remembered  # type: ignore[attr-defined]
    return make


def test_without_kvm_the_first_launch_is_without_it(host: Hosts) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    appliance = launch_appliance([Drive(socket="/s/disk")])
    assert appliance.accelerator == "TCG"
    assert handle.settings == ["force_tcg"]
    assert ("config", ("-cpu", guard.TCG_PROCESSOR)) in handle.made
    assert ("set_backend", "direct") in handle.made


def test_a_usable_kvm_is_used_with_libguestfs_own_processor(host: Hosts) -> None:
    (handle,) = host(FakeHandle(), kvm=True)
    assert launch_appliance([Drive(socket="/s/disk")]).accelerator == "KVM"
    assert handle.settings == ["force_kvm"]
    assert not any(made == ("config", ("-cpu", guard.TCG_PROCESSOR)) for made in handle.made)


def test_kvm_that_fails_all_the_same_is_tried_once(host: Hosts) -> None:
    first, second = host(FakeHandle("guestfs_launch failed.", log=ABORT), FakeHandle(), kvm=True)
    appliance = launch_appliance([Drive(socket="/s/disk")])
    assert appliance.accelerator == "TCG"
    assert second.settings == ["force_tcg"]
    assert "close" in first.names()
    (verdict,) = host.remembered  # type: ignore[attr-defined]
    assert not verdict.usable
    assert "failed to set MSR" in verdict.reason


def test_kvm_is_not_blamed_for_what_fails_without_it_too(host: Hosts) -> None:
    host(FakeHandle("supermin: no kernel"), FakeHandle("supermin: no kernel, again"), kvm=True)
    with pytest.raises(ApplianceFailed, match="no kernel, again"):
        launch_appliance([Drive(socket="/s/disk")])
    assert host.remembered == []  # type: ignore[attr-defined]


def hanging(monkeypatch: pytest.MonkeyPatch, said: bytes = b"") -> FakeHandle:
    """A launch whose QEMU is there, has said this, and hangs until it is killed."""
    hang = threading.Event()
    monkeypatch.setattr(child, "PERIOD", 0.01)
    monkeypatch.setattr(child, "find_children", lambda token: [4711])
    monkeypatch.setattr(child, "kill_children", lambda token: hang.set())
    monkeypatch.setattr(guard, "kill_children", lambda token: hang.set())
    return FakeHandle(hang=hang, log=said)


@pytest.mark.parametrize("quick", [True, False])
def test_kvm_under_which_nothing_comes_is_left_at_once(
    host: Hosts, monkeypatch: pytest.MonkeyPatch, quick: bool, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(launch, "quick_appliance", lambda: Path("/quick") if quick else None)
    warning = b"WARNING: Image format was not specified for '/o.qcow2' and probing guessed raw.\n"
    first, second = host(hanging(monkeypatch, warning), FakeHandle(), kvm=True)
    assert launch_appliance([Drive(socket="/s/disk")]).accelerator == "TCG"
    assert (first.settings, second.settings) == (["force_kvm"], ["force_tcg"])
    assert [("set_path", "/quick") in one.made for one in (first, second)] == [quick, quick]
    (verdict,) = host.remembered  # type: ignore[attr-defined]
    assert (verdict.usable, verdict.tried) == (False, "a launch of the appliance")
    assert "nothing on its console" in verdict.reason
    (warned,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert warned.startswith("KVM does not work on this host (the appliance hangs under KVM: nothing")


def test_kvm_that_stops_after_the_first_words_is_left_after_its_time(
    host: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "KVM_SECONDS", 2.0)
    monkeypatch.setattr(guard, "SILENT_SECONDS", 1.0)
    host(hanging(monkeypatch, b"supermin: mounting /proc\r\n"), FakeHandle(), kvm=True)
    assert launch_appliance([Drive(socket="/s/disk")]).accelerator == "TCG"
    (verdict,) = host.remembered  # type: ignore[attr-defined]
    assert "it was not up in 2 s" in verdict.reason


def test_without_kvm_silence_is_no_reason_to_end(host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SILENT_SECONDS", 0.0)
    host(hanging(monkeypatch), kvm=False)
    with pytest.raises(EngineTimeout, match=r"did not start within 0.3 s"):
        launch_appliance([Drive(socket="/s/disk")], seconds=0.3)


def test_kvm_that_a_user_insists_on_and_that_hangs_is_an_error_with_its_cure(
    host: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_kvm")
    monkeypatch.setattr(guard, "SILENT_SECONDS", 0.05)
    host(hanging(monkeypatch), kvm=False)
    with pytest.raises(EngineTimeout, match="hangs under KVM") as caught:
        launch_appliance([Drive(socket="/s/disk")])
    assert caught.value.hint == "export LIBGUESTFS_BACKEND_SETTINGS=force_tcg"
    assert host.remembered == []  # type: ignore[attr-defined]


def test_kvm_that_a_user_insists_on_and_that_works_takes_the_verdict_back(
    host: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_kvm")
    host(FakeHandle(settings=["force_kvm"]), kvm=False)
    host.remembered.append(KvmVerdict(False, "broken"))  # type: ignore[attr-defined]
    launch_appliance([Drive(socket="/s/disk")])
    assert host.remembered[-1].usable  # type: ignore[attr-defined]


def test_libguestfs_asks_anew_where_it_remembers_that_there_is_no_kvm(host: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / f".guestfs-{os.geteuid()}"
    folder.mkdir()
    for name, answer in (("qemu-1-1", "false"), ("qemu-2-2", "true")):
        (folder / f"{name}.query-kvm").write_text(f'{{"return": {{"enabled": {answer}, "present": true}}}}')
    host(FakeHandle(), kvm=False)
    launch_appliance([Drive(socket="/s/disk")])
    assert len(list(folder.iterdir())) == 2
    host(FakeHandle(), kvm=True)
    launch_appliance([Drive(socket="/s/disk")])
    assert [path.name for path in folder.iterdir()] == ["qemu-2-2.query-kvm"]


@pytest.mark.parametrize(("setting", "accelerator"), [("force_tcg", "TCG"), ("force_kvm", "KVM")])
def test_what_the_user_insists_on_is_not_changed(
    host: Hosts, monkeypatch: pytest.MonkeyPatch, setting: str, accelerator: str
) -> None:
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", f"network_bridge=br0:{setting}")
    (handle,) = host(FakeHandle(settings=["network_bridge=br0", setting]), kvm=accelerator != "KVM")
    assert launch_appliance([Drive(socket="/s/disk")]).accelerator == accelerator
    assert handle.settings == ["network_bridge=br0", setting]


def test_forced_kvm_that_fails_is_not_tried_without(host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_kvm")
    host(FakeHandle("guestfs_launch failed.", settings=["force_kvm"], log=ABORT), kvm=True)
    with pytest.raises(ApplianceFailed, match="failed to set MSR"):
        launch_appliance([Drive(socket="/s/disk")])


def test_other_settings_of_the_user_stay(host: Hosts) -> None:
    (handle,) = host(FakeHandle(settings=["network_bridge=br0"]), kvm=False)
    launch_appliance([Drive(socket="/s/disk")])
    assert handle.settings == ["network_bridge=br0", "force_tcg"]


def test_drives_are_read_only_over_nbd_in_their_order(host: Hosts) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    launch_appliance([Drive(socket="/s/a"), Drive(socket="/s/b")])
    drives = [facts for name, facts in handle.made if name == "add_drive_opts"]
    assert [facts["server"] for facts in drives] == [["unix:/s/a"], ["unix:/s/b"]]  # type: ignore[index]
    assert all(facts["readonly"] is True and facts["format"] == "raw" for facts in drives)  # type: ignore[index]
    assert ("set_autosync", False) in handle.made


def test_a_file_to_write_is_given_with_its_format(host: Hosts) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    launch_appliance([Drive(host_path=Path("/tmp/o.qcow2"), format="qcow2", read_only=False)])
    assert (
        "add_drive_opts",
        {"filename": "/tmp/o.qcow2", "readonly": False, "format": "qcow2", "blocksize": 512},
    ) in handle.made
    assert ("set_autosync", True) in handle.made


def test_a_drive_has_the_sectors_that_it_had_in_the_guest(host: Hosts) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    launch_appliance([Drive(socket="/s/a"), Drive(socket="/s/b", sector_size=4096)])
    drives = [facts for name, facts in handle.made if name == "add_drive_opts"]
    assert [facts["blocksize"] for facts in drives] == [512, 4096]  # type: ignore[index]


def test_a_drive_that_cannot_be_added_is_a_named_error(host: Hosts) -> None:
    host(
        FakeHandle(add_error="qemu-img: Failed to connect to '/s/disk': No such file or directory"), kvm=False
    )
    with pytest.raises(ApplianceFailed, match="Failed to connect to '/s/disk'"):
        launch_appliance([Drive(socket="/s/disk")])


def test_a_launch_that_hangs_ends_in_time(host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    host(FakeHandle(hang=hang), kvm=False)
    # Killing QEMU is what makes libguestfs' launch come back.
    monkeypatch.setattr(guard, "kill_children", lambda token: hang.set())
    with pytest.raises(EngineTimeout, match=r"did not start within 0.05 s"):
        launch_appliance([Drive(socket="/s/disk")], seconds=0.05)
    assert hang.is_set()


def test_a_call_that_hangs_ends_in_time_and_ends_the_appliance(
    host: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    appliance = launch_appliance([Drive(socket="/s/disk")])
    hang = threading.Event()
    monkeypatch.setattr(guard, "kill_children", lambda token: hang.set())
    with pytest.raises(EngineTimeout, match="does not answer"):
        appliance.call(lambda: hang.wait(10), seconds=0.05)
    assert appliance.has_ended
    with pytest.raises(ApplianceFailed, match="has ended"):
        appliance.shell("true")
    appliance.close()
    assert "shutdown" not in handle.names()


def test_being_told_to_end_does_not_wait_for_the_appliance(
    host: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    host(FakeHandle(), kvm=False)
    appliance = launch_appliance([Drive(socket="/s/disk")])
    hang = threading.Event()
    monkeypatch.setattr(guard, "kill_children", lambda token: hang.set())

    def interrupted(timeout: float | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(guard.Future, "result", lambda self, timeout=None: interrupted(timeout))
    with pytest.raises(KeyboardInterrupt):
        appliance.call(lambda: hang.wait(10))
    assert hang.is_set()


def test_close_shuts_down_first_and_only_once(host: Hosts) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    appliance = launch_appliance([Drive(socket="/s/disk")])
    appliance.close()
    appliance.close()
    assert handle.names()[-2:] == ["shutdown", "close"]


def test_an_error_of_the_last_flush_surfaces(host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    appliance = launch_appliance([Drive(socket="/s/disk")])

    def shutdown() -> None:
        raise RuntimeError("shutdown: /dev/sda: Input/output error\nTo see full error messages ...")

    monkeypatch.setattr(handle, "shutdown", shutdown, raising=False)
    with pytest.raises(ApplianceFailed, match=r"^shutdown: /dev/sda: Input/output error$"):
        appliance.close()
    time.sleep(0)
    assert "close" in handle.names()


def path_of(length: int) -> str:
    return "/" + "q" * (length - 1)


@pytest.mark.parametrize("length", [64, 65])
def test_libguestfs_is_told_no_long_name_of_qemu(length: int, host: Hosts) -> None:
    """1.48.6 writes behind the end of a buffer then, and takes the process with it."""
    (handle,) = host(FakeHandle(qemu=path_of(length)), kvm=False)
    appliance = launch_appliance([Drive(socket="/s/disk")])
    (script,) = [Path(str(value)) for name, value in handle.made if name == "set_hv"]
    assert len(str(script)) < 64
    assert json.loads(script.with_suffix(".json").read_text())["program"] == path_of(length)
    assert ("set_tmpdir", str(script.parent)) not in handle.made
    appliance.close()
    assert not script.parent.exists()


@pytest.mark.parametrize(("length", "is_link"), [(64, False), (65, True)])
def test_without_a_fence_only_a_long_name_is_another(
    length: int, is_link: bool, host: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFF, "1")
    (handle,) = host(FakeHandle(qemu=path_of(length)), kvm=False)
    appliance = launch_appliance([Drive(socket="/s/disk")])
    (told,) = [Path(str(value)) for name, value in handle.made if name == "set_hv"]
    assert told.is_symlink() == is_link
    assert str(told.readlink() if is_link else told) == path_of(length)
    appliance.close()


def test_qemu_gets_the_appliance_and_the_disks_that_are_files(host: Hosts, tmp_path: Path) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    read, written = Path("/images/a"), Path("/images/b")
    drives = [Drive(host_path=read), Drive(host_path=written, read_only=False), Drive(socket="/s/disk")]
    appliance = launch_appliance(drives)
    (script,) = [Path(str(value)) for name, value in handle.made if name == "set_hv"]
    told = json.loads(script.with_suffix(".json").read_text())
    assert told["kind"] == "MACHINE"
    assert told["reads"] == [str(appliance_folder()), "/usr/lib/guestfs", str(read)]
    assert told["writes"] == [told["own"], "/dev/kvm", str(written)] and told["own"] != str(script.parent)
    appliance.close()
    (handle,) = host(FakeHandle(), kvm=False)
    appliance = launch_appliance(drives, network=True)
    (script,) = [Path(str(value)) for name, value in handle.made if name == "set_hv"]
    assert json.loads(script.with_suffix(".json").read_text())["kind"] == "CONNECTED_MACHINE"
    appliance.close()


def test_more_memory_is_asked_for_never_less(host: Hosts) -> None:
    (handle,) = host(FakeHandle(), kvm=False)
    launch_appliance([Drive(socket="/s/disk")], memory=2048)
    assert ("set_memsize", 2048) in handle.made
    (handle,) = host(FakeHandle(), kvm=False)
    launch_appliance([Drive(socket="/s/disk")], memory=512)
    assert ("set_memsize", 1280) in handle.made


def test_a_foreign_python_is_told_which_one_has_the_binding() -> None:
    error = missing_binding("/opt/pyenv/bin/python3.12")
    assert isinstance(error, ToolMissing)
    assert "apt-get install python3-guestfs" in error.hint
    assert "/usr/bin/python3" in error.hint
    assert "/opt/pyenv/bin/python3.12" in error.hint


def test_the_python_of_the_system_is_only_told_the_package() -> None:
    assert missing_binding("/usr/bin/python3").hint == "apt-get install python3-guestfs"


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
def test_a_quick_copy_in_trouble_gives_way_to_the_appliance_itself(
    host: Hosts, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    hang = threading.Event()
    first = FakeHandle(hang=hang) if trouble == "hangs" else FakeHandle("guestfs_launch failed.")
    _, second = host(first, FakeHandle(), kvm=False)
    failed: list[Path] = []
    monkeypatch.setattr(guard, "kill_children", lambda token: hang.set())
    monkeypatch.setattr(launch, "QUICK_SECONDS", 0.05)
    monkeypatch.setattr(launch, "quick_appliance", lambda: Path("/quick"))
    monkeypatch.setattr(launch, "note_failure", failed.append)
    monkeypatch.setattr(launch, "TELLING", 1e6)  # whatever this machine needs is quick
    launch_appliance([Drive(socket="/s/disk")])
    assert ("set_path", "/quick") in first.made
    assert "launch" in second.names() and "set_path" not in second.names()
    assert failed == [Path("/quick")]


@pytest.mark.parametrize(("trouble", "counted"), [("hangs", 0), ("fails", 1)])
def test_a_busy_machine_is_no_fault_of_the_quick_copy(
    host: Hosts, monkeypatch: pytest.MonkeyPatch, trouble: str, counted: int
) -> None:
    """Where the appliance itself takes as long, a copy that was not up in time may be as good as ever."""
    hang = threading.Event()
    host(
        FakeHandle(hang=hang) if trouble == "hangs" else FakeHandle("guestfs_launch failed."),
        FakeHandle(),
        kvm=False,
    )
    failed: list[Path] = []
    monkeypatch.setattr(guard, "kill_children", lambda token: hang.set())
    monkeypatch.setattr(launch, "QUICK_SECONDS", 0.05)
    monkeypatch.setattr(launch, "TELLING", 0.0)
    monkeypatch.setattr(launch, "quick_appliance", lambda: Path("/quick"))
    monkeypatch.setattr(launch, "note_failure", failed.append)
    launch_appliance([Drive(socket="/s/disk")])
    assert len(failed) == counted
