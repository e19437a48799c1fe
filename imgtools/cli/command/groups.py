"""How a command declares what it takes: parameter groups that the app expands into options.

A command is a module of ``imgtools/cli`` with a function ``command`` and a tuple ``EXAMPLES``. Its parameters are
ordinary Typer parameters, and two groups:

``source: Source``
    which image, and how to open it: IMAGE, -a, -f, --snapshot, --key, --engine, --backing-policy, --root, -m
``source: EachSource``
    the same for several images: the command is called for each, in a process of its own where they are several;
    IMAGE..., --images-from, --parallel, --time-limit, --share-appliance, --json-lines
``source: EachImage``, ``disk: EachDisk``, ``place: EachPlace``
    the same with fewer options, as for DiskFile, and with a path in the guest behind the images
``source: MaybeSource``
    the same, where something else may say which image: without IMAGE it has no disks
``disk: DiskFile`` or ``DiskState``
    one image as a file, for work without looking into the guest: IMAGE, -f, --key, --backing-policy; a state is only
    read: --snapshot, --force-share
``target: Target``
    what becomes of a plan for a guest: --write, --output, -O, --compress, --overwrite,
    --dry-run, --no-check
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

import dataclasses
import functools
import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NewType, get_type_hints

import typer

from imgtools.cli.command.option_names import old_names
from imgtools.cli.command.shared_options import (
    HOW_TO_ASK_SEVERAL,
    HOW_TO_COPY,
    HOW_TO_DO,
    HOW_TO_LOOK,
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
from imgtools.errors import UsageError
from imgtools.records.image import disk_named, is_uri, sector_size, shown_uri
from imgtools.records.request import Customization, Engine, ImageRequest, Key, OutputTarget, Target

if TYPE_CHECKING:
    from imgtools.cli.command.several import Rules, Several

__all__ = [
    "Customization",
    "DiskFile",
    "DiskState",
    "EachDisk",
    "EachImage",
    "EachPlace",
    "EachSource",
    "InPlaceOrCopy",
    "MaybeSource",
    "Output",
    "Source",
    "Target",
    "Write",
    "ask_secret",
    "expand",
    "old_spellings",
]

Source = ImageRequest
MaybeSource = NewType("MaybeSource", ImageRequest)
DiskFile = NewType("DiskFile", ImageRequest)
DiskState = NewType("DiskState", ImageRequest)
EachImage = NewType("EachImage", ImageRequest)
EachSource = NewType("EachSource", ImageRequest)
EachDisk = NewType("EachDisk", ImageRequest)
Write = NewType("Write", bool)


class InPlaceOrCopy(NamedTuple):
    """Whether a plan for an image is carried out, and where."""

    write: bool
    output: Path | None
    overwrite: bool  # a file that is there


class EachPlace(NamedTuple):
    """A path in a guest; of several images, the same in each."""

    source: ImageRequest
    path: str


def expand(
    function: Callable[..., None], waiting: str = "", rules: Rules | None = None
) -> Callable[..., None]:
    """Return ``function`` with its parameter groups replaced by the options they stand for.

    :param waiting: what is shown while it works, where it has no progress of its own.
    :param rules: of a command that takes several images.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    own = [parameter.name for parameter in parameters]
    members: Mapping[Any, tuple[Parameter, ...]] = _GROUPS
    if any(hint is Customization for hint in hints.values()):
        from imgtools.cli.command.customization import parameters as customizations  # which few commands need

        members = {**_GROUPS, Customization: tuple(customizations(own))}
    groups = {p.name: hints[p.name] for p in parameters if hints[p.name] in members}
    letters = _letters(hints[name] for name in own if name not in groups)
    flat: list[inspect.Parameter] = []
    for parameter in parameters:
        if parameter.name in groups:
            flat.extend(_as_parameters(members[groups[parameter.name]], letters))
        else:
            flat.append(parameter.replace(annotation=hints[parameter.name], kind=parameter.KEYWORD_ONLY))

    @functools.wraps(function)
    def expanded(**values: Any) -> None:  # Any: whatever the options of this command hold
        given = {name: values[name] for name in values if rules is not None}
        for parameter, group in groups.items():
            taken = {one.name: values.pop(one.name) for one in members[group]}
            values[parameter] = _PACK[group](taken)
        for parameter in (name for name, group in groups.items() if group in _OF_SEVERAL):
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
        function(**{**values, parameter: item, "out": out})

    answer_each(call, several, out, title=title, join=None if rules is None else rules.join)


