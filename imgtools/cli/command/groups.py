"""How a command declares what it takes: parameter groups that the app expands into options.

A command is a module of ``imgtools/cli`` with a function ``command`` and a tuple ``EXAMPLES``. Its parameters are
ordinary Typer parameters, and two groups:

``source: Source``
    which image, and how to open it: IMAGE or -d (-c, --domain-xml, --vol), -a, -f, --snapshot, --key, --engine,
    --backing-policy, --root, -m
``source: OneDiskSource``
    the same, and --disk: one of the disks of a guest of libvirt
``source: EachSource``
    the same for several images: the command is called for each, in a process of its own where they are several;
    IMAGE... or -d, --all-domains, --images-from, --parallel, --time-limit, --share-appliance, --json-lines
``source: EachImage``, ``disk: EachDisk``, ``place: EachPlace``
    the same with fewer options (of EachImage, no image at all is all guests of libvirt), with each disk of a guest as
    an image, and with a path in the guest behind the images
``images: FleetImages``
    the images of a fleet, all of them at once: IMAGE... or folders, -d, --all-domains, --images-from, --recursive
``images: PlacedImages``
    the same, and those that only some hosts see: --place
``source: MaybeSource``
    the same, where something else may say which image: IMAGE or --vol (-c), without both it has no disks
``disk: DiskFile`` or ``DiskState``
    one image as a file, for work without looking into the guest: IMAGE, or -d and --disk, -f, --key,
    --backing-policy; a state is only read: --snapshot, --force-share
``disk: MaybeState``
    the same, where something else may say what is meant: without IMAGE it has no disks
``target: Target``
    what becomes of a plan for a guest: --write, --output, -O, --compress, --overwrite,
    --dry-run, --no-check
``target: InPlaceOrNew``
    the same of a plan for what lies below the files: without --no-check
``write: Write``
    whether a plan for an image is carried out: --write, --dry-run
``work: InPlaceOrCopy``
    the same, where a new image can be made instead: --write, --output, --overwrite, --dry-run
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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NewType, get_type_hints

from imgtools.cli.command.image_words import (
    EachPlace,
    ask_secret,
    pack_all,
    pack_disk,
    pack_each,
    pack_each_disk,
    pack_each_place,
    pack_fleet,
    pack_maybe_disk,
    pack_maybe_source,
    pack_placed,
    pack_source,
)
from imgtools.cli.command.naming import OPTIONS
from imgtools.cli.command.option_names import old_names
from imgtools.cli.command.shared_options import (
    HOW_TO_ASK_A_FLEET,
    HOW_TO_ASK_SEVERAL,
    HOW_TO_ASK_WHERE,
    HOW_TO_CHOOSE,
    HOW_TO_COPY,
    HOW_TO_DO,
    HOW_TO_LOOK,
    HOW_TO_NAME,
    HOW_TO_NAME_ALL,
    HOW_TO_OPEN,
    HOW_TO_SPEAK,
    HOW_TO_WRITE,
    OPENING,
    ORDERS,
    SEVERAL,
    SPEAKING,
    WRITING,
    ImageArgument,
    ImagesArgument,
    MaybeImageArgument,
    Parameter,
    PathArgument,
    Share,
)
from imgtools.cli.command.typer_adapter import given_in_order, panel_of, spellings, without
from imgtools.cli.output.output import Output
from imgtools.disk.sources.showing import showing
from imgtools.errors import ImgtoolsError, UsageError
from imgtools.records.request import Customization, ImageRequest, OutputTarget, Target

if TYPE_CHECKING:
    from imgtools.cli.command.several import Rules, Several

_NOTHING: Mapping[Any, Any] = {}

__all__ = [
    "Customization",
    "DiskFile",
    "DiskState",
    "EachDisk",
    "EachImage",
    "EachPlace",
    "EachSource",
    "Filled",
    "FleetImages",
    "InPlaceOrCopy",
    "InPlaceOrNew",
    "MaybeSource",
    "MaybeState",
    "OneDiskSource",
    "Output",
    "PlacedImages",
    "Source",
    "Target",
    "Write",
    "ask_secret",
    "expand",
    "old_spellings",
]

Source = ImageRequest
MaybeSource = NewType("MaybeSource", ImageRequest)
OneDiskSource = NewType("OneDiskSource", ImageRequest)
DiskFile = NewType("DiskFile", ImageRequest)
DiskState = NewType("DiskState", ImageRequest)
MaybeState = NewType("MaybeState", ImageRequest)
EachImage = NewType("EachImage", ImageRequest)
EachSource = NewType("EachSource", ImageRequest)
EachDisk = NewType("EachDisk", ImageRequest)
if TYPE_CHECKING:
    FleetImages = NewType("FleetImages", Several)
    PlacedImages = NewType("PlacedImages", Several)
else:  # few commands need the class
    FleetImages = NewType("FleetImages", object)
    PlacedImages = NewType("PlacedImages", object)
Write = NewType("Write", bool)
InPlaceOrNew = NewType("InPlaceOrNew", Target)


class Filled(NamedTuple):
    """A group of which somebody else knows what it is: the options that are left of it, and what makes it of those."""

    parameters: tuple[Parameter, ...]
    pack: Callable[[dict[str, Any]], object]


class InPlaceOrCopy(NamedTuple):
    """Whether a plan for an image is carried out, and where."""

    write: bool
    output: Path | None
    overwrite: bool  # a file that is there


def expand(
    function: Callable[..., None],
    waiting: str = "",
    rules: Rules | None = None,
    filled: Mapping[Any, Filled] = _NOTHING,
) -> Callable[..., None]:
    """Return ``function`` with its parameter groups replaced by the options they stand for.

    :param waiting: what is shown while it works, where it has no progress of its own.
    :param rules: of a command that takes several images.
    :param filled: groups that stand for other options here: in a session the image is known.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    own = [parameter.name for parameter in parameters]
    members: Mapping[Any, tuple[Parameter, ...]] = _GROUPS
    if any(hint is Customization for hint in hints.values()):
        from imgtools.cli.command.customization import parameters as customizations  # which few commands need

        members = {**_GROUPS, Customization: tuple(customizations(own))}
    packs = _PACK
    if filled:
        members = {**members, **{group: one.parameters for group, one in filled.items()}}
        packs = {**packs, **{group: one.pack for group, one in filled.items()}}
    groups = {p.name: hints[p.name] for p in parameters if hints[p.name] in members}
    letters = _letters(hints[name] for name in own if name not in groups)
    flat: list[inspect.Parameter] = []
    for parameter in parameters:
        if parameter.name in groups:
            flat.extend(_as_parameters(members[groups[parameter.name]], letters))
        else:
            own_one = parameter.replace(annotation=hints[parameter.name], kind=parameter.KEYWORD_ONLY)
            flat.append(_where_one_is(own_one) if filled else own_one)

    @functools.wraps(function)
    def expanded(**values: Any) -> None:  # Any: whatever the options of this command hold
        given = {name: values[name] for name in values if rules is not None}
        for parameter, group in groups.items():
            taken = {one.name: values.pop(one.name) for one in members[group]}
            values[parameter] = packs[group]({"other_domain": values.get("other_domain"), **taken})
        for parameter in (name for name, group in groups.items() if group in _OF_SEVERAL and not filled):
            several: Several = values[parameter]
            if not several.alone:
                _refuse(rules, several, flat, given)
                _ask_each(function, values, parameter, waiting, rules)
                return
            (values[parameter],) = several.items
        with showing(values["out"].progress), values["out"].waiting(waiting) if waiting else nullcontext():
            function(**values)

    expanded.__signature__ = inspect.Signature(_arguments_first(flat))  # type: ignore[attr-defined]
    # typer looks at the hints too; the groups must not be among them.
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return expanded


