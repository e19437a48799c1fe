"""/etc/fstab and its relatives: which device, where, with which options. Only parsing; see layout.py.

Written after fstab(5) of util-linux. An odd line is a warning and never costs the other lines: one bad line must
not make a guest unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.paths import join, normalise
from imgtools.files.tree import GuestReader
from imgtools.records.system import Warned

FSTAB = "/etc/fstab"
FSTAB_LIMIT = 1 << 20  # bytes; the largest fstab seen in the wild is a few kB
MAX_ENTRIES = 1000
MAX_LINE = 4096

# Filesystems of the kernel, of the network, and those that show other parts of the tree: no volume behind them.
_KERNEL = """
    proc sysfs devpts devtmpfs tmpfs ramfs rootfs debugfs tracefs securityfs configfs cgroup cgroup2 pstore bpf
    efivarfs hugetlbfs mqueue fusectl binfmt_misc selinuxfs usbfs usbdevfs spufs rpc_pipefs autofs none ignore swap
"""
_NETWORK = """
    nfs nfs4 nfsd cifs smbfs smb3 sshfs fuse.sshfs davfs glusterfs fuse.glusterfs ceph fuse.ceph 9p virtiofs
    lustre gfs2 ocfs2 afs ncpfs fuse.s3fs s3fs
"""
_STACKED = "overlay overlayfs aufs mergerfs fuse.mergerfs unionfs"
PSEUDO = frozenset(f"{_KERNEL} {_NETWORK} {_STACKED}".split())


class FstabEntry(NamedTuple):
    """One line of fstab, or one systemd mount unit: escapes and quotes resolved."""

    spec: str
    path: str
    type: str = "auto"
    options: str = "defaults"
    line: int = 0

    def option(self, name: str) -> str | None:
        """Return the value of ``name=value``, "" for a bare ``name``, None if the option is not there."""
        for option in self.options.split(","):
            key, _, value = option.partition("=")
            if key == name:
                return value
        return None

    @property
    def on_a_device(self) -> bool:
        """Whether this mounts a filesystem of a local disk, not a pseudo, network or bind mount."""
        if self.type in PSEUDO or not self.path.startswith("/"):
            return False
        if self.option("bind") is not None or self.option("rbind") is not None:
            return False
        if self.option("loop") is not None:
            return False
        return self.spec.startswith("/dev/") or "=" in self.spec

    @property
    def may_be_missing(self) -> bool:
        """Whether the guest itself does not mind if the device is not there."""
        return self.option("nofail") is not None or self.option("noauto") is not None


class Fstab(NamedTuple):
    """The lines that parse, and a warning for each that does not."""

    entries: tuple[FstabEntry, ...] = ()
    warnings: tuple[Warned, ...] = ()


def unescape(text: str) -> str:
    r"""Resolve the octal escapes of fstab: ``\040`` is a space, ``\011`` a tab, ``\134`` a backslash."""
    raw = re.sub(
        rb"\\([0-3][0-7]{2})",
        lambda match: bytes([int(match[1], 8)]),
        text.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "surrogateescape")


def unquote_spec(spec: str) -> str:
    """Take away the quotes of ``UUID="..."``, ``LABEL='...'`` and ``"UUID=..."``."""
    if len(spec) > 1 and spec[0] == spec[-1] and spec[0] in "\"'":
        spec = spec[1:-1]
    tag, equals, value = spec.partition("=")
    if equals and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return f"{tag}={value[1:-1]}"
    return spec


# The kernel's tools know no quotes; people write LABEL="my root" all the same, and mean one word.
FIELD = re.compile(r"""(?:[A-Z]+=)?(?:"[^"]*"|'[^']*')(?=\s)|\S+""")