def _letters(annotations: Iterable[Any]) -> frozenset[str]:
    """Return the letters of a command's own options: there they mean what they mean to the command's namesake."""
    return frozenset(word for one in annotations for word in spellings(one) if not word.startswith("--"))


def old_spellings(expanded: Callable[..., None]) -> dict[str, str]:
    """Return the spellings that a command takes and does not show, each with the one of today."""
    annotations = [parameter.annotation for parameter in inspect.signature(expanded).parameters.values()]
    return {old: spellings(one)[0] for one in annotations for old in old_names(one)}


def _arguments_first(flat: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """Group options by the order of their panels: a command's own options before the shared ones."""
    panels = {None: 0, ORDERS: 1, WRITING: 2, OPENING: 3, SEVERAL: 4, SPEAKING: 5}
    return sorted(flat, key=lambda parameter: panels.get(panel_of(parameter.annotation), 0))


def _as_parameters(group: tuple[Parameter, ...], letters: frozenset[str]) -> Iterator[inspect.Parameter]:
    for name, annotation, default in group:
        kept = without(annotation, letters) if letters.intersection(spellings(annotation)) else annotation
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kept)


def _request(words: list[str], values: dict[str, Any]) -> ImageRequest:
    folders = tuple(values["backing_folder"] or ())
    remote = None
    if values["remote"] or values["remote_timeout"] is not None:
        from imgtools.records.remote import remote_options  # most images are here

        remote = remote_options(values["remote"], values["remote_timeout"])
    sector = sector_size(values.get("blocksize"))
    disks = tuple(
        disk_named(word, values["image_format"], values.get("snapshot"), folders, remote, sector)
        for word in words
    )
    return ImageRequest(
        disks=disks,
        keys=_keys(values),
        engine=Engine(values["engine"].value) if "engine" in values else Engine.AUTO,
        backing=values["backing"],
        root=values.get("root"),
        mounts=tuple(values.get("mount") or ()),
        share=values.get("share", False),
    )