def fleet_of(words: list[str]) -> Filled:
    """Return the group of a fleet's images, where the words that name them were read already."""
    members = tuple(one for one in _GROUPS[FleetImages] if one is not _IMAGES)
    return Filled(members, lambda values: pack_fleet({**values, "images": words}))


def _where_one_is(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return an argument that is the root of the guest if it is not said as the directory in which one is."""
    is_place = parameter.default == "/" and not spellings(parameter.annotation)
    return parameter.replace(default=".") if is_place else parameter


def _refuse(
    rules: Rules | None, several: Several, flat: Iterable[inspect.Parameter], given: Mapping[str, object]
) -> None:
    if rules is not None and several.marked:
        names = {one.name: spellings(one.annotation) for one in flat}
        rules.refuse({word: value for name, value in given.items() for word in names[name]})


def _ask_each(
    function: Callable[..., None], values: dict[str, Any], parameter: str, title: str, rules: Rules | None
) -> None:
    """Call a command for each of several images, with what its group is for the one."""
    from imgtools.cli.command.each import answer_each  # what most commands do without

    several, out = values[parameter], values["out"]
    if several.json_lines:
        if out.json:
            raise UsageError("--json and --json-lines are two ways to say it", hint="choose one")
        out = Output(json_lines=True, quiet=out.quiet, progress=out.progress_mode)

    def call(item: Any, out: Output) -> None:  # Any: what the command's group is
        if isinstance(item, ImgtoolsError):
            raise item
        function(**{**values, parameter: item, "out": out})

    answer_each(call, several, out, title=title, join=None if rules is None else rules.join)


def _letters(annotations: Iterable[Any]) -> frozenset[str]:
    """Return the letters of a command's own options: there they mean what they mean to the command's namesake."""
    return frozenset(word for one in annotations for word in spellings(one) if not word.startswith("--"))


def old_spellings(expanded: Callable[..., None]) -> dict[str, str]:
    """Return the spellings that a command takes and does not show, each with the one of today."""
    annotations = [parameter.annotation for parameter in inspect.signature(expanded).parameters.values()]
    return {old: spellings(one)[0] for one in annotations for old in old_names(one)}


def instead_of_image(expanded: Callable[..., None]) -> Mapping[str, str]:
    """Return the options that stand for the one IMAGE of a command, by parameter; nothing if it takes several."""
    names = inspect.signature(expanded).parameters
    takes_one = "image" in names and names["image"].default is _NO_DEFAULT
    return {name: option for name, option in OPTIONS.items() if name in names} if takes_one else {}


def _arguments_first(flat: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """Group options by the order of their panels: a command's own options before the shared ones."""
    panels = {None: 0, ORDERS: 1, WRITING: 2, OPENING: 3, SEVERAL: 4, SPEAKING: 5}
    return sorted(flat, key=lambda parameter: panels.get(panel_of(parameter.annotation), 0))


def _as_parameters(group: tuple[Parameter, ...], letters: frozenset[str]) -> Iterator[inspect.Parameter]:
    for name, annotation, default in group:
        kept = without(annotation, letters) if letters.intersection(spellings(annotation)) else annotation
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kept)


