"""Tell what works on this host, and for everything that does not its cause and its cure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.image.host import (
    PACKAGE_OF,
    BindingFact,
    HostFacts,
    KvmFact,
    ProgramFact,
    Trial,
    collect_facts,
    collect_parts,
    kernel_cure,
    try_appliance,
    try_direct,
)
from imgtools.records.request import Engine
from imgtools.units import format_size
from imgtools.workflows.host_needs import LOADED, MODULES, NEEDS, PYPI_NAMES, Serves, State

APPLIANCE_ROOM = 512 << 20  # bytes; supermin writes 0.4 GB, and both versions are there while it replaces one
WORKING_ROOM = 1 << 30  # for overlays and copies; less than this is soon used up
SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, slots=True)
class Check:
    """One fact of the host and what it means. ``cause`` and ``cure`` are empty when all is well."""

    name: str
    state: State
    found: str
    serves: Serves = Serves.BOTH
    cause: str = ""
    cure: str = ""  # a command, where there is one
    needed_for: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All checks, how the trials went, and the verdict in one line."""

    checks: tuple[Check, ...]
    direct: Trial | None
    appliance: Trial | None  # None: not tried
    verdict: str
    healthy: bool  # no check failed


def examine_host(*, launch: bool = False, engine: Engine = Engine.AUTO) -> DoctorReport:
    """Look at the host, and with ``launch`` boot the appliance.

    :param engine: judge only what this engine needs.
    """
    with_direct = engine in (Engine.AUTO, Engine.DIRECT)
    with_appliance = engine in (Engine.AUTO, Engine.APPLIANCE)
    direct = try_direct() if with_direct else None
    appliance = try_appliance() if launch and with_appliance else None
    # The facts come last: a launch may have found out more about KVM.
    return judge(collect_facts(), direct, appliance, engine)


def name_parts() -> tuple[str, ...]:
    """Say in a few lines which versions of other projects are at work: libraries, programs, Python packages."""
    return tuple(
        ", ".join(f"{name} {version or 'missing'}" for name, version in parts.items())
        for parts in collect_parts()
        if parts
    )


def judge(
    facts: HostFacts, direct: Trial | None, appliance: Trial | None, engine: Engine = Engine.AUTO
) -> DoctorReport:
    """Judge facts and trials; nothing here looks at the host."""
    checks = [*check_host(facts), *check_trials(direct, appliance)]
    if engine in (Engine.DIRECT, Engine.APPLIANCE):
        wanted = (Serves.BOTH, Serves.SOME, Serves(engine.value))
        checks = [check for check in checks if check.serves in wanted]
    healthy = not any(check.state is State.FAIL for check in checks)
    verdict = give_verdict(facts, checks, appliance, engine)
    return DoctorReport(tuple(checks), direct, appliance, verdict, healthy)


def check_host(facts: HostFacts) -> Iterator[Check]:
    """Yield every check that takes no trial."""
    for check in (
        check_python,
        check_kernel,
        check_kvm,
        check_built,
        check_fuse,
        check_locks,
        check_confinement,
        check_variables,
    ):
        yield check(facts)
    yield from (check_binding(facts, binding) for binding in facts.bindings)
    yield check_qemu(facts)
    yield check_firmware(facts)
    yield from (check_loaded(name, problem) for name, problem in facts.loadable)
    for program in facts.programs:
        if program.name in NEEDS:
            yield check_program(program)
    yield from check_rooms(facts)


# -- Python -----------------------------------------------------------------------------------------------


def check_python(facts: HostFacts) -> Check:
    """Which Python runs."""
    where = f"{facts.python} ({facts.executable}{', a virtual environment' if facts.in_venv else ''})"
    return Check("python", State.OK, where)


