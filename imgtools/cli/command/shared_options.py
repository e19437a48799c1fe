"""The options that many commands take, each declared once: which image, how to open it, what to write, how to speak."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from imgtools import __version__
from imgtools.cli.command import option_names as names
from imgtools.cli.command.option_names import Name, old
from imgtools.records.request import Backing

# Headings of the help.
ORDERS = "Customization, in the order given"
WRITING = "What becomes of the plan"
OPENING = "Opening the image"
SEVERAL = "Several images"
SPEAKING = "Output"


class Parameter(NamedTuple):
    """One parameter of a command's function."""

    name: str
    annotation: Any  # an Annotated
    default: Any


class EngineChoice(StrEnum):
    """What people may ask for with --engine."""

    AUTO = "auto"
    DIRECT = "direct"
    APPLIANCE = "appliance"


class ProgressChoice(StrEnum):
    """What people may ask for with --progress."""

    AUTO = "auto"
    JSON = "json"
    NONE = "none"


def _named(
    name: Name, text: str, panel: str, metavar: str | None = None, **more: Any
) -> Any:  # Any: typer's own type
    return typer.Option(*name.words, help=text, rich_help_panel=panel, metavar=metavar, **more)


def _opening(*words: str, text: str, metavar: str | None = None) -> Any:  # Any: typer's own type
    return typer.Option(*words, help=text, rich_help_panel=OPENING, metavar=metavar)


def _several(name: Name, text: str, metavar: str | None = None, **more: Any) -> Any:  # Any: typer's own type
    return typer.Option(*name.words, help=text, rich_help_panel=SEVERAL, metavar=metavar, **more)


def _speaking(*words: str, text: str, **more: Any) -> Any:  # Any: typer's own type
    return typer.Option(*words, help=text, rich_help_panel=SPEAKING, **more)


def _domain_names(ctx: typer.Context, incomplete: str) -> list[str]:
    from imgtools.cli.command.libvirt_names import domain_names  # late: a shell asks for it, commands do not

    return domain_names(ctx, incomplete)


def _volume_names(ctx: typer.Context, incomplete: str) -> list[str]:
    from imgtools.cli.command.libvirt_names import volume_names

    return volume_names(ctx, incomplete)


def show_version(wanted: bool) -> None:
    """Print the version, and those of the parts, and end, if that is what was asked for."""
    if wanted:
        from imgtools.workflows.doctor import name_parts

        typer.echo(f"imgtools {__version__}")
        for line in name_parts():
            typer.echo(line)
        raise typer.Exit


# -- one option each ----------------------------------------------------------------------------------------

