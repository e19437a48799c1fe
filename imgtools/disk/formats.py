"""What each disk format can do, and the options that it takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from imgtools.disk.headers import FORMATS, known_format
from imgtools.engine.qemu.img.commands import OptionHelp, amend_options, create_options
from imgtools.errors import UnsupportedFormat, UsageError
from imgtools.units import parse_size

__all__ = [
    "FORMATS",
    "OptionHelp",
    "check_options",
    "format_by_name",
    "known_format",
    "option_help",
    "parse_options",
    "require_ability",
]

_SUFFIXES = {
    ".qcow2": "qcow2",
    ".qcow": "qcow",
    ".qed": "qed",
    ".raw": "raw",
    ".img": "raw",
    ".bin": "raw",
    ".dd": "raw",
    ".vmdk": "vmdk",
    ".vdi": "vdi",
    ".vhd": "vpc",
    ".vpc": "vpc",
    ".vhdx": "vhdx",
    ".hdd": "parallels",
    ".luks": "luks",
}

# What can be done to an image of each format, by what QEMU's drivers implement (block/*.c).
ABILITIES: dict[str, frozenset[str]] = {
    "create": frozenset({"raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "parallels", "luks"}),
    "compress": frozenset({"qcow2", "qcow", "vmdk"}),
    "backing files": frozenset({"qcow2", "qcow", "qed", "vmdk"}),
    "a changed backing file": frozenset({"qcow2", "qed"}),
    "internal snapshots": frozenset({"qcow2"}),
    "bitmaps": frozenset({"qcow2"}),
    "amendments": frozenset({"qcow2", "luks"}),
    "check": frozenset({"qcow2", "qed", "vdi", "vhdx", "vmdk", "parallels"}),
    "repair": frozenset({"qcow2", "qed", "vhdx", "parallels"}),
    "encryption": frozenset({"qcow2", "luks"}),
    "preallocation": frozenset({"raw", "qcow2", "vdi", "vmdk", "vpc", "vhdx", "luks"}),
}
_SWITCH = frozenset({"on", "off", "yes", "no", "y", "n", "true", "false"})  # qapi_bool_parse in QEMU
# The way round, for what cannot be done.
_HINTS = {
    "create": "choose another with --format; imgtools convert reads this format",
    "backing files": "convert it to qcow2 first, or make a full copy with imgtools convert",
    "a changed backing file": "imgtools chain flatten --output FILE makes an image without a backing file",
    "internal snapshots": "convert it to qcow2 first: imgtools convert -O qcow2",
    "bitmaps": "convert it to qcow2 first: imgtools convert -O qcow2",
    "amendments": "imgtools convert makes a new image with other options",
    "check": "a format without tables has nothing to check; look at the guest's filesystems instead",
    "repair": "imgtools convert --salvage copies what can be read to a new image",
    "compress": "choose qcow2, qcow or a streamOptimized vmdk with -O",
    "encryption": "choose qcow2 or luks",
    "preallocation": "leave --preallocation away",
}


def require_ability(format: str, ability: str, about: str = "") -> None:
    """Make sure that a format can do something (a key of :data:`ABILITIES`).

    :raises UnsupportedFormat: it cannot; the hint names the way round.
    """
    if format not in ABILITIES[ability]:
        what = "cannot be created by QEMU" if ability == "create" else f"has no {ability}"
        what = "has no compression" if ability == "compress" else what
        start = f"{about}: " if about else ""
        raise UnsupportedFormat(f"{start}the format {format} {what}", hint=_HINTS[ability])


def format_by_name(host_path: Path, wanted: str | None) -> str:
    """Return the format that a new file is to have: the one asked for, else by its suffix, else qcow2.

    :raises UsageError: there is no such format.
    """
    if wanted:
        return known_format(wanted)
    return _SUFFIXES.get(host_path.suffix.lower(), "qcow2")


def is_image_name(host_path: Path) -> bool:
    """Whether a name ends as that of an image does."""
    return host_path.suffix.lower() in _SUFFIXES


def parse_options(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of ``-o name=value`` words; each word may hold several, with commas between.

    :raises UsageError: one of them is no pair.
    """
    pairs = []
    for text in texts:
        for word in _split(text):
            name, equals, value = word.partition("=")
            if not name or not equals:
                raise UsageError(f"not an option: {word!r}", hint="write -o NAME=VALUE")
            pairs.append((name.strip(), value))
    return tuple(pairs)


def _split(text: str) -> list[str]:
    """Split at single commas; a doubled comma is a comma, as for qemu-img."""
    words = text.replace(",,", "\0").split(",")
    return [word.replace("\0", ",") for word in words if word]


def option_help(format: str, *, amend: bool = False) -> tuple[OptionHelp, ...]:
    """Return the options that a format takes when it is created, or amended."""
    return amend_options(format) if amend else create_options(format)


def check_options(format: str, options: Sequence[tuple[str, str]], *, amend: bool = False) -> None:
    """Make sure that a format knows every option, and that each value is one, as far as QEMU's help tells.

    :raises UsageError: it does not know one, with the nearest name; or a value cannot be.
    """
    helps = {one.name: one for one in option_help(format, amend=amend)} if options else {}
    known = list(helps)
    for name, value in options:
        if name in helps:
            _check_value(helps[name], value)
            continue
        import difflib  # only a mistake has to wait for it

        near = difflib.get_close_matches(name, known, 1, 0.5)
        # encrypt.format is often written as format, cluster_size as cluster-size.
        near = near or [one for one in known if one.rpartition(".")[2] == name]
        hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(known) or 'none'}"
        raise UsageError(f"the format {format} has no option {name!r}", hint=hint)


def _check_value(option: OptionHelp, value: str) -> None:
    """Make sure that an option may have a value: a size, a number, a switch, or one of the words in its help."""
    kind, choices = option.kind.partition(" ")[0], _choices(option)
    if kind == "size":
        parse_size(value)
    elif kind == "num" and not choices and not re.fullmatch(r"\d+|0x[0-9a-fA-F]+", value, re.ASCII):
        raise UsageError(f"not a number: {option.name}={value}")
    elif kind == "bool" and value not in _SWITCH:
        raise UsageError(f"neither on nor off: {option.name}={value}")
    elif choices and value not in choices:
        raise UsageError(f"there is no {option.name}={value}", hint=f"one of {', '.join(choices)}")


def _choices(option: OptionHelp) -> tuple[str, ...]:
    """Return the values that the help of an option lists, if it lists them all."""
    if option.name == "compat":  # "Compatibility level (v2 [0.10] or v3 [1.1])"
        return tuple(re.findall(r"v\d|\d\.\d+", option.text))
    if option.name == "refcount_bits":  # qcow2.txt: refcount_order is at most 6
        return tuple(str(1 << order) for order in range(7))
    if listed := re.search(r"\{([^}]*)\}|allowed values: ([^)]*)", option.text):
        words = re.split(r"[|,]", listed[1] or listed[2])
        return tuple(word.partition("(")[0].strip() for word in words)
    if re.search(r"\b(either|choices)\b", option.text):
        return tuple(re.findall(r"'(\w+)'", option.text.partition(". ")[0]))
    return ()
