"""Look at the new content of a guest's file before it is written: would the guest still understand it?

A syntax error in sudoers locks the administrator out, one in fstab stops the boot. What is not known here is not
judged.
"""

from __future__ import annotations

import fnmatch
import json
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator

import yaml

from imgtools.engine.augeas_files import ConfigFile
from imgtools.engine.process import run
from imgtools.errors import EditFailed, OddGuest, ToolMissing, UsageError
from imgtools.guest.find.devices import PASSING, Devices
from imgtools.guest.find.fstab import FIELD, parse_fstab
from imgtools.records.disks import Layout, Volume
from imgtools.records.system import Warned

ANYWAY = "--no-check writes it all the same"
# By which names the kernel's drivers, and the helpers of mount(8), mount a filesystem.
_EXT = frozenset({"ext2", "ext3", "ext4"})
MOUNTED_AS = {
    **dict.fromkeys(_EXT, _EXT),
    "xfs": frozenset({"xfs"}),
    "btrfs": frozenset({"btrfs"}),
    "vfat": frozenset({"vfat", "msdos", "umsdos"}),
    "ntfs": frozenset({"ntfs", "ntfs3", "ntfs-3g", "fuseblk", "lowntfs-3g"}),
    "swap": frozenset({"swap", "sw"}),
}
# Fields of the account files (passwd(5), shadow(5), group(5), gshadow(5)).
FIELDS = {"/etc/passwd": 7, "/etc/shadow": 9, "/etc/group": 4, "/etc/gshadow": 4}


def check_content(path: str, content: bytes, layout: Layout, root: Volume | None) -> tuple[Warned, ...]:
    """Check the content that a file of the guest is to get; return what is odd but not wrong.

    :param path: the file's guest path, links resolved.
    :raises EditFailed: the guest would not understand it; the message says where.
    """
    for pattern, check in CHECKS:
        if fnmatch.fnmatchcase(path, pattern):
            return tuple(check(path, content))
    if path == "/etc/fstab":
        return tuple(_check_fstab(path, content, layout, root))
    return tuple(_check_lens(path, content))


def _wrong(path: str, what: str) -> EditFailed:
    return EditFailed(f"{path}: {what}", hint=ANYWAY)


def _check_sudoers(path: str, content: bytes) -> Iterator[Warned]:
    with tempfile.NamedTemporaryFile(prefix="imgtools-sudoers-") as copy:
        copy.write(content)
        copy.flush()
        try:
            done = run(["visudo", "-c", "-f", copy.name], ok=(0, 1))
        except ToolMissing as error:
            yield Warned(f"not checked: {error.message}", path)
            return
        if done.code:
            said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
            complaint = said.splitlines()[0].removeprefix(">>> ") if said else "visudo refuses it"
            raise _wrong(path, re.sub(rf"^{re.escape(copy.name)}:\s*(?=\d)", "line ", complaint))


def _check_fstab(path: str, content: bytes, layout: Layout, root: Volume | None) -> Iterator[Warned]:
    text = content.decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        if complaint := _fields_of_fstab(line):
            raise _wrong(path, f"line {number}: {complaint}")
    fstab = parse_fstab(text)
    for problem in fstab.warnings:
        raise _wrong(path, problem.text)
    if root is None:
        return
    devices = Devices(layout, root)
    for entry in fstab.entries:
        if not entry.on_a_device or PASSING.match(entry.spec):
            continue
        volume = devices.find(entry.spec)
        if volume is None:
            complaint = f"line {entry.line}: {entry.spec} for {entry.path} is not in this image"
        elif not set(entry.type.split(",")) & (MOUNTED_AS.get(volume.content, frozenset()) | {"auto"}):
            complaint = f"line {entry.line}: {entry.spec} is {volume.content}, not {entry.type}"
            if volume.content not in MOUNTED_AS:
                continue
        else:
            continue
        if not entry.may_be_missing:
            raise _wrong(path, complaint)
        yield Warned(complaint, path)


def _fields_of_fstab(line: str) -> str:
    """What is wrong with the fields of a line, fstab(5); empty if nothing is."""
    fields = FIELD.findall(line.strip())
    if not fields or fields[0].startswith("#"):
        return ""
    if len(fields) < 3:
        return f"{len(fields)} fields where there should be at least 3"
    if len(fields) > 6 and not fields[6].startswith("#"):
        return f"{len(fields)} fields where there should be 6"
    if not fields[1].startswith("/") and fields[1] not in ("none", "swap"):
        return f"not a mount point: {fields[1]}"
    wrong = next((field for field in fields[4:6] if not field.isdigit() and not field.startswith("#")), "")
    return f"not a number: {wrong}" if wrong else ""


def _check_json(path: str, content: bytes) -> Iterator[Warned]:
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"not JSON: {error}") from None
    return iter(())


def _check_yaml(path: str, content: bytes) -> Iterator[Warned]:
    try:
        for _ in yaml.parse(content, Loader=yaml.SafeLoader):
            pass
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(path, f"not YAML: {' '.join(str(error).split())}") from None
    return iter(())


def _check_toml(path: str, content: bytes) -> Iterator[Warned]:
    try:
        tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(path, f"not TOML: {error}") from None
    return iter(())


def _check_accounts(path: str, content: bytes) -> Iterator[Warned]:
    width = FIELDS[path]
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").splitlines(), 1):
        if (
            line and line.count(":") != width - 1 and not line.startswith(("+", "-"))
        ):  # NIS lines, nsswitch.conf(5)
            raise _wrong(path, f"line {number}: {line.count(':') + 1} fields where there should be {width}")
    return iter(())


def _check_lens(path: str, content: bytes) -> Iterator[Warned]:
    """Files that Augeas knows by their path have to parse with their lens."""
    try:
        ConfigFile(path, content)
    except OddGuest as error:
        raise EditFailed(error.message, hint=ANYWAY) from None
    except (UsageError, ToolMissing):  # no lens for this path: nothing is known of it
        pass
    return iter(())


Check = Callable[[str, bytes], Iterator[Warned]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("/etc/sudoers", _check_sudoers),
    ("/etc/sudoers.d/*", _check_sudoers),
    ("*.json", _check_json),
    ("*.yaml", _check_yaml),
    ("*.yml", _check_yaml),
    ("*.toml", _check_toml),
    *((path, _check_accounts) for path in FIELDS),
)
