"""imgtools clone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Customization, MaybeSource, Output, ask_secret
from imgtools.cli.output.views import Column, Table
from imgtools.errors import UsageError
from imgtools.records.request import ImageRequest


class CloneFormat(StrEnum):
    """What a full clone may be."""

    QCOW2 = "qcow2"
    RAW = "raw"


SECTION = "Make images"
EXAMPLES = (
    "imgtools clone template.qcow2 -n web1 -n web2 --linked",
    "imgtools clone used.qcow2 -n web1 -n web2 --sysprep",
    "imgtools clone template.qcow2 -n db1 --output-dir /var/lib/images -O raw --hostname '{name}.example.org'",
    "imgtools clone template.qcow2 --table clones.csv --ssh-inject admin:file:team.pub --timezone Europe/Rome",
    "imgtools clone -d debian12 -n web1 -n web2 --linked --sysprep",
    "imgtools clone --vol images/template.qcow2 -n web1 --output-dir /var/lib/images",
    "imgtools clone --domain-xml debian12.xml --xml-dir definitions --table clones.yaml",
)
NOTES = """
A clone is a new image `NAME.qcow2` (or `NAME.raw`); further disks of the template become `NAME-2.qcow2` and so on.
No file that is there is ever replaced. All clones are planned before the first is made, and each is made whole or not
at all. Nothing boots where the guest is on ext4.

The template is only read, and has to be prepared: `imgtools sysprep` did it, or `--sysprep` does it to what is cloned,
once for all clones, or `--unprepared` says that it need not be. A Windows has to be generalised by Microsoft's own
sysprep: each clone has its name, of at most 15 letters, in the registry and in the answers that its setup asks for.
`--unprepared --generalize reboot` has each clone do that itself, when it boots.
With `--unprepared --hostname ''` any disk is cloned, whatever it holds.

A linked clone holds only what differs: the template must stay where it is, unchanged. It is known by a relative name
where it is in the clone's folder or below it. A full clone shares its blocks with the template where the host's
filesystem can do that (btrfs, XFS) and the format is the same; else it is copied without its holes.

A table is CSV with a header, or a YAML list of mappings. Its columns are:

- `name`: of the clone, and of its files; the only one that every clone needs
- `hostname`: else it is made from `--hostname`
- `ssh_key`: a public key for a user, `USER:KEY`
- `interface`, `address`, `gateway`, `dns`, `search`: the network of the guest: `eth0`, `192.0.2.10/24`, `192.0.2.1`;
  all but the first may be several, separated by spaces; an interface without an address asks DHCP
- `mac`: for the network cards of a libvirt definition, in their order, separated by spaces
- `customize`: an option for this clone alone, without its hyphens: `timezone Europe/Rome`

In YAML a list stands for several values, also of `ssh_key` and `customize`. The options of `imgtools customize`
are for all clones, and come before what a row says; a password that they make up is the same in all of them.

With `--vol` the template is a volume of a storage pool, a file as any other: no definition is made.