def _pack_target(values: dict[str, Any]) -> Target:
    write, output = values["write"], values["output"]
    _require_one_way(values)
    how = (values["output_format"], values["compress"], values["overwrite"])
    if output is None and any(how):
        raise UsageError(
            "-O, --compress and --overwrite are about a new image", hint="name it with --output FILE"
        )
    new = None if output is None else OutputTarget(output, *how)
    return Target(write=write, output=new, check=values.get("check", True))


def _pack_new(values: dict[str, Any]) -> InPlaceOrNew:
    return InPlaceOrNew(_pack_target(values))


def _require_one_way(values: Mapping[str, Any]) -> None:
    write, output = values["write"], values.get("output")
    if values["dry_run"] and (write or output):
        raise UsageError("--dry-run shows the plan only", hint="leave --write and --output away")
    if write and output is not None:
        raise UsageError("--write and --output are two ways to do it", hint="choose one")


def _pack_write(values: dict[str, Any]) -> Write:
    _require_one_way(values)
    return Write(values["write"])


def _pack_copy(values: dict[str, Any]) -> InPlaceOrCopy:
    _require_one_way(values)
    return InPlaceOrCopy(values["write"], values["output"], values["overwrite"])


def _pack_customization(values: dict[str, Any]) -> Customization:
    from imgtools.cli.command.customization import pack

    return pack(values, given_in_order(values["context"]), ask_secret)


