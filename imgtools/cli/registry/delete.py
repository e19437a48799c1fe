"""imgtools registry delete."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.cli.registry._options import ApplyLog, Backup, Bare, KeyName, User
from imgtools.errors import UsageError

EXAMPLES = (
    r"imgtools registry delete win.qcow2 'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run' Updater --write",
    r"imgtools registry delete win.qcow2 'HKLM\SYSTEM\CurrentControlSet\Services\vmmemctl' --recursive --write",
    r"imgtools registry delete --hive NTUSER.DAT 'Software\Example' --recursive --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    name: KeyName,
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="One value; @ is the default one. Without it, all of KEY.",
            show_default=False,
        ),
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="The key's default value, which has no name.")
    ] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="The keys below it too.")] = False,
    user: User = "",
    apply_log: ApplyLog = False,
    backup: Backup = False,
    hive: Bare = False,
) -> None:
    """Delete a value of a registry key, or a key."""
    from imgtools.workflows.registry_edit import How, delete

    if default and value is not None:
        raise UsageError("--default is a value without a name, and one is named", hint="choose one")
    with out.progress("Writing") as progress:
        report = delete(
            source,
            target,
            name,
            "" if default else value,
            recursive=recursive,
            how=How(hive, user, apply_log, backup),
            progress=progress,
        )
    show_plan(out, report)