def check_binding(facts: HostFacts, binding: BindingFact) -> Check:
    """Whether a Python module can be imported and is the one that it should be."""
    name, module = f"python module {binding.name}", MODULES[binding.name]
    if not binding.problem:
        found = binding.version or "there"
        return Check(name, State.OK, found, module.serves, needed_for=module.needed_for)
    if binding.path:
        cause = f"{binding.path} is {binding.problem}"
        cure = f"pip uninstall {binding.name}; apt-get install {module.package}"
    else:
        cause, cure = binding.problem, f"apt-get install {module.package}"
    if not module.package or (module.package == "python3-yaml" and facts.in_venv):
        cure = f"{facts.executable} -m pip install {PYPI_NAMES[binding.name]}"
    elif not binding.path and facts.executable != SYSTEM_PYTHON:
        # Debian's bindings are built for its own Python: another one, pyenv's for one, cannot see them.
        cure += f" && {SYSTEM_PYTHON} -m venv --system-site-packages .venv, and run imgtools from there"
    return Check(name, State.FAIL, "missing", module.serves, cause, cure, module.needed_for)


# -- programs ---------------------------------------------------------------------------------------------


def check_program(program: ProgramFact) -> Check:
    """Whether a program is installed."""
    need = NEEDS[program.name]
    if program.path:
        found = program.version or program.path
        return Check(program.name, State.OK, found, need.serves, needed_for=need.what_for)
    return Check(
        program.name,
        need.state,
        "missing",
        need.serves,
        f"{program.name} is not installed",
        f"apt-get install {PACKAGE_OF.get(program.name, program.name)}",
        need.what_for,
    )


def check_qemu(facts: HostFacts) -> Check:
    """Whether the QEMU that runs the appliance is installed."""
    what_for = "the appliance"
    if facts.qemu.path:
        found = facts.qemu.version or facts.qemu.path
        return Check(facts.qemu.name, State.OK, found, Serves.APPLIANCE, needed_for=what_for)
    cause, cure = f"{facts.qemu.name} is not installed", "apt-get install qemu-system-x86"
    return Check(facts.qemu.name, State.FAIL, "missing", Serves.APPLIANCE, cause, cure, what_for)


def check_firmware(facts: HostFacts) -> Check:
    """Whether there is firmware for machines that boot by UEFI."""
    what_for = "booting guests by UEFI"
    if facts.uefi:
        return Check("ovmf", State.OK, facts.uefi, Serves.SOME, needed_for=what_for)
    cause, cure = "no UEFI firmware for QEMU (OVMF) is installed", "apt-get install ovmf"
    return Check("ovmf", State.WARN, "missing", Serves.SOME, cause, cure, what_for)


def check_loaded(name: str, problem: str) -> Check:
    """Whether a library, or a driver of QEMU, can be loaded."""
    need = LOADED[name]
    if not problem:
        return Check(need.title, State.OK, "there", need.serves, needed_for=need.needed_for)
    cure = f"apt-get install {need.package}"
    return Check(need.title, need.state, "missing", need.serves, problem, cure, need.needed_for)


# -- the appliance ----------------------------------------------------------------------------------------


def check_kernel(facts: HostFacts) -> Check:
    """Whether there is a kernel that the appliance can boot, and that this user may read."""
    usable = [kernel.path for kernel in facts.kernels if kernel.readable and kernel.has_modules]
    if usable:
        return Check("kernel for the appliance", State.OK, usable[-1], Serves.APPLIANCE)
    cure = kernel_cure(facts.kernels)
    closed = [kernel.path for kernel in facts.kernels if not kernel.readable]
    cause = "no kernel in /boot or /lib/modules"
    if closed:
        cause = f"{closed[-1]} cannot be read by this user (Ubuntu ships kernels so)"
    elif facts.kernels:
        cause = f"{facts.kernels[-1].path} has no modules in /lib/modules"
    return Check("kernel for the appliance", State.FAIL, "missing", Serves.APPLIANCE, cause, cure)


def check_built(facts: HostFacts) -> Check:
    """Whether the appliance is built already."""
    name, fact = "appliance", facts.appliance
    if fact.problem:
        cure = f"rm -rf {fact.folder}"
        return Check(name, State.FAIL, fact.folder, Serves.APPLIANCE, fact.problem, cure)
    if fact.locked:
        cause = f"another program is building it (it holds {fact.folder}/lock)"
        return Check(name, State.WARN, "locked", Serves.APPLIANCE, cause, "wait until it has finished")
    found = f"built, in {fact.folder}" if fact.built else "not built yet: the first launch does it"
    return Check(name, State.OK, found, Serves.APPLIANCE)