def _keys(values: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return the keys that are named, and then those of standard input."""
    texts, from_stdin = values["key"] or (), values.get("keys_from_stdin")
    elsewhere = values.get("luks_header") or ()
    if not texts and not from_stdin:
        if elsewhere:
            raise UsageError("a header was given, and no key", hint="--key all:file:PATH opens what it is of")
        return ()
    from imgtools.disk.keys import parse_header, parse_key

    headers = tuple(map(parse_header, elsewhere))
    keys = tuple(parse_key(text, ask_secret) for text in texts)
    if from_stdin:
        from imgtools.cli.command.standard_input import keys_of_standard_input

        keys += keys_of_standard_input(values)
    return tuple(dataclasses.replace(key, headers=headers) for key in keys) if headers else keys


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


def _pack_each(values: dict[str, Any]) -> Several:
    return _several(values, values["images"] or [], lambda request: request)


def _pack_each_place(values: dict[str, Any]) -> Several:
    """Pack what stands behind ``find``: as in cp, the last of several words is not like the others."""
    words = [*(values["images"] or []), *([] if values["path"] is None else [values["path"]])]
    has_path = len(words) > 1 or bool(words and (values["images_from"] or values["images0_from"]))
    path = words.pop() if has_path else "/"
    if not path.startswith(("/", "\\")) and Path(path).is_file():
        raise UsageError(
            f"{path} is a file of the host, and stands where the PATH in the guest does",
            hint="behind several images stands a PATH: imgtools find IMAGE... /",
        )
    return _several(values, words, lambda request: EachPlace(request, path))


def _several(values: dict[str, Any], named: Sequence[str], item: Callable[[ImageRequest], object]) -> Several:
    """Pack images that are opened in the same way; a key is asked for once for all."""
    from imgtools.cli.command.several import Several, listed_images

    listed = listed_images(values)
    images = [*named, *(listed or ())]
    if not images and listed is None:
        raise UsageError("no image is named", hint="name IMAGE, or a list with --images-from")
    if values.get("add") and (listed is not None or len(images) > 1):
        raise UsageError("--add is a further disk of one image, and several are named", hint="name one image")
    items: list[object] = []
    if images:
        first = _request([images[0], *(values.get("add") or ())], values)
        like = first.disks[0]
        others = (
            dataclasses.replace(
                first, disks=(disk_named(one, like.format, like.snapshot, like.folders, like.remote),)
            )
            for one in images[1:]
        )
        items = [item(request) for request in (first, *others)]
    return Several(
        items=tuple(items),
        names=tuple(shown_uri(image) if is_uri(image) else image for image in images),
        listed=listed is not None,
        parallel=values["parallel"],
        time_limit=values["time_limit"],
        json_lines=values["json_lines"],
        share_appliance=values["share_appliance"],
    )


def _pack_target(values: dict[str, Any]) -> Target:
    write, output = values["write"], values["output"]
    _require_one_way(values)
    how = (values["output_format"], values["compress"], values["overwrite"])
    if output is None and any(how):
        raise UsageError(
            "-O, --compress and --overwrite are about a new image", hint="name it with --output FILE"
        )
    new = None if output is None else OutputTarget(output, *how)
    return Target(write=write, output=new, check=values["check"])


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
_IMAGES = Parameter("images", ImagesArgument, None)
_STATE = (_IMAGE, *(one for one in HOW_TO_OPEN if one.name not in ("engine", "blocksize")))
_GROUPS: Mapping[Any, tuple[Parameter, ...]] = {
    Source: (_IMAGE, *HOW_TO_LOOK),
    MaybeSource: (Parameter("image", MaybeImageArgument, None), *HOW_TO_LOOK),
    EachImage: (_IMAGES, *HOW_TO_OPEN, *HOW_TO_ASK_SEVERAL),
    EachSource: (_IMAGES, *HOW_TO_LOOK, *HOW_TO_ASK_SEVERAL),
    EachPlace: (_IMAGES, Parameter("path", PathArgument, None), *HOW_TO_LOOK, *HOW_TO_ASK_SEVERAL),
    EachDisk: (_IMAGES, *(one for one in _STATE[1:] if one.name != "snapshot"), *HOW_TO_ASK_SEVERAL),
    DiskFile: tuple(one for one in _STATE if one.name != "snapshot"),
    DiskState: (*_STATE, Parameter("share", Share, False)),
    Target: HOW_TO_WRITE,
    Write: HOW_TO_DO,
    InPlaceOrCopy: HOW_TO_COPY,
    Output: HOW_TO_SPEAK,
}
_OF_SEVERAL = frozenset({EachImage, EachSource, EachPlace, EachDisk})
_PACK: Mapping[Any, Callable[[dict[str, Any]], object]] = {
    Source: _pack_source,
    MaybeSource: _pack_maybe_source,
    EachImage: _pack_each,
    EachSource: _pack_each,
    EachPlace: _pack_each_place,
    EachDisk: _pack_each,
    DiskFile: _pack_disk,
    DiskState: _pack_disk,
    Target: _pack_target,
    Write: _pack_write,
    InPlaceOrCopy: _pack_copy,
    Customization: _pack_customization,
    Output: _pack_output,
}
