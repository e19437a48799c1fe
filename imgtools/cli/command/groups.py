"""How a command declares what it takes: parameter groups that the app expands into options.

A command is a module of ``imgtools/cli`` with a function ``command`` and a tuple ``EXAMPLES``. Its parameters are
ordinary Typer parameters, and two groups:

``source: Source``
    which image, and how to open it: IMAGE, -a, --format, --snapshot, --key, --engine, --backing, --root
``source: MaybeSource``
    the same, where something else may say which image: without IMAGE it has no disks
``disk: DiskFile`` or ``DiskState``
    one image as a file, for work without looking into the guest: IMAGE, --format, --key, --backing, and --snapshot
``target: Target``
    what becomes of the plan: --write, --output, -O, --compress, --dry-run
``customization: Customization``
    what to change in the guest: an option for each operation of the customize shelf, in the order given
``out: Output``
    how to speak: --json, --quiet, --verbose, --progress
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NewType, get_type_hints

import typer

from imgtools.cli.command import customization
from imgtools.cli.output.output import Output
from imgtools.errors import UsageError
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, Customization, Engine, ImageRequest, Key, OutputTarget, Target

__all__ = [
    "Customization",
    "DiskFile",
    "DiskState",
    "MaybeSource",
    "Output",
    "Source",
    "Sources",
    "Target",
    "ask_secret",
    "expand",
]

Source = ImageRequest
MaybeSource = NewType("MaybeSource", ImageRequest)
DiskFile = NewType("DiskFile", ImageRequest)
DiskState = NewType("DiskState", ImageRequest)

WRITING = "What becomes of the plan"
OPENING = "Opening the image"
SPEAKING = "Output"


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


def _option(*names: str, text: str, panel: str, **more: Any) -> Any:  # Any: typer's own signature
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


ImageArgument = Annotated[
    Path,
    typer.Argument(metavar="IMAGE", help="The disk image: any format that QEMU reads.", show_default=False),
]
MaybeImageArgument = Annotated[
    Path | None,
    typer.Argument(metavar="IMAGE", help="The disk image: any format that QEMU reads.", show_default=False),
]
ImagesArgument = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="The disk images.", show_default=False)
]

# Each parameter: name, annotation, default.
_Parameter = tuple[str, Any, Any]

HOW_TO_OPEN: tuple[_Parameter, ...] = (
    (
        "image_format",
        Annotated[
            str | None,
            _option(
                "--format",
                text="Format of the image; without it, it is found.",
                panel=OPENING,
                metavar="FORMAT",
            ),
        ],
        None,
    ),
    (
        "snapshot",
        Annotated[
            str | None,
            _option(
                "--snapshot", text="Read this internal snapshot (id or name).", panel=OPENING, metavar="NAME"
            ),
        ],
        None,
    ),
    (
        "key",
        Annotated[
            list[str] | None,
            _option(
                "--key",
                text=(
                    "Key of an encrypted volume or image: WHAT:file:PATH, WHAT:env:NAME or WHAT:ask; WHAT is a device, "
                    "a UUID, a label, the image's path or name, image, or all. All keys that fit are tried."
                ),
                panel=OPENING,
                metavar="KEY",
            ),
        ],
        None,
    ),
    (
        "engine",
        Annotated[
            EngineChoice,
            _option(
                "--engine", text="Who reads: direct boots nothing, appliance is libguestfs.", panel=OPENING
            ),
        ],
        EngineChoice.AUTO,
    ),
    (
        "backing",
        Annotated[
            Backing,
            _option("--backing", text="Which other host files the image may name.", panel=OPENING),
        ],
        Backing.SAME_DIR,
    ),
)
MORE_DISKS: _Parameter = (
    "add",
    Annotated[
        list[Path] | None,
        _option(
            "--add", "-a", text="A further disk of the same guest; repeat it.", panel=OPENING, metavar="DISK"
        ),
    ],
    None,
)
WHICH_ROOT: _Parameter = (
    "root",
    Annotated[
        str | None,
        _option(
            "--root", text="Which system, if there are several: its device.", panel=OPENING, metavar="DEVICE"
        ),
    ],
    None,
)
WHICH_MOUNTS: _Parameter = (
    "mount",
    Annotated[
        list[str] | None,
        _option(
            "--mount",
            "-m",
            text="Look at this volume, not at the guest's own mounts: DEVICE[:PATH[:OPTIONS]]; repeat it.",
            panel=OPENING,
            metavar="MOUNT",
        ),
    ],
    None,
)
HOW_TO_WRITE: tuple[_Parameter, ...] = (
    (
        "write",
        Annotated[
            bool, _option("--write", text="Do it, in the image itself: all or nothing.", panel=WRITING)
        ],
        False,
    ),
    (
        "output",
        Annotated[
            Path | None,
            _option(
                "--output",
                text="Do it in a new image; the image itself is not touched.",
                panel=WRITING,
                metavar="FILE",
            ),
        ],
        None,
    ),
    (
        "output_format",
        Annotated[
            str | None,
            _option(
                "-O", "--output-format", text="Format of the new image.", panel=WRITING, metavar="FORMAT"
            ),
        ],
        None,
    ),
    (
        "compress",
        Annotated[bool, _option("--compress", text="Compress the new image (qcow2).", panel=WRITING)],
        False,
    ),
    (
        "dry_run",
        Annotated[
            bool, _option("--dry-run", "-n", text="Show the plan and stop: the default.", panel=WRITING)
        ],
        False,
    ),
    (
        "check",
        Annotated[
            bool,
            _option(
                "--check/--no-check",
                text="Refuse what would lock people out of the guest, or stop its boot.",
                panel=WRITING,
            ),
        ],
        True,
    ),
)
HOW_TO_SPEAK: tuple[_Parameter, ...] = (
    ("as_json", Annotated[bool, _option("--json", text="Print one JSON document.", panel=SPEAKING)], False),
    (
        "quiet",
        Annotated[bool, _option("--quiet", "-q", text="No warnings, no notes.", panel=SPEAKING)],
        False,
    ),
    (
        "verbose",
        Annotated[
            int,
            _option("--verbose", "-v", text="Say what is done; -vv also how.", panel=SPEAKING, count=True),
        ],
        0,
    ),
    (
        "progress",
        Annotated[
            ProgressChoice, _option("--progress", text="How long work shows progress.", panel=SPEAKING)
        ],
        ProgressChoice.AUTO,
    ),
)


class Sources(tuple[ImageRequest, ...]):
    """Several images, each opened in the same way: the group for commands that take IMAGE..."""

    __slots__ = ()


def expand(function: Callable[..., None], waiting: str = "") -> Callable[..., None]:
    """Return ``function`` with its parameter groups replaced by the options they stand for.

    :param waiting: what is shown while it works, where it has no progress of its own.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    own = [parameter.name for parameter in parameters]
    members = (
        {**_GROUPS, Customization: tuple(customization.parameters(own))} if _customizes(hints) else _GROUPS
    )
    groups = {p.name: hints[p.name] for p in parameters if hints[p.name] in members}
    flat: list[inspect.Parameter] = []
    for parameter in parameters:
        if parameter.name in groups:
            flat.extend(_as_parameters(members[groups[parameter.name]]))
        else:
            flat.append(parameter.replace(annotation=hints[parameter.name], kind=parameter.KEYWORD_ONLY))

    @functools.wraps(function)
    def expanded(**values: Any) -> None:  # Any: whatever the options of this command hold
        for name, group in groups.items():
            taken = {key: values.pop(key) for key, _, _ in members[group]}
            values[name] = _PACK[group](taken)
        with values["out"].waiting(waiting) if waiting else nullcontext():
            function(**values)

    expanded.__signature__ = inspect.Signature(_arguments_first(flat))  # type: ignore[attr-defined]
    # typer looks at the hints too; the groups must not be among them.
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return expanded