ImageArgument = Annotated[
    str,
    typer.Argument(metavar="IMAGE", help="The disk image: any format that QEMU reads.", show_default=False),
]
MaybeImageArgument = Annotated[
    str | None,
    typer.Argument(metavar="IMAGE", help="The disk image: any format that QEMU reads.", show_default=False),
]
ImagesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IMAGE...", help="The disk image, or several: any format that QEMU reads.", show_default=False
    ),
]
PathArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[PATH]",
        help="Where to begin in the guest, / if it is not said. The last of several words, and any one beside a "
        "list of images, is the PATH.",
        show_default=False,
    ),
]
InputFormat = Annotated[
    str | None,
    _named(names.INPUT_FORMAT, "Format of the image; without it, it is found.", OPENING, "FORMAT"),
]
Domains = Annotated[
    list[str] | None,
    _named(
        names.DOMAIN,
        "A guest of libvirt instead of IMAGE: all its disks. Its name, UUID or id.",
        OPENING,
        "NAME",
        autocompletion=_domain_names,
    ),
]
DomainXml = Annotated[
    Path | None,
    _named(names.DOMAIN_XML, "The guest that a libvirt definition in this file describes.", OPENING, "FILE"),
]
Volumes = Annotated[
    list[str] | None,
    _named(
        names.VOLUME,
        "A volume of a storage pool of libvirt, instead of IMAGE.",
        OPENING,
        "POOL/VOLUME",
        autocompletion=_volume_names,
    ),
]
Connect = Annotated[str, _named(names.CONNECT, "Which libvirt, as virsh --connect.", OPENING, "URI")]
OneDisk = Annotated[
    str, _named(names.ONE_DISK, "Which disk of the guest, if it has several: vda, sdb.", OPENING, "TARGET")
]
OtherDomain = Annotated[
    str | None,
    typer.Option(
        *names.OTHER_DOMAIN.words,
        metavar="NAME",
        help="The second is a guest of libvirt: name, UUID or id.",
        autocompletion=_domain_names,
    ),
]
AllDomains = Annotated[bool, _several(names.ALL_DOMAINS, "All guests of libvirt.")]
Inactive = Annotated[
    bool, _several(names.INACTIVE, "With --all-domains: those that are shut off, no others.")
]
Snapshot = Annotated[
    str | None, _opening("--snapshot", text="Read this internal snapshot (id or name).", metavar="NAME")
]
Keys = Annotated[
    list[str] | None,
    _named(
        names.KEY,
        "Key of an encrypted volume or image: WHAT:file:PATH, WHAT:env:NAME, WHAT:keyring:NAME, WHAT:clevis or "
        "WHAT:ask; WHAT is a device, a UUID, a label, the image's path or name, image, or all. All keys that fit "
        "are tried.",
        OPENING,
        "KEY",
    ),
]
KeysFromStdin = Annotated[
    bool,
    _named(
        names.KEYS_FROM_STDIN,
        "Keys from standard input, one a line; each is tried on every encrypted volume and image.",
        OPENING,
    ),
]
LuksHeaders = Annotated[
    list[str] | None,
    _named(
        names.LUKS_HEADER,
        "Header of a LUKS volume that is not on it: DEVICE:file:PATH, or DEVICE:device:DEVICE for another device of "
        "the guest; a --key opens it.",
        OPENING,
        "HEADER",
    ),
]
Share = Annotated[
    bool,
    _named(
        names.FORCE_SHARE,
        "Read it although another program writes to it; what is read may be half written.",
        OPENING,
    ),
]
EngineOption = Annotated[
    EngineChoice, _opening("--engine", text="Who reads: direct boots nothing, appliance is libguestfs.")
]
BackingPolicy = Annotated[
    Backing,
    _named(names.BACKING_POLICY, "Which other host files the image may name.", OPENING),
    old("--backing"),
]
BackingFolders = Annotated[
    list[Path] | None,
    _named(
        names.BACKING_FOLDER,
        "A folder of templates: files in it, or below it, may be named too; repeat it. IMGTOOLS_BACKING_FOLDERS and "
        "~/.config/imgtools/backing-folders name some for all commands.",
        OPENING,
        "FOLDER",
    ),
]
Remote = Annotated[
    bool,
    _named(
        names.REMOTE,
        "The image may be a URI of another machine, and is read over the network: nbd, http, https, ssh, iscsi, rbd.",
        OPENING,
    ),
]
RemoteTimeout = Annotated[
    float | None,
    typer.Option(
        *names.REMOTE_TIMEOUT.words,
        help="How long its server may take to answer; 30 if it is not said.",
        rich_help_panel=OPENING,
        metavar="SECONDS",
        min=0.001,
    ),
]
BlockSize = Annotated[
    int | None,
    _named(
        names.BLOCK_SIZE,
        "Bytes of a sector of the disks, 512 or 4096; without it, as a GPT tells, else 512.",
        OPENING,
        "BYTES",
    ),
]
MoreDisks = Annotated[
    list[str] | None,
    _opening("--add", "-a", text="A further disk of the same guest; repeat it.", metavar="DISK"),
]
Root = Annotated[
    str | None,
    _opening(
        "--root",
        text="Which system, if there are several: the device, UUID, label or drive letter of its root.",
        metavar="DEVICE",
    ),
]
Mounts = Annotated[
    list[str] | None,
    _opening(
        "--mount",
        "-m",
        text="Look at this volume, not at the guest's own mounts: DEVICE[:PATH[:OPTIONS]]; repeat it.",
        metavar="MOUNT",
    ),
]
WriteOption = Annotated[bool, _named(names.WRITE, "Do it, in the image itself: all or nothing.", WRITING)]
DoIt = Annotated[bool, _named(names.WRITE, "Do it; without it, only the plan is shown.", WRITING)]
NewImage = Annotated[
    Path | None,
    _named(
        names.NEW_IMAGE,
        "Do it in a new image, of several disks in a new folder of images; the image itself is not touched.",
        WRITING,
        "FILE",
    ),
]
NewCopy = Annotated[
    Path | None,
    _named(names.NEW_IMAGE, "Do it in a new image; the image itself is not touched.", WRITING, "FILE"),
]
NewFormat = Annotated[str | None, _named(names.OUTPUT_FORMAT, "Format of the new image.", WRITING, "FORMAT")]
Compress = Annotated[
    bool, typer.Option("--compress", help="Compress the new image (qcow2).", rich_help_panel=WRITING)
]
Check = Annotated[
    bool,
    typer.Option(
        "--check/--no-check",
        help="Refuse what would lock people out of the guest, or stop its boot.",
        rich_help_panel=WRITING,
    ),
]
DryRun = Annotated[bool, _named(names.DRY_RUN, "Show the plan and stop: the default.", WRITING)]
Overwrite = Annotated[
    bool,
    typer.Option(*names.OVERWRITE.words, help="Take the place of a file that is there."),
    old("--force"),
]
OverwriteNew = Annotated[  # where --force is, or may become, another option
    bool, _named(names.OVERWRITE, "The new file takes the place of one that is there.", WRITING)
]
ImagesFrom = Annotated[
    Path | None,
    _several(names.IMAGES_FROM, "Further images from this file, a name a line; - is standard input.", "FILE"),
]
Images0From = Annotated[
    Path | None,
    _several(names.IMAGES0_FROM, "The same, each name ended by NUL: what find -print0 writes.", "FILE"),
]
Parallel = Annotated[int, _several(names.PARALLEL, "How many images at a time.", "N", min=1)]
ParallelOrAll = Annotated[
    int | None,
    _several(names.PARALLEL, "How many images at a time; else as many as there are processors.", "N", min=1),
]
Recursive = Annotated[
    bool, _several(Name(("--recursive",), ""), "Of a folder, also the images of the folders in it.")
]
Places = Annotated[
    list[str] | None,
    _several(
        Name(("--place",), ""),
        "Also images that only some workers see, those that announce this place; repeat it.",
        "PLACE:PATTERN",
    ),
]
Database = Annotated[
    str,
    typer.Option(
        *names.DATABASE.words,
        metavar="DATABASE",
        help="The answers: an SQLite file, or postgresql://HOST/NAME.",
    ),
]
TimeLimit = Annotated[
    float | None,
    _several(names.TIME_LIMIT, "How long one image may take; the others go on.", "SECONDS", min=0.001),
]
RunTimeLimit = Annotated[TimeLimit, old("--timeout")]
ShareAppliance = Annotated[
    bool,
    _several(
        names.SHARE_APPLIANCE,
        "Images that need the appliance share one, one after the other; for images that may see each other.",
    ),
]
JsonLines = Annotated[
    bool, _several(names.JSON_LINES, "Print the JSON document of each image on one line, as it comes.")
]
AsJson = Annotated[bool, _speaking("--json", text="Print one JSON document.")]
Quiet = Annotated[bool, _speaking("--quiet", "-q", text="No warnings, no notes.")]
Verbose = Annotated[
    int, _speaking("--verbose", "-v", text="Say what is done; -vv also how.", count=True, show_default=False)
]
Progress = Annotated[ProgressChoice, _speaking("--progress", text="How long work shows progress.")]
Version = Annotated[
    bool,
    _speaking(
        "--version",
        "-V",
        text="Print the version, and those of the parts.",
        callback=show_version,
        is_eager=True,
        hidden=True,
    ),
]

