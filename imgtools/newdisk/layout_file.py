"""The layout of a new disk as a YAML file, in the words of repart.d(5) where they fit.

What a file says wrongly is told with its line and its key, and with the nearest name that there is.
"""

from __future__ import annotations

from pathlib import Path

from imgtools.disk.keys import read_secret
from imgtools.engine.mkfs import KINDS, NewFilesystem, require_makeable
from imgtools.errors import BadLayout, HostError, UsageError
from imgtools.newdisk.assemble import TYPES
from imgtools.newdisk.layout import DEFAULT_WEIGHT, Layout, Part, Subvolume, Wish
from imgtools.records.request import Secret
from imgtools.units import parse_size
from imgtools.yaml_nodes import Nodes, Yaml

LARGEST = 1 << 20  # bytes of a layout
MOST_PARTS = 128  # entries of a GPT
MOST_MBR = 4
TOP = ("table", "size", "partitions")
COMMON = ("format", "mount", "filesystem-label", "filesystem-uuid", "block-size", "subvolumes")
SIZES = ("size", "size-min", "size-max", "weight")
PARTITION = ("type", "label", "uuid", "bootable", "encrypt", "group", "volumes", *SIZES, *COMMON)
VOLUME = ("name", *SIZES, *COMMON)


def read_layout(path: Path, moment: int | None) -> Layout:
    """Read a layout.

    :raises BadLayout: it does not parse, or does not fit together.
    :raises HostError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadLayout(f"{path}: not text in UTF-8 (byte {error.start})") from None
    if len(content) > LARGEST:
        raise BadLayout(f"{path}: larger than a layout can be ({LARGEST} bytes)")
    return _Reader(str(path), moment).read(text)


class _Reader:
    def __init__(self, name: str, moment: int | None) -> None:
        self._nodes = Nodes(name, "layout", BadLayout)
        self._moment = moment

    def read(self, text: str) -> Layout:
        root = self._nodes.compose(text)
        fields = self._nodes.fields(root, TOP)
        label = self._nodes.one_of(fields["table"], ("gpt", "mbr")) if "table" in fields else "gpt"
        if "partitions" not in fields:
            raise self._nodes.wrong(root, "no partitions: a layout needs them")
        items = self._nodes.items(fields["partitions"])
        most = MOST_PARTS if label == "gpt" else MOST_MBR
        if not 0 < len(items) <= most:
            raise self._nodes.wrong(
                fields["partitions"], f"{len(items)} partitions: 1 to {most} are possible in {label}"
            )
        parts = tuple(self._part(item) for item in items)
        self._require_one_place(items, parts)
        size = self._nodes.text(fields["size"]) if "size" in fields else ""
        if size and size != "auto":
            self._size(fields["size"])
        return Layout(label, parts, size)

    def _require_one_place(self, items: list[Yaml], parts: tuple[Part, ...]) -> None:
        seen: dict[str, str] = {}
        groups: set[str] = set()
        for item, part in zip(items, parts, strict=True):
            for point in part.mounts():
                if point in seen:
                    raise self._nodes.wrong(item, f"mount {point} is that of {seen[point]} already")
                seen[point] = part.where
            if part.group and part.group in groups:
                raise self._nodes.wrong(item, f"group {part.group} is there already")
            groups.add(part.group)

    # -- partitions ----------------------------------------------------------------------------------------

    def _part(self, item: Yaml) -> Part:
        said = self._nodes.fields(item, PARTITION)
        if ("group" in said) != ("volumes" in said):
            raise self._nodes.wrong(item, "group and volumes go together")
        if "group" in said and "format" in said:
            raise self._nodes.wrong(
                said["format"], "format beside group: a physical volume has no filesystem"
            )
        kind = self._type(said["type"]) if "type" in said else ""
        common = self._common(item, said)
        secret = self._secret(said["encrypt"]) if "encrypt" in said else None
        if secret is not None and common.filesystem is None and "group" not in said:
            raise self._nodes.wrong(
                said["encrypt"], "encrypt needs format or group: there is nothing to encrypt"
            )
        return Part(
            type=kind,
            name=self._nodes.text(said["label"]) if "label" in said else "",
            size=self._wish(said),
            filesystem=common.filesystem,
            mount=common.mount,
            subvolumes=common.subvolumes,
            group=self._lvm_name(said["group"]) if "group" in said else "",
            volumes=tuple(self._volume(one) for one in self._nodes.items(said["volumes"]))
            if "volumes" in said
            else (),
            secret=secret,
            uuid=self._nodes.text(said["uuid"]) if "uuid" in said else "",
            bootable="bootable" in said and self._nodes.truth(said["bootable"]),
            where=self._nodes.place(item),
        )

    def _volume(self, item: Yaml) -> Part:
        said = self._nodes.fields(item, VOLUME)
        if "name" not in said:
            raise self._nodes.wrong(item, "a volume needs a name")
        common = self._common(item, said)
        return Part(
            name=self._lvm_name(said["name"]),
            size=self._wish(said),
            filesystem=common.filesystem,
            mount=common.mount,
            subvolumes=common.subvolumes,
            where=self._nodes.place(item),
        )

    def _common(self, item: Yaml, said: dict[str, Yaml]) -> Part:
        """What partitions and logical volumes have alike."""
        mount = self._mount(said["mount"]) if "mount" in said else ""
        subvolumes = (
            tuple(self._subvolume(one) for one in self._nodes.items(said["subvolumes"]))
            if "subvolumes" in said
            else ()
        )
        if "format" not in said:
            odd = next((name for name in COMMON if name in said), None)
            if odd is not None:
                raise self._nodes.wrong(said[odd], f"{odd} without format: it has no filesystem")
            return Part()
        kind = self._nodes.one_of(said["format"], tuple(KINDS))
        if subvolumes and kind != "btrfs":
            raise self._nodes.wrong(said["subvolumes"], f"subvolumes of {kind}: only btrfs has them")
        if mount and kind == "swap":
            raise self._nodes.wrong(said["mount"], "mount of swap: it holds no files")
        new = NewFilesystem(
            kind,
            self._nodes.text(said["filesystem-label"]) if "filesystem-label" in said else "",
            self._nodes.text(said["filesystem-uuid"]) if "filesystem-uuid" in said else "",
            self._size(said["block-size"]) if "block-size" in said else 0,
            moment=self._moment,
        )
        try:
            require_makeable(new)
        except UsageError as error:
            raise self._nodes.wrong(item, error.message, error.hint) from None
        return Part(filesystem=new, mount=mount, subvolumes=subvolumes)

    def _subvolume(self, item: Yaml) -> Subvolume:
        said = self._nodes.fields(item, ("path", "mount"))
        if "path" not in said:
            raise self._nodes.wrong(item, "a subvolume needs a path")
        path = self._mount(said["path"])
        if path == "/":
            raise self._nodes.wrong(said["path"], "path / is the filesystem itself")
        return Subvolume(path, self._mount(said["mount"]) if "mount" in said else "")

    # -- values --------------------------------------------------------------------------------------------

    def _type(self, node: Yaml) -> str:
        text = self._nodes.text(node)
        if text in TYPES or len(text) == 36:
            return text
        return self._nodes.one_of(node, tuple(TYPES))

    def _wish(self, said: dict[str, Yaml]) -> Wish:
        least = self._size(said["size-min"]) if "size-min" in said else 0
        most = self._size(said["size-max"]) if "size-max" in said else 0
        if "size" in said:
            if least or most:
                raise self._nodes.wrong(said["size"], "size beside size-min or size-max")
            least = most = self._size(said["size"])
        if most and most < least:
            raise self._nodes.wrong(said["size-max"], f"size-max of {most} is less than size-min of {least}")
        weight = self._nodes.number(said["weight"], 1_000_000) if "weight" in said else DEFAULT_WEIGHT
        return Wish(least, most, weight)

    def _size(self, node: Yaml) -> int:
        try:
            found = parse_size(self._nodes.text(node))
        except UsageError as error:
            raise self._nodes.wrong(node, error.message, error.hint) from None
        if not 0 < found < 1 << 60:
            raise self._nodes.wrong(node, f"no size of a partition: {found}")
        return found

    def _mount(self, node: Yaml) -> str:
        text = self._nodes.text(node)
        parts = text.split("/")
        if not text.startswith("/") or ".." in parts or "." in parts:
            raise self._nodes.wrong(node, f"no absolute path: {text}")
        return "/" + "/".join(part for part in parts if part)

    def _lvm_name(self, node: Yaml) -> str:
        text = self._nodes.text(node)
        letters = text.replace("_", "a").replace(".", "a").replace("+", "a").replace("-", "a")
        if not (letters.isascii() and letters.isalnum()) or text[0] in "-." or len(text) > 100:
            raise self._nodes.wrong(
                node, f"no name of a group or volume: {text!r}", "letters, digits, and _ . + -"
            )
        return text

    def _secret(self, node: Yaml) -> Secret:
        said = self._nodes.fields(node, ("key",))
        if "key" not in said:
            raise self._nodes.wrong(node, "encrypt needs key: file:PATH or env:NAME")
        try:
            kind, _, value = self._nodes.text(said["key"]).partition(":")
            return read_secret(kind, value, "", _nobody)
        except UsageError as error:
            raise self._nodes.wrong(said["key"], error.message, error.hint) from None
        except HostError as error:
            where = self._nodes.place(said["key"])
            raise HostError(f"{where}: {error.message}", hint=error.hint) from None


def _nobody(_prompt: str) -> str:
    raise UsageError("a layout names its keys: file:PATH or env:NAME")
