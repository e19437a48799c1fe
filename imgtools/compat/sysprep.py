"""virt-sysprep: prepare a guest to be cloned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.compat.customizations import CUSTOMIZATIONS, orders_of, say_orders, say_passwords
from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import KEYS, source, writing
from imgtools.compat.standard import STANDARD, no_more, once, one_guest, speaking
from imgtools.compat.text import put
from imgtools.compat.words import Takes, Words, idle, refused, switch, valued
from imgtools.errors import EditFailed, UsageError
from imgtools.records.request import Customization, Target

if TYPE_CHECKING:
    from imgtools.compat.standard import Speaker
    from imgtools.ops.selection import Selection
    from imgtools.records.orders import Named
    from imgtools.records.request import ImageRequest

PAGES = "its manual page is not made of this program; --list-operations tells what there is"
OPTIONS = (
    valued("--add", "-a"),
    valued("--connect", "-c"),
    valued("--domain", "-d"),
    switch("--dry-run", "-n", "--dryrun"),
    refused(PAGES, "--dump-pod"),
    refused(PAGES, "--dump-pod-options"),
    valued("--enable"),
    valued("--format"),
    valued("--keep-user-accounts"),
    switch("--list-operations"),
    idle("files are read and written without a mount of the kernel's", "--mount-options", takes=Takes.VALUE),
    valued("--operations", "--operation"),
    valued("--remove-user-accounts"),
    valued("--script"),
    refused(
        "a script begins in a folder of its own, which is the guest's root", "--scriptdir", takes=Takes.VALUE
    ),
    *CUSTOMIZATIONS,
    *KEYS,
    *STANDARD,
)
SINGLE_DASH = True
ACCOUNTS = {"--keep-user-accounts": "keep", "--remove-user-accounts": "remove"}
SHELL = "/bin/bash"
SCRIPT, CUSTOMIZE = "script", "customize"  # operations that need words of their own


def run(words: Words) -> int:
    """Prepare it in one transaction; scripts come after it, in one of their own."""
    if words.has("--list-operations"):
        put(listed())
        return 0
    no_more(words)
    one_guest(words)
    once(words, "--enable")
    with speaking(words) as speaker:
        orders = orders_of(words, network=False)
        selection = _selection(words)
        _require_used(words, selection, orders)
        speaker.message("Examining the guest ...")
        request = writing(source(words, mounts=False))
        _prepare(words, speaker, request, selection, orders)
        if words.has("--script"):
            _run_scripts(words, request)
    return 0


def listed() -> str:
    """Return a line for each operation; a star is at those that run if nothing is said."""
    from imgtools.workflows.sysprep import list_operations

    rows = list_operations().operations
    return "".join(f"{one.name} {'*' if one.default else ' '} {one.summary}\n" for one in rows)


def _prepare(
    words: Words, speaker: Speaker, request: ImageRequest, selection: Selection, orders: list[Named]
) -> None:
    from imgtools.workflows.sysprep import prepare

    does = not words.has("--dry-run")
    customization = Customization(tuple(orders), None)
    report = prepare(request, Target(write=does), selection, customization=customization)
    for one in report.operations:
        speaker.message(f'Performing "{one.name}" ...')
        if one.name == CUSTOMIZE:
            say_orders(speaker, orders)
    if does:
        say_passwords(speaker, orders)
    report_warnings(words, report.warnings)


def _run_scripts(words: Words, request: ImageRequest) -> None:
    """Run scripts of the host in a folder that shows the guest; in a dry run what they change is thrown away.

    As there, one shell runs them all, and the first that fails is the last.

    :raises EditFailed: one ended with another code than 0.
    """
    from imgtools.workflows.with_guest import run_with

    command = "\n".join(("set -e", *words.all("--script")))
    keep = not words.has("--dry-run")
    report = run_with(request, Target(write=True), [SHELL, "-c", command], keep=keep)
    if report.code:
        raise EditFailed(f"script failed (code {report.code})", hint="nothing that scripts changed is kept")
    report_warnings(words, report.warnings)


def _selection(words: Words) -> Selection:
    from imgtools.ops.selection import Selection

    enable, operations = words.all("--enable"), words.all("--operations")
    if enable == ("",):
        raise UsageError("you cannot pass an empty argument to --enable", hint="--list-operations lists them")
    settings = []
    for option, parameter in ACCOUNTS.items():
        if names := ",".join(words.all(option)):
            settings.append(f"user-account.{parameter}={names}")
    if enable and operations:
        enable, operations = (), (*enable, *operations)
    return Selection(enable=enable, operations=operations, settings=tuple(settings), lenient=True)


def _require_used(words: Words, selection: Selection, orders: list[Named]) -> None:
    """Make sure that the operations run that the words are about.

    :raises UsageError: one does not.
    """
    from imgtools.ops.operation import load_shelf
    from imgtools.ops.selection import choose
    from imgtools.workflows.sysprep import SHELF

    chosen = {one.shelved.name for one in choose(load_shelf(SHELF), selection)}
    for used, name in ((words.has("--script"), SCRIPT), (bool(orders), CUSTOMIZE)):
        if used and name not in chosen:
            raise UsageError(
                f"there are options for the operation {name}, and it does not run", hint=f"--enable {name}"
            )
