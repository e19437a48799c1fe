"""imgtools with."""  # noqa: N999 (no module imports it by name)

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools with disk.qcow2 -- grep -rl PermitRootLogin etc/ssh",
    "imgtools with disk.qcow2 --write -- sh -ec 'sed -i s/old/new/ etc/hosts; rm -f etc/nologin'",
    "imgtools with disk.qcow2 --output fixed.qcow2 -- ansible-playbook -i localhost, -c chroot site.yml",
    "imgtools with -d web1 -- du -sh var/log",
)
NOTES = """
COMMAND is a program of the host, run as you and with all that you may do; nothing of the guest is started by it. It is
looked for before it begins, so that no program of the guest takes its place. Links in the folder lead where they lead
in the guest. What the folder can hold is told under [mount](mount.md).

Without `--write` and `--output` the folder is read-only. With them, all changes are one transaction: made when COMMAND
has ended with 0, and thrown away if it ends otherwise, if imgtools is ended (Ctrl-C, a signal, even SIGKILL), or if a
program that COMMAND has left behind still has a file of the folder open. The image is not touched before.

The exit code is COMMAND's; 128 and the number of the signal that ended it. If it ended with 0 and the commit fails, it
is that of the [error](../exit-codes.md). With `--json` what COMMAND prints goes to standard error.
"""


def command(
    source: Source,
    target: Target,
    out: Output,
    words: Annotated[
        list[str],
        typer.Argument(metavar="-- COMMAND...", help="A program and its arguments.", show_default=False),
    ],
) -> None:
    """Run a program of this host in the guest's files as a folder.

    The folder is COMMAND's working directory and $IMGTOOLS_ROOT. It is taken away behind it; with --write, what was
    changed in it is then made in the guest, all or nothing, if COMMAND ended with 0.
    """
    from imgtools.workflows.with_guest import run_with

    told = not out.json
    report = run_with(
        source, target, words, out_to_stderr=out.json, warn=out.warn if told else lambda _: None
    )
    if out.json:
        out.show(report, schema="imgtools.with/1", view=lambda: ())
    elif report.committed:
        changes = "1 change was" if report.change_count == 1 else f"{report.change_count} changes were"
        out.note(f"{changes} made in {report.output or report.image}")
    elif report.code and not target.is_dry_run:
        out.note(f"{words[0]} ended with {report.code}; nothing was changed in {report.image}")
    if report.code:
        raise typer.Exit(report.code)