# -- several that go together -------------------------------------------------------------------------------

HOW_TO_NAME = (
    Parameter("domain", Domains, None),
    Parameter("domain_xml", DomainXml, None),
    Parameter("volume", Volumes, None),
    Parameter("connect", Connect, ""),
)
HOW_TO_NAME_ALL = (
    *HOW_TO_NAME,
    Parameter("all_domains", AllDomains, False),
    Parameter("inactive", Inactive, False),
)
HOW_TO_CHOOSE = Parameter("one_disk", OneDisk, "")
HOW_TO_OPEN = (
    Parameter("image_format", InputFormat, None),
    Parameter("snapshot", Snapshot, None),
    Parameter("key", Keys, None),
    Parameter("keys_from_stdin", KeysFromStdin, False),
    Parameter("luks_header", LuksHeaders, None),
    Parameter("engine", EngineOption, EngineChoice.AUTO),
    Parameter("backing", BackingPolicy, Backing.SAME_DIR),
    Parameter("backing_folder", BackingFolders, None),
    Parameter("remote", Remote, False),
    Parameter("remote_timeout", RemoteTimeout, None),
    Parameter("blocksize", BlockSize, None),
)
HOW_TO_LOOK = (
    Parameter("add", MoreDisks, None),
    *HOW_TO_OPEN,
    Parameter("root", Root, None),
    Parameter("mount", Mounts, None),
)
HOW_TO_ASK_SEVERAL = (
    Parameter("images_from", ImagesFrom, None),
    Parameter("images0_from", Images0From, None),
    Parameter("parallel", Parallel, 1),
    Parameter("time_limit", TimeLimit, None),
    Parameter("share_appliance", ShareAppliance, False),
    Parameter("json_lines", JsonLines, False),
)
HOW_TO_ASK_A_FLEET = (
    Parameter("images_from", ImagesFrom, None),
    Parameter("images0_from", Images0From, None),
    Parameter("recursive", Recursive, False),
    Parameter("parallel", ParallelOrAll, None),
    Parameter("time_limit", TimeLimit, None),
    Parameter("json_lines", JsonLines, False),
)
HOW_TO_ASK_WHERE = (
    *(one for one in HOW_TO_ASK_A_FLEET if one.name != "time_limit"),
    Parameter("time_limit", RunTimeLimit, None),
    Parameter("places", Places, None),
)
HOW_TO_DO = (
    Parameter("write", DoIt, False),
    Parameter("dry_run", DryRun, False),
)
HOW_TO_WRITE = (
    Parameter("write", WriteOption, False),
    Parameter("output", NewImage, None),
    Parameter("output_format", NewFormat, None),
    Parameter("compress", Compress, False),
    Parameter("overwrite", OverwriteNew, False),
    Parameter("dry_run", DryRun, False),
    Parameter("check", Check, True),
)
HOW_TO_COPY = (
    Parameter("write", WriteOption, False),
    Parameter("output", NewCopy, None),
    Parameter("overwrite", Overwrite, False),
    Parameter("dry_run", DryRun, False),
)
HOW_TO_SPEAK = (
    Parameter("as_json", AsJson, False),
    Parameter("quiet", Quiet, False),
    Parameter("verbose", Verbose, 0),
    Parameter("progress", Progress, ProgressChoice.AUTO),
    Parameter("version", Version, False),
)