With `--domain` the template is a libvirt domain that is shut off, and each clone becomes one too: with a name and a
UUID of its own, new MAC addresses (or those of the table), its own disks and firmware variables, and sockets and ports
that libvirt chooses. CD-ROMs, and disks that the definition calls read-only or shareable, are shared. The rest of the
definition stays. With `--xml-dir` the definitions are written to `NAME.xml` and not given to libvirt; `--domain-xml`
reads the domain from a file (`virsh dumpxml --inactive` writes one), and together they need no libvirt at all. If
libvirt refuses a definition, the files of that clone are removed.
"""


Names = Annotated[
    list[str] | None, typer.Option("--name", "-n", metavar="NAME", help="Name of a clone; repeat it.")
]
TableFile = Annotated[
    Path | None, typer.Option("--table", metavar="FILE", help="A CSV or YAML table of clones.")
]
OutputDir = Annotated[
    Path | None,
    typer.Option("--output-dir", metavar="DIR", help="Where the clones go; else beside the template."),
]
Linked = Annotated[bool, typer.Option("--linked", help="Make overlays that need the template.")]
OutputFormat = Annotated[CloneFormat, typer.Option(*names.OUTPUT_FORMAT.words, help="Format of full clones.")]
Hostname = Annotated[
    str, typer.Option("--hostname", metavar="PATTERN", help="Host name of each; {name} is its name.")
]
Sysprep = Annotated[
    bool, typer.Option("--sysprep", help="Prepare what is cloned; the template stays as it is.")
]
Unprepared = Annotated[
    bool, typer.Option("--unprepared", help="Also clone a template that was never prepared.")
]
Domain = Annotated[
    str,
    typer.Option(
        *names.DOMAIN.words,
        metavar="NAME",
        help="Clone this libvirt domain (name, UUID or id), not an image.",
    ),
]
DomainXml = Annotated[
    Path | None,
    typer.Option(*names.DOMAIN_XML.words, metavar="FILE", help="Clone the domain that FILE defines."),
]
XmlDir = Annotated[
    Path | None,
    typer.Option("--xml-dir", metavar="DIR", help="Write the clones' definitions there, not to libvirt."),
]


def command(
    source: MaybeSource,
    out: Output,
    customization: Customization,
    names: Names = None,
    table: TableFile = None,
    output_dir: OutputDir = None,
    linked: Linked = False,
    output_format: OutputFormat = CloneFormat.QCOW2,
    hostname: Hostname = "{name}",
    sysprep: Sysprep = False,
    unprepared: Unprepared = False,
    domain: Domain = "",
    domain_xml: DomainXml = None,
    xml_dir: XmlDir = None,
) -> None:
    """Make clones of a template, or of a libvirt domain.

    Linux guests that sysprep has prepared, and Windows guests that Microsoft's own sysprep has generalised. Each clone
    gets its own host name.
    """
    from imgtools.cli.output.passwords import new_passwords, passwords_told
    from imgtools.libvirt.domain import DomainRequest
    from imgtools.ops.operation import HostSide
    from imgtools.ops.selection import Selection
    from imgtools.workflows.clone import CloneRequest, clone, clone_domain
    from imgtools.workflows.clone_table import CloneRow, read_table

    if linked and output_format is not CloneFormat.QCOW2:
        raise UsageError("a linked clone is a qcow2 image", hint="leave -O or --linked away")
    if sysprep and unprepared:
        raise UsageError("--sysprep and --unprepared contradict each other", hint="choose one")
    is_domain = _require_one(source, domain, domain_xml, xml_dir)
    rows = [CloneRow(name) for name in names or ()]
    rows += read_table(table, HostSide(ask_secret)) if table else ()
    if not rows:
        raise UsageError("no clone is named", hint="-n NAME, or --table FILE")
    how = CloneRequest(
        folder=output_dir,
        linked=linked,
        format=output_format.value,
        hostname=hostname,
        sysprep=Selection() if sysprep else None,
        unprepared=unprepared,
        orders=customization.orders,
    )
    passwords = new_passwords(customization.orders)
    passwords += [one for row in rows for one in new_passwords(row.orders, row.name)]
    told = passwords_told(passwords, customization.password_output, will_write=True)
    with told, out.progress("Cloning") as progress:
        if is_domain:
            wanted = DomainRequest(domain, domain_xml, source.connect, xml_dir)
            report = clone_domain(source, wanted, rows, how, progress=progress)
        else:
            report = clone(source, rows, how, progress=progress)
    cells = [(one.name, path) for one in report.clones for path in one.paths]
    out.show(report, schema="imgtools.clone/1", view=lambda: Table((Column("Clone"), Column("File")), cells))


def _require_one(source: ImageRequest, domain: str, domain_xml: Path | None, xml_dir: Path | None) -> bool:
    """Whether a domain is cloned; exactly one template has to be named."""
    named = [bool(source.disks), bool(domain), domain_xml is not None]
    if named.count(True) != 1:
        raise UsageError(
            "one template is cloned",
            hint="name IMAGE, or --vol VOLUME, or --domain NAME, or --domain-xml FILE",
        )
    if source.disks and xml_dir:
        raise UsageError("--xml-dir is about a domain, and an image is cloned", hint="--domain NAME")
    return not source.disks
