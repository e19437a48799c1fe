"""Images of containers: the layout of the Open Container Initiative, and what ``docker save`` writes.

Either is a folder, or a tar archive of it. Every file that another names by its digest is held against it before it is
used (image-spec: descriptor.md, image-layout.md, image-index.md, manifest.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from imgtools.change.archive import plain_archive
from imgtools.change.writable_tree import open_regular
from imgtools.errors import BadSource, HostError, ManyPlatforms
from imgtools.filesystems.tar_reader import FILES, LINK, Member, read_members
from imgtools.newdisk.archive import Layers
from imgtools.newdisk.tree import Tree

LARGEST_JSON = 4 << 20  # bytes; registries refuse larger manifests
MOST_LAYERS = 1000
MOST_MEMBERS = 10_000  # of the archive around an image
DEEPEST = 4  # indexes that name indexes
CHUNK = 1 << 20
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
REF = "org.opencontainers.image.ref.name"
_DIGEST = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")


class _Files(Protocol):
    """The files of an image, wherever they lie."""

    def has(self, name: str) -> bool: ...

    def path_of(self, name: str) -> Path: ...


class _InFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def path_of(self, name: str) -> Path:
        path = self._folder / name
        if not path.is_file() or not path.resolve().is_relative_to(self._folder.resolve()):
            raise BadSource(f"{self._folder}: no file {name} in it")
        return path


class _InArchive:
    """The files of an archive; what is asked for is copied out of it."""

    def __init__(self, plain: Path, shown: str, scratch: Path) -> None:
        self._plain, self._shown, self._scratch = plain, shown, scratch
        self._members: dict[str, Member] = {}
        with open_regular(plain) as stream:
            for number, member in enumerate(read_members(stream, plain.stat().st_size)):
                if number >= MOST_MEMBERS:
                    raise BadSource(f"{shown}: more than {MOST_MEMBERS} members")
                self._members["/".join(part for part in member.name.split("/") if part not in ("", "."))] = (
                    member
                )

    def has(self, name: str) -> bool:
        return name in self._members

    def path_of(self, name: str) -> Path:
        member = self._members.get(name)
        if member is not None and member.kind == LINK:  # old ones name a layer that is there already
            parts = [*name.split("/")[:-1], *member.target.split("/")]
            while ".." in parts[1:]:
                at = parts.index("..", 1)
                del parts[at - 1 : at + 1]
            member = self._members.get("/".join(parts))
        if (
            member is None
            or member.kind not in (FILES[:1], FILES[1:2], FILES[2:])
            or member.parts is not None
        ):
            raise BadSource(f"{self._shown}: no file {name} in it")
        target = self._scratch / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        if not target.exists():
            with self._plain.open("rb") as source, target.open("xb") as copy:
                source.seek(member.offset)
                _copy(source, copy, member.size)
        return target


def _copy(source: io.BufferedReader, target: io.BufferedWriter, size: int) -> None:
    while size and (piece := source.read(min(CHUNK, size))):
        target.write(piece)
        size -= len(piece)


def looks_like_container(names: Collection[str]) -> bool:
    """Whether the names at the top of a folder or an archive are those of an image of containers."""
    return "oci-layout" in names or "manifest.json" in names


@contextmanager
def container_tree(source: Path, scratch: Path, *, ref: str = "", platform: str = "") -> Iterator[Tree]:
    """Yield the files of an image, its layers put on top of each other.

    :param source: a folder, or a plain tar archive.
    :param scratch: for what is unpacked; it stays while the tree is used.
    :param ref: which image, where several have names.
    :param platform: ``os/architecture`` or ``os/architecture/variant``, where there are several.
    :raises BadSource: it is none, or damaged, or a layer leads out.
    :raises ManyPlatforms: it has several, and none was chosen.
    """
    shown = str(source)
    try:
        files: _Files = _InFolder(source) if source.is_dir() else _InArchive(source, shown, scratch)
        names = _layers_of(files, shown, ref, platform)
    except HostError as error:
        raise BadSource(f"{shown}: {error.message}", hint=error.hint) from None
    layers = Layers()
    with ExitStack() as stack:
        for name in names:
            plain = stack.enter_context(plain_archive(files.path_of(name), io.BytesIO()))
            layers.add(plain, f"{shown}: layer {name.rpartition('/')[2][:19]}", is_layer=True)
        yield layers.tree


def _layers_of(files: _Files, shown: str, ref: str, platform: str) -> Sequence[str]:
    if files.has("index.json"):
        manifest = _choose(files, _json(files, "index.json", shown), shown, ref, platform, 0)
        found = [_blob(files, one, shown) for one in _list(manifest, "layers", shown)]
    elif files.has("manifest.json"):
        found = _docker_layers(_json(files, "manifest.json", shown), shown, ref)
    else:
        raise BadSource(f"{shown}: neither index.json nor manifest.json: no image of a container")
    if len(found) > MOST_LAYERS:
        raise BadSource(f"{shown}: more than {MOST_LAYERS} layers")
    return found


def _choose(files: _Files, index: Any, shown: str, ref: str, platform: str, depth: int) -> Any:  # Any: JSON
    """Return the manifest of the one image that is meant."""
    if depth > DEEPEST:
        raise BadSource(f"{shown}: its indexes name each other in a circle")
    found = [one for one in _list(index, "manifests", shown) if not _is_attestation(one)]
    if ref and depth == 0:
        named = [
            one
            for one in found
            if _annotation(one, REF).split(":")[-1] == ref or _annotation(one, REF) == ref
        ]
        if not named:
            names = ", ".join(sorted({_annotation(one, REF) for one in found} - {""}))
            raise BadSource(f"{shown}: no image is named {ref}", hint=f"there are {names}" if names else "")
        found = named
    if platform and any("platform" in one for one in found):
        fitting = [one for one in found if _fits(_platform(one), platform)]
        if not fitting:
            raise BadSource(f"{shown}: no image is for {platform}", hint=f"there are {_platforms(found)}")
        found = fitting
    if len(found) != 1:
        if not found:
            raise BadSource(f"{shown}: no image in it")
        if len({_annotation(one, REF) for one in found}) == len(found):
            names = ", ".join(sorted(_annotation(one, REF) for one in found))
            raise ManyPlatforms(f"{shown} holds several images: {names}", hint="name one: oci:PATH:NAME")
        raise ManyPlatforms(
            f"{shown} holds an image for several platforms: {_platforms(found)}",
            hint="choose one: --platform",
        )
    inner = _json(files, _blob(files, found[0], shown), shown)
    if found[0].get("mediaType") in INDEXES or "manifests" in inner:
        return _choose(files, inner, shown, "", platform, depth + 1)
    return inner


def _docker_layers(images: Any, shown: str, ref: str) -> list[str]:  # Any: JSON
    if not isinstance(images, list) or not all(isinstance(one, dict) for one in images):
        raise BadSource(f"{shown}: manifest.json is no list of images")
    named = [one for one in images if not ref or ref in (one.get("RepoTags") or ())]
    if len(named) != 1:
        tags = ", ".join(sorted(str(tag) for one in images for tag in one.get("RepoTags") or ()))
        if ref and not named:
            raise BadSource(f"{shown}: no image is named {ref}", hint=f"there are {tags}" if tags else "")
        raise ManyPlatforms(f"{shown} holds several images: {tags}", hint="name one: docker:PATH:NAME")
    layers = named[0].get("Layers")
    if not isinstance(layers, list) or not all(isinstance(one, str) for one in layers):
        raise BadSource(f"{shown}: manifest.json names no layers")
    return layers


# -- what JSON says ----------------------------------------------------------------------------------------


def _json(files: _Files, name: str, shown: str) -> Any:  # Any: JSON
    path = files.path_of(name)
    if path.stat().st_size > LARGEST_JSON:
        raise BadSource(f"{shown}: {name} has more than {LARGEST_JSON} bytes")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BadSource(f"{shown}: {name} is no JSON") from None
    return found


def _list(found: Any, key: str, shown: str) -> list[dict[str, Any]]:  # Any: JSON
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadSource(f"{shown}: no {key} where they should be")
    return value


def _blob(files: _Files, descriptor: dict[str, Any], shown: str) -> str:  # Any: JSON
    """Return the name of the file that a descriptor names, its digest proven."""
    digest = _DIGEST.fullmatch(str(descriptor.get("digest")))
    if digest is None:
        raise BadSource(f"{shown}: no digest: {str(descriptor.get('digest'))[:80]!r}")
    algorithm, wanted = (digest[1], digest[2]) if digest[1] else (digest[3], digest[4])
    name = f"blobs/{algorithm}/{wanted}"
    with files.path_of(name).open("rb") as stream:
        if hashlib.file_digest(stream, algorithm).hexdigest() != wanted:
            raise BadSource(
                f"{shown}: {name} is not what its name says", hint="it was damaged; fetch it again"
            )
    return name


def _annotation(descriptor: dict[str, Any], name: str) -> str:  # Any: JSON
    found = descriptor.get("annotations")
    return str(found.get(name, "")) if isinstance(found, dict) else ""


def _is_attestation(descriptor: dict[str, Any]) -> bool:  # Any: JSON
    return _platform(descriptor) == "unknown/unknown"


def _platform(descriptor: dict[str, Any]) -> str:  # Any: JSON
    found = descriptor.get("platform")
    if not isinstance(found, dict):
        return ""
    return "/".join(str(found[key]) for key in ("os", "architecture", "variant") if found.get(key))


def _platforms(found: Sequence[dict[str, Any]]) -> str:  # Any: JSON
    return ", ".join(sorted({_platform(one) for one in found} - {""})) or "none that is named"


def _fits(found: str, wanted: str) -> bool:
    return found == wanted or found.startswith(f"{wanted}/") or found.partition("/")[2] == wanted