def _pack_output(values: dict[str, Any]) -> Output:
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    level = logging.ERROR if values["quiet"] else levels[min(values["verbose"], 2)]
    logging.basicConfig(stream=sys.stderr, format="imgtools: %(message)s", level=level)
    return Output(
        json=values["as_json"],
        quiet=values["quiet"],
        progress=values["progress"].value,
        verbose=values["verbose"] > 0,
    )


_NO_DEFAULT = inspect.Parameter.empty
_IMAGE = Parameter("image", ImageArgument, _NO_DEFAULT)
_MAYBE = Parameter("image", MaybeImageArgument, None)
_IMAGES = Parameter("images", ImagesArgument, None)
_STATE = (
    _IMAGE,
    *HOW_TO_NAME,
    HOW_TO_CHOOSE,
    *(one for one in HOW_TO_OPEN if one.name not in ("engine", "blocksize")),
)
_GROUPS: Mapping[Any, tuple[Parameter, ...]] = {
    Source: (_IMAGE, *HOW_TO_NAME, *HOW_TO_LOOK),
    OneDiskSource: (_IMAGE, *HOW_TO_NAME, HOW_TO_CHOOSE, *HOW_TO_LOOK),
    MaybeSource: (_MAYBE, *(one for one in HOW_TO_NAME if one.name in ("volume", "connect")), *HOW_TO_LOOK),
    EachImage: (_IMAGES, *HOW_TO_NAME_ALL, *HOW_TO_OPEN, *HOW_TO_ASK_SEVERAL),
    EachSource: (_IMAGES, *HOW_TO_NAME_ALL, *HOW_TO_LOOK, *HOW_TO_ASK_SEVERAL),
    FleetImages: (_IMAGES, *HOW_TO_NAME_ALL, *HOW_TO_OPEN, *HOW_TO_ASK_A_FLEET),
    PlacedImages: (_IMAGES, *HOW_TO_NAME_ALL, *HOW_TO_OPEN, *HOW_TO_ASK_WHERE),
    EachPlace: (
        *(_IMAGES, Parameter("path", PathArgument, None)),
        *(*HOW_TO_NAME_ALL, *HOW_TO_LOOK, *HOW_TO_ASK_SEVERAL),
    ),
    EachDisk: (
        *(_IMAGES, *HOW_TO_NAME_ALL),
        *(one for one in HOW_TO_OPEN if one.name not in ("engine", "snapshot", "blocksize")),
        *HOW_TO_ASK_SEVERAL,
    ),
    DiskFile: tuple(one for one in _STATE if one.name != "snapshot"),
    DiskState: (*_STATE, Parameter("share", Share, False)),
    MaybeState: (_MAYBE, *_STATE[1:], Parameter("share", Share, False)),
    Target: HOW_TO_WRITE,
    Write: HOW_TO_DO,
    InPlaceOrCopy: HOW_TO_COPY,
    InPlaceOrNew: tuple(one for one in HOW_TO_WRITE if one.name != "check"),
    Output: HOW_TO_SPEAK,
}
_OF_SEVERAL = frozenset({EachImage, EachSource, EachPlace, EachDisk})
_PACK: Mapping[Any, Callable[[dict[str, Any]], object]] = {
    Source: pack_source,
    OneDiskSource: pack_source,
    MaybeSource: pack_maybe_source,
    EachImage: pack_all,
    EachSource: pack_each,
    EachPlace: pack_each_place,
    EachDisk: pack_each_disk,
    FleetImages: pack_fleet,
    PlacedImages: pack_placed,
    DiskFile: pack_disk,
    DiskState: pack_disk,
    MaybeState: pack_maybe_disk,
    Target: _pack_target,
    Write: _pack_write,
    InPlaceOrCopy: _pack_copy,
    InPlaceOrNew: _pack_new,
    Customization: _pack_customization,
    Output: _pack_output,
}
