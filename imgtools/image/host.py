"""What this host can do with images: its facts, and two trials. The door through which doctor looks at engines."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from imgtools.engine.appliance.failure import kernel_cure
from imgtools.engine.appliance.trial import Trial, failed_trial
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.host import (
    ApplianceFact,
    BindingFact,
    HostFacts,
    KvmFact,
    ProgramFact,
    collect_facts,
    collect_parts,
)
from imgtools.engine.process import PACKAGE_OF
from imgtools.engine.qemu.kernels import KernelFact
from imgtools.errors import ImgtoolsError
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing
from imgtools.volumes.volume_file import DiskServer

__all__ = [
    "PACKAGE_OF",
    "ApplianceFact",
    "BindingFact",
    "HostFacts",
    "KernelFact",
    "KvmFact",
    "ProgramFact",
    "Trial",
    "collect_facts",
    "collect_parts",
    "kernel_cure",
    "try_appliance",
    "try_direct",
]

TRIAL_SIZE = 1 << 20  # bytes


def try_direct() -> Trial:
    """Serve a small disk and read it, as the direct engine does. Takes some 20 ms."""
    from imgtools.engine.appliance.trial import try_reading

    return _with_disk(try_reading)


def try_appliance() -> Trial:
    """Boot the appliance and read a small disk in it, as the appliance engine does."""
    from imgtools.engine.appliance.trial import try_appliance as boot

    return _with_disk(boot)


def _with_disk(test: Callable[[DiskServer, bytes], Trial]) -> Trial:
    """Run a test over a disk whose content cannot be guessed by a reader of zeros."""
    from imgtools.disk.backing import examine
    from imgtools.engine.qemu.block import serve_disk

    begin = time.monotonic()
    content = hashlib.shake_256(b"imgtools doctor").digest(TRIAL_SIZE)
    with scratch_folder() as folder:
        host_path = folder / "disk"
        try:
            host_path.write_bytes(content)
            info = examine(DiskSource(host_path, "raw"), policy=Backing.NONE)
            with serve_disk(info) as server:
                return test(server, content)
        except ImgtoolsError as error:
            return failed_trial(begin, error)
