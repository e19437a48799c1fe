"""imgtools customize."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from imgtools.cli.command.groups import Customization, Output, Source, Target
from imgtools.cli.output.plan import show_plan

if TYPE_CHECKING:
    from imgtools.workflows.writing import PlanReport, ReadyVerb

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools customize disk.qcow2 --hostname web1",
    "imgtools customize disk.qcow2 --root-password file:secret.txt --ssh-inject root:file:key.pub --write",
    "imgtools customize disk.qcow2 --upload site.conf:/etc/nginx/ --service nginx:on --output new.qcow2",
    "imgtools customize disk.qcow2 --commands-from-file web.txt --write",
    "imgtools customize win.qcow2 --hostname web1 --timezone Europe/Berlin --firstboot setup.ps1 --write",
    "imgtools customize win.qcow2 --registry keys.reg --remote-desktop --winrm --write",
    "imgtools customize win.qcow2 --virtio-drivers virtio-win.iso --write",
)
NOTES = """
Each option says which guests it is for. Of Windows: names, time zone, registry, files by their drives
(`C:\\Tools\\x`), Remote Desktop, WinRM and virtio drivers are written now; users, passwords and addresses of network
cards are set by scripts of the first boot; locale, product key and commands of the first logon are told to a setup
that is still to come, which `--generalize` brings about.

Everything asked for is one transaction. The orders are carried out as they stand on the command line, each on the
guest as those before leave it; passwords come last. An order that cannot be carried out is an error, and nothing is
written. [Each option](../operations/customize.md) has its own words there.

`--run`, `--run-command`, `--install`, `--uninstall` and `--update` run in the guest's own tree, in the libguestfs
appliance, without network unless `--network` is given; nothing else boots, where the guest is on ext4. What a program
changes is known only when it has run: the orders after it may write files in folders that it makes, but cannot edit
files that it makes. `--run-command` can, with sed. On a guest with SELinux all files are labelled again after it.

New files on NTFS belong to the administrators, and have the rights that their folder hands down, as a file has that is
made in Windows.

Scripts of the first boot run once, in the order given, after the network is up; their log is
`/var/log/imgtools-firstboot.log` in the guest. In a Windows they run as LocalSystem before anybody logs on; log and
exit code of each are in `C:\\ProgramData\\imgtools\\firstboot`.

A password is named by a selector: `file:PATH`, `env:NAME`, `ask`, `random`, `random:FILE` (in a file of the host, which
is made for its owner only if it is not there), `locked`, `locked:SELECTOR` or `disabled`. It is hashed with yescrypt,
if the guest's libcrypt knows that, else with SHA-512. No password and no hash is ever printed, but for one: what
`random` has made is shown once on the terminal when the guest has it, or stands in the file of `--password-output`;
without either it is refused. An account that has expired stays so, with a warning. The password of a Windows user is
set at the first boot, and lies in the image until then, for whoever can read the image: the plan says so.

A file of `--commands-from-file` has an order a line, without the hyphens: `hostname web1`. Empty lines and lines
that begin with `#` say nothing; a line that ends in a backslash goes on in the next one. Errors name file and line.

From virt-customize: `--write` is `--write-file` here (`--write` makes the plan happen), `--password-crypto` is
`--password-method`, `--chmod` takes octal modes only, `--edit` takes `s/old/new/flags` and no Perl, and the network is
off.
"""


def command(source: Source, target: Target, out: Output, customization: Customization) -> None:
    """Change a guest: names, keys, passwords, files, services.

    Linux and Windows guests, each order for those that it names; of BSD guests files. An order that is not for a
    guest is refused. Without --write or --output it prints what would be changed, and stops.
    """
    from imgtools.cli.output.passwords import new_passwords, passwords_told

    passwords = new_passwords(customization.orders)
    told = passwords_told(passwords, customization.password_output, will_write=target.counts)
    with told, out.progress("Customizing") as progress:
        report = ready(customization)(source, target, progress=progress)
    show_plan(out, report, schema="imgtools.customize/2")


def ready(customization: Customization) -> ReadyVerb[PlanReport]:
    """Return what these words ask for, for any image."""
    from imgtools.workflows.customize import customize

    return partial(customize, wanted=customization.orders)
