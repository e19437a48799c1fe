"""Which modules of the kernel a guest keeps from being loaded: modprobe.d(5), and which its kernel has.

``blacklist`` only takes away the names by which devices ask for a module; who asks for it by its own name gets it.
``install NAME /bin/false`` (or true) is what keeps everybody from it. kmod reads the folders as systemd does its own:
files of the same name hide each other, the administrator's first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.kernels import MODULES_LIMIT, Kernel

FOLDERS = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
LIMIT = 1 << 20
MAX_FILES = 1000
NOTHING = ("/bin/true", "/bin/false", "/usr/bin/true", "/usr/bin/false", "/sbin/nologin", "/usr/sbin/nologin")


@dataclass(frozen=True, slots=True)
class Modprobe:
    """Names with underscores. ``blocked`` cannot be loaded, ``blacklisted`` are not loaded for a device."""

    blocked: frozenset[str]
    blacklisted: frozenset[str]


def plain_name(name: str) -> str:
    """Return a module's name as the kernel writes it: a dash and an underscore are the same."""
    return name.replace("-", "_")


def read_modprobe(files: GuestReader) -> Modprobe:
    """Read the rules of all files.

    :raises OddGuest: one of them is larger than any real one, or there are more than there ever are.
    """
    names: dict[str, str] = {}
    for folder in FOLDERS:
        if files.is_dir(folder):
            for entry in files.list_dir(folder):
                if entry.name.endswith(".conf"):
                    names.setdefault(entry.name, f"{folder}/{entry.name}")
    if len(names) > MAX_FILES:
        raise OddGuest(f"{FOLDERS[0]} and its kin have more than {MAX_FILES} files")
    blocked, blacklisted = set[str](), set[str]()
    for _name, path in sorted(names.items()):
        if not files.is_file(path):
            continue
        if files.stat(path).size > LIMIT:
            raise OddGuest(f"{path} is larger than {LIMIT} bytes", hint="a file of modprobe.d(5) has some kB")
        for line in files.read_text(path, limit=LIMIT).replace("\\\n", " ").split("\n"):
            words = line.split()
            if len(words) > 1 and words[0] == "blacklist":
                blacklisted.add(plain_name(words[1]))
            elif len(words) > 2 and words[0] == "install" and words[2] in NOTHING:
                blocked.add(plain_name(words[1]))
    return Modprobe(frozenset(blocked), frozenset(blacklisted))


def blocked_by_kernel(cmdline: str) -> frozenset[str]:
    """Return the modules that the kernel's arguments keep from being loaded."""
    said = re.findall(r"(?:^|\s)module_blacklist=(\S+)", cmdline)
    return frozenset(plain_name(name) for text in said for name in text.split(",") if name)


def modules_of(files: GuestReader, kernel: Kernel) -> frozenset[str]:
    """Return the modules that can be loaded into a kernel, those that are built in left out."""
    path = f"{kernel.modules_path}/modules.dep"
    if not kernel.modules_path or not files.is_file(path) or files.stat(path).size > MODULES_LIMIT:
        return frozenset()
    text = files.read_text(path, limit=MODULES_LIMIT)
    return frozenset(map(plain_name, re.findall(r"(?m)^[^\s:]*/([\w-]+)\.ko(?:\.\w+)?:", text)))
