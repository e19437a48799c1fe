"""Doctor's judgement: for each thing that can be wrong its state, its cause and the command that mends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.engine.host import (
    PROGRAMS,
    ApplianceFact,
    ConfinementFact,
    HostFacts,
    KernelFact,
    KvmFact,
    ProgramFact,
    RoomFact,
)
from imgtools.engine.qemu.kvm import KvmVerdict
from imgtools.image.host import Trial
from imgtools.records.request import Engine
from imgtools.workflows.doctor import Check, DoctorReport, judge
from imgtools.workflows.host_needs import LOADED, MODULES, NEEDS, Loaded, Serves, State
from tests.support.host import MANY, healthy_host, without_binding, without_program

READ = Trial(0.02)
BOOTED = Trial(9.6, "TCG", "6.1.0")
OPTIONAL = {"virsh"}  # nothing is missing without them


def report(facts: HostFacts, appliance: Trial | None = None, engine: Engine = Engine.AUTO) -> DoctorReport:
    """The judgement of these facts."""
    return judge(facts, READ if engine is not Engine.APPLIANCE else None, appliance, engine)


def check_of(found: DoctorReport, name: str) -> Check:
    """The check of that name."""
    return next(one for one in found.checks if one.name == name)


def test_a_healthy_host_has_nothing_but_ok() -> None:
    found = report(healthy_host())
    assert {one.state for one in found.checks} == {State.OK}
    assert found.healthy
    assert found.verdict == (
        "imgtools works on this host: direct engine ok, appliance should start (KVM; --launch tries it)"
    )


def test_a_launch_that_went_well_is_in_the_verdict_with_its_time() -> None:
    found = report(healthy_host(), BOOTED)
    assert found.verdict == "imgtools works on this host: direct engine ok, appliance ok (TCG, 10 s)"
    assert "9.6 s" in check_of(found, "booting the appliance").found


def test_a_launch_that_failed_fails_whatever_the_facts_say() -> None:
    trial = Trial(4.0, error="the libguestfs appliance did not start: Kernel panic", hint="buy a new host")
    found = report(healthy_host(), trial)
    assert not found.healthy
    assert check_of(found, "booting the appliance").cause.endswith("Kernel panic")
    assert check_of(found, "booting the appliance").cure == "buy a new host"
    assert "appliance fails (booting the appliance)" in found.verdict
    assert "direct engine ok" in found.verdict


@pytest.mark.parametrize(
    ("fact", "state", "found"),
    [
        (ConfinementFact(2), State.OK, "Landlock (ABI 2)"),
        (ConfinementFact(0, "/usr/bin/bwrap"), State.OK, "bubblewrap (/usr/bin/bwrap)"),
        (ConfinementFact(0), State.WARN, "limits only"),
        (ConfinementFact(7, "/usr/bin/bwrap", is_off=True), State.WARN, "switched off"),
    ],
)
def test_what_fences_are_made_of(fact: ConfinementFact, state: State, found: str) -> None:
    check = check_of(report(healthy_host(confinement=fact)), "confinement")
    assert (check.state, check.found) == (state, found)
    assert bool(check.cure) == (state is State.WARN)


def test_doctor_knows_what_every_program_is_for() -> None:
    """Whoever adds a program to PACKAGE_OF (engine/process.py) says in NEEDS what does not work without it."""
    assert set(PROGRAMS) - OPTIONAL == set(NEEDS)


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_every_program_that_is_missing_is_said_with_its_package(name: str) -> None:
    found = report(without_program(name))
    check = check_of(found, name)
    assert check.state is NEEDS[name].state is not State.OK
    assert check.cause == f"{name} is not installed"
    assert check.cure.startswith("apt-get install ")
    assert check.needed_for
    assert found.healthy is (check.state is State.WARN)


def test_programs_for_edits_without_booting_are_not_missed_much() -> None:
    found = report(without_program("e2fsck"))
    assert check_of(found, "e2fsck").state is State.WARN
    assert "boot the appliance" in check_of(found, "e2fsck").needed_for
    assert "direct engine ok" in found.verdict


def test_a_program_of_some_commands_stops_no_engine() -> None:
    found = report(without_program("rpm"))
    assert not found.healthy
    assert "direct engine ok" in found.verdict
    assert found.verdict.endswith("some commands lack rpm")


def test_without_qemu_nbd_nothing_works() -> None:
    verdict = report(without_program("qemu-nbd")).verdict
    assert "direct engine fails (qemu-nbd)" in verdict
    assert "appliance fails (qemu-nbd)" in verdict


def test_without_qemu_there_is_no_appliance() -> None:
    found = report(healthy_host(qemu=ProgramFact("qemu-system-x86_64")))
    assert check_of(found, "qemu-system-x86_64").cure == "apt-get install qemu-system-x86"
    assert "direct engine ok, appliance fails (qemu-system-x86_64)" in found.verdict


def test_missing_firmware_is_said_with_its_package() -> None:
    found = report(healthy_host(uefi=""))
    assert (check_of(found, "ovmf").state, check_of(found, "ovmf").cure) == (
        State.WARN,
        "apt-get install ovmf",
    )
    assert found.healthy


@pytest.mark.parametrize(("name", "need"), sorted(LOADED.items()))
def test_what_cannot_be_loaded_is_said_with_what_it_gives(name: str, need: Loaded) -> None:
    missing = tuple((one, "it is not there" if one == name else "") for one in LOADED)
    check = check_of(report(healthy_host(loadable=missing)), need.title)
    assert (check.state, check.cause) == (State.WARN, "it is not there")
    assert check.cure == f"apt-get install {need.package}" and check.needed_for == need.needed_for
    assert check_of(report(healthy_host()), need.title).state is State.OK


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_module_that_is_missing_is_said(name: str) -> None:
    check = check_of(report(without_binding(name)), f"python module {name}")
    assert (check.state, check.found) == (State.FAIL, "missing")
    assert check.cause == "No module named 'it'"
    assert "install" in check.cure


def test_under_another_python_the_cure_is_an_environment() -> None:
    found = report(without_binding("guestfs", executable="/opt/pyenv/bin/python3.12"))
    cure = check_of(found, "python module guestfs").cure
    assert cure.startswith(
        "apt-get install python3-guestfs && /usr/bin/python3 -m venv --system-site-packages"
    )
    plain = check_of(report(without_binding("guestfs")), "python module guestfs").cure
    assert plain == "apt-get install python3-guestfs"


def test_modules_of_pypi_are_installed_with_this_python() -> None:
    cure = check_of(
        report(without_binding("pyfsntfs", executable="/v/bin/python")), "python module pyfsntfs"
    ).cure
    assert cure == "/v/bin/python -m pip install libfsntfs-python"


def test_the_hivex_of_pypi_is_taken_away() -> None:
    facts = without_binding("hivex", "another program of that name: it has no Hivex", "/v/hivex/__init__.py")
    check = check_of(report(facts), "python module hivex")
    assert "/v/hivex/__init__.py is another program" in check.cause
    assert check.cure == "pip uninstall hivex; apt-get install python3-hivex"


@pytest.mark.parametrize(
    ("kernels", "cause", "cure"),
    [
        ((), "no kernel", "apt-get install linux-image-cloud-amd64"),
        (
            (KernelFact("/boot/vmlinuz-5", False, True),),
            "cannot be read by this user",
            "sudo chmod 0644 /boot/vmlinuz-*",
        ),
        ((KernelFact("/boot/vmlinuz-5", True, False),), "no modules", "--reinstall"),
    ],
)
def test_kernels_that_the_appliance_cannot_use(
    kernels: tuple[KernelFact, ...], cause: str, cure: str
) -> None:
    found = report(healthy_host(kernels=kernels))
    check = check_of(found, "kernel for the appliance")
    assert check.state is State.FAIL
    assert cause in check.cause
    assert cure in check.cure
    assert "direct engine ok, appliance fails (kernel for the appliance)" in found.verdict


NO_MSR = KvmVerdict(False, "failed to set MSR 0x10a to 0x69", "/boot/vmlinuz-6 under /usr/bin/qemu")
UNTRIED = KvmVerdict(False, "there is no kernel to try it with")
ABSENT = KvmVerdict(False, "there is no /dev/kvm")
CLOSED = KvmVerdict(False, "no permission to open /dev/kvm")


@pytest.mark.parametrize(
    ("kvm", "found", "cause", "cure"),
    [
        (
            KvmFact(("hypervisor",), "", (), True, NO_MSR),
            "there, but does not work: failed to set MSR",
            "nested",
            "",
        ),
        (
            KvmFact(("vmx",), "", (), True, NO_MSR, memory="/c/kvm-0.json"),
            "does not work",
            "tried with /boot/vmlinuz-6 under /usr/bin/qemu; the processor is emulated instead (TCG)",
            "once it is mended: rm /c/kvm-0.json",
        ),
        (KvmFact(("vmx",), "", (), True, UNTRIED), "there", "no kernel to try it with", ""),
        (KvmFact(("vmx",), "N", (), True, CLOSED), "there", "may not open", "sudo usermod -aG kvm $USER"),
        (
            KvmFact(("vmx",), "", (), False, ABSENT),
            "not there",
            "module kvm_intel",
            "sudo modprobe kvm_intel",
        ),
        (KvmFact(("svm",), "", (), False, ABSENT), "not there", "module kvm_amd", "sudo modprobe kvm_amd"),
        (KvmFact(("hypervisor",), "", (), False, ABSENT), "not there", "virtual machine", ""),
        (KvmFact((), "", (), False, ABSENT), "not there", "firmware", ""),
    ],
)
def test_without_kvm_everything_works_but_slower(kvm: KvmFact, found: str, cause: str, cure: str) -> None:
    judged = report(healthy_host(kvm=kvm))
    check = check_of(judged, "kvm")
    assert check.state is State.WARN
    assert found in check.found
    assert cause in check.cause
    assert check.cure.startswith(cure)
    assert judged.healthy
    assert "appliance should start (TCG" in judged.verdict


def test_kvm_that_is_not_to_be_used_is_no_trouble() -> None:
    judged = report(healthy_host(kvm=KvmFact(("hypervisor",), "", (), True, UNTRIED, "TCG")))
    check = check_of(judged, "kvm")
    assert (check.state, check.found) == (State.OK, "not used: force_tcg is set")
    assert "appliance should start (TCG" in judged.verdict


def test_kvm_that_is_insisted_on_and_does_not_work_is_an_error() -> None:
    kvm = KvmFact(("hypervisor",), "", (), True, NO_MSR)
    variables = (("LIBGUESTFS_BACKEND_SETTINGS", "force_kvm"),)
    check = check_of(report(healthy_host(kvm=kvm, variables=variables)), "environment")
    assert check.state is State.FAIL
    assert check.cure == "unset LIBGUESTFS_BACKEND_SETTINGS"
    fine = check_of(report(healthy_host(variables=variables)), "environment")
    assert (fine.state, fine.found) == (State.OK, "LIBGUESTFS_BACKEND_SETTINGS=force_kvm")


def test_an_appliance_that_is_not_built_yet_is_no_fault() -> None:
    check = check_of(
        report(healthy_host(appliance=ApplianceFact("/var/tmp/.guestfs-0", built=False))), "appliance"
    )
    assert (check.state, check.found) == (State.OK, "not built yet: the first launch does it")


def test_an_appliance_in_another_users_folder_is_a_fault() -> None:
    fact = ApplianceFact("/var/tmp/.guestfs-1000", True, problem="the folder belongs to another user")
    check = check_of(report(healthy_host(appliance=fact)), "appliance")
    assert (check.state, check.cure) == (State.FAIL, "rm -rf /var/tmp/.guestfs-1000")


def test_an_appliance_that_is_being_built_is_waited_for() -> None:
    fact = ApplianceFact("/var/tmp/.guestfs-0", False, locked=True)
    assert check_of(report(healthy_host(appliance=fact)), "appliance").state is State.WARN


def rooms(purpose: str, **changes: object) -> tuple[RoomFact, ...]:
    """The rooms of the healthy host with one of them changed."""
    return tuple(replace(one, **changes) if one.purpose == purpose else one for one in healthy_host().rooms)


@pytest.mark.parametrize(
    ("purpose", "free", "writable", "state", "variable"),
    [
        ("temporary files", 1 << 20, True, State.WARN, "TMPDIR"),
        ("temporary files", MANY, False, State.FAIL, "TMPDIR"),
        ("the appliance", MANY, False, State.FAIL, "LIBGUESTFS_CACHEDIR"),
        ("cache", MANY, False, State.WARN, "XDG_CACHE_HOME"),
        ("cache", 1 << 20, True, State.OK, ""),
    ],
)
def test_rooms_that_are_small_or_closed(
    purpose: str, free: int, writable: bool, state: State, variable: str
) -> None:
    facts = healthy_host(rooms=rooms(purpose, free=free, writable=writable))
    check = check_of(report(facts), f"room for {purpose}")
    assert check.state is state
    assert variable in check.cure


def test_building_the_appliance_takes_room() -> None:
    small = rooms("the appliance", free=100 << 20)
    assert check_of(report(healthy_host(rooms=small)), "room for the appliance").state is State.OK
    facts = healthy_host(rooms=small, appliance=ApplianceFact("/var/tmp/.guestfs-0", built=False))
    check = check_of(report(facts), "room for the appliance")
    assert (check.state, check.cause) == (State.FAIL, "building the appliance takes 512M")


def test_fuse_and_locks() -> None:
    fuse = check_of(report(healthy_host(fuse="there is no /dev/fuse")), "fuse")
    assert (fuse.state, fuse.cure) == (State.WARN, "sudo modprobe fuse")
    fuse = check_of(report(healthy_host(fuse="nobody may mount here: CAP_SYS_ADMIN was taken away")), "fuse")
    assert fuse.state is State.WARN and "--cap-add SYS_ADMIN" in fuse.cure
    locks = check_of(report(healthy_host(locks="[Errno 37] No locks available")), "file locks")
    assert locks.state is State.FAIL
    assert "No locks available" in locks.cause


def test_a_disk_that_cannot_be_read_stops_the_direct_engine() -> None:
    found = judge(healthy_host(), Trial(0.1, error="qemu-nbd crashed", hint="apt-get"), None)
    assert "direct engine fails (reading a disk)" in found.verdict
    assert not found.healthy


def test_one_engine_alone_is_not_blamed_for_the_other() -> None:
    facts = replace(without_binding("guestfs"), qemu=ProgramFact("qemu-system-x86_64"), kernels=())
    found = report(facts, engine=Engine.DIRECT)
    assert found.healthy
    assert found.verdict == "imgtools works on this host: direct engine ok"
    assert not any(one.serves is Serves.APPLIANCE for one in found.checks)
    assert not report(facts, engine=Engine.APPLIANCE).healthy


def test_every_problem_has_a_cause() -> None:
    """Whatever is wrong at once: no warning or failure without its cause."""
    broken = healthy_host(
        kernels=(),
        kvm=KvmFact((), "", (), False, ABSENT),
        fuse="there is no /dev/fuse",
        locks="no",
        programs=tuple(ProgramFact(name) for name in PROGRAMS),
        qemu=ProgramFact("qemu-system-x86_64"),
        rooms=tuple(replace(one, writable=False) for one in healthy_host().rooms),
    )
    wrong = [one for one in report(broken).checks if one.state is not State.OK]
    assert len(wrong) > 25
    assert all(one.cause for one in wrong)
    assert all(one.cure for one in wrong if one.state is State.FAIL)
