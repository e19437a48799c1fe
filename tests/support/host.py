"""A host on which everything works, for tests that take something away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imgtools.engine.host import (
    BINDINGS,
    PROGRAMS,
    ApplianceFact,
    BindingFact,
    ConfinementFact,
    HostFacts,
    KernelFact,
    KvmFact,
    ProgramFact,
    RoomFact,
)
from imgtools.engine.loadable import DRIVERS, LIBRARIES
from imgtools.engine.qemu.kvm import KvmVerdict

MANY = 1 << 40  # bytes


def healthy_host(**changes: Any) -> HostFacts:
    """A Debian host with KVM and all programs; ``changes`` replace whole facts."""
    facts = HostFacts(
        python="3.11.2",
        executable="/usr/bin/python3",
        in_venv=False,
        uid=0,
        machine="x86_64",
        release="6.1.0",
        bindings=tuple(BindingFact(name, "1.0", f"/usr/lib/{name}.py") for name in BINDINGS),
        programs=tuple(ProgramFact(name, f"/usr/bin/{name}", "1.0") for name in PROGRAMS),
        qemu=ProgramFact("qemu-system-x86_64", "/usr/bin/qemu-system-x86_64", "7.2.22"),
        kernels=(KernelFact("/boot/vmlinuz-6.1.0", True, True),),
        kvm=KvmFact(("vmx",), "Y", ("kvm", "kvm_intel"), True, KvmVerdict(True)),
        fuse="",
        rooms=tuple(
            RoomFact(one, f"/{one}", True, MANY) for one in ("temporary files", "the appliance", "cache")
        ),
        appliance=ApplianceFact("/var/tmp/.guestfs-0", built=True),
        locks="",
        variables=(),
        confinement=ConfinementFact(7),
        uefi="/usr/share/OVMF/OVMF_CODE_4M.fd",
        loadable=tuple((name, "") for name in (*LIBRARIES, *DRIVERS)),
    )
    return replace(facts, **changes)


def without_program(name: str) -> HostFacts:
    """The healthy host with one program not installed."""
    facts = healthy_host()
    return replace(
        facts, programs=tuple(ProgramFact(one.name) if one.name == name else one for one in facts.programs)
    )


def without_binding(
    name: str, problem: str = "No module named 'it'", path: str = "", **changes: Any
) -> HostFacts:
    """The healthy host with one Python module missing, or another in its place."""
    facts = healthy_host(**changes)
    broken = BindingFact(name, path=path, problem=problem)
    return replace(facts, bindings=tuple(broken if one.name == name else one for one in facts.bindings))
