"""imgtools registry import."""

from __future__ import annotations

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.cli.registry._options import ApplyLog, Backup, Bare, NoParents, RegFiles, User, read_reg_files

EXAMPLES = ("imgtools registry import win.qcow2 drivers.reg --write",)


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
    """Merge .reg files into the registry of a guest, as registry merge does."""
    from imgtools.workflows.registry_edit import How, merge

    contents = read_reg_files(files)
    how = How(hive, user, apply_log, backup, not no_create_parents)
    with out.progress("Writing") as progress:
        report = merge(source, target, contents, how=how, progress=progress)
    show_plan(out, report)
