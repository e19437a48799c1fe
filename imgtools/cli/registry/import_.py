"""imgtools registry import."""

from __future__ import annotations

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.registry._options import ApplyLog, Backup, Bare, NoParents, RegFiles, User, merge_files

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
    from imgtools.workflows.registry_edit import How

    how = How(hive, user, apply_log, backup, not no_create_parents)
    merge_files(source, target, out, files, how)
