"""imgtools customize."""

from __future__ import annotations

from imgtools.cli._plan import show_plan
from imgtools.cli.command import Customization, Output, Source, Target

EXAMPLES = (
    "imgtools customize disk.qcow2 --hostname web1",
    "imgtools customize disk.qcow2 --root-password file:secret.txt --ssh-inject root:file:key.pub --write",
    "imgtools customize disk.qcow2 --upload site.conf:/etc/nginx/ --service nginx:on --output new.qcow2",
    "imgtools customize disk.qcow2 --commands-from-file web.txt --write",
)
NOTES = """
Everything asked for is one transaction. The orders are carried out as they stand on the command line, each on the
guest as those before leave it; passwords come last. An order that cannot be carried out is an error, and nothing is
written. `--run`, `--run-command`, `--install`, `--uninstall` and `--update` boot the libguestfs appliance; nothing
else does, where the guest is on ext4.

A file of `--commands-from-file` has an order a line, without the hyphens: `hostname web1`. Empty lines and lines
that begin with `#` say nothing; a line that ends in a backslash goes on in the next one.
"""


def command(source: Source, target: Target, out: Output, customization: Customization) -> None:
    """Change a guest: names, keys, passwords, files, services.

    Without --write or --output it prints what would be changed, and stops.
    """
    from imgtools.workflows.customize import customize

    with out.progress("Customizing") as progress:
        report = customize(source, target, customization.orders, progress=progress)
    show_plan(out, report, schema="imgtools.customize/1")