def _customizes(hints: dict[str, Any]) -> bool:
    return any(hint is Customization for hint in hints.values())


def _arguments_first(flat: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """Group options by the order of their panels: a command's own options before the shared ones."""

    def rank(parameter: inspect.Parameter) -> int:
        info = parameter.annotation.__metadata__[0] if hasattr(parameter.annotation, "__metadata__") else None
        panels = {None: 0, customization.PANEL: 1, WRITING: 2, OPENING: 3, SPEAKING: 4}
        return panels.get(getattr(info, "rich_help_panel", None), 0)

    return sorted(flat, key=rank)


def _as_parameters(group: tuple[_Parameter, ...]) -> Iterator[inspect.Parameter]:
    for name, annotation, default in group:
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _request(host_paths: list[Path], values: dict[str, Any]) -> ImageRequest:
    disks = tuple(DiskSource(path, values["image_format"], values.get("snapshot")) for path in host_paths)
    return ImageRequest(
        disks=disks,
        keys=_keys(values["key"] or ()),
        engine=Engine(values["engine"].value) if "engine" in values else Engine.AUTO,
        backing=values["backing"],
        root=values.get("root"),
        mounts=tuple(values.get("mount") or ()),
    )


def _keys(texts: list[str] | tuple[()]) -> tuple[Key, ...]:
    if not texts:
        return ()
    from imgtools.disk.keys import parse_key

    return tuple(parse_key(text, ask_secret) for text in texts)


def ask_secret(prompt: str) -> str:
    """Ask a person for a secret on the terminal, without echo."""
    secret: str = typer.prompt(prompt.removesuffix(": "), hide_input=True, err=True)
    return secret


def _pack_source(values: dict[str, Any]) -> ImageRequest:
    return _request([values["image"], *(values["add"] or ())], values)


def _pack_maybe_source(values: dict[str, Any]) -> ImageRequest:
    if values["image"] is None and values["add"]:
        raise UsageError("--add is a further disk of an image, and none is named", hint="name IMAGE")
    return _request([values["image"], *(values["add"] or ())] if values["image"] else [], values)


def _pack_disk(values: dict[str, Any]) -> ImageRequest:
    return _request([values["image"]], values)


def _pack_sources(values: dict[str, Any]) -> Sources:
    return Sources(_request([image], values) for image in values["images"])


def _pack_target(values: dict[str, Any]) -> Target:
    write, output = values["write"], values["output"]
    if values["dry_run"] and (write or output):
        raise UsageError("--dry-run shows the plan only", hint="leave --write and --output away")
    if write and output is not None:
        raise UsageError("--write and --output are two ways to do it", hint="choose one")
    if output is None and (values["output_format"] or values["compress"]):
        raise UsageError("-O and --compress are about a new image", hint="name it with --output FILE")
    new = None if output is None else OutputTarget(output, values["output_format"], values["compress"])
    return Target(write=write, output=new, check=values["check"])


def _pack_customization(values: dict[str, Any]) -> Customization:
    return customization.pack(values, ask_secret)


def _pack_output(values: dict[str, Any]) -> Output:
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    level = logging.ERROR if values["quiet"] else levels[min(values["verbose"], 2)]
    logging.basicConfig(stream=sys.stderr, format="imgtools: %(message)s", level=level)
    return Output(json=values["as_json"], quiet=values["quiet"], progress=values["progress"].value)


_NO_DEFAULT = inspect.Parameter.empty
_LOOKING: tuple[_Parameter, ...] = (MORE_DISKS, *HOW_TO_OPEN, WHICH_ROOT, WHICH_MOUNTS)
_STATE: tuple[_Parameter, ...] = (
    ("image", ImageArgument, _NO_DEFAULT),
    *(parameter for parameter in HOW_TO_OPEN if parameter[0] != "engine"),
)
_GROUPS: dict[Any, tuple[_Parameter, ...]] = {
    Source: (("image", ImageArgument, _NO_DEFAULT), *_LOOKING),
    MaybeSource: (("image", MaybeImageArgument, None), *_LOOKING),
    Sources: (("images", ImagesArgument, _NO_DEFAULT), *HOW_TO_OPEN),
    DiskFile: tuple(parameter for parameter in _STATE if parameter[0] != "snapshot"),
    DiskState: _STATE,
    Target: HOW_TO_WRITE,
    Output: HOW_TO_SPEAK,
}
_PACK: dict[Any, Callable[[dict[str, Any]], object]] = {
    Source: _pack_source,
    MaybeSource: _pack_maybe_source,
    Sources: _pack_sources,
    DiskFile: _pack_disk,
    DiskState: _pack_disk,
    Target: _pack_target,
    Customization: _pack_customization,
    Output: _pack_output,
}
