"""The verbs that change a guest, as functions. Each makes a plan and, with ``write`` or ``output``, does it.

Without either, nothing is written, no lock is taken, and the report says what would be changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Unpack

from imgtools.door.opening import (
    GuestOptions,
    HostPath,
    Images,
    host_paths,
    make_output,
    make_request,
    maybe_path,
    several,
)
from imgtools.errors import UsageError
from imgtools.records.orders import Named
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target

if TYPE_CHECKING:
    from imgtools.change.change import Change
    from imgtools.change.plan import Plan
    from imgtools.workflows.repair import RepairReport
    from imgtools.workflows.sysprep import SysprepReport
    from imgtools.workflows.writing import PlanReport

# Orders of `customize`: the option without its hyphens, and its text; "" for a switch.
Orders = Sequence[tuple[str, str]]


class WriteOptions(GuestOptions, total=False):
    """What becomes of a plan: the words of every command that writes. Without any, the plan is only made."""

    write: bool  # do it, in the image itself: all or nothing
    output: HostPath | None  # do it in a new image; the image itself is not touched
    output_format: str | None  # of the new image
    compress: bool  # the new image (qcow2)
    overwrite: bool  # the new image takes the place of a file that is there
    check: bool  # refuse what would lock people out of the guest or stop its boot; True without it
    progress: Progress | None  # called with (done, total)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is changed, where the change goes, and who is told of it."""

    request: ImageRequest
    target: Target
    progress: Progress | None