def parse_fstab(text: str, path: str = FSTAB) -> Fstab:
    """Read the text of an fstab. Never fails: what does not parse becomes a warning with its line number."""
    entries: list[FstabEntry] = []
    warnings: list[Warned] = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip("\ufeff \t\r\0")
        if not stripped or stripped.startswith("#"):
            continue
        if len(entries) >= MAX_ENTRIES:
            warnings.append(
                Warned(f"line {number}: more than {MAX_ENTRIES} entries, the rest is ignored", path)
            )
            break
        fields = FIELD.findall(stripped[:MAX_LINE])
        if len(fields) < 2 or len(stripped) > MAX_LINE:
            warnings.append(Warned(f"line {number} does not parse and is ignored", path))
            continue
        entries.append(_entry(fields, number))
    return Fstab(tuple(entries), tuple(warnings))


def _entry(fields: list[str], line: int) -> FstabEntry:
    mount_point = unescape(fields[1])
    return FstabEntry(
        spec=unescape(unquote_spec(fields[0])),
        path=normalise(mount_point) if mount_point.startswith("/") else mount_point,
        type=fields[2] if len(fields) > 2 else "auto",
        options=unescape(fields[3]) if len(fields) > 3 else "defaults",
        line=line,
    )


def fields_of_fstab(line: str) -> str:
    """Say what is wrong with the fields of a line, fstab(5); empty if nothing is."""
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


def fstab_text(files: GuestReader) -> str:
    """Return the guest's fstab; "" if it has none, or one that is too large to be one."""
    if not files.is_file(FSTAB) or files.stat(FSTAB).size > FSTAB_LIMIT:
        return ""
    return files.read_text(FSTAB, limit=FSTAB_LIMIT)


def read_fstab(files: GuestReader) -> Fstab:
    """Read /etc/fstab; a guest without one has no entries."""
    if not files.is_file(FSTAB):
        return Fstab()
    if files.stat(FSTAB).size > FSTAB_LIMIT:
        return Fstab(warnings=(Warned(f"larger than {FSTAB_LIMIT} bytes, ignored", FSTAB),))
    return parse_fstab(files.read_text(FSTAB, limit=FSTAB_LIMIT))


# -- systemd mount units -----------------------------------------------------------------------------------

UNITS = "/etc/systemd/system"


def read_mount_units(files: GuestReader) -> tuple[FstabEntry, ...]:
    """Return the administrator's ``.mount`` units that something wants, as if they were lines of fstab.

    Units of /usr/lib/systemd are left out: distributions ship only pseudo filesystems there.
    """
    if not files.is_dir(UNITS):
        return ()
    entries = files.list_dir(UNITS)
    units = [entry.name for entry in entries if entry.name.endswith(".mount")]
    if not units:
        return ()
    wanted = set(_wanted(files, [entry.name for entry in entries]))
    found = []
    for name in units[:MAX_ENTRIES]:
        path = join(UNITS, name)
        if name in wanted and files.is_file(path) and files.stat(path).size <= FSTAB_LIMIT:
            entry = parse_mount_unit(files.read_text(path, limit=FSTAB_LIMIT))
            found += [entry] if entry else []
    return tuple(found)


def _wanted(files: GuestReader, names: list[str]) -> Iterator[str]:
    """Yield the units that a ``.wants`` or ``.requires`` folder names."""
    for name in names:
        folder = join(UNITS, name)
        if name.endswith((".wants", ".requires")) and files.is_dir(folder):
            yield from (entry.name for entry in files.list_dir(folder))


def parse_mount_unit(text: str) -> FstabEntry | None:
    """Read What=, Where=, Type= and Options= of a systemd.mount(5) unit; None without What or Where."""
    section = ""
    values: dict[str, str] = {}
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif section == "Mount" and "=" in stripped and stripped[0] not in "#;":
            key, _, value = stripped.partition("=")
            values[key.strip()] = value.strip()
    if not values.get("What") or not values.get("Where", "").startswith("/"):
        return None
    return FstabEntry(
        spec=values["What"],
        path=normalise(values["Where"]),
        type=values.get("Type") or "auto",
        options=values.get("Options") or "defaults",
    )
