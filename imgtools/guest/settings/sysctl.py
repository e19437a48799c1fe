"""The kernel's parameters as a guest's files set them at boot, in the order in which they count.

Files of the same name hide each other, the administrator's folder first; what is left is read in the order of the
names, wherever it lies, and the last line of a parameter counts. A parameter that is named beats every pattern
(``net.ipv4.conf.*.rp_filter``), and so does one with a dash and no value. systemd reads the folders alone:
/etc/sysctl.conf counts where a link in /etc/sysctl.d leads to it, or where procps or busybox read it last. ufw applies
a file of its own when it starts.

Sources: sysctl.d(5), systemd's sysctl.c, sysctl.conf(5) and sysctl(8) of procps, ufw-framework(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import parse_assignments, read_small
from imgtools.guest.services.started import Init, find_init

FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
CONF = "/etc/sysctl.conf"
LIMIT = 1 << 20  # bytes of a file; real ones have some kB
MAX_FILES = 1000
PATTERN = re.compile(r"[*?\[]")
NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]{1,16}|\d{1,20})")


@dataclass(frozen=True, slots=True)
class Assignment:
    """A line that sets a parameter, or all that a pattern matches: its name with slashes, ``net/ipv4/ip_forward``.

    ``value`` is None where the line only keeps the parameter out of every pattern.
    """

    key: str
    value: str | None
    path: str
    line: int

    @property
    def number(self) -> int | None:
        """The value as the kernel reads a number; None where it is none, and the kernel refuses it."""
        text = (self.value or "").strip()
        if not NUMBER.fullmatch(text):
            return None
        digits = text.lstrip("+-")
        base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" and len(digits) > 1 else 10
        try:
            return int(text, base)
        except ValueError:  # 089
            return None


class Sysctl:
    """What the files set. Names are said with dots or with slashes, as in the files."""

    def __init__(self, lines: Sequence[Assignment]) -> None:
        self.lines = tuple(lines)
        self._named = {one.key: one for one in lines if not PATTERN.search(one.key)}
        # Said once more, a pattern takes its new place.
        patterns: dict[str, Assignment] = {}
        for one in lines:
            if PATTERN.search(one.key):
                patterns.pop(one.key, None)
                patterns[one.key] = one
        self._patterns = tuple(patterns.values())

    def find(self, name: str) -> Assignment | None:
        """Return the line that counts for a parameter; None if no file sets it."""
        key = plain_key(name)
        named = self._named.get(key)
        if named is not None:
            return None if named.value is None else named
        for one in reversed(self._patterns):
            if _matches(key, one.key) and one.value is not None:
                return one
        return None


def _matches(key: str, pattern: str) -> bool:
    """As glob(7): a star stays within one part of the path."""
    parts, wanted = key.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def plain_key(text: str) -> str:
    """Return a parameter's name with slashes: whichever of both comes first separates (sysctl.d(5))."""
    found = re.search(r"[./]", text)
    if found is None or found[0] == "/":
        return text.strip("/")
    return text.translate(str.maketrans("./", "/."))


def read_sysctl(files: GuestReader) -> Sysctl:
    """Read all files that set parameters when the guest boots.

    :raises OddGuest: one of them is larger than any real one, or there are more than there ever are.
    """
    return Sysctl([line for path in sysctl_files(files) for line in _read(files, path)])


def sysctl_files(files: GuestReader) -> tuple[str, ...]:
    """Return the files that count, in the order in which they are read."""
    names: dict[str, str] = {}
    for folder in FOLDERS:
        if not files.is_dir(folder):
            continue
        for entry in files.list_dir(folder):
            if entry.name.endswith(".conf") and not entry.name.startswith("."):
                names.setdefault(entry.name, f"{folder}/{entry.name}")
    if len(names) > MAX_FILES:
        raise OddGuest(f"{FOLDERS[0]} and its kin have more than {MAX_FILES} files")
    # A link to /dev/null, or an empty file, hides those of its name and says nothing itself.
    found = [path for _name, path in sorted(names.items()) if files.is_file(path)]
    if find_init(files) is not Init.SYSTEMD and files.is_file(CONF):
        found.append(CONF)
    if ufw := _ufw_file(files):
        found.append(ufw)
    return tuple(found)


def _ufw_file(files: GuestReader) -> str:
    """The file that ufw applies when it starts, after all others; "" if it does not start."""
    if parse_assignments(read_small(files, "/etc/ufw/ufw.conf")).get("ENABLED", "").lower() != "yes":
        return ""
    path = parse_assignments(read_small(files, "/etc/default/ufw")).get("IPT_SYSCTL", "")
    return path if path.startswith("/") and files.is_file(path) else ""


def _read(files: GuestReader, path: str) -> Iterator[Assignment]:
    if files.stat(path).size > LIMIT:
        raise OddGuest(f"{path} is larger than {LIMIT} bytes", hint="a file of sysctl.d(5) has some kB")
    for number, text in enumerate(files.read_text(path, limit=LIMIT).split("\n"), 1):
        line = text.strip()
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        # The dash: an error is passed over; without a value: no pattern sets it.
        bare = name.strip().removeprefix("-").strip()
        if bare and (equals or name.startswith("-")):
            yield Assignment(plain_key(bare), value.strip() if equals else None, path, number)