def read_asked(
    images: Images,
    *,
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    check: bool = True,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> Asked:
    """Return what the keywords of a verb that writes ask for.

    :raises UsageError: they contradict each other.
    """
    new = make_output(output, output_format, compress, overwrite)
    if write and new is not None:
        raise UsageError("write and output are two ways to do it", hint="choose one")
    return Asked(make_request(images, **options), Target(write, new, check), progress)


def apply(
    images: Images, plan: Plan | Sequence[Change] | HostPath, **options: Unpack[WriteOptions]
) -> PlanReport:
    """Show or carry out a plan, changes, or the plan in a file (docs/plan.md).

    :raises EditConflict: the guest is not as it was when the plan was made, or changes contradict each other.
    :raises UsageError: the file is not a plan; the message says where.
    """
    from imgtools.change.plan import Plan
    from imgtools.guest.find.tree import view_files
    from imgtools.guest.plan import make_plan
    from imgtools.workflows.apply import apply_plan
    from imgtools.workflows.writing import carry_out, do_plan, open_for

    asked = read_asked(images, **options)
    if isinstance(plan, str | os.PathLike):
        return apply_plan(asked.request, asked.target, Path(plan), progress=asked.progress)
    with open_for(asked.request, asked.target) as image:
        if isinstance(plan, Plan):  # made of this image or another, which is closed: it is looked at again
            again = make_plan(
                image, plan.plain, plan.mounts, check=asked.target.check, warnings=image.warnings
            )
            return do_plan(image, again, asked.progress)
        view = view_files(image, asked.request, change=True)
        return carry_out(image, plan, view, asked.target, progress=asked.progress)


def edit(
    images: Images,
    path: str,
    edit: Callable[[bytes], bytes] | str | Sequence[str],
    *,
    backup: str = "",
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Change what a text file of the guest holds; it keeps mode, owner, labels and hard links.

    :param edit: a function from the content to the new content, or expressions such as ``s/^#?Port .*/Port 2222/``.
    :param backup: an ending; the old content stays beside the file under its name and this ending.
    :raises NoSuchGuestFile: the file is not there.
    :raises EditFailed: the guest would not understand the new content, or the backup is there already.
    :raises UsageError: an expression does not parse.
    """
    from imgtools.change.expression import apply_expressions
    from imgtools.workflows.edit import edit_file

    if callable(edit):
        function = edit
    else:
        expressions = several(edit)
        apply_expressions(b"", expressions)  # one that does not parse is found before the image is opened

        def function(content: bytes) -> bytes:
            return apply_expressions(content, expressions)

    asked = read_asked(images, **options)
    return edit_file(
        asked.request,
        asked.target,
        path,
        lambda content, name: function(content),
        backup=backup,
        progress=asked.progress,
    )


def write(
    images: Images,
    path: str,
    content: bytes,
    *,
    append: bool = False,
    mode: int | None = None,
    owner: str = "",
    parents: bool = False,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Give a file of the guest this content; one that is there keeps its mode, owner and labels.

    :param mode: permission bits, such as 0o644.
    :param owner: ``USER[:GROUP]`` of the guest, or numbers.
    :param parents: make missing directories above it.
    :raises NoSuchGuestFile: its directory is not there.
    """
    from imgtools.workflows.write import write_file

    asked = read_asked(images, **options)
    return write_file(
        asked.request,
        asked.target,
        path,
        content,
        append=append,
        mode=mode,
        owner=owner,
        parents=parents,
        progress=asked.progress,
    )


def copy_in(
    images: Images,
    sources: HostPath | Sequence[HostPath],
    to: str,
    *,
    keep_owners: bool = False,
    owner: str = "",
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Copy files and directories of the host into the directory ``to`` of the guest.

    :param keep_owners: user and group ids as on the host.
    :param owner: ``USER[:GROUP]`` of the guest for all copies; root without it.
    :raises HostError: a source cannot be read.
    :raises NotADirectory: several sources, and ``to`` is no directory.
    """
    from imgtools.workflows.copy_in import copy_in as copy

    if owner and keep_owners:
        raise UsageError("owner and keep_owners do not go together")
    asked = read_asked(images, **options)
    return copy(
        asked.request,
        asked.target,
        host_paths(sources),
        to,
        keep_owners=keep_owners,
        owner=owner,
        progress=asked.progress,
    )


def config_set(
    images: Images, values: Mapping[str, str | None], *, lens: str = "", **options: Unpack[WriteOptions]
) -> PlanReport:
    """Set values of configuration files; None removes a node. Comments and layout of the files stay.

    :param values: Augeas path -> value, such as ``/files/etc/ssh/sshd_config/PermitRootLogin``.
    :raises NoSuchGuestFile: a file is not there.
    :raises OddGuest: a file does not parse.
    """
    from imgtools.workflows.config import change_values

    asked = read_asked(images, **options)
    settings = list(values.items())
    return change_values(asked.request, asked.target, settings, lens=lens, progress=asked.progress)


def config_delete(
    images: Images, paths: str | Sequence[str], *, lens: str = "", **options: Unpack[WriteOptions]
) -> PlanReport:
    """Delete all nodes of configuration files that the expressions match, with what is below them.

    :raises NoSuchGuestFile: a file is not there.
    :raises OddGuest: a file does not parse.
    """
    return config_set(images, dict.fromkeys(several(paths)), lens=lens, **options)


def customize(
    images: Images,
    orders: Orders,
    *,
    network: bool = False,
    password_method: str = "",
    ask: Callable[[str], str] | None = None,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Change a guest: names, keys, passwords, files, services. All orders are one transaction.

    :param orders: such as ``[("hostname", "web1"), ("ssh-inject", "root:file:key.pub")]``: the options of
        ``imgtools customize`` without their hyphens. Each is carried out on the guest as those before leave it.
    :param network: let the programs that are run in the guest reach the network.
    :param password_method: yescrypt or sha512; "": what the guest uses.
    :param ask: gives the secret of an order that says ``ask``; it is called with a prompt.
    :raises UsageError: an order does not parse.
    :raises NotInGuest: an order names a user, a time zone or another thing that the guest does not have.
    :raises UnsupportedGuest: an order is not for this guest.
    """
    from imgtools.workflows.customize import customize as change

    asked = read_asked(images, **options)
    wanted = read_orders(orders, network, password_method, ask)
    return change(asked.request, asked.target, wanted, progress=asked.progress)


def repair(
    images: Images,
    *,
    only: str | Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    package_file: HostPath | None = None,
    auto: bool = False,
    then_boot: bool = False,
    timeout: float | None = None,
    **options: Unpack[WriteOptions],
) -> RepairReport:
    """Mend a guest that does not boot, or that nobody gets into.

    :param only: names of repairs; without any, all that can tell for themselves whether they are needed.
    :param settings: ``repair.parameter`` -> value.
    :param package_file: a package of the host, whose files are put back.
    :param auto: the repairs that a diagnosis proposes with high confidence.
    :param then_boot: boot what is written before it counts, and wait ``timeout`` seconds for a login.
    :raises UsageError: there is no such repair or parameter, or a parameter is missing.
    :raises UnsupportedGuest: a repair that was named is not for the guest.
    :raises WouldLoseData: a repair would throw something away, and no setting says that this is meant.
    :raises RolledBack: what a repair was to mend is still found; nothing was written.
    """
    from imgtools.workflows.boot import BootRequest
    from imgtools.workflows.repair import repair as mend

    how = BootRequest(seconds=timeout) if then_boot else None
    asked = read_asked(images, **options)
    said = tuple(f"{name}={value}" for name, value in (settings or {}).items())
    return mend(
        asked.request,
        asked.target,
        several(only),
        said,
        package_file=maybe_path(package_file),
        auto=auto,
        then_boot=how,
        progress=asked.progress,
    )


def sysprep(
    images: Images,
    *,
    operations: str | Sequence[str] = (),
    enable: str | Sequence[str] = (),
    disable: str | Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    orders: Orders = (),
    network: bool = False,
    password_method: str = "",
    ask: Callable[[str], str] | None = None,
    **options: Unpack[WriteOptions],
) -> SysprepReport:
    """Prepare a guest to be cloned: remove what must not be the same in two machines.

    :param operations: names, ``all``, ``defaults``, and ``-name`` to take one out; begins with none.
    :param enable: only these operations.
    :param disable: not these.
    :param settings: ``operation.parameter`` -> value.
    :param orders: what to change besides, after the operations, as :func:`customize` takes it.
    :raises UsageError: there is no such operation, or a setting is for one that does not run.
    :raises UnsupportedGuest: it is not a Linux guest, or a named operation is not for it.
    """
    from imgtools.ops.selection import Selection
    from imgtools.records.request import Customization
    from imgtools.workflows.sysprep import prepare

    asked = read_asked(images, **options)
    said = tuple(f"{name}={value}" for name, value in (settings or {}).items())
    return prepare(
        asked.request,
        asked.target,
        Selection(several(enable), several(disable), several(operations), said),
        customization=Customization(read_orders(orders, network, password_method, ask)),
        progress=asked.progress,
    )


def read_orders(
    orders: Orders, network: bool, password_method: str, ask: Callable[[str], str] | None
) -> tuple[Named, ...]:
    """Return orders with what they need of the host: files and secrets.

    :raises UsageError: there is no such order, or its text is not written as it wants.
    """
    from imgtools.ops.customize_plan import read_order
    from imgtools.ops.operation import HostSide

    host = HostSide(ask or _nobody, network, password_method)
    read = tuple(read_order(name, text, host) for name, text in orders)
    if any(one.order.is_new for one in read):
        raise UsageError("nobody would learn the random password", hint="random:FILE keeps it in a file")
    return read


def _nobody(prompt: str) -> NoReturn:
    raise UsageError(f"nobody to ask: {prompt.strip()}", hint="give a function: ask=...")