def check_kvm(facts: HostFacts) -> Check:
    """Whether KVM works: not whether it is there, but whether a Linux kernel has started under it."""
    kvm = facts.kvm
    if kvm.forced == "TCG":
        return Check("kvm", State.OK, "not used: force_tcg is set", Serves.APPLIANCE)
    if kvm.verdict.usable:
        return Check("kvm", State.OK, "works", Serves.APPLIANCE)
    found = f"there, but does not work: {kvm.verdict.reason}" if kvm.device else "not there"
    cause, cure = _why_no_kvm(facts)
    cause += (
        "; the processor is emulated instead (TCG), and the appliance takes 5 to 16 s to boot instead of 3"
    )
    return Check("kvm", State.WARN, found, Serves.APPLIANCE, cause, cure)


def _why_no_kvm(facts: HostFacts) -> tuple[str, str]:
    kvm = facts.kvm
    module = "kvm_intel" if "vmx" in kvm.processor_flags else "kvm_amd"
    if kvm.device and "no permission" in kvm.verdict.reason:
        return "this user may not open /dev/kvm", "sudo usermod -aG kvm $USER, then log in again"
    if kvm.device and kvm.verdict.tried:
        return _why_it_fails(kvm), f"once it is mended: rm {kvm.memory} has it tried again"
    if kvm.device:
        return kvm.verdict.reason, ""
    if "vmx" in kvm.processor_flags or "svm" in kvm.processor_flags:
        return f"the processor can, but the module {module} is not loaded", f"sudo modprobe {module}"
    if "hypervisor" in kvm.processor_flags:
        return "this host is a virtual machine without nested virtualisation", ""
    return "the processor has no virtualisation, or the firmware has switched it off", ""


def _why_it_fails(kvm: KvmFact) -> str:
    where = ""
    if "hypervisor" in kvm.processor_flags:
        where = "this host is a virtual machine whose nested virtualisation does not work; "
    return f"{where}tried with {kvm.verdict.tried}"


# -- files ------------------------------------------------------------------------------------------------


def check_confinement(facts: HostFacts) -> Check:
    """Whether what reads a guest's bytes runs behind a fence, and behind which."""
    name, fact = "confinement", facts.confinement
    if fact.is_off:
        cause = "IMGTOOLS_NO_CONFINEMENT is set: programs that read a guest's bytes may open every file of this user"
        return Check(name, State.WARN, "switched off", cause=cause, cure="unset IMGTOOLS_NO_CONFINEMENT")
    if fact.landlock:
        return Check(name, State.OK, f"Landlock (ABI {fact.landlock})")
    if fact.bubblewrap:
        return Check(name, State.OK, f"bubblewrap ({fact.bubblewrap})")
    cause = "this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, and landlock in lsm=): a program that a hostile "
    cause += "image takes over may open every file of this user"
    return Check(name, State.WARN, "limits only", cause=cause, cure="apt-get install bubblewrap")


def check_fuse(facts: HostFacts) -> Check:
    """Whether filesystems can be mounted in user space."""
    if not facts.fuse:
        return Check("fuse", State.OK, "/dev/fuse", Serves.DIRECT)
    cure = "run it where mounting is allowed: of a container, --device /dev/fuse --cap-add SYS_ADMIN"
    if "there is no" in facts.fuse:
        cure = "sudo modprobe fuse"
    elif "permission" in facts.fuse:
        cure = "sudo chmod 0666 /dev/fuse"
    cause = f"{facts.fuse}; edits boot the appliance, and imgtools mount does not work"
    value = "missing" if "there is no" in facts.fuse else "cannot be used"
    return Check("fuse", State.WARN, value, Serves.DIRECT, cause, cure)


def check_locks(facts: HostFacts) -> Check:
    """Whether files can be locked, which keeps two edits of one image apart."""
    if not facts.locks:
        return Check("file locks", State.OK, "work")
    cause = f"files in the temporary folder cannot be locked: {facts.locks}"
    return Check(
        "file locks", State.FAIL, "do not work", cause=cause, cure="export TMPDIR=a folder on a local disk"
    )


