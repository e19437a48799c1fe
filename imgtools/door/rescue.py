"""What runs beside a guest that is switched off, as a function: a command or a program, no shell for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import HostPath, Images, Size, host_paths
from imgtools.door.writing import WriteOptions, read_asked
from imgtools.units import parse_size

if TYPE_CHECKING:
    from imgtools.workflows.rescue import RescueReport


def rescue(
    images: Images,
    command: str = "",
    *,
    run: HostPath | None = None,
    chroot: bool = False,
    no_mount: bool = False,
    attach: HostPath | Sequence[HostPath] = (),
    network: bool = False,
    memory: Size = 0,
    append: str = "",
    out: Callable[[bytes], None] | None = None,
    err: Callable[[bytes], None] | None = None,
    agree: Callable[[RescueReport], bool] | None = None,
    **options: Unpack[WriteOptions],
) -> RescueReport:
    """Run a command or a program of the host in the appliance, with the guest mounted at /sysroot.

    Read-only as a rule. With ``write`` or ``output`` it is a transaction: kept if it ends with 0, else it never was.

    :param command: text for a shell.
    :param run: a program of the host instead.
    :param chroot: in the guest's own tree, with its own programs.
    :param no_mount: look for no guest and mount nothing.
    :param attach: more images, to read from.
    :param network: let it reach the network.
    :param memory: of the appliance.
    :param append: more words for the appliance's kernel.
    :param out: called with what it writes to standard output, as it comes; ``report.stdout`` has the end of it.
    :param err: the same for standard error.
    :param agree: asked with what has changed whether to keep it; None: it is kept.
    :raises UsageError: there is neither a command nor a program, or both.
    :raises NoGuest: there is no guest, and ``no_mount`` was not given.
    :raises UnsupportedGuest: ``chroot``, and the guest's programs do not run here.
    :raises RolledBack: what was changed cannot be kept: a filesystem is not in order, or still in use.
    """
    from imgtools.ops.run_in_guest import read_script
    from imgtools.workflows.rescue import Hands, Machine, Order
    from imgtools.workflows.rescue import rescue as run_there

    asked = read_asked(images, **options)
    order = Order(command, read_script(Path(run)) if run is not None else b"", chroot, network)
    size = parse_size(memory) if isinstance(memory, str) else memory
    machine = Machine(size >> 20, network, append, tuple(host_paths(attach)))
    hands = Hands(out=out, err=err, agree=agree)
    return run_there(
        asked.request, asked.target, order, machine, hands, mount=not no_mount, progress=asked.progress
    )
