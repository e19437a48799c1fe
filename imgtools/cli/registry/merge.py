"""imgtools registry merge."""

from __future__ import annotations

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.cli.registry._options import ApplyLog, Backup, Bare, NoParents, RegFiles, User, read_reg_files

EXAMPLES = (
    "imgtools registry merge win.qcow2 drivers.reg policy.reg --write",
    "imgtools registry merge win.qcow2 desktop.reg --user alice --output new.qcow2",
    "imgtools registry export old.qcow2 'HKLM\\SOFTWARE\\Example' | imgtools registry merge win.qcow2 - --write",
    "imgtools registry merge --hive NTUSER.DAT profile.reg --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    files: RegFiles,
    user: User = "",
    no_create_parents: NoParents = False,
    apply_log: ApplyLog = False,
    backup: Backup = False,
    hive: Bare = False,
) -> None:
    r"""Merge .reg files into the registry of a guest.

    All hives that they concern are written in one transaction, or none. UTF-16 or UTF-8, with or without a mark, any
    line ends, comments anywhere; missing parents are made, [-KEY] and "name"=- remove. Of several orders for one value
    the last counts.
    """
    from imgtools.workflows.registry_edit import How, merge

    contents = read_reg_files(files)
    how = How(hive, user, apply_log, backup, not no_create_parents)
    with out.progress("Writing") as progress:
        report = merge(source, target, contents, how=how, progress=progress)
    show_plan(out, report)