def check_variables(facts: HostFacts) -> Check:
    """Which variables change what libguestfs does."""
    found = ", ".join(f"{name}={value}" for name, value in facts.variables) or "nothing of libguestfs is set"
    settings = dict(facts.variables).get("LIBGUESTFS_BACKEND_SETTINGS", "").split(":")
    if "force_kvm" in settings and "force_tcg" not in settings and not facts.kvm.verdict.usable:
        cause = f"force_kvm is set, and KVM does not work: {facts.kvm.verdict.reason}"
        cure = "unset LIBGUESTFS_BACKEND_SETTINGS"
        return Check("environment", State.FAIL, found, Serves.APPLIANCE, cause, cure)
    return Check("environment", State.OK, found, Serves.APPLIANCE)


def check_rooms(facts: HostFacts) -> Iterator[Check]:
    """Yield whether there is room in each folder that is written to."""
    for room in facts.rooms:
        is_appliance = room.purpose == "the appliance"
        name = f"room for {room.purpose}"
        serves = Serves.APPLIANCE if is_appliance else Serves.BOTH
        found = f"{format_size(room.free)} free in {room.path}"
        variable = {"the appliance": "LIBGUESTFS_CACHEDIR", "cache": "XDG_CACHE_HOME"}.get(
            room.purpose, "TMPDIR"
        )
        if not room.writable:
            state = State.WARN if room.purpose == "cache" else State.FAIL
            cause = f"this user may not write to {room.path}"
            yield Check(name, state, found, serves, cause, f"export {variable}=FOLDER")
        elif is_appliance and not facts.appliance.built and room.free < APPLIANCE_ROOM:
            cause = f"building the appliance takes {format_size(APPLIANCE_ROOM)}"
            yield Check(name, State.FAIL, found, serves, cause, f"export {variable}=FOLDER, or make room")
        elif room.purpose == "temporary files" and room.free < WORKING_ROOM:
            cause = "overlays and copies of large changes need more"
            yield Check(name, State.WARN, found, serves, cause, f"export {variable}=FOLDER, or make room")
        else:
            yield Check(name, State.OK, found, serves)


# -- trials and the verdict -------------------------------------------------------------------------------


def check_trials(direct: Trial | None, appliance: Trial | None) -> Iterator[Check]:
    """Yield how the tests went that were made."""
    if direct is not None:
        yield _trial("reading a disk", direct, Serves.DIRECT, f"works, {direct.seconds * 1000:.0f} ms")
    if appliance is not None:
        how = f"works, {appliance.seconds:.1f} s ({appliance.accelerator}, kernel {appliance.kernel})"
        yield _trial("booting the appliance", appliance, Serves.APPLIANCE, how)


def _trial(name: str, trial: Trial, serves: Serves, found: str) -> Check:
    if trial.error:
        return Check(name, State.FAIL, f"failed after {trial.seconds:.1f} s", serves, trial.error, trial.hint)
    return Check(name, State.OK, found, serves)


def give_verdict(
    facts: HostFacts, checks: list[Check], appliance: Trial | None, engine: Engine = Engine.AUTO
) -> str:
    """Return one line that says whether imgtools works here."""
    failed = [check for check in checks if check.state is State.FAIL]
    parts = []
    if engine is not Engine.APPLIANCE:
        parts.append(_engine_verdict("direct engine", Serves.DIRECT, failed, "ok"))
    if engine is not Engine.DIRECT:
        usual = "KVM" if facts.kvm.verdict.usable else "TCG"
        how = (
            f"ok ({appliance.accelerator}, {appliance.seconds:.0f} s)"
            if appliance
            else f"should start ({usual}; --launch tries it)"
        )
        parts.append(_engine_verdict("appliance", Serves.APPLIANCE, failed, how))
    if others := [check.name for check in failed if check.serves is Serves.SOME]:
        parts.append(f"some commands lack {_and(others)}")
    beginning = "imgtools does not fully work on this host" if failed else "imgtools works on this host"
    return f"{beginning}: {', '.join(parts)}"


def _engine_verdict(name: str, serves: Serves, failed: list[Check], good: str) -> str:
    stops = [check.name for check in failed if check.serves in (serves, Serves.BOTH)]
    return f"{name} fails ({_and(stops)})" if stops else f"{name} {good}"


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
