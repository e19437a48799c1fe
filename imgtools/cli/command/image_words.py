"""Which images the words of a command line name, and how they are opened: the requests that workflows take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from imgtools.cli.command.naming import (
    INSTEAD,
    OPTIONS,
    all_guests,
    each_disk,
    find,
    named,
    one,
    one_disk,
    remote_of,
)
from imgtools.errors import UsageError
from imgtools.records.domain import Domain
from imgtools.records.image import disk_named, is_uri, sector_size, shown_uri
from imgtools.records.request import Engine, ImageRequest, Key

if TYPE_CHECKING:
    from imgtools.cli.command.several import Several


class EachPlace(NamedTuple):
    """A path in a guest; of several images, the same in each."""

    source: ImageRequest
    path: str


def _request(image: Domain, values: dict[str, Any], keys: tuple[Key, ...] | None = None) -> ImageRequest:
    """Return what the words ask for; ``keys`` are given where they have been asked for already."""
    keys = _keys(values) if keys is None else keys
    if image.targets:
        from imgtools.libvirt.device_words import refuse_unclear

        said = (values.get("root") or "", *(word.partition(":")[0] for word in values.get("mount") or ()))
        refuse_unclear(image, (*said, *(key.selector for key in keys)))
    return ImageRequest(
        disks=image.disks,
        keys=(*keys, *image.keys),
        engine=Engine(values["engine"].value) if "engine" in values else Engine.AUTO,
        backing=values["backing"],
        root=values.get("root"),
        mounts=tuple(values.get("mount") or ()),
        share=values.get("share", False) or image.is_live,
        domain=image.name if image.targets else "",
        connect=values.get("connect", ""),
    )


def _files(words: Sequence[str], values: dict[str, Any]) -> Domain:
    folders = tuple(values["backing_folder"] or ())
    remote, sector = remote_of(values), sector_size(values.get("blocksize"))
    disks = tuple(
        disk_named(word, values["image_format"], values.get("snapshot"), folders, remote, sector)
        for word in words
    )
    name = words[0] if words else ""
    return Domain(shown_uri(name) if is_uri(name) else name, disks)


def _with_added(image: Domain, values: dict[str, Any]) -> Domain:
    """Add what -a names: further disks of the one guest."""
    return replace(image, disks=(*image.disks, *_files(values.get("add") or (), values).disks))


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
    return tuple(replace(key, headers=headers) for key in keys) if headers else keys


def ask_secret(prompt: str) -> str:
    """Ask a person for a secret on the terminal, without echo."""
    secret: str = typer.prompt(prompt.removesuffix(": "), hide_input=True, err=True)
    return secret


def pack_source(values: dict[str, Any]) -> ImageRequest:
    """Pack what a command looks into: one guest."""
    guests = named(values)
    if guests is None:
        image = _files([values["image"]], values)
    else:
        image = one_disk(guests, values["one_disk"]) if values.get("one_disk") else one(guests)
    return _request(_with_added(image, values), values)


def pack_maybe_source(values: dict[str, Any]) -> ImageRequest:
    """Pack what may be named in another way: then it has no disks."""
    if values["image"] is not None and values["volume"]:
        raise UsageError(f"--vol and {values['image']} are two ways to say which image", hint="choose one")
    if values["image"] is not None and values["connect"]:
        raise UsageError("--connect is about a guest of libvirt, and an image is named", hint="-d NAME")
    words = [values["image"]] if values["image"] else []
    image = one(find(values)) if values["volume"] else _files(words, values)
    if not image.disks and values["add"]:
        raise UsageError("--add is a further disk of an image, and none is named", hint="name IMAGE")
    return _request(_with_added(image, values), values)


def pack_disk(values: dict[str, Any]) -> ImageRequest:
    """Pack what a command takes as a file: one disk."""
    guests = named(values)
    if guests is not None:
        return _request(one_disk(guests, values["one_disk"]), values)
    return _request(_files([values["image"]], values), values)


def pack_maybe_disk(values: dict[str, Any]) -> ImageRequest:
    """Pack one disk, or none."""
    given = next((word for name, word in OPTIONS.items() if values.get(name)), "")
    if given and values["image"] is not None:
        raise UsageError(f"{given} and {values['image']} are two ways to say which image", hint="choose one")
    return pack_disk(values) if given or values["image"] is not None else _request(Domain("", ()), values)


def pack_each(values: dict[str, Any]) -> Several:
    """Pack several guests."""
    return _several(values, values["images"] or [], lambda request: request)


def pack_all(values: dict[str, Any]) -> Several:
    """Pack what df is about: without any image, all guests of libvirt, as with virt-df."""
    return _several(values, values["images"] or [], lambda request: request, all_guests)


def pack_each_disk(values: dict[str, Any]) -> Several:
    """Pack several disks; of a guest of libvirt, all."""
    return _several(values, values["images"] or [], lambda request: request, alone=True)


def pack_placed(values: dict[str, Any]) -> Several:
    """Pack the images of a fleet, and those that only some hosts of it see."""
    from imgtools.fleet.places import parse_place

    places = [(word, parse_place(word)[1]) for word in values["places"] or ()]
    return pack_fleet(values, places)


def pack_fleet(values: dict[str, Any], places: Sequence[tuple[str, str]] = ()) -> Several:
    """Pack the images of a fleet; a folder stands for those in it.

    :param places: words of places, each with its pattern; then there may be no other images.
    """
    from imgtools.cli.command.several import listed_images
    from imgtools.fleet.folders import find_images

    words = [*(values["images"] or []), *(listed_images(values) or [])]
    found = list(find_images(words, recursive=values["recursive"]))
    lists = {"images_from": None, "images0_from": None, "share_appliance": False}
    otherwise = (lambda values: ()) if places else None
    return _several({**values, **lists}, found, lambda request: request, otherwise, places=places)


def pack_each_place(values: dict[str, Any]) -> Several:
    """Pack what stands behind ``find``: as in cp, the last of several words is not like the others."""
    words = [*(values["images"] or []), *([] if values["path"] is None else [values["path"]])]
    is_named_elsewhere = any(values[name] for name in ("images_from", "images0_from", *OPTIONS))
    has_path = len(words) > 1 or bool(words and is_named_elsewhere)
    path = words.pop() if has_path else "/"
    if not path.startswith(("/", "\\")) and Path(path).is_file():
        raise UsageError(
            f"{path} is a file of the host, and stands where the PATH in the guest does",
            hint="behind several images stands a PATH: imgtools find IMAGE... /",
        )
    return _several(values, words, lambda request: EachPlace(request, path))


def _several(
    values: dict[str, Any],
    words: Sequence[str],
    item: Callable[[ImageRequest], object],
    otherwise: Callable[[dict[str, Any]], Sequence[Domain]] | None = None,
    *,
    alone: bool = False,
    places: Sequence[tuple[str, str]] = (),
) -> Several:
    """Pack images that are opened in the same way; a key is asked for once for all.

    :param otherwise: what they are where no word names one.
    :param alone: each disk of a guest is one.
    """
    from imgtools.cli.command.several import Several, listed_images

    listed = listed_images(values)
    guests = _guests(values, otherwise, has_images=bool(words) or listed is not None)
    files = [_files([word], values) for word in (*words, *(listed or ()))]
    images = files if guests is None else each_disk(guests) if alone else guests
    if values.get("add") and (listed is not None or len(images) > 1):
        raise UsageError("--add is a further disk of one image, and several are named", hint="name one image")
    keys = _keys(values) if images or places else ()
    requests = (
        _request(_with_added(image, values), values, keys) for image in images if image.problem is None
    )
    is_all = guests is not None and not any(values[name] for name in OPTIONS if name != "all_domains")
    return Several(
        items=tuple(item(next(requests)) if image.problem is None else image.problem for image in images),
        names=tuple(image.name for image in images),
        listed=listed is not None or is_all,
        parallel=values["parallel"],
        time_limit=values["time_limit"],
        json_lines=values["json_lines"],
        share_appliance=values["share_appliance"],
        recursive=values.get("recursive", False),
        places=tuple((word, _request(_files([pattern], values), values, keys)) for word, pattern in places),
    )


def _guests(
    values: dict[str, Any],
    otherwise: Callable[[dict[str, Any]], Sequence[Domain]] | None,
    *,
    has_images: bool,
) -> Sequence[Domain] | None:
    """Return the guests that are named; None: images are."""
    given = next((word for name, word in OPTIONS.items() if values.get(name)), "")
    if has_images and given:
        raise UsageError(f"images are named, and {given} names guests", hint="one or the other")
    if not has_images and not given and otherwise is not None:
        return otherwise(values)
    guests = named(values)
    if guests is None and not has_images:
        raise UsageError("no image is named", hint=f"{INSTEAD}, or a list with --images-from")
    return guests
